"""Two processes on one machine (gloo) against one process with the same batches."""

import json
import os
import socket
import subprocess
import sys

import pytest

LINEAR = ["--encoder", "mlp(hidden=(16,))", "--decoder", "mlp(hidden=(16,))"]
SETTINGS = [
    *("--data", "toyfaces(count=60, size=28)", "--image-size", "28", "--steps", "20", "--evaluate-every", "5"),
    *("--batch-size", "16", "--precision", "float32", "--device", "cpu", "--threads", "1", "--mirror"),
]


def losses(folder, *more, launcher=()):
    command = [
        sys.executable,
        "-m",
        *launcher,
        "aezoo",
        "train",
        "cis680-vae16",
        *SETTINGS,
        *more,
        "--out",
        str(folder),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines]


def two():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return ("torch.distributed.run", "--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={port}", "-m")


def test_two_processes_train_as_one(tmp_path):
    one = losses(tmp_path / "one", *LINEAR)
    shared = losses(tmp_path / "two", *LINEAR, launcher=two())
    assert len(shared) == len(one) > 10
    assert shared == pytest.approx(one, rel=1e-5)
    assert (tmp_path / "two" / "model.safetensors").exists()


def test_accelerate_launches_the_same_run(tmp_path):
    launcher = ("accelerate.commands.launch", "--cpu", "--num_processes=1", "--num_machines=1")
    launched = losses(tmp_path / "launched", *LINEAR, launcher=(*launcher, "--dynamo_backend=no", "-m"))
    assert launched == losses(tmp_path / "plain", *LINEAR)


def test_batch_statistics_stay_each_process_s_own_on_the_cpu(tmp_path, capsys):
    one = losses(tmp_path / "one")
    shared = losses(tmp_path / "two", launcher=two())
    difference = max(abs(mine - theirs) / abs(theirs) for mine, theirs in zip(shared, one, strict=True))
    with capsys.disabled():
        sys.stdout.write(
            f"\nbatch norm, two processes of 8 images against one of 16: losses differ by up to {difference:.2%}\n"
        )
    assert 0 < difference < 0.2
    # Measured with those of one, which are those that are kept: not each process's images with its own.
    stored = json.loads((tmp_path / "two" / "metrics.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["split"] == "test"][-1]
    assert last["kl"] == pytest.approx(stored["test"]["kl"], rel=1e-4)


def test_uneven_shares_of_images_are_measured_as_by_one_process(tmp_path):
    # 41 images, whose gathering inside a term that couples them once waited for ever or failed.
    odd = [*LINEAR, "--data", "toyfaces(count=41, size=28)", "--loss", "bce + kl(free_bits=0.1)"]
    one = losses(tmp_path / "one", *odd)
    assert losses(tmp_path / "two", *odd, launcher=two()) == pytest.approx(one, rel=1e-5)


@pytest.mark.slow
def test_a_model_is_evaluated_as_by_one_process():
    asked = ("aezoo", "eval", "cis680-vae16.toyfaces", "--data", "toyfaces(test_count=41)", "--split", "test")
    found = [
        json.loads(subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout)
        for command in (
            (sys.executable, "-m", *launcher, *asked, "--device", "cpu", "--json") for launcher in ((), two())
        )
    ]
    assert found[1]["test"] == pytest.approx(found[0]["test"], rel=1e-6)
    assert found[1]["protocol"]["metrics"] == found[0]["protocol"]["metrics"]


DRAWS = 'LossSpec(name="draws", summary="Random", implementation="draws_parts:draws")'
DRAWS_PARTS = """
import os, torch
def draws(output, images, context):
    drawn = torch.rand(2, generator=context.generator)
    if context.training:
        with open(os.environ["DRAWN"] + os.environ.get("RANK", "0"), "a") as file:
            file.write(f"{drawn.tolist()}\\n")
    return output.reconstruction.flatten(1).mean(1) * drawn.mean()
"""


def test_a_term_draws_other_numbers_in_each_process_and_step(site, tmp_path, monkeypatch):
    site.install("draws", DRAWS)
    (site.path / "draws_parts.py").write_text(DRAWS_PARTS)
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    monkeypatch.setenv("DRAWN", str(tmp_path / "rank"))
    losses(tmp_path / "two", *LINEAR, "--loss", "bce + kl + draws", launcher=two())
    drawn = [line for rank in "01" for line in (tmp_path / f"rank{rank}").read_text().splitlines()]
    assert len(set(drawn)) == len(drawn) == 2 * 20


COUNTS = 'MetricSpec(name="counts", summary="Images that it saw", implementation="counts_parts:Counts")'
COUNTS_PARTS = """
class Counts:
    def __init__(self):
        self.reset()
    def update(self, measured):
        self.seen += measured.batch.index.tolist()
        assert len({*measured.seeds}) == len(measured.batch)
    def compute(self):
        assert len(set(self.seen)) == len(self.seen)
        return len(self.seen)
    def reset(self):
        self.seen = []
"""


def test_a_metric_of_the_set_sees_every_image_once_in_several_processes(site, tmp_path, monkeypatch):
    site.install("counts", COUNTS)
    (site.path / "counts_parts.py").write_text(COUNTS_PARTS)
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    losses(tmp_path / "two", *LINEAR, "--data", "toyfaces(count=41, size=28)", "--metric", "counts", launcher=two())
    lines = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert {line["counts"] for line in lines if line["split"] in ("train", "test")} == {41}


TAKEN = """MetricSpec(name="{name}", summary="", takes=("images",), implementation="taken_parts:{name}")"""
TAKEN_PARTS = """
import torch
from aezoo._torchvision import torchvision  # torchmetrics imports it
from torchmetrics import Metric
class taken(Metric):
    def __init__(self):
        super().__init__()
        self.add_state("n", torch.tensor(0), dist_reduce_fx="sum")
    def update(self, images):
        self.n += len(images)
    def compute(self):
        return self.n
class within(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = taken()
    def update(self, images):
        self.inner.update(images)
    def compute(self):
        return self.inner.compute()
    def reset(self):
        self.inner.reset()
"""


def test_metrics_of_torchmetrics_gather_nothing(site, tmp_path, monkeypatch):
    # Every process has seen every image: gathered, 41 of them were 82.
    site.install("taken", *(TAKEN.format(name=name) for name in ("taken", "within")))
    (site.path / "taken_parts.py").write_text(TAKEN_PARTS)
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    odd = [*LINEAR, "--data", "toyfaces(count=41, size=28)", "--metric", "taken", "--metric", "within"]
    losses(tmp_path / "two", *odd, launcher=two())
    lines = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert {line[name] for line in lines if line["split"] == "test" for name in ("taken", "within")} == {41}
