"""The autoencoders of diffusers as models of aezoo. Declared here; nothing imports torch.

An option is called like the key of diffusers' own config that it sets. ``in_channels``, ``out_channels`` and
``sample_size`` are the images'. The defaults are small, and built with random weights; `load` takes a published model.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import aezoo
from aezoo.plain import Option

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder

_IMAGE = aezoo.ImageSpec(size=(64, 64), channels=3)
_DOWN = ("DownEncoderBlock2D", "AttnDownEncoderBlock2D")
_UP = ("UpDecoderBlock2D", "AttnUpDecoderBlock2D")
_DC = ("ResBlock", "EfficientViTBlock")
_STAGE = "of each stage; one stands for all"


def _whole(name: str, default: int, low: int = 1, help: str = "") -> Option:
    return Option(name=name, type="int", default=default, low=low, high=_most(name), help=help)


def _wholes(name: str, default: tuple[int, ...], low: int = 1, help: str = "of each stage") -> Option:
    return Option(name=name, type="ints", default=default, low=low, high=_most(name), help=help)


def _most(name: str) -> int | None:
    """Of what is a number of layers, whose modules a file might ask for without end."""
    return 64 if "layers" in name or name.endswith("_blocks") else None


def _switch(name: str, default: bool, help: str = "") -> Option:
    return Option(name=name, type="bool", default=default, help=help)


def _word(name: str, default: str, *choices: str, help: str = "") -> Option:
    return Option(name=name, type="str", default=default, choices=choices, help=help)


def _words(name: str, choices: tuple[str, ...]) -> Option:
    return Option(name=name, type="strs", default=choices[:1], choices=choices, help=_STAGE)


def _numbers(name: str, default: tuple[float, ...], help: str) -> Option:
    return Option(name=name, type="floats", default=default, help=help)


def _scale(default: float) -> Option:
    text = "what latents are multiplied by, as latent diffusion takes them"
    return Option(name="scaling_factor", type="float", default=default, low=1e-6, help=text)


_SHIFT = Option(name="shift_factor", type="float", default=0.0, help="what is taken off them before")
_ACT = _word("act_fn", "silu", help="the activation, by diffusers' name of it")
_GROUPS = _whole("norm_num_groups", 32, help="of a group normalisation; divides every width")
_LATENT = _whole("latent_channels", 4, help="of a latent map")
_MIDDLE = _switch("mid_block_add_attention", True, help="attention over all positions at the coarsest size")
_STAGES = (
    _wholes("block_out_channels", (32, 64, 64), help="widths; all but the last stage halve the image"),
    _words("down_block_types", _DOWN),
    _words("up_block_types", _UP),
    _whole("layers_per_block", 1),
    _ACT,
    _LATENT,
    _GROUPS,
)

KL = aezoo.ModelSpec(
    name="diffusers-kl",
    summary="AutoencoderKL of diffusers, the VAE of Stable Diffusion (Rombach et al. 2022)",
    image=_IMAGE,
    implementation="aezoo_diffusers.models:kl",
    options=(
        *_STAGES,
        _switch("use_quant_conv", True, help="a 1x1 convolution after the encoder"),
        _switch("use_post_quant_conv", True, help="and before the decoder"),
        _MIDDLE,
        _scale(0.18215),
        _SHIFT,
        _numbers("latents_mean", (), help="of each channel, taken off before scaling; in place of shift_factor"),
        _numbers("latents_std", (), help="of each channel, divided by before scaling"),
    ),
    provides=("gaussian", "kl", "posterior", "prior"),
    loss="l1 + 0.0000005*kl",
    citation="Rombach et al. 2022, arXiv 2112.10752",
)

ASYMMETRIC = aezoo.ModelSpec(
    name="diffusers-asymmetric-kl",
    summary="AsymmetricAutoencoderKL of diffusers: a larger decoder (Zhu et al. 2023)",
    image=_IMAGE,
    implementation="aezoo_diffusers.models:asymmetric_kl",
    options=(
        _wholes("down_block_out_channels", (32, 64, 64), help="widths of the encoder"),
        _words("down_block_types", _DOWN),
        _whole("layers_per_down_block", 1),
        _wholes("up_block_out_channels", (32, 64, 128), help="widths of the decoder, of as many stages"),
        _words("up_block_types", _UP),
        _whole("layers_per_up_block", 1),
        _ACT,
        _LATENT,
        _GROUPS,
        _scale(0.18215),
    ),
    provides=("gaussian", "kl", "posterior", "prior"),
    loss="l1 + 0.0000005*kl",
    citation="Zhu et al. 2023, arXiv 2306.04632",
)

TINY = aezoo.ModelSpec(
    name="diffusers-tiny",
    summary="AutoencoderTiny of diffusers: distilled, without a posterior (TAESD)",
    image=_IMAGE,
    implementation="aezoo_diffusers.models:tiny",
    options=(
        _wholes("encoder_block_out_channels", (32, 32, 32), help="widths; all but the first stage halve the image"),
        _wholes("decoder_block_out_channels", (32, 32, 32), help="widths; all but the last stage double it"),
        _wholes("num_encoder_blocks", (1, 1, 1), low=0),
        _wholes("num_decoder_blocks", (1, 1, 1), low=0),
        _word("act_fn", "relu", help="the activation, by diffusers' name of it"),
        _word("upsample_fn", "nearest", "nearest", "bilinear", "bicubic"),
        _LATENT,
        _whole("upsampling_scaling_factor", 2, help="of a stage that doubles"),
        _scale(1.0),
        _SHIFT,
    ),
    loss="l1",
    citation="Boer Bohan 2023, github.com/madebyollin/taesd",
)

DC = aezoo.ModelSpec(
    name="diffusers-dc",
    summary="AutoencoderDC of diffusers: deep compression (Chen et al. 2024)",
    image=_IMAGE,
    implementation="aezoo_diffusers.models:dc",
    options=(
        _wholes("encoder_block_out_channels", (32, 64, 64), help="widths; all but the last stage halve the image"),
        _wholes("decoder_block_out_channels", (32, 64, 64), help="widths of the decoder, of as many stages"),
        _wholes("encoder_layers_per_block", (1, 1, 1), low=0, help="of each stage; 0 only of the first"),
        _wholes("decoder_layers_per_block", (1, 1, 1), low=0, help="of each stage; 0 only of the first"),
        _words("encoder_block_types", _DC),
        _words("decoder_block_types", _DC),
        Option(
            name="encoder_qkv_multiscales",
            type="strs",
            default=("",),
            help="kernels of each stage's EfficientViTBlock, '5' or '3 5'; one stands for all",
        ),
        Option(name="decoder_qkv_multiscales", type="strs", default=("",), help="the same of the decoder"),
        _whole("attention_head_dim", 32),
        _word("upsample_block_type", "pixel_shuffle", "pixel_shuffle", "interpolate"),
        _word("downsample_block_type", "pixel_unshuffle", "pixel_unshuffle", "Conv"),
        _words("decoder_norm_types", ("rms_norm", "batch_norm")),
        Option(name="decoder_act_fns", type="strs", default=("silu",), help=_STAGE),
        _word("decoder_conv_act_fn", "relu", help="before the decoder's last convolution"),
        _switch("encoder_out_shortcut", True, help="around the encoder's last convolution"),
        _switch("decoder_in_shortcut", True, help="around the decoder's first one"),
        _whole("latent_channels", 8, help="of a latent map"),
        _scale(1.0),
    ),
    loss="l1",
    citation="Chen et al. 2024, arXiv 2410.10733",
)

VQ = aezoo.ModelSpec(
    name="diffusers-vq",
    summary="VQModel of diffusers: a codebook (VQGAN, Esser et al. 2021)",
    image=_IMAGE,
    implementation="aezoo_diffusers.models:vq",
    options=(
        *_STAGES,
        _whole("num_vq_embeddings", 256, help="codes"),
        _whole("vq_embed_dim", 0, low=0, help="of a code; 0: latent_channels"),
        _word("norm_type", "group", "group", "spatial", help="'spatial': the decoder's is conditioned on the codes"),
        _MIDDLE,
        _scale(0.18215),
    ),
    provides=("codebook", "codes", "commitment"),
    loss="l1 + 6*diffusers-vq",
    citation="Esser et al. 2021, arXiv 2012.09841",
)

RAE = aezoo.ModelSpec(
    name="diffusers-rae",
    summary="AutoencoderRAE of diffusers: decodes frozen features (Zheng et al. 2025)",
    image=_IMAGE,
    implementation="aezoo_diffusers.models:rae",
    options=(
        _word("encoder_type", "dinov2", "dinov2", "siglip2", "mae"),
        _whole("encoder_hidden_size", 64, help="a multiple of 64"),
        _whole("encoder_patch_size", 8),
        _whole("encoder_num_hidden_layers", 2),
        _whole("encoder_input_size", 64, help="images are resized to it"),
        _numbers("encoder_norm_mean", (0.485, 0.456, 0.406), help="of a channel, as the encoder was trained"),
        _numbers("encoder_norm_std", (0.229, 0.224, 0.225), help="of a channel"),
        _whole("decoder_hidden_size", 64, help="a multiple of 4"),
        _whole("decoder_num_hidden_layers", 2),
        _whole("decoder_num_attention_heads", 4),
        _whole("decoder_intermediate_size", 128),
        _whole("patch_size", 8, help="of the decoder"),
        Option(name="noise_tau", type="float", default=0.0, low=0, help="largest deviation of noise on the features"),
        _wholes("latents_shape", (), help="of the features' mean and deviation, which lie with the weights; (): none"),
        _scale(1.0),
    ),
    loss="l1",
    citation="Zheng et al. 2025, arXiv 2510.11690",
)

TERM = aezoo.LossSpec(
    name="diffusers-vq",
    summary="Codebook and commitment of diffusers-vq: sum over the latent's dimensions",
    implementation="aezoo_diffusers.losses:codebook",
    options=(Option(name="beta", type="float", default=0.25, low=0, help="weight of the codebook's half"),),
    needs=("codebook", "commitment"),
    unit="squared error of a latent",
)

COMMAND = aezoo.CommandSpec(
    name="import-diffusers",
    summary="Make a model folder of an autoencoder of diffusers",
    implementation="aezoo_diffusers.command:command",
)


def load(
    source: str | os.PathLike[str],
    *,
    subfolder: str = "",
    pretrained: bool = True,
    image_size: int | tuple[int, int] | None = None,
) -> Autoencoder:
    """A published autoencoder of diffusers as a model of aezoo, in ``eval()``.

    >>> model = load("stabilityai/sd-vae-ft-mse")
    >>> model.save_pretrained("sd-vae")  # from here on aezoo.create("./sd-vae", pretrained=True), without a network

    Args:
        source: a folder in diffusers' format, its ``config.json``, or a repository of the Hugging Face Hub,
            ``"owner/name@revision"``. Of weights only safetensors are read, and no code is run.
        subfolder: where in it the autoencoder lies; of a whole pipeline ``"vae"``.
        pretrained: False reads the config alone, and starts with random weights.
        image_size: of the model; by default what the config says, else 64. Most take any multiple of their stride.

    Raises:
        WeightsError: there is nothing of the kind, or it cannot be reached.
        CompositionError: the config is of an autoencoder that is none of these.
    """
    from aezoo_diffusers.sources import load as load_source

    return load_source(source, subfolder=subfolder, pretrained=pretrained, image_size=image_size)


MODELS = {
    "AutoencoderKL": KL,
    "AsymmetricAutoencoderKL": ASYMMETRIC,
    "AutoencoderTiny": TINY,
    "AutoencoderDC": DC,
    "VQModel": VQ,
    "AutoencoderRAE": RAE,
}
"""The model of each class of diffusers."""


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.ModelSpec | aezoo.LossSpec | aezoo.CommandSpec]:
    """Everything that this package registers."""
    yield from MODELS.values()
    yield TERM
    yield COMMAND
