import torch

from aezoo.noise import noise, passes, training_noise


def test_noise_takes_the_shape_type_and_device_of_its_model():
    like = torch.zeros(3, 4, 2, dtype=torch.float64)
    for generator in (None, torch.Generator(), [torch.Generator() for _ in range(4)]):
        drawn = noise(like, generator)
        assert (drawn.shape, drawn.dtype) == (like.shape, like.dtype)


def test_processes_share_the_noise_of_one():
    torch.manual_seed(0)
    whole = training_noise(torch.zeros(6, 2))
    shares = []
    for rank in range(3):
        torch.manual_seed(0)
        with passes(rank=rank, world=3):
            shares.append(training_noise(torch.zeros(2, 2)))
    assert torch.equal(torch.cat(shares), whole)
