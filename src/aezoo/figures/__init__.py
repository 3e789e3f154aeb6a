"""Figures: curves and pictures as PNG; equal numbers are equal bytes. matplotlib is imported when one is drawn."""

from aezoo.figures.canvas import save
from aezoo.figures.comparison import Run, comparison
from aezoo.figures.curves import loss_curves
from aezoo.figures.grid import grid
from aezoo.figures.pictures import Row, reconstructions

__all__ = ["Row", "Run", "comparison", "grid", "loss_curves", "reconstructions", "save"]
