"""diffusers' autoencoders as models of aezoo: taken apart, and put together behind aezoo's door.

Each function builds one from its options, by diffusers' own class of random weights; `wrap` takes one that is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from aezoo import _torchvision as _torchvision  # first: what diffusers imports may import torchvision
from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.base import Bottleneck
from aezoo.door import by
from aezoo.errors import CompositionError, OptionError, shown
from aezoo.likelihoods.base import Likelihood
from aezoo.plain import Value
from aezoo.priors.base import Prior
from aezoo.specs import ModelSpec
from aezoo_diffusers import parts
from aezoo_diffusers.bottlenecks import Codebook, NormalizedPoint, ScaledGaussian, ScaledPoint, ScaledStandardPrior
from aezoo_diffusers.parts import Decoder, Encoder, FeatureDecoder, FeatureEncoder
from aezoo_diffusers.scaling import Scaling

_MOST = 2**24  # numbers of the statistics that a config may ask for

Options = Mapping[str, Any]


def _whole(kind: str, /, spec: ModelSpec, **options: Value) -> Autoencoder:
    """An autoencoder of a class of diffusers; options are the keys of its config, as the spec declares them."""
    return wrap(spec, make(kind, spec, options), options)


kl = partial(_whole, "AutoencoderKL")
asymmetric_kl = partial(_whole, "AsymmetricAutoencoderKL")
tiny = partial(_whole, "AutoencoderTiny")
dc = partial(_whole, "AutoencoderDC")
vq = partial(_whole, "VQModel")
rae = partial(_whole, "AutoencoderRAE")


def class_of(kind: str) -> Any:
    """The class of diffusers.

    Raises:
        CompositionError: the installed diffusers has none of this name, or it needs what is not installed.
    """
    import diffusers
    from diffusers.utils.import_utils import is_transformers_available

    found = getattr(diffusers, kind, None)
    if found is None:
        raise CompositionError(f"diffusers {diffusers.__version__} has no {kind}: pip install -U diffusers")
    if kind == "AutoencoderRAE" and not is_transformers_available():
        raise CompositionError(f"{kind} is made of transformers, which is not installed: pip install transformers")
    return found


def make(kind: str, spec: ModelSpec, options: Options) -> Any:
    """An autoencoder of diffusers with random weights, on the default device.

    Args:
        kind: its class.
        spec: of which the images count.
        options: as the spec declares them.

    Raises:
        OptionError: lists of options that do not go together.
        CompositionError: the class is not there.
    """
    config = {**options, **_spread(options)}
    if "vq_embed_dim" in config:
        config["vq_embed_dim"] = config["vq_embed_dim"] or None
    if kind == "AutoencoderRAE":
        shape = config.pop("latents_shape")
        if math.prod(shape) > _MOST:
            raise OptionError(f"latents_shape={shape} has more than {_MOST:,} numbers")
        none = {"latents_mean": torch.zeros, "latents_std": torch.ones}  # lists: it reads them, on the meta device too
        statistics = {name: fill(shape, device="cpu").tolist() for name, fill in none.items()} if shape else {}
        return class_of(kind)(num_channels=spec.image.channels, **config, **statistics)
    if kind != "AutoencoderDC":  # which gives as many channels as it takes
        config["out_channels"] = spec.image.channels
    return class_of(kind)(in_channels=spec.image.channels, **config)


def _spread(options: Options) -> dict[str, Any]:
    """The options of stages, one value a stage."""
    spread = {}
    for widths, of_stages in _STAGES.items():
        stages = len(options.get(widths, ()))
        for name in of_stages if widths in options else ():
            values = options.get(name)
            if values is None:
                continue
            if len(values) not in (1, stages) or (len(values) == 1 < stages and not isinstance(values[0], str)):
                said = f"{name}={shown(values, 60)}: {len(values)} values for the {stages} stages of {widths}"
                raise OptionError(f"{said}; give one of each")
            spread[name] = tuple(values) * stages if len(values) == 1 else tuple(values)
            if name.endswith("multiscales"):
                spread[name] = tuple(tuple(map(int, each.split())) for each in spread[name])
    return spread


_STAGES = {
    "block_out_channels": ("down_block_types", "up_block_types"),
    "down_block_out_channels": ("down_block_types",),
    "up_block_out_channels": ("up_block_types",),
    "encoder_block_out_channels": (
        "num_encoder_blocks",
        "encoder_block_types",
        "encoder_layers_per_block",
        "encoder_qkv_multiscales",
    ),
    "decoder_block_out_channels": (
        "num_decoder_blocks",
        "decoder_block_types",
        "decoder_layers_per_block",
        "decoder_qkv_multiscales",
        "decoder_norm_types",
        "decoder_act_fns",
    ),
}
"""The options that have a value for each stage, by those that say how many there are."""


def wrap(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    """An autoencoder of diffusers as one of aezoo, of the very same modules.

    Args:
        spec: described.
        model: of a class in `aezoo_diffusers.MODELS`.
        options: of the spec.

    Raises:
        CompositionError: the images are not such as the model takes.
    """
    return _WRAPPED[type(model).__name__](spec, model, options)


def _kl(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    return _gaussian(spec, model, options, _stride(options["block_out_channels"]))


def _asymmetric_kl(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    model.decoder.condition_encoder.requires_grad_(False)  # it sees an image and a mask, of which there is none
    stride = _stride(options["down_block_out_channels"], options["up_block_out_channels"])
    return _gaussian(spec, model, options, stride)


def _gaussian(spec: ModelSpec, model: Any, options: Options, stride: int) -> Autoencoder:
    scaling = _scaling(options)
    return _join(
        spec,
        Encoder(model.encoder, stride, model.quant_conv),
        ScaledGaussian(_shape(spec, options["latent_channels"], stride), scaling),
        Decoder(model.decoder, stride, scaling, model.post_quant_conv),
        prior=ScaledStandardPrior(scaling),
    )


def _tiny(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    factor = options["upsampling_scaling_factor"]
    if factor != 2:
        raise CompositionError(f"upsampling_scaling_factor={factor}: the encoder halves, so the decoder doubles")
    return _point(spec, model, options)


def _point(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    stride = _stride(options["encoder_block_out_channels"], options["decoder_block_out_channels"])
    scaling = _scaling(options)
    return _join(
        spec,
        Encoder(model.encoder, stride),
        ScaledPoint(_shape(spec, options["latent_channels"], stride), scaling),
        Decoder(model.decoder, stride, scaling),
    )


def _deep(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    dim = options["latent_channels"]
    for half, shortcut in (("encoder", "encoder_out_shortcut"), ("decoder", "decoder_in_shortcut")):
        layers, width = options[f"{half}_layers_per_block"], options[f"{half}_block_out_channels"][-1]
        if 0 in layers[1:]:
            raise OptionError(f"{half}_layers_per_block={layers}: a stage without layers does not halve: 0 only first")
        if options[shortcut] and width % dim:
            raise OptionError(f"{shortcut} is around {width} channels, no multiple of latent_channels={dim}")
    return _point(spec, model, options)


def _vq(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    stride, scaling = _stride(options["block_out_channels"]), _scaling(options)
    dim = options["vq_embed_dim"] or options["latent_channels"]
    conditioned = options["norm_type"] == "spatial"
    return _join(
        spec,
        Encoder(model.encoder, stride, model.quant_conv),
        Codebook(model.quantize.embedding, _shape(spec, dim, stride), scaling),
        Decoder(model.decoder, stride, scaling, model.post_quant_conv, conditioned=conditioned),
    )


def _rae(spec: ModelSpec, model: Any, options: Options) -> Autoencoder:
    if spec.image.channels != 3:  # the features' encoder normalises three
        raise CompositionError(f"{spec.name} makes images of 3 channels, not {spec.image.channels}")
    size = (model.decoder_image_size, model.decoder_image_size)
    if spec.image.size != size:
        raise CompositionError(f"{spec.name} makes images of {by(size)} with these options, not {by(spec.image.size)}")
    side = options["encoder_input_size"] // options["encoder_patch_size"]
    masked = partial(parts.mae, patch=options["encoder_patch_size"])
    tokens = {"dinov2": parts.dinov2, "siglip2": parts.siglip2, "mae": masked}[options["encoder_type"]]
    images, latents = (model.encoder_mean, model.encoder_std), (model._latents_mean, model._latents_std)
    scaling, shape = _scaling(options), (options["encoder_hidden_size"], side, side)
    return _join(
        spec,
        FeatureEncoder(model.encoder, tokens, options["encoder_input_size"], *images),
        NormalizedPoint(shape, *latents, scaling, options["noise_tau"]),
        FeatureDecoder(model.decoder, *latents, *images, scaling),
    )


_WRAPPED: dict[str, Callable[[ModelSpec, Any, Options], Autoencoder]] = {
    "AutoencoderKL": _kl,
    "AsymmetricAutoencoderKL": _asymmetric_kl,
    "AutoencoderTiny": _tiny,
    "AutoencoderDC": _deep,
    "VQModel": _vq,
    "AutoencoderRAE": _rae,
}


def _stride(encoder: tuple[int, ...], decoder: tuple[int, ...] = ()) -> int:
    """Pixels of a position of the latent: all stages but one halve the image."""
    if decoder and len(decoder) != len(encoder):
        raise CompositionError(f"an encoder of {len(encoder)} stages and a decoder of {len(decoder)}: give as many")
    return 2 ** (len(encoder) - 1)


def _shape(spec: ModelSpec, dim: int, stride: int) -> tuple[int, int, int]:
    height, width = spec.image.size
    if height % stride or width % stride:
        raise CompositionError(f"{spec.name} takes images of any multiples of {stride}, not {by(spec.image.size)}")
    return dim, height // stride, width // stride


def _scaling(options: Options) -> Scaling:
    scale, mean, std = options["scaling_factor"], options.get("latents_mean", ()), options.get("latents_std", ())
    if mean or std:
        n = options["latent_channels"]
        if not len(mean) == len(std) == n or min(std) <= 0:
            given = f"{len(mean)} and {len(std)}" + (", not all above 0" if std and min(std) <= 0 else "")
            raise OptionError(f"latents_mean and latents_std have {given}: give {n} each, the latter above 0")
        if options.get("shift_factor"):
            raise OptionError("shift_factor and latents_mean are two ways to say one thing: give one of them")
        return Scaling(tuple(scale / each for each in std), tuple(mean))
    return Scaling((scale,), (options.get("shift_factor", 0.0),))


def _join(
    spec: ModelSpec, encoder: nn.Module, bottleneck: Bottleneck, decoder: nn.Module, *, prior: Prior | None = None
) -> Autoencoder:
    return Autoencoder(spec, encoder, bottleneck, decoder, prior=prior, likelihood=Likelihood(spec.image))
