import dataclasses
import os

import pytest
import torch

from aezoo import files
from aezoo.errors import AezooWarning, TrainingError
from aezoo.training import checkpoint


def state(value):
    return {"parts": {"x": torch.full((3,), float(value))}, "progress": "{}", "best": None}


def test_the_newest_is_read_back_and_two_are_kept(tmp_path):
    for step in (5, 10, 15):
        checkpoint.save(tmp_path, step, state(step))
    assert checkpoint.load_newest(tmp_path)["parts"]["x"].tolist() == [15.0] * 3
    assert len(checkpoint.find(tmp_path)) == len(list(tmp_path.iterdir())) == 2


def test_what_is_saved_stays_beside_damaged_ones_of_later_steps(tmp_path):
    for step in (750, 1000):
        checkpoint.save(tmp_path, step, state(step))
    for path in checkpoint.find(tmp_path):
        path.write_bytes(b"damaged")
    for step in (250, 500):
        checkpoint.save(tmp_path, step, state(step))
        assert checkpoint.load_newest(tmp_path)["parts"]["x"].tolist() == [float(step)] * 3
    assert len(checkpoint.find(tmp_path)) == 2


def test_nothing_where_there_is_none(tmp_path):
    assert checkpoint.load_newest(tmp_path / "absent") is None


@pytest.mark.parametrize("position", [10, 200, -30])
def test_a_flipped_byte_costs_one_interval(tmp_path, position):
    checkpoint.save(tmp_path, 5, state(5))
    checkpoint.save(tmp_path, 10, state(10))
    newest = checkpoint.find(tmp_path)[0]
    data = bytearray(newest.read_bytes())
    data[position] ^= 1
    newest.write_bytes(data)
    with pytest.warns(AezooWarning, match="damaged and passed over"):
        assert checkpoint.load_newest(tmp_path)["parts"]["x"].tolist() == [5.0] * 3


def test_a_truncated_one_too(tmp_path):
    checkpoint.save(tmp_path, 5, state(5))
    newest = checkpoint.find(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(AezooWarning, match="passed over"):
        assert checkpoint.load_newest(tmp_path) is None


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 5, state(5))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(tmp_path, 10, state(10))
    assert [path.name[:14] for path in tmp_path.iterdir()] == ["step-000000005"]


def test_a_pipe_in_the_place_of_a_checkpoint_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / f"step-000000005-{'0' * 16}.pt")
    with pytest.warns(AezooWarning, match="is no file"):
        assert checkpoint.load_newest(tmp_path) is None


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    import hashlib
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    data = pickle.dumps(Evil())
    name = hashlib.sha256(data).hexdigest()[:16]
    (tmp_path / f"step-000000005-{name}.pt").write_bytes(data)
    with pytest.warns(AezooWarning, match="passed over"):
        assert checkpoint.load_newest(tmp_path) is None
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_a_longer_run_is_none_of_this_one(train, recipe, tmp_path):
    train(recipe, folder=tmp_path / "run")
    with pytest.raises(TrainingError, match="is not of this run: step 20 of a run of 10 steps"):
        train(dataclasses.replace(recipe, steps=10), folder=tmp_path / "run")


def test_one_that_is_gone_before_it_is_read_is_passed_over(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 5, state(5))
    checkpoint.save(tmp_path, 10, state(10))
    found = checkpoint.find(tmp_path)
    found[0].unlink()
    monkeypatch.setattr(checkpoint, "find", lambda folder: found)
    with pytest.warns(AezooWarning, match="passed over"):
        assert checkpoint.load_newest(tmp_path)["parts"]["x"].tolist() == [5.0] * 3


def test_a_pickle_that_is_none_is_passed_over(tmp_path):
    data = b"h\x05."
    (tmp_path / f"step-000000005-{checkpoint._digest(data)}.pt").write_bytes(data)
    with pytest.warns(AezooWarning, match="passed over"):
        assert checkpoint.load_newest(tmp_path) is None


def test_a_damaged_one_goes_with_the_next_of_its_step(tmp_path):
    for step in (500, 750):
        checkpoint.save(tmp_path, step, state(step))
    checkpoint.find(tmp_path)[0].write_bytes(b"damaged")
    checkpoint.save(tmp_path, 750, state(1))
    assert [path.name.split("-")[1] for path in checkpoint.find(tmp_path)] == ["000000750", "000000500"]
    assert checkpoint.load_newest(tmp_path)["parts"]["x"].tolist() == [1.0] * 3


def test_a_pickle_of_anyone_s_is_passed_over_without_advice(tmp_path):
    checkpoint.save(tmp_path, 5, {"parts": os.getpid})
    with pytest.warns(AezooWarning, match=r"holds more than tensors, and is passed over$"):
        assert checkpoint.load_newest(tmp_path) is None
