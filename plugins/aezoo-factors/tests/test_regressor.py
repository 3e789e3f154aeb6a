"""The regressors read what they say they read, and are the ones that were made."""

import json
import shutil
from importlib.resources import files

import pytest

from aezoo.errors import WeightsError
from aezoo_factors.regressor import IMAGES, READABLE, load, r2

NETWORKS = files("aezoo_factors") / "networks"


@pytest.mark.parametrize(("style", "count"), [("sketch", 11), ("shaded", 20), ("colour", 23)])
def test_every_factor_that_counts_is_read_off_test_images(faces, style, count):
    images, factors = faces(500, style)
    pinned = load(style)
    places = list(pinned.readable.values())
    assert r2(pinned.network(images)[:, places].double(), factors[:, places].double()).min() >= 0.9
    assert len(places) == count


@pytest.mark.parametrize("style", IMAGES)
def test_which_factors_count_is_what_validation_says(style):
    record, pinned = json.loads((NETWORKS / f"{style}.json").read_text()), load(style)
    assert [*pinned.readable] == [name for name, score in record["validation"].items() if score >= READABLE]
    assert pinned.sha256 == record["sha256"]
    assert not any(parameter.requires_grad for parameter in pinned.network.parameters())
    assert not pinned.network.training


def test_other_weights_than_those_of_the_record_are_refused(tmp_path):
    for name in ("shaded.json", "shaded.safetensors"):
        shutil.copy(NETWORKS / name, tmp_path / name)
    assert load("shaded", tmp_path).readable
    data = bytearray((tmp_path / "shaded.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "shaded.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match=r"of shaded toyfaces is damaged: .* has the sha256 [0-9a-f]{12}"):
        load("shaded", tmp_path)
    (tmp_path / "shaded.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"of shaded toyfaces is damaged: .*No such file"):
        load("shaded", tmp_path)
