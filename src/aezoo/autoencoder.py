"""The autoencoder: an encoder, a bottleneck and a decoder behind one door, and what passes through it.

Shapes: b images, c channels, h height, w width; ``latent_shape`` is that of one image's ``z``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from aezoo.errors import AezooWarning, DataError, WeightsError
from aezoo.specs import ImageSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from PIL import Image

    from aezoo.bottlenecks.base import Bottleneck


@dataclass(slots=True)
class Latent:
    """What the bottleneck makes of the features. Every tensor is float32, whatever autocast says.

    Attributes:
        z: ``(b, *latent_shape)``, what the decoder takes: the mean in ``eval()``, a sample in ``train()``.
        mean: of the posterior, ``(b, *latent_shape)``.
        logvar: logarithm of the posterior's variance, ``(b, *latent_shape)``, or None.
        codes: indices into a codebook, where there is one.
        terms: what losses and metrics need, unsummed: ``kl`` is ``(b, d)`` in nats.
    """

    z: Tensor
    mean: Tensor | None = None
    logvar: Tensor | None = None
    codes: Int[Tensor, "b ..."] | None = None
    terms: dict[str, Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class Output:
    """What a model answers. Every tensor is float32.

    Attributes:
        reconstruction: ``(b, c, h, w)`` in [0, 1].
        logits: ``(b, c, h, w)`` with ``reconstruction == sigmoid(logits)``, or None where a model has none.
        latent: the `Latent` that was decoded.
    """

    reconstruction: Float[Tensor, "b c h w"]
    logits: Float[Tensor, "b c h w"] | None
    latent: Latent


# Registered with a serialised name, so that both cross torch.compile, torch.export and torch.func.
torch.export.register_dataclass(Latent, serialized_type_name="aezoo.Latent")
torch.export.register_dataclass(Output, serialized_type_name="aezoo.Output")


class Autoencoder(nn.Module):
    """A model of the zoo.

    Args:
        spec: what it is made of.
        encoder: images to features.
        bottleneck: features to a `Latent`.
        decoder: ``z`` to logits.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, spec: ModelSpec, encoder: nn.Module, bottleneck: Bottleneck, decoder: nn.Module) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        self.provides = frozenset(spec.provides)
        # Over the training data, stored with the weights: latent diffusion scales by them, and a deterministic
        # bottleneck samples from them. A standard deviation of zero says that they were never measured.
        self.register_buffer("latent_mean", torch.zeros(self.latent_shape))
        self.register_buffer("latent_std", torch.zeros(self.latent_shape))
        self.checks_range = True  # False once it has warned, or where the images are known to lie in [0, 1]

    @property
    def image(self) -> ImageSpec:
        """The images that it takes and gives."""
        return self.spec.image

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one image's ``z``."""
        return self.bottleneck.latent_shape

    def encode(self, images: Float[Tensor, "b c h w"]) -> Latent:
        """Images in [0, 1] to their latents.

        Raises:
            DataError: the images have another shape or type than ``self.image`` says.
        """
        self._check(images)
        return self.bottleneck(self.encoder(images))

    def decode(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b c h w"]:
        """``z`` of shape ``(b, *latent_shape)`` to images in [0, 1].

        Raises:
            DataError: ``z`` has another shape.
        """
        if tuple(z.shape[1:]) != tuple(self.latent_shape):
            raise DataError(f"z has shape {tuple(z.shape)}; {self.spec.name} decodes {_batch_of(self.latent_shape)}")
        return torch.sigmoid(self._logits(z))

    def reconstruct(self, latent: Latent) -> Output:
        """Decode ``latent.z``, keeping the logits."""
        logits = self._logits(latent.z)
        return Output(torch.sigmoid(logits), logits, latent)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Output:
        """Encode and decode. Deterministic in ``eval()``; in ``train()`` a bottleneck with a posterior samples it."""
        return self.reconstruct(self.encode(images))

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Float[Tensor, "n c h w"]:
        """``n`` new images from the prior; without one, from a Gaussian fitted to the training latents.

        Raises:
            WeightsError: there is no prior, and the training latents were never measured.
        """
        if "prior" in self.provides:
            return self.decode(self.bottleneck.sample_prior(n, generator))
        if not bool(self.latent_std.any()):
            raise WeightsError(
                f"{self.spec.name} has no prior and its latents were not measured: sample after training, "
                "or create it with pretrained=True"
            )
        from aezoo.bottlenecks.base import noise

        z = self.latent_mean + self.latent_std * noise(self.latent_mean.expand(n, *self.latent_shape), generator)
        return self.decode(z)

    def preprocess(self, pictures: Image.Image | np.ndarray | str | Path | Sequence[Any]) -> Float[Tensor, "b c h w"]:
        """A picture (PIL, array ``(h, w)`` or ``(h, w, c)`` of uint8, path) or a list of them to a batch of images.

        Each is cropped to the model's aspect ratio around its centre, resized, and made grey or RGB.

        Raises:
            DataError: a picture cannot be read, or there is none.
        """
        from aezoo.datasets.pipeline import fit, read_picture

        several: Sequence[Any] = pictures if isinstance(pictures, list | tuple) else [pictures]
        if not several:
            raise DataError("no pictures: give at least one")
        pixels = torch.stack([fit(read_picture(picture), self.image) for picture in several])
        return pixels.to(self.latent_mean.device, torch.float32) / 255

    @staticmethod
    def to_images(x: Float[Tensor, "b c h w"]) -> list[Image.Image]:
        """A batch in [0, 1] to PIL images; what lies outside is clamped."""
        from PIL import Image

        pixels = (x.detach().float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        return [
            Image.fromarray(picture[0].numpy() if len(picture) == 1 else picture.permute(1, 2, 0).numpy())
            for picture in pixels
        ]

    def _logits(self, z: Tensor) -> Tensor:
        # A latent is float32 always; a model made half precision as a whole is not.
        return self.decoder(z.to(self.latent_mean.dtype)).float()

    def _check(self, images: Tensor) -> None:
        expected = self.image.shape
        if not isinstance(images, Tensor):
            raise DataError(f"images are a {type(images).__name__}; model.preprocess(pictures) makes a tensor of them")
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            hint = "; model.preprocess(pictures) makes them" if images.ndim != 4 else ""
            given = tuple(images.shape)
            raise DataError(f"images have shape {given}; {self.spec.name} takes {_batch_of(expected)}{hint}")
        if not images.is_floating_point():
            raise DataError(f"images are {images.dtype}; {self.spec.name} takes floats in [0, 1]: divide by 255")
        if images.dtype == torch.float64 != self.latent_mean.dtype:
            raise DataError(f"images are float64; {self.spec.name} takes {self.latent_mean.dtype}: images.float()")
        # Reading values back would break a compiled or exported graph, and means nothing on the meta device.
        if not self.checks_range or torch.compiler.is_compiling() or images.is_meta:
            return
        try:
            low, high = (value.item() for value in images.detach().aminmax())
        except RuntimeError:  # no values to read: an empty batch, a fake tensor, inside torch.func.vmap
            return
        if not (low >= 0 and high <= 1):  # not a number counts as outside
            self.checks_range = False
            message = f"images lie in [{low:.3g}, {high:.3g}]; {self.spec.name} takes [0, 1]"
            warnings.warn(message, AezooWarning, stacklevel=4)


def _batch_of(shape: tuple[int, ...]) -> str:
    return f"(b, {', '.join(map(str, shape))})"
