from types import SimpleNamespace

import torch

from aezoo.training import devices


def test_a_total_is_taken_where_the_processes_talk_and_given_back_here():
    asked = []

    def reduce(tensor, how):  # what NCCL does not take
        asked.append((tensor.device.type, how))
        return torch.full(tensor.shape, 3.0)

    accelerator = SimpleNamespace(device=torch.device("meta"), reduce=reduce)
    assert torch.equal(devices.total(accelerator, torch.ones(2)), torch.full((2,), 3.0))
    assert asked == [("meta", "sum")]
