"""The autoencoder: an encoder, a bottleneck and a decoder behind one door, with their prior and likelihood.

Shapes: b images, c channels, h height, w width; ``latent_shape`` is that of one image's ``z``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo import door, mismatch, tiling
from aezoo.door import by
from aezoo.errors import CompositionError, DataError, OptionError, WeightsError, nearest, shown
from aezoo.files import path_of
from aezoo.latent import Batch, Latent, Output
from aezoo.noise import noise
from aezoo.plain import PARTS, ImageSpec
from aezoo.specs import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from PIL import Image

    from aezoo.bottlenecks.base import Bottleneck
    from aezoo.likelihoods.base import Likelihood
    from aezoo.priors.base import Prior


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where the weights of a model come from.

    Attributes:
        name: of the model that they are of.
        tag: of it, where they are published under one.
        sha256: of the file of weights.
        folder: the model folder in which they lie.
        package: the installed package that holds the folder, as it is imported; empty: none does.
        began: the weights that these were made from, as the folder says.
    """

    name: str
    tag: str
    sha256: str
    folder: Path
    package: str = ""
    began: str = ""

    def __str__(self) -> str:
        return f"{self.name}{'.' if self.tag else ''}{self.tag} (sha256 {self.sha256[:12]}...)"

    @property
    def origin(self) -> str:
        """The weights, and those that they were made from."""
        return f"{self}{self.began and f', which began with {self.began}'}"


class Autoencoder(nn.Module):
    """A model of the zoo.

    Where it takes ``images`` it takes a `Batch` too, whose images are then known to lie in [0, 1]. ``labels`` are for
    conditional models alone, which need them; a `Batch` brings its own.

    Args:
        spec: what it is made of.
        encoder: images to features.
        bottleneck: features to a `Latent`.
        decoder: ``z`` to parameter maps.
        prior: the distribution of ``z``, where there is one.
        likelihood: maps to images.
        conditional: which of ``"encoder"`` and ``"decoder"`` takes labels as its second argument.

    Attributes:
        provides: what losses and metrics may need: ``"logits"``, ``"kl"``, ``"nll"``, ...
        stride: it takes images whose height and width are any multiples of it; 0: its own size alone.
        source: where its weights were loaded from; None: they are those of a fresh start.
        statistics_of_images: what its training images were like, where that is known: it warns once of others.
        frozen: the parts that are not trained.
        only: ``"encoder"`` or ``"decoder"`` where it is one half of a model; else empty.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(
        self,
        spec: ModelSpec,
        encoder: nn.Module,
        bottleneck: Bottleneck,
        decoder: nn.Module,
        *,
        prior: Prior | None = None,
        likelihood: Likelihood,
        conditional: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.prior = prior
        self.decoder = decoder
        self.likelihood = likelihood
        self.conditional = frozenset(conditional)
        self.provides = frozenset(spec.provides)
        strides = {stride_of(part) for part in (encoder, decoder)}
        is_of_any_size = len(strides) == 1 and bottleneck.spatial and (prior is None or prior.any_size)
        self.stride: int = max(strides) if is_of_any_size else 0
        # Over the training data, stored with the weights: latent diffusion scales by them, and a deterministic
        # bottleneck samples from them. A standard deviation of zero says that they were never measured.
        self.register_buffer("latent_mean", torch.zeros(bottleneck.statistics_shape))
        self.register_buffer("latent_std", torch.zeros(bottleneck.statistics_shape))
        self.source: WeightsSource | None = None
        self.statistics_of_images: mismatch.ImageStatistics | None = None
        self.frozen: frozenset[str] = frozenset()
        self._stilled: frozenset[str] = frozenset()  # the parameters that `freeze` keeps from learning
        self.only = ""
        self._warned: frozenset[str] = frozenset()  # what `mismatch.alarm` has said

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str],
        *,
        revision: str = "",
        sha256: str = "",
        only: Literal["", "encoder", "decoder"] = "",
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> Autoencoder:
        """The trained model of a name, folder or repository: ``aezoo.create(model, pretrained=True)``, in ``eval()``.

        Args:
            model: a name as `aezoo.composition.resolve` takes it, or the path of a model folder. ``"owner/name"`` that
                is neither is a repository of the Hugging Face Hub.
            revision: of a repository: a branch, a tag or a commit.
            sha256, only, device, dtype: as in `aezoo.create`.

        Raises:
            AezooError: a name or weights that do not work; the message says which and what would.
        """
        from aezoo.factory import create
        from aezoo.weights.hub import repository

        model = repository(model, revision)
        return create(model, pretrained=True, sha256=sha256, only=only, device=device, dtype=dtype)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as it is now into a model folder, which `from_pretrained` and `aezoo.create` read.

        Its weights are written in float32. What was saved there before is replaced, but no run, and no README.md or
        config.json of something else.

        Raises:
            WeightsError: the folder cannot be written, or holds a run or files of something else; or the model has
                other layers than its spec says, so that it could not be read back.
        """
        from aezoo.saving import save_pretrained

        save_pretrained(path_of(folder, "folder"), self)

    def push_to_hub(self, repo: str, *, private: bool = False, tag: str = "") -> str:
        """Send the model as it is now to the Hugging Face Hub, and return the commit.

        Nothing of it is measured, which its card says; ``aezoo publish`` sends a run with its numbers.

        Args:
            repo: ``"owner/name"``, made where there is none; ``"owner/name@branch"``.
            private: whether a repository that is made is; into one that is public nothing is then sent.
            tag: to give the commit.

        Raises:
            OptionError: that is no name of one.
            WeightsError: the Hub refuses, or cannot be reached.
        """
        from aezoo.saving import push_model

        return push_model(repo, self, private=private, tag=tag)

    def freeze(self, *parts: str) -> Self:
        """Keep parts as they are from here on: their parameters get no gradient, and they stay in ``eval()``. Without
        any named, all of them.

        >>> model.freeze("encoder", "bottleneck").train()  # trains the decoder; latents stay what they are

        Raises:
            OptionError: the model has no such part.
        """
        held = self._parts(parts or [part for part in PARTS if getattr(self, part) is not None])
        for name, parameter in self.named_parameters(remove_duplicate=False):
            if name.partition(".")[0] in held and parameter.requires_grad:
                parameter.requires_grad_(False)
                self._stilled |= {name}
        self.frozen |= held
        return self.train(self.training)

    def unfreeze(self, *parts: str) -> Self:
        """Train frozen parts again, what was trained of them before; without any named, all of them.

        Raises:
            OptionError: the model has no such part.
        """
        freed = self._parts(parts or self.frozen)
        for name, parameter in self.named_parameters(remove_duplicate=False):
            if name in self._stilled and name.partition(".")[0] in freed:
                parameter.requires_grad_(True)
                self._stilled -= {name}
        self.frozen -= freed
        return self.train(self.training)

    def _parts(self, parts: Iterable[str]) -> set[str]:
        for part in parts:
            if not isinstance(part, str) or part not in PARTS or getattr(self, part) is None:
                own = [each for each in PARTS if getattr(self, each) is not None]
                raise OptionError(
                    f"{self.spec.name} has no {shown(part)} to freeze: did you mean {nearest(str(part), own)}?"
                )
        return {*parts}

    def train(self, mode: bool = True) -> Self:
        """As of any module; but frozen parts stay in ``eval()``: no batch moves their statistics."""
        super().train(mode)
        for part in self.frozen:
            getattr(self, part).eval()
        return self

    @property
    def image(self) -> ImageSpec:
        """The images that it takes and gives."""
        return self.spec.image

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one image's ``z``."""
        return self.bottleneck.latent_shape

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.latent_mean.device

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, and of the images that it takes."""
        return self.latent_mean.dtype

    @property
    def statistics(self) -> str:
        """What the stored mean and deviation of ``z`` are of: each ``"dimension"``, or each ``"channel"`` of a map."""
        return "dimension" if self.latent_mean.shape == self.latent_shape else "channel"

    @property
    def last_layer(self) -> nn.Parameter:
        """The weights of the decoder's last layer, by whose gradient adversarial losses are balanced.

        Raises:
            CompositionError: the decoder is frozen.
        """
        if "decoder" in self.frozen:
            raise CompositionError(f"the decoder of {self.spec.name} is frozen: no loss is balanced by its gradient")
        return [parameter for parameter in self.decoder.parameters() if parameter.ndim > 1][-1]

    @property
    def sizes(self) -> str:
        """The heights and widths that it takes, in words."""
        return f"any multiples of {self.stride}" if self.stride else by(self.image.size)

    def labels_of(self, batch: Batch) -> Tensor | None:
        """The labels of a batch, where the model is conditional; else None."""
        return batch.labels if self.conditional else None

    def latent_shape_at(self, size: tuple[int, int]) -> tuple[int, ...]:
        """The shape of ``z`` of an image of another height and width.

        Raises:
            DataError: the model does not take images of this size.
        """
        size = ImageSpec.of(size, self.image.channels).size
        if size == self.image.size:
            return self.latent_shape
        if not self.stride or size[0] % self.stride or size[1] % self.stride or not min(size):
            raise DataError(f"images of {by(size)}; {self.spec.name} takes {self.sizes}")
        return (self.latent_shape[0], size[0] // self.stride, size[1] // self.stride)

    def encode(
        self, images: Float[Tensor, "b c h w"] | Batch, labels: Tensor | None = None, *, tile: int | None = None
    ) -> Latent:
        """Images in [0, 1] to their latents.

        Args:
            images: of the model's own size, or any multiple of its stride.
            labels: of a conditional model.
            tile: go over the images in tiles of this many pixels, rounded up to the stride, one after the other: the
                same result, to rounding, in memory for one tile (and what it sees around it) under ``torch.no_grad()``.

        Raises:
            DataError: the images have another shape or type than ``self.image`` says, or labels are missing.
            CompositionError: ``tile``, and the encoder's receptive field is not finite, the latent is no map, or the
                model is in ``train()``, where a picture is normalised as a whole.
        """
        images, labels = self._open(images, labels)
        return self._encode(images, labels, tile)

    def decode(
        self, z: Float[Tensor, "b ..."], labels: Tensor | None = None, *, tile: int | None = None
    ) -> Float[Tensor, "b c h w"]:
        """``z`` of shape ``(b, *latent_shape)`` to images in [0, 1].

        Args:
            z: of maps, any height and width.
            labels: of a conditional model.
            tile: as in `encode`, in pixels of the images.

        Raises:
            DataError: ``z`` has another shape, or labels are missing.
            CompositionError: as in `encode`, of the decoder.
        """
        door.check_z(self, z, labels)
        return self.likelihood.reconstruction(self._params(z, labels, tile))

    def output(self, latent: Latent, labels: Tensor | None = None) -> Output:
        """Decode ``latent.z``, keeping what the likelihood reads.

        Raises:
            DataError: it is no `Latent` of this model's, or labels are missing.
        """
        door.check_latent(latent)
        door.check_z(self, latent.z, labels)
        params = self._params(latent.z, labels)
        likelihood = self.likelihood
        return Output(likelihood.reconstruction(params), likelihood.logits(params), latent, params)

    def forward(self, images: Float[Tensor, "b c h w"] | Batch, labels: Tensor | None = None) -> Output:
        """Encode and decode. Deterministic in ``eval()``; in ``train()`` a bottleneck with a posterior samples it."""
        images, labels = self._open(images, labels)
        return self.output(self._encode(images, labels), labels)

    def latent_at(self, latent: Latent, z: Float[Tensor, "b ..."]) -> Latent:
        """The latent of the same images at another ``z``, a sample of the posterior, with its terms for that ``z``.

        Raises:
            DataError: it is no `Latent`, or ``z`` no tensor of such a shape.
        """
        door.check_latent(latent)
        door.check_ending(self, z)
        made = self.bottleneck.at(latent, z)
        exact = self.prior is not None and self.prior.is_exact(self)
        return made if exact else self._with_divergence(made)

    def log_prior(self, z: Float[Tensor, "*n b ..."]) -> Float[Tensor, "*n b"]:
        """log p(z) in nats, summed over the latent's dimensions.

        Raises:
            CompositionError: the model has no prior.
            DataError: ``z`` is no tensor, or of another shape.
        """
        door.check_ending(self, z)
        if self.prior is None:
            raise CompositionError(f"{self.spec.name} has no prior")
        return self.prior.log_prob(z, self)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: torch.Generator | None = None,
        *,
        size: tuple[int, int] | None = None,
        labels: Tensor | None = None,
    ) -> Float[Tensor, "n c h w"]:
        """``n`` new images from the prior; without one, from a Gaussian fitted to the training latents.

        Args:
            n: how many.
            generator: of the noise.
            size: height and width, where the model takes several.
            labels: of a conditional model.

        Raises:
            OptionError: ``n`` or the size is no whole number, or ``generator`` no generator.
            WeightsError: there is no prior, and the training latents were never measured.
            CompositionError: there is no prior, and the latents are codes, to which no Gaussian is fitted.
            DataError: the model does not make images of this size.
        """
        if type(n) is not int or n < 0:
            raise OptionError(f"n={shown(n)}: the number of images to sample is a whole number >= 0")
        if generator is not None and not isinstance(generator, torch.Generator):
            raise OptionError(f"generator={shown(generator)}: give torch.Generator().manual_seed(0), or leave it out")
        shape = (n, *self.latent_shape_at(self.image.size if size is None else size))
        if self.prior is not None:
            return self.decode(self.prior.sample(shape, self, generator), labels)
        if "codes" in self.provides:
            raise CompositionError(f"{self.spec.name} has codes and no prior of them: there is nothing to sample from")
        if not bool(self.latent_std.any()):
            raise WeightsError(
                f"{self.spec.name} has no prior and its latents were not measured: sample after training, "
                "or create it with pretrained=True"
            )
        drawn = noise(self.latent_mean.new_empty(()).expand(shape), generator)
        if self.latent_mean.shape[1:] != shape[2:] and self.latent_mean.numel() != shape[1]:
            raise DataError(f"the latents of {self.spec.name} were measured at {by(self.image.size)} alone")
        return self.decode(self.latent_mean + self.latent_std * drawn, labels)

    def example(self, n: int = 2) -> Batch:
        """A batch of the model's own form, black images of the first class: for shapes, not for numbers."""
        labels = torch.zeros(n, dtype=torch.int64, device=self.device) if self.conditional else None
        return Batch(torch.zeros(n, *self.image.shape, dtype=self.dtype, device=self.device), labels)

    def preprocess(
        self,
        pictures: Image.Image | np.ndarray | Tensor | str | Path | Sequence[Any],
        *,
        size: tuple[int, int] | Literal["own"] | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """A picture or a list of them to a batch of images: paths, PIL images, arrays or tensors ``(h, w)``,
        ``(h, w, c)`` or ``(c, h, w)``, of uint8 or of floats in [0, 1], or a batch of such.

        Each is cropped to the aspect ratio around its centre, resized, and made grey or RGB.

        Args:
            pictures: what to read.
            size: height and width, where the model takes several; ``"own"`` leaves a picture as large as it is, its
                edges cut to multiples of the stride. By default the model's.

        Raises:
            DataError: a picture cannot be read, or there is none; the model does not take the size, or sizes differ.
        """
        from aezoo.datasets.pictures import cut, fit, read_picture

        is_batch = isinstance(pictures, list | tuple) or getattr(pictures, "ndim", 0) == 4
        several: Sequence[Any] = [*pictures] if is_batch else [pictures]  # pyright: ignore[reportGeneralTypeIssues]
        if not several:
            raise DataError("no pictures: give at least one")
        read = [read_picture(picture) for picture in several]
        if size == "own":
            if not self.stride:
                raise DataError(f"{self.spec.name} takes images of {self.sizes} alone, no picture at its own size")
            fitted = [cut(pixels, self.image.channels, self.stride) for pixels in read]
            if len({pixels.shape for pixels in fitted}) > 1:
                raise DataError("pictures of several sizes: give one at a time, or size=(height, width)")
        else:
            image = self.image if size is None else ImageSpec.of(size, self.image.channels)
            self.latent_shape_at(image.size)
            fitted = [fit(pixels, image) for pixels in read]
        return torch.stack(fitted).to(self.device, torch.float32).div_(255).to(self.dtype)

    @staticmethod
    def to_images(x: Float[Tensor, "b c h w"]) -> list[Image.Image]:
        """A batch in [0, 1] to PIL images; what lies outside is clamped.

        Raises:
            DataError: it is no batch of images of 1, 3 or 4 channels, or has values that are no numbers.
        """
        from PIL import Image

        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[1] not in (1, 3, 4) or not all(x.shape[2:]):
            hint = ": give x[None] for one image" if isinstance(x, Tensor) and x.ndim == 3 else ""
            hint = ": output.reconstruction is meant" if isinstance(x, Output) else hint
            raise DataError(f"to_images takes a batch (b, c, h, w) of 1, 3 or 4 channels, not {shape}{hint}")
        if not x.is_floating_point() or x.is_meta or not x.isfinite().all():
            raise DataError(f"to_images takes floats in [0, 1], not {x.dtype} on {x.device} or what is not finite")
        pixels = (x.detach().float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        return [
            Image.fromarray(picture[0].numpy() if len(picture) == 1 else picture.permute(1, 2, 0).numpy())
            for picture in pixels
        ]

    def _encode(self, images: Tensor, labels: Tensor | None, tile: int | None = None) -> Latent:
        latent = self.bottleneck(self._run("encoder", images, labels, tile))
        exact = self.prior is not None and self.prior.is_exact(self)
        if exact:
            latent = self._with_divergence(latent)
        if self.training:
            latent = self.bottleneck.draw(latent)
        return latent if exact else self._with_divergence(latent)

    def _with_divergence(self, latent: Latent) -> Latent:
        if self.prior is not None:
            latent.terms["kl"] = self.prior.kl(latent, self)
        return latent

    def _params(self, z: Tensor, labels: Tensor | None, tile: int | None = None) -> Tensor:
        # A latent is float32 always; a model made half precision as a whole is not.
        return self._run("decoder", z.to(self.dtype), labels, tile).float()

    def _run(self, kind: Literal["encoder", "decoder"], x: Tensor, labels: Tensor | None, tile: int | None) -> Tensor:
        """What the encoder or decoder makes of images or ``z``."""
        inputs = (labels,) if kind in self.conditional else ()
        return getattr(self, kind)(x, *inputs) if tile is None else tiling.in_tiles(self, kind, x, inputs, tile)

    def _open(self, images: Tensor | Batch, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Images and labels, checked."""
        checks_range = not isinstance(images, Batch)
        if isinstance(images, Batch):
            images, labels = images.images, self.labels_of(images)
        door.check_images(self, images)
        is_looked_at = checks_range and len(self._warned) < len(mismatch.REASONS)
        if is_looked_at and (reason := mismatch.alarm(self, images, self._warned)):
            self._warned |= {reason}
        door.check_labels(self, labels, images.shape[0])
        return images, labels


def stride_of(part: nn.Module) -> int:
    """Of an encoder or decoder that takes any multiples of it; 0 of another, those that are a layer of torch's too."""
    stride = getattr(part, "stride", 0)
    return stride if type(stride) is int else 0
