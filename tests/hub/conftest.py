import pytest
from huggingface_hub import constants

from aezoo.composition import describe
from aezoo.factory import build
from aezoo.saving import save_pretrained

from .server import TOKEN, Hub


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A hub on loopback that this process's huggingface_hub talks to, logged in, with an empty cache."""
    with Hub() as hub:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def folder(tiny, tmp_path):
    """A model folder of a tiny model, as files, and the model."""
    model = build(describe(tiny)).eval()
    save_pretrained(tmp_path / "model", model)
    return model, {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
