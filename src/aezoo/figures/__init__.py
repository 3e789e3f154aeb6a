"""Figures: curves and pictures as PNG; equal numbers are equal bytes. matplotlib is imported when one is drawn."""

from aezoo.figures.curves import loss_curves
from aezoo.figures.pictures import Row, reconstructions

__all__ = ["Row", "loss_curves", "reconstructions"]
