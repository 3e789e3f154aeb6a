"""Large images in tiles: one after the other, each with as much around it as its pixels see, and put together exactly.

A convolution sees zeros beyond the borders of an image, and so it does in a tile that ends there; where a tile ends
within the image, what its wrong border reaches is cut off. That is exact where the receptive field is finite, and needs
memory for one tile beside what goes in and comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from torch import Tensor

from aezoo.errors import CompositionError, OptionError
from aezoo.layers import Field

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder


def in_tiles(
    model: Autoencoder,
    kind: Literal["encoder", "decoder"],
    x: Float[Tensor, "b c h w"],
    labels: tuple[Tensor | None, ...],
    tile: int,
) -> Float[Tensor, "b c2 h2 w2"]:
    """What a model's encoder makes of images, or its decoder of latent maps, computed in tiles.

    Args:
        model: in ``eval()``.
        kind: of the part.
        x: what it takes.
        labels: its second argument, where it has one.
        tile: the side of a tile in pixels of the image, rounded up to the stride; what is around it comes on top.

    Raises:
        OptionError: ``tile`` is no number of pixels.
        CompositionError: the part's receptive field is not known to be finite, the latent is no map, or the model is in
            ``train()``.
    """
    if type(tile) is not int or tile < 1:
        raise OptionError(f"tile={tile!r} is no size in pixels: a whole number from 1 on, such as 512")
    part = getattr(model, kind)
    field = getattr(part, "field", None)
    if not isinstance(field, Field) or not model.bottleneck.spatial:
        raise CompositionError(
            f"tile=: {model.spec.name} cannot work in tiles, {kind} {getattr(model.spec, kind).name} with a latent "
            f"{model.latent_shape} has no finite receptive field: conv and deconv have one, around a latent map"
        )
    if model.training:
        raise CompositionError("tile= is for model.eval(): in train() a picture may be normalised as a whole")
    return _assembled(lambda seen: part(seen, *labels), x, field, math.ceil(tile / max(field.down, field.up)))


def _assembled(part: Callable[[Tensor], Tensor], x: Tensor, field: Field, tile: int) -> Tensor:
    """``part(x)`` of tiles of ``tile`` by ``tile`` positions of the latent map."""
    rows, columns = (math.ceil(n / field.down) for n in x.shape[2:])
    whole: Tensor | None = None
    for top in range(0, rows, tile):
        for left in range(0, columns, tile):
            bottom, right = min(rows, top + tile), min(columns, left + tile)
            above, before = max(0, top - field.before), max(0, left - field.before)
            below, after = bottom + field.after, right + field.after  # a slice ends where the image does
            seen = x[:, :, above * field.down : below * field.down, before * field.down : after * field.down]
            made = part(seen)
            if whole is None:
                whole = made.new_empty(*made.shape[:2], rows * field.up, columns * field.up)
            made = made[:, :, (top - above) * field.up :, (left - before) * field.up :]
            place = whole[:, :, top * field.up : bottom * field.up, left * field.up : right * field.up]
            place.copy_(made[:, :, : place.shape[2], : place.shape[3]])
    assert whole is not None  # no image has a side of zero
    return whole
