from types import SimpleNamespace

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
