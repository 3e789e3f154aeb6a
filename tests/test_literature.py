"""Every row of the page on the literature that has a loss: it is built, and takes a step of training."""

import ast
import re
from pathlib import Path

import pytest
import torch

import aezoo
from aezoo.encoders.backbone import TimmEncoder
from aezoo.latent import Batch
from aezoo.losses.context import Context
from aezoo.plugins import host

PAGE = Path(__file__).resolve().parents[1] / "docs/literature.md"


def rows():
    """Name, model, parts, loss, what is frozen, whether weights decay.

    A section may name its parts' plugins, a table's head its model.
    """
    base, marks = "cis680-vae16", []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            base, marks = "cis680-vae16", []
        if found := re.findall(r"of the plugin `([\w-]+)`", line):
            missing = {*found} - {record.distribution for record in host().records}
            marks = [pytest.mark.skipif(bool(missing), reason=f"{', '.join(sorted(missing))} is not installed")]
        if found := re.match(r"\| \| parts of `([\w-]+)` \|", line):
            base = found[1]
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
        loss = re.match(r"`([^`]+)`", cells[2]) if len(cells) == 3 else None
        if loss:
            given = cells[1].strip("`")
            model, parts = (base, given) if "=" in given or not given else (given, "")
            call = ast.parse(f"f({parts})", mode="eval").body
            assert isinstance(call, ast.Call)
            named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
            frozen = re.search(r"`--freeze ([\w,]+)`", cells[2])
            kept = frozen[1].split(",") if frozen else []
            yield pytest.param(model, named, loss[1], kept, "--weight-decay" in cells[2], id=cells[0], marks=marks)


ROWS = list(rows())
CODES = [row for row in ROWS if row.values[0] == "kl-f4-tiny" and "gan" not in row.values[2]]
CONVOLUTIONS = [row for row in ROWS if row.values[0] == "cis680-vae16" and "encoder" not in row.values[1]]
LAYERS = {
    "encoder": "conv(layers=('4x4x32 s2', '4x4x64 s2', '4x4x128 s2'))",
    "decoder": "deconv(layers=('4x4x64 s2', '4x4x32 s2', '4x4x16 s2', '4x4x16 s2', '4x4xc s2'))",
}


def test_rows_are_found():
    assert len(ROWS) >= 37
    assert len(CODES) >= 6 or not aezoo.list_names("bottleneck", "vq")


@pytest.fixture
def offline(monkeypatch):
    """A small backbone, drawn at random, stands for any: published weights are a download."""
    build = TimmEncoder.__init__

    def drawn(self, image, *, member, pretrained=False):
        build(self, image, member="test_vit")

    monkeypatch.setattr(TimmEncoder, "__init__", drawn)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("model", "parts", "loss", "frozen", "decays"), ROWS)
def test_it_takes_a_step(model, parts, loss, frozen, decays):
    torch.manual_seed(0)
    model = aezoo.create(model, image_size=32, **parts).train()
    model = model.freeze(*frozen) if frozen else model
    objective = aezoo.Objective(model, loss).train()
    batch = Batch(torch.rand(8, *model.image.shape).round())
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.1 * decays)
    value, terms = objective(batch, Context(model=model, batch=batch, dataset_size=8, training=True, draw=(0,)))
    value.backward()
    optimizer.step()
    assert value.isfinite()
    assert all(term.isfinite() for term in terms.values())
    parameters = dict(model.named_parameters())
    sloped = {name.split(".")[0] for name, each in parameters.items() if each.grad is not None and each.grad.any()}
    assert sloped >= {"encoder", "decoder"} - {*frozen}
    assert sloped
    assert all(torch.equal(each, before[name]) for name, each in parameters.items() if name.split(".")[0] in frozen)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "parts", "loss", "frozen", "decays"), [*CONVOLUTIONS, *CODES])
def test_it_learns(model, parts, loss, frozen, decays, tmp_path):
    """In 200 steps the loss on images held out falls, and the error is below that of the mean image."""
    style, layers = ("colour", {}) if model == "kl-f4-tiny" else ("shaded", LAYERS)
    result = aezoo.train(
        model,
        out=tmp_path / "run",
        data=f"toyfaces(style={style!r}, count=1000, test_count=200, size=32)",
        image_size=32,
        loss=loss,
        steps=200,
        evaluate_every=100,
        device="cpu",
        precision="float32",
        weight_decay=1e-4 * decays,
        **(layers | parts),
    )
    curve = [entry["loss"] for entry in result.history if entry["split"] == "test"]
    assert curve[-1] < curve[0]
    assert result.metrics["test"]["mse"] < result.metrics["mean-image"]["test"]["mse"]
