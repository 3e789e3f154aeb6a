"""What a model folder of anyone's may cost: little, and never more than it says."""

import gc
import json
import os
import time

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import DataError, WeightsError
from aezoo.weights import limits
from aezoo.weights.folder import CONFIG, GOLDEN, STATE, read_golden, read_state, write_state


@pytest.fixture
def folder(tiny, tmp_path):
    aezoo.create(tiny).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def changed(folder):
    def change(**parts):
        data = json.loads((folder / CONFIG).read_text())
        for name, value in parts.items():
            data["model"][name] = value
        (folder / CONFIG).write_text(json.dumps(data))
        return folder

    return change


def conv(layers):
    return {"name": "aezoo/conv", "options": {"layers": layers}}


FLOW = {"name": "aezoo/flow", "options": {}}
HUGE = {
    "channels": {"image": {"size": [64, 64], "channels": 10**9}},
    "pixels": {"image": {"size": [10**6, 10**6], "channels": 1}},
    "a kernel": {"encoder": conv(["3x3x1000000000 s2"])},
    "latents": {"bottleneck": {"name": "aezoo/identity", "options": {}}, "encoder": conv(["3x3x900000000"])},
    "numbers": {"encoder": {"name": "aezoo/mlp", "options": {"hidden": [30000, 30000, 30000]}}},
    "layers": {"encoder": conv(["3x3x8"] * 20_000)},
    "pairs of latents": {"bottleneck": {"name": "aezoo/gaussian", "options": {"dim": 200_000}}, "prior": FLOW},
    "tags": {"tags": [{"name": f"t{index}", "recipe": {}} for index in range(20_000)]},
}


@pytest.mark.parametrize("what", HUGE)
@pytest.mark.parametrize("pretrained", [True, False])
def test_what_a_config_asks_for_without_end_is_refused_at_once(changed, what, pretrained, request):
    folder = changed(**HUGE[what])
    request.addfinalizer(gc.enable)
    gc.disable()  # what other tests have left may take a second
    began = time.process_time()
    with pytest.raises(aezoo.AezooError) as caught:
        aezoo.create(folder, pretrained=pretrained)
    assert time.process_time() - began < 1
    assert len(str(caught.value).splitlines()) <= 2


def test_the_caller_may_ask_for_more_than_a_file(changed, monkeypatch):
    monkeypatch.setattr(limits, "PARAMETERS", 100)
    folder = changed()
    with pytest.raises(WeightsError, match=r"asks for [\d,]+ parameters; a file may ask for 100, you for any number"):
        aezoo.create(folder)
    assert aezoo.create(aezoo.describe(folder)).spec.name == "tiny"
    assert aezoo.create(folder, pretrained=True).spec.name == "tiny"  # whose bytes are there


def test_a_file_without_end_is_not_read(folder):
    for name in (CONFIG, STATE):
        whole = (folder / name).read_bytes()
        os.truncate(folder / name, 2**40)  # sparse: a terabyte that takes no room
        with pytest.raises(WeightsError, match=r"has 1,099,511,627,776 bytes, and [\d,]+ at most can be"):
            aezoo.create(folder, pretrained=True)
        (folder / name).write_bytes(whole)
    header = (2**31).to_bytes(8, "little")
    (folder / STATE).write_bytes(header)
    os.truncate(folder / STATE, 2**31 + 8)
    with pytest.raises(WeightsError, match="at most can be"):
        aezoo.create(folder, pretrained=True)


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="there are no files of the system's")
def test_a_file_that_does_not_say_how_long_it_is_is_not_read(folder):
    (folder / CONFIG).unlink()
    (folder / CONFIG).symlink_to("/proc/self/maps")
    with pytest.raises(WeightsError, match="more than the 0 bytes that it says it has"):
        limits.read(folder / CONFIG, limits.SMALL)


def test_a_shape_that_no_tensor_has_is_damage(folder):
    header = json.dumps({"x": {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}}).encode()
    (folder / STATE).write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError, match="is damaged"):
        aezoo.create(folder, pretrained=True)


def test_answers_without_end_are_not_read(folder):
    write_state(folder / GOLDEN, {"z": torch.zeros(2)})
    with pytest.raises(WeightsError, match="damaged: it holds no z, or what is no batch"):
        read_golden(folder)
    write_state(folder / GOLDEN, {"z": torch.zeros(2, 1)})
    assert read_golden(folder)[0].tolist() == [[0], [0]]
    os.truncate(folder / GOLDEN, limits.GOLDEN + 1)
    with pytest.raises(WeightsError, match=r"has 268,435,457 bytes, and 268,435,456 at most can be"):
        read_golden(folder)


@pytest.mark.parametrize("name", [CONFIG, STATE])
def test_a_pipe_is_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(WeightsError, match=r"is no file|has no config\.json"):
        aezoo.create(folder, pretrained=True)


@pytest.mark.parametrize("kind", [torch.int32, torch.complex64, torch.bool])
def test_weights_of_another_kind_are_not_cast(folder, kind):
    state = read_state(folder / STATE)
    name = next(name for name, tensor in state.items() if tensor.ndim > 1)
    write_state(folder / STATE, {**state, name: state[name].to(kind)})
    with pytest.raises(WeightsError, match=rf"{name} is torch.float32, not {kind}"):
        aezoo.create(folder, pretrained=True)


def test_an_array_that_memory_does_not_hold_is_not_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((1000, 32, 32), np.uint8))
    free = type("Memory", (), {"available": 10**6})
    monkeypatch.setattr("aezoo.datasets.folder.psutil.virtual_memory", lambda: free)
    model = aezoo.create("cis680-vae16")
    with pytest.raises(DataError, match=r"0\.0 GB of arrays, and takes 3 times as much: 0\.0 GB of memory are free"):
        aezoo.dataset(str(tmp_path / "x.npz"), split="train", model=model)
