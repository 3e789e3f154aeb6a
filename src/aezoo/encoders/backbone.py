"""timm and torchvision backbones as encoders: the last feature map, before the head.

Images are normalised by the backbone's own mean and standard deviation, then padded on the right and bottom to a
multiple of its stride s: features are always ceil(h / s) x ceil(w / s), as strides round up everywhere in aezoo.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import init_empty_weights
from jaxtyping import Float
from torch import Tensor, nn

from aezoo._torchvision import import_timm, torchvision
from aezoo.errors import CompositionError, WeightsError
from aezoo.plain import ImageSpec

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
# What the classifiers of torchvision have around their trunk; the rest of their children run one after the other.
_HEADS = {"aux1", "aux2", "AuxLogits", "avgpool", "dropout", "flatten", "classifier", "fc", "head"}


class TimmEncoder(nn.Module):
    """``(b, c, h, w)`` to ``(b, d, ceil(h / s), ceil(w / s))``: the last stage of a timm backbone of stride s.

    It is what timm's ``features_only`` gives: maps in NCHW, tokens folded back to their grid without the class token,
    the head and a transformer's final normalisation left out. timm adapts the first layer to any number of channels;
    where the backbone has other than ``c``, the averages of its mean and standard deviation serve for each.

    Args:
        image: the images.
        member: a name of timm's, ``resnet18``, or with a tag of its weights, ``resnet18.a1_in1k``.
        pretrained: start from the backbone's published weights (a download).

    Raises:
        WeightsError: the published weights cannot be downloaded.
    """

    def __init__(self, image: ImageSpec, *, member: str, pretrained: bool = False) -> None:
        super().__init__()
        timm = import_timm()
        create = partial(timm.create_model, member, features_only=True, out_indices=(-1,), in_chans=image.channels)
        with torch.device("meta"):
            stride = _build(create).feature_info.reduction()[-1]
        config = timm.get_pretrained_cfg(member)
        mean, std = config.mean, config.std
        if image.channels != len(mean):
            mean, std = ([sum(each) / len(each)] * image.channels for each in (mean, std))
        # CrossViT has a stride of 17.14 at the size that it is made for, and that is not padded to a multiple of 17.
        is_own = config.fixed_input_size and image.size == tuple(config.input_size[1:])
        self.prepare = Prepare(image, mean, std, 1 if is_own else stride)
        # Position embeddings and windows are made for one size; a convolutional backbone takes no such argument.
        fixed = {"img_size": self.prepare.size} if config.fixed_input_size else {}
        self.trunk = _build(partial(create, pretrained=pretrained, **fixed))
        self.channels_last = getattr(self.trunk, "output_fmt", "NCHW") == "NHWC"

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        (features,) = self.trunk(self.prepare(images))
        return features.movedim(-1, 1) if self.channels_last else features


class TorchvisionEncoder(nn.Module):
    """``(b, c, h, w)`` to ``(b, d, ceil(h / s), ceil(w / s))``: a torchvision classifier without its head.

    s is 32, or the side of a vision transformer's patches; a few of the oldest networks (AlexNet, SqueezeNet,
    Inception) have borders of their own and give another size. Grey images become three equal channels.

    Args:
        image: the images, of one or three channels.
        member: a name of torchvision's, ``resnet18``.
        pretrained: start from the published weights that torchvision calls ``DEFAULT`` (a download).

    Raises:
        CompositionError: the images have neither one nor three channels.
        WeightsError: the published weights cannot be downloaded.
    """

    def __init__(self, image: ImageSpec, *, member: str, pretrained: bool = False) -> None:
        super().__init__()
        if image.channels not in (1, 3):
            allowed = "1 or 3 channels (of timm:*, any number)"
            raise CompositionError(f"encoder torchvision:{member} takes {allowed}, not {image.channels}")
        models = torchvision.models
        model = _build(partial(models.get_model, member, weights="DEFAULT" if pretrained else None))
        is_transformer = isinstance(model, models.VisionTransformer)
        mean, std = _IMAGENET_MEAN, _IMAGENET_STD
        if pretrained:  # as those weights were trained
            transforms = models.get_model_weights(member).DEFAULT.transforms()
            mean, std = transforms.mean, transforms.std
        if getattr(model, "transform_input", False):  # the weights of GoogLeNet and Inception, ported from TensorFlow
            mean = std = (0.5, 0.5, 0.5)
        self.prepare = Prepare(image, mean, std, model.patch_size if is_transformer else 32)
        self.trunk = TokenTrunk(model, self.prepare.size) if is_transformer else _without_head(model)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return self.trunk(self.prepare(images))


class Prepare(nn.Module):
    """Images in [0, 1] to what a backbone takes: normalised, then padded with zeros to a multiple of its stride.

    Mean and standard deviation are stored with the weights: they belong to the weights that training started from.

    Args:
        image: the images; grey ones take the number of channels of ``mean``.
        mean, std: one value a channel.
        stride: the padded size is a multiple of it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, image: ImageSpec, mean: Sequence[float], std: Sequence[float], stride: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        height, width = image.size
        self.size = (math.ceil(height / stride) * stride, math.ceil(width / stride) * stride)
        self.padding = (0, self.size[1] - width, 0, self.size[0] - height)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return F.pad((images - self.mean) / self.std, self.padding)


class TokenTrunk(nn.Module):
    """torchvision's vision transformer on images of any size, its tokens folded back to their grid.

    Args:
        model: the transformer; its position embeddings are resized to the grid.
        size: height and width of the images, multiples of its patch size p.
    """

    def __init__(self, model: Any, size: tuple[int, int]) -> None:
        super().__init__()
        self.conv_proj = model.conv_proj
        self.class_token = model.class_token
        self.encoder = model.encoder
        known = model.image_size // model.patch_size
        grid = (size[0] // model.patch_size, size[1] // model.patch_size)
        with torch.no_grad():
            own, places = self.encoder.pos_embedding.split([1, known**2], dim=1)  # the class token's, the patches'
            places = places.mT.unflatten(2, (known, known))
            places = F.interpolate(places, grid, mode="bicubic", antialias=True, align_corners=False)
            self.encoder.pos_embedding = nn.Parameter(torch.cat([own, places.flatten(2).mT], dim=1))

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        patches = self.conv_proj(images)  # (b, d, h/p, w/p)
        token = self.class_token.expand(len(images), -1, -1)
        tokens = self.encoder(torch.cat([token, patches.flatten(2).mT], dim=1))  # (b, 1 + n, d)
        return tokens[:, 1:].mT.unflatten(2, patches.shape[2:])


@cache
def timm_members() -> tuple[str, ...]:
    """timm's models, and these with each tag of their weights."""
    timm = import_timm()
    return (*timm.list_models(), *timm.list_pretrained())


@cache
def torchvision_members() -> tuple[str, ...]:
    """torchvision's classification models."""
    models = torchvision.models
    return tuple(models.list_models(module=models))


def _build(create: Callable[[], Any]) -> Any:
    """What ``create`` gives, on the default device.

    Some constructors read values back (``linspace(...).tolist()`` in torchvision's RegNet and in older timm), which the
    meta device has not: there, all but the parameters is then made on the CPU, and moved.
    """
    try:
        return create()
    except RuntimeError:
        if torch.get_default_device().type != "meta":
            raise
        with torch.device("cpu"), init_empty_weights(include_buffers=False):
            return create().to("meta")
    except OSError as error:
        raise WeightsError(f"the backbone's published weights cannot be downloaded: {error}") from error


def _without_head(model: nn.Module) -> nn.Sequential:
    layers = OrderedDict()
    for name, child in model.named_children():
        if name not in _HEADS:
            layers[name] = nn.Sequential(*child) if isinstance(child, nn.ModuleList) else child
    if isinstance(model, torchvision.models.DenseNet):  # whose forward has it between features and head
        layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)
