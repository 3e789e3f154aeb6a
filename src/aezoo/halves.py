"""One half of a model: its encoder or its decoder alone, where the other would only be ballast."""

from __future__ import annotations

from typing import Any, Literal, NoReturn

from torch import Tensor

from aezoo.autoencoder import Autoencoder, stride_of
from aezoo.bottlenecks.base import Bottleneck
from aezoo.errors import CompositionError, OptionError, shown

Half = Literal["", "encoder", "decoder"]
"""Which half is asked for; empty: the whole."""
HALVES = ("encoder", "decoder")


class Absent(Bottleneck):
    """What stands in the place of a part that a model is without: it knows shapes, and refuses to be called."""

    def __init__(self, model: Autoencoder, kind: str, only: Half) -> None:
        super().__init__()
        self.latent_shape, self.spatial = model.latent_shape, model.bottleneck.spatial
        self.stride = stride_of(getattr(model, kind))
        self._reason = f"this {model.spec.name} is its {only} alone and has no {kind}: create it without only={only!r}"

    def forward(self, *given: Any, **named: Any) -> NoReturn:
        """Refuse.

        Raises:
            CompositionError: always.
        """
        raise CompositionError(self._reason)

    draw = at = sample = log_posterior = lookup = forward


def keep_half(model: Autoencoder, only: Half) -> Autoencoder:
    """The same model with one half of it: what encodes, or what decodes.

    The bottleneck goes with the encoder, and with the decoder too where it has the codebook. Prior and likelihood stay.

    Raises:
        OptionError: there is no such half.
        CompositionError: the model is built whole.
    """
    if not only:
        return model
    if only not in HALVES:
        raise OptionError(f"only={shown(only)}: a model is created with its 'encoder' or its 'decoder' only")
    if model.spec.implementation:
        raise CompositionError(f"{model.spec.name} is built whole: it has no halves")
    codebook = "codes" in model.provides
    absent = {"encoder": ["decoder"], "decoder": ["encoder"] if codebook else ["encoder", "bottleneck"]}[only]
    for kind, part in [(kind, Absent(model, kind, only)) for kind in absent]:
        setattr(model, kind, part)
    model.only = only
    return model


def of_half(model: Autoencoder, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a whole model's state without those of parts that a half of it does not have."""
    absent = tuple(f"{name}." for name, part in model.named_children() if isinstance(part, Absent))
    return {name: x for name, x in state.items() if not (absent and name.startswith(absent))}
