from types import SimpleNamespace

import pytest
import torch
from accelerate.state import PartialState
from accelerate.utils import DistributedType, DynamoBackend

from aezoo.errors import TrainingError
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


def test_what_the_recipe_says_no_launcher_s_setting_changes(monkeypatch, tmp_path):
    PartialState._reset_state()
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    accelerator = devices.start_accelerator(Recipe(), "cpu", tmp_path, (), False)
    assert accelerator.state.dynamo_plugin.backend == DynamoBackend.NO
    assert accelerator.gradient_accumulation_steps == 1


def test_a_way_of_sharing_that_splits_the_model_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("accelerate.Accelerator.distributed_type", DistributedType.FSDP)
    with pytest.raises(TrainingError, match="cannot be launched by FSDP: every process holds the whole model"):
        devices.start_accelerator(Recipe(), "cpu", tmp_path, (), False)


@pytest.mark.parametrize(("others", "alike"), [([250, 250], True), ([250, 0], False)])
def test_processes_say_whether_they_stand_at_one_step(others, alike):
    accelerator = SimpleNamespace(
        device=torch.device("cpu"), gather=lambda mine: torch.cat([mine, torch.tensor(others)])
    )
    assert devices.are_alike(accelerator, 250) is alike
