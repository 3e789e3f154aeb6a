import torch

from aezoo.training import cpu


def test_a_model_is_wide_where_both_sides_of_a_matrix_are():
    sizes = [(64, 64), (64, 63), (63, 200)]
    assert [cpu.is_wide(torch.nn.Linear(*size)) for size in sizes] == [True, False, False]


def test_only_a_channels_last_kernel_is_handed_over_in_its_order():
    plain = torch.nn.Conv2d(3, 4, 3).weight
    assert cpu.ordered(plain) is plain
    kernel = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last).weight
    view = cpu.ordered(kernel)
    assert (view.shape, view.is_contiguous(), view.data_ptr()) == ((4, 3, 3, 3), True, kernel.data_ptr())
    kernel.grad = torch.rand(4, 3, 3, 3)
    view.take_gradient()
    assert torch.equal(view.grad[1, 2, 0], kernel.grad[1, :, 2, 0])
