"""A hub of one's own with datasets on it, and caches that are empty. Nothing else is reached."""

import importlib.util
import io
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import ClassLabel, Features, Value
from huggingface_hub import constants
from PIL import Image

SERVER = Path(__file__).resolve().parents[3] / "tests/hub/server.py"


def pictures(n, seed=0):
    """Noise of several sizes."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, (10 + index % 3, 12, 3), dtype=np.uint8) for index in range(n)]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


FACES = Features(image=datasets.Image(), kind=ClassLabel(names=["cat", "dog"]), number=Value("int32"))


def parquet(images, features=FACES):
    """A table of images, each with a class and a number."""
    rows = [{"image": image, "kind": index % 2, "number": 7 * index} for index, image in enumerate(images)]
    table = datasets.Dataset.from_list([{key: row[key] for key in features} for row in rows], features=features)
    file = io.BytesIO()
    table.to_parquet(file)
    return file.getvalue()


@pytest.fixture(scope="session")
def server():
    """The hub that the tests of aezoo have, which lies in its repository."""
    if not SERVER.is_file():
        pytest.skip(f"{SERVER} is not here: these tests run in aezoo's repository")
    spec = importlib.util.spec_from_file_location("aezoo_hub_server", SERVER)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    with module.Hub() as hub:
        hub.fault = module.Fault
        yield hub


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """That hub, reached by this process, with empty caches."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
    settings = {"ENDPOINT": server.url, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_OFFLINE": False}
    settings |= {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": True}
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    cache = tmp_path / "datasets"
    own = {
        "HF_ENDPOINT": server.url,
        "HF_HUB_OFFLINE": False,
        "HF_DATASETS_CACHE": cache,
        "HF_UPDATE_DOWNLOAD_COUNTS": False,  # counted elsewhere
    }
    own |= {"DOWNLOADED_DATASETS_PATH": cache / "downloads", "EXTRACTED_DATASETS_PATH": cache / "downloads/extracted"}
    own["HUB_DATASETS_URL"] = datasets.config.HUB_DATASETS_URL.replace(datasets.config.HF_ENDPOINT, server.url)
    for name, value in own.items():
        monkeypatch.setattr(datasets.config, name, value)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(cache))  # of other processes
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "aezoo"))
    server.repositories.clear()
    server.requests.clear()
    server.faults.clear()
    return server


@pytest.fixture
def faces(hub):
    """``hf:me/faces``: 12 images to train on and 5 to test on, with classes; what they are as arrays."""
    train, test = pictures(12), pictures(5, seed=1)
    card = "---\nlicense: cc-by-4.0\n---\nFaces.\n"
    files = {"README.md": card.encode(), "data/train.parquet": parquet(map(png, train))}
    hub.add("datasets/me/faces", files | {"data/test.parquet": parquet(map(png, test))})
    return train, test
