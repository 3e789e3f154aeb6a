from types import SimpleNamespace

import pytest
import torch
from accelerate.state import PartialState

from aezoo.recipe import Recipe
from aezoo.training import devices


def test_a_total_is_taken_where_the_processes_talk_and_given_back_here():
    asked = []

    def reduce(tensor, how):  # what NCCL does not take
        asked.append((tensor.device.type, how))
        return torch.full(tensor.shape, 3.0)

    accelerator = SimpleNamespace(device=torch.device("meta"), reduce=reduce)
    assert torch.equal(devices.total(accelerator, torch.ones(2)), torch.full((2,), 3.0))
    assert asked == [("meta", "sum")]


def test_a_process_trains_on_one_device_and_then_on_another(tmp_path):
    for device, on_cpu in (("cpu", True), ("auto", False), ("cpu", True)):
        devices.start_accelerator(Recipe(), device, tmp_path, (), False)
        assert PartialState()._cpu is on_cpu


def test_a_rank_alone_makes_no_helper_of_a_process(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert devices.launched() == (0, 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert devices.launched() == (1, 2)


@pytest.mark.parametrize(("said", "found"), [("", None), ("no", None), ("bf16", torch.bfloat16)])
def test_a_launcher_that_was_told_nothing_decides_nothing(monkeypatch, said, found):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", said)
    for has, auto in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(devices, "_has_bfloat16", lambda device, has=has: has)
        assert devices.autocast_type(Recipe(), torch.nn.Linear(99, 99), torch.device("cpu")) is (found or auto)
    assert devices.autocast_type(Recipe(precision="float32"), torch.nn.Linear(99, 99), torch.device("cpu")) is None
