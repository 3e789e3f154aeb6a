import pytest
import torch

from aezoo.training.order import STEP, Order, seed_of, step_seed


def batches(order, steps):
    return torch.cat([order.batch(step) for step in range(steps)])


def test_every_batch_is_full_and_every_epoch_shows_each_image_once():
    seen = batches(Order(10, 4, seed=0), 5)  # two epochs
    assert len(seen) == 20
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))


def test_epochs_differ_and_seeds_differ():
    first, second = Order(50, 50, seed=0), Order(50, 50, seed=1)
    assert not first.batch(0).equal(first.batch(1))
    assert not first.batch(0).equal(second.batch(0))


def test_a_step_is_a_function_of_its_number():
    onwards, straight = Order(10, 4, seed=3), Order(10, 4, seed=3)
    batches(onwards, 100)
    assert onwards.batch(100).equal(straight.batch(100))
    assert straight.batch(7).equal(Order(10, 4, seed=3).batch(7))


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_batch_of_one(world):
    whole, shared = Order(10, 8, seed=0), Order(10, 8, seed=0)
    for step in range(5):
        shares = [shared.batch(step, rank, world) for rank in range(world)]
        assert torch.cat(shares).equal(whole.batch(step))


def test_a_batch_may_be_larger_than_the_data():
    batch = Order(3, 10, seed=0).batch(0)
    assert torch.bincount(batch).tolist() in ([3, 3, 4], [3, 4, 3], [4, 3, 3])


def test_seeds_of_neighbouring_words_are_unrelated():
    seeds = {seed_of(0, 0, n) for n in range(1000)} | {seed_of(0, 1, n) for n in range(1000)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_step_has_the_seed_of_its_number():
    steps = (0, 63, 64, 1000, 1)
    assert [step_seed(7, step) for step in steps] == [seed_of(7, STEP, step) for step in steps]
