"""A finished run becomes the weights of a tag."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import aezoo
from aezoo.composition import resolve
from aezoo.embedded import read_record
from aezoo.errors import AezooError, DataError, OptionError, WeightsError
from aezoo.factory import load
from aezoo.files import write_json
from aezoo.plain import to_json
from aezoo.training import package as packaging
from aezoo.training import run
from aezoo.training.package import halve, package, record_of
from aezoo.weights.folder import CARD, CONFIG, GOLDEN, METRICS, STATE, golden, read_config, read_state

from .conftest import TOY, small

pytestmark = pytest.mark.filterwarnings("ignore:step .*collapsed:aezoo.AezooWarning")

PARTS = {"encoder": "conv(layers=('3x3x4 s4',))"}  # with batch normalisation
SPEC = dataclasses.replace(small(**PARTS), name="little", tags=(), default_tag="")
MODEL = """
import aezoo
from aezoo.plain import from_json
from aezoo.recipe import Recipe, Tag
from aezoo.specs import ModelSpec
@aezoo.hookimpl
def aezoo_specs():
    recipe = from_json(Recipe, {recipe!r})
    import dataclasses
    tags = (Tag(name="long", recipe=dataclasses.replace(recipe, steps=9999, seed=3)), Tag(name="toy", recipe=recipe))
    tags += (Tag(name="wide", recipe=recipe, image=aezoo.ImageSpec((32, 28), channels=1)),)
    spec = from_json(ModelSpec, {spec!r})
    yield dataclasses.replace(spec, tags=tags, default_tag="long")
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "little"
    run.start(run.Job(spec=SPEC, recipe=TOY), folder)
    return folder


@pytest.fixture
def one(finished, site, tmp_path):
    """A run of ``little.toy``, to be changed as a test likes, and the directory to package it into."""
    import shutil

    recipe = dataclasses.replace(TOY, cost="a second", precision="auto")
    site.install("brings", code=MODEL.format(recipe=to_json(recipe), spec=to_json(SPEC)))
    shutil.copytree(finished, tmp_path / "little")
    return tmp_path / "little", tmp_path / "weights"


def rewrite(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_five_files_and_a_record(one):
    folder, directory = one
    done = package(folder, directory)
    assert {path.name for path in directory.iterdir()} == {"little.toy", "little.toy.json"}
    assert {path.name for path in done.folder.iterdir()} == {CONFIG, STATE, GOLDEN, METRICS, CARD}
    for name in (CONFIG, STATE, GOLDEN, METRICS):
        assert (done.folder / name).read_bytes() == (folder / name).read_bytes()
    record = read_record(directory / "little.toy.json")
    assert record == done.spec == record_of(done.folder, resolve("little").entry, "toy")
    assert (record.model, record.tag, record.precision, record.images) == ("brings/little", "toy", "float32", 40)
    assert (record.licence, record.spdx) == ("Apache-2.0", "Apache-2.0")
    assert record.size == (folder / STATE).stat().st_size
    metrics = json.loads((folder / METRICS).read_text())
    assert dict(record.metrics) == metrics["test"]
    assert dict(record.baseline) == metrics["mean-image"]["test"]


@pytest.mark.parametrize("half", [False, True])
def test_nothing_in_it_says_where_it_was_made(one, tmp_path, half):
    done = package(*one, half=half)
    texts = [path.read_text() for path in (*done.folder.glob("*.json"), *done.folder.glob("*.md"))]
    assert len(texts) == 3
    assert not [text for text in texts if str(tmp_path) in text or str(Path.home()) in text or str(Path.cwd()) in text]


def test_a_tag_with_images_of_its_own(one, tmp_path):
    _, directory = one
    wide = resolve("little.wide")
    assert wide.spec.image.size == (32, 28)
    assert resolve("little").spec.image == resolve("little.toy").spec.image
    run.start(run.Job(spec=aezoo.describe("little.wide"), recipe=TOY), tmp_path / "wide")
    done = package(tmp_path / "wide", directory)
    assert done.spec == record_of(done.folder, wide.entry, "wide")
    assert load(done.folder, done.spec).image.size == (32, 28)
    with pytest.raises(WeightsError, match="was trained with images of 32x28x1 \\(not 28x28x1\\)"):
        package(tmp_path / "wide", directory, tag="toy")
    with pytest.raises(WeightsError, match="image 32x28x1"):
        load(done.folder, dataclasses.replace(done.spec, name="little.toy", tag="toy"))


def test_the_same_run_again_is_the_same_bytes(one):
    folder, directory = one
    files = []
    for _ in range(2):
        package(folder, directory, half=True)
        files.append({path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()})
    assert files[0] == files[1]


def test_the_same_bytes_stay_pinned_where_they_are_published(one):
    folder, directory = one
    record = directory / "little.toy.json"
    published = dataclasses.replace(package(folder, directory).spec, repo="me/little", revision="a" * 40)
    write_json(record, to_json(published))
    assert package(folder, directory).spec == read_record(record) == published
    assert package(folder, directory, half=True, replace=True).spec.repo == ""


def test_other_bytes_do_not_replace_it(one):
    folder, directory = one
    first = package(folder, directory).spec
    with pytest.raises(WeightsError, match=r"little\.toy\.json has other bytes.* declare a new tag, as toy-v2, and"):
        package(folder, directory, half=True)
    assert read_record(directory / "little.toy.json") == first
    assert load(directory / "little.toy", first)
    second = package(folder, directory, half=True, replace=True).spec
    assert second.sha256 != first.sha256
    assert load(directory / "little.toy", second)
    assert len(list(directory.iterdir())) == 2


# Half precision.


def test_what_is_halved(one):
    folder, directory = one
    done = package(folder, directory, half=True)
    before, after = read_state(folder / STATE), read_state(done.folder / STATE)
    halved = {name for name, tensor in after.items() if tensor.dtype == torch.float16}
    assert halved == {name for name in before if name.endswith(".weight") and before[name].ndim > 1}
    assert all(torch.equal(after[name], before[name]) for name in before.keys() - halved)
    assert any("running_var" in name for name in after.keys() - halved)
    assert done.spec.precision == "float16"
    assert done.spec.size < (folder / STATE).stat().st_size
    assert {parameter.dtype for parameter in load(done.folder).parameters()} == {torch.float32}


def test_the_latents_moments_are_kept_whole():
    """Those of a plain autoencoder are maps."""
    model = aezoo.create("cis680-ae", image_size=32)
    assert {halve(model)[name].dtype for name in ("latent_mean", "latent_std")} == {torch.float32}


def test_what_is_measured_is_what_is_stored(one):
    from aezoo.training.data import load_splits
    from aezoo.training.results import measure_all

    folder, directory = one
    done = package(folder, directory, half=True)
    stored = load(done.folder)
    assert measure_all(stored, load_splits(TOY, stored.image), TOY) == done.metrics
    assert json.loads((done.folder / METRICS).read_text()) == done.metrics
    before = json.loads((folder / METRICS).read_text())["test"]
    assert done.cost == {name: value - before[name] for name, value in done.metrics["test"].items()}
    assert any(done.cost.values())
    config = read_config(done.folder)[1]
    assert config["halved"] == {"from": read_config(folder)[1]["sha256"], "cost": done.cost}
    assert config["training"] == read_config(folder)[1]["training"]
    again = golden(stored, read_state(folder / GOLDEN)["images"])
    assert all(torch.equal(again[name], tensor) for name, tensor in read_state(done.folder / GOLDEN).items())
    assert "Stored in half precision" in (done.folder / CARD).read_text()


def test_halving_that_costs_something_is_refused(one, monkeypatch):
    monkeypatch.setattr(packaging, "LARGEST_COST", 0.0)
    with pytest.raises(WeightsError, match=r"in half precision the test (bce|mse) of .* is .*, not .*: leave --half"):
        package(*one, half=True)
    assert not list(one[1].iterdir())


def test_halving_that_overflows_is_refused(one, monkeypatch):
    monkeypatch.setattr(
        packaging, "halve", lambda model: {n: (1e38 * x).to(x.dtype) for n, x in model.state_dict().items()}
    )
    with pytest.raises(WeightsError, match="leave --half out"):
        package(*one, half=True)


def test_a_folder_without_a_record_is_not_replaced(one):
    folder, directory = one
    (directory / "little.toy").mkdir(parents=True)
    (directory / "little.toy" / "thesis.txt").write_text("theirs")
    with pytest.raises(WeightsError, match="no record of it: it is not replaced"):
        package(folder, directory)
    assert (directory / "little.toy" / "thesis.txt").read_text() == "theirs"


def test_halving_needs_the_images_of_the_run(one, monkeypatch):
    folder, directory = one
    rewrite(folder / CONFIG, lambda data: data["training"]["data"].update(train="0" * 64))
    with pytest.raises(WeightsError, match=r"the train images of toyfaces\(.*\) are not those that .* was trained on"):
        package(folder, directory, half=True)
    monkeypatch.setattr(packaging, "_tag", lambda *arguments: "toy")
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    np.save(directory.parent / "photos.npy", np.zeros((30, 28, 28), np.uint8))
    path = str(directory.parent / "photos.npy")  # as the tag says, which a package declares: nothing to confirm
    rewrite(folder / CONFIG, lambda data: data["training"]["recipe"].update(dataset=path))
    with pytest.raises(WeightsError, match=r"the train images of .*photos.npy are not those that"):
        package(folder, directory, half=True)
    rewrite(folder / CONFIG, lambda data: data["training"]["recipe"].update(dataset="cufs"))
    with pytest.raises(DataError, match="cufs"):
        package(folder, directory, half=True)
    assert not list(directory.iterdir())


# What is refused.


@pytest.mark.parametrize("name", [CONFIG, STATE, GOLDEN, METRICS])
def test_an_unfinished_run(one, name):
    (one[0] / name).unlink()
    with pytest.raises(WeightsError, match=f"is no finished run: it has no {name}; 'aezoo train --resume "):
        package(*one)


@pytest.mark.parametrize(
    ("change", "tag", "message"),
    [
        (lambda recipe: recipe.update(steps=21), "", r"is not little\.toy: it was trained with steps=21 \(not 20\)"),
        (
            lambda recipe: recipe.update(lr=0.5, loss="bce"),
            "toy",
            r"loss='bce' \(not 'bce \+ kl'\), lr=0.5 \(not 0.001\)",
        ),
        (
            lambda recipe: None,
            "long",
            r"is not little\.long: it was trained with steps=20 \(not 9999\), seed=0 \(not 3\)",
        ),
    ],
)
def test_another_recipe(one, change, tag, message):
    folder, directory = one
    rewrite(folder / CONFIG, lambda data: change(data["training"]["recipe"]))
    with pytest.raises(WeightsError, match=message):
        package(folder, directory, tag)
    assert not directory.exists()


def test_a_run_that_began_with_other_weights(one):
    rewrite(one[0] / CONFIG, lambda data: data["training"].update(began="tiny (sha256 0...)"))
    with pytest.raises(WeightsError, match=r"is not little.toy: it was trained with --from tiny"):
        package(*one)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": "nobody"}, AezooError, "no model 'nobody'"),
        ({"name": "cis680-vae16"}, WeightsError, "is made with encoder .*bottleneck .*: it is not aezoo/cis680-vae16"),
    ],
)
def test_a_run_of_another_model(one, change, error, message):
    rewrite(one[0] / CONFIG, lambda data: data["model"].update(change))
    with pytest.raises(error, match=message):
        package(*one)


def test_a_tag_that_there_is_not(one):
    with pytest.raises(OptionError, match="model little has no tag 'moon'"):
        package(*one, "moon")


def test_damaged_weights(one):
    data = (one[0] / STATE).read_bytes()
    (one[0] / STATE).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(WeightsError, match="is damaged: its sha256"):
        package(*one)


def test_a_run_that_was_ended_early_is_no_tag(one):
    rewrite(one[0] / CONFIG, lambda data: data["training"].update(state="ended early", done=7))
    with pytest.raises(WeightsError, match="ended early"):
        package(*one)
