"""The metric ``factor_retention``: how much of what a face was drawn from can still be read off its reconstruction."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.errors import DataError, warn
from aezoo_factors.images import fitted
from aezoo_factors.regressor import load, r2

LEAST = 0.5
"""The R2 below which a factor is not read off the originals at hand."""


class FactorRetention(nn.Module):
    """The mean over factors of ``R2 of the reconstruction / R2 of the original``, read by the same pinned regressor.

    Each quotient is held in [0, 1]: an R2 below 0 is worse than answering the mean, and a picture shows no more for
    being smoother. So 1 is a reconstruction off which as much can be read as off the images themselves, 0 one off
    which nothing can. The factors are those that the regressor reads off held-out training images (see
    `aezoo_factors.regressor`). One that it does not read off the images at hand, say because they are small, is left
    out with a warning.

    Args:
        style: of the toyfaces: ``"sketch"``, ``"shaded"`` or ``"colour"``. Those in colour, made grey, are shaded ones.

    Raises:
        WeightsError: the regressor is damaged.
    """

    def __init__(self, *, style: str = "shaded") -> None:
        super().__init__()
        pinned = load(style)
        self.style, self.network, self.image, self.readable = style, pinned.network, pinned.image, pinned.readable
        self.protocol = {"regressor": style, "sha256": pinned.sha256}
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.true: list[Tensor] = []
        self.read: tuple[list[Tensor], list[Tensor]] = ([], [])

    @torch.no_grad()
    def update(
        self,
        images: Float[Tensor, "b c h w"],
        reconstruction: Float[Tensor, "b c h w"],
        factors: Float[Tensor, "b f"],
    ) -> None:
        """Take a batch in.

        Raises:
            DataError: these are not the factors of toyfaces.
        """
        if factors.shape[1] < (known := len(self.network.mean)):
            given = f"these images have {factors.shape[1]}"
            raise DataError(f"factor_retention reads the {known} factors of {self.style} toyfaces; {given}")
        places = list(self.readable.values())
        self.true.append(factors[:, places].cpu().double())
        for rows, pictures in zip(self.read, (images, reconstruction), strict=True):
            rows.append(self.network(fitted(pictures, self.image))[:, places].cpu().double())

    def compute(self) -> dict[str, float]:
        """Of all images that were taken in, and the quotient of each factor.

        Raises:
            DataError: nothing is read off the originals: they are no toyfaces of this style.
        """
        true = torch.cat(self.true)
        original, again = (r2(torch.cat(rows), true) for rows in self.read)
        seen = original >= LEAST
        if not seen.any():
            raise DataError(f"no factor can be read off these {len(true)} images: are they {self.style} toyfaces?")
        if not seen.all():
            lost = ", ".join(name for name, each in zip(self.readable, seen.tolist(), strict=True) if not each)
            warn(f"factor_retention leaves out what is not read off the originals either: {lost}")
        kept = (again / original).clamp(0, 1)
        each = {name: kept[at].item() for at, name in enumerate(self.readable) if seen[at]}
        return {"": kept[seen].mean().item()} | each
