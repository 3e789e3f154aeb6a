"""Metrics of torchmetrics drop in: declared by their own class, with what `update` takes and their options."""

import pytest

from aezoo.metrics.evaluation import evaluate
from aezoo.training.data import load_splits

from .conftest import TOY, small

SSIM = """MetricSpec(
    name="alike", summary="Structural similarity", takes=("reconstruction", "images"), better="higher",
    implementation="torchmetrics.image:StructuralSimilarityIndexMeasure", options=(
        aezoo.Option(name="data_range", type="float", default=1.0),
        aezoo.Option(name="kernel_size", type="int", default=11)))"""
SET = """MetricSpec(name="concordance", summary="Of all pixels at once: no average over images",
    takes=("reconstruction", "images"), implementation="stranger_parts:Pixels")"""
PARTS = """
from torchmetrics.regression import ConcordanceCorrCoef
class Pixels(ConcordanceCorrCoef):
    def update(self, preds, target):
        super().update(preds.flatten(), target.flatten())
"""


def test_torchmetrics(stranger, run):
    stranger(SSIM, SET, parts=PARTS)
    model, history = run(small(), metrics=("alike(kernel_size=7)",), evaluate_every=10)
    from torchmetrics.functional import concordance_corrcoef  # now that aezoo has loaded it
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    assert all("alike(kernel_size=7)" in entry for entry in history if entry["split"] == "test")
    images = load_splits(TOY, model.image).test
    found = evaluate(model, images, more=["alike(kernel_size=7)", "concordance"], batch_size=3)
    x = images.batch(range(len(images))).images
    y = model(x).reconstruction.detach()
    assert found["alike(kernel_size=7)"] == pytest.approx(ssim(y, x, data_range=1.0, kernel_size=7).item(), rel=1e-4)
    assert found["concordance"] == pytest.approx(concordance_corrcoef(y.flatten(), x.flatten()).item(), rel=1e-3)
