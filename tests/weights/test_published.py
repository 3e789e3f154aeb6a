"""Every set of weights that an installed package brings is what its record says, and works with nothing but itself."""

import dataclasses

import pytest

from aezoo.datasets.pipeline import dataset_spec
from aezoo.embedded import folder_of, weights_of
from aezoo.plugins import registry
from aezoo.training.package import record_of
from aezoo.weights.folder import CARD, CONFIG, GOLDEN, METRICS, STATE, read_config

WEIGHTS = registry().entries("weights")
each = pytest.mark.parametrize("entry", WEIGHTS, ids=lambda entry: entry.name)

# In an interpreter of its own, where nothing can be fetched and no data lies.
GOLDEN_TENSORS = """
import socket, sys
def refuse(*arguments):
    raise AssertionError("it looks for a network")
socket.socket.connect = socket.getaddrinfo = refuse
import torch, aezoo
from aezoo.embedded import folder_of
from aezoo.plugins import registry
from aezoo.weights.folder import read_state
from aezoo.weights.golden import golden_again
for entry in registry().entries("weights"):
    stored = read_state(folder_of(entry.spec) / "golden.safetensors")
    again = golden_again(aezoo.create(entry.name, pretrained=True), stored)
    torch.testing.assert_close(again, stored, rtol=1e-4, atol=1e-4)
    print(entry.name)
"""


def test_the_small_ones_are_built_in():
    names = {f"cis680-{model}.{tag}" for model in ("ae", "vae16") for tag in ("cufs", "toyfaces")}
    names.add("cis680-ae.cufs-v2")
    everyday = [f"kl-{factor}-{size}" for factor in ("f4", "f8") for size in ("tiny", "small")] + ["vae128-tiny"]
    names |= {f"{model}.{tag}" for model in everyday for tag in ("celeba", "toyfaces")}
    names |= {f"kl-{factor}-tiny.toyfaces128" for factor in ("f4", "f8")}
    assert {entry.name for entry in WEIGHTS if entry.distribution == "aezoo"} == names


def test_offline_they_give_the_golden_tensors(python, tmp_path):
    run = python("-c", GOLDEN_TENSORS, cwd=tmp_path, HF_HUB_OFFLINE="1", AEZOO_CACHE=str(tmp_path))
    assert run.stdout.split() == [entry.name for entry in WEIGHTS], run.stderr
    assert not list(tmp_path.iterdir())


@each
def test_its_model_has_its_tag_and_weights_of_the_default_one(entry):
    model = registry().find("model", entry.spec.model)
    assert model.spec.tag(entry.spec.tag).recipe.dataset == entry.spec.dataset
    assert weights_of(model, model.spec.default_tag)


@each
def test_its_record_is_that_of_its_folder(entry):
    found = record_of(folder_of(entry.spec), registry().find("model", entry.spec.model), entry.spec.tag)
    pinned = {"repo": entry.spec.repo, "revision": entry.spec.revision}
    assert dataclasses.replace(found, path=entry.spec.path, **pinned) == entry.spec


@each
def test_its_folder_says_how_it_was_made_and_on_which_terms(entry):
    folder = folder_of(entry.spec)
    assert {path.name for path in folder.iterdir()} == {CONFIG, STATE, GOLDEN, METRICS, CARD}
    training = read_config(folder)[1]["training"]
    assert {"recipe", "step", "data", "packages", "threads", "revision"} <= set(training)
    card = (folder / CARD).read_text(encoding="utf-8")
    assert f'aezoo.create("{entry.name}", pretrained=True)' in card
    dataset = dataset_spec(entry.spec.dataset)
    own = f"license: other\nlicense_name: {dataset.name}-research\nlicense_link: {dataset.homepage}\n"
    assert (f"license: {dataset.spdx.lower()}\n" if dataset.redistributable else own) in card
