from functools import partial

import pytest
import torch
import torch.nn.functional as F

import aezoo
from aezoo._torchvision import import_timm, torchvision
from aezoo.composition import describe
from aezoo.encoders.backbone import (
    TimmEncoder,
    TokenTrunk,
    TorchvisionEncoder,
    timm_members,
    torchvision_members,
)
from aezoo.errors import CompositionError, UnknownNameError, WeightsError
from aezoo.factory import build, load
from aezoo.plain import ImageSpec
from aezoo.weights.folder import save_model

timm = import_timm()

IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
RGB = ImageSpec((64, 64), 3)


def pictures(image, n=2):
    return torch.rand(n, *image.shape, generator=torch.Generator().manual_seed(0))


# Timm's test_* are made of the same blocks as the models they are named after.
BACKBONES = {
    "timm:test_resnet": (96, 32),
    "timm:mobilenetv3_small_050.lamb_in1k": (288, 32),  # with a tag
    "timm:test_mambaout": (64, 32),  # channels last
    "timm:test_vit": (64, 16),  # a class token
    "timm:deit_tiny_distilled_patch16_224": (192, 16),  # and a distillation token
    "timm:test_vit3": (96, 16),  # attention pooling instead of the class token
    "timm:swin_tiny_patch4_window7_224": (768, 32),  # windows, channels last
    "torchvision:mobilenet_v3_small": (576, 32),
    "torchvision:regnet_y_400mf": (440, 32),  # its constructor reads values back, which the meta device has not
    "torchvision:swin_t": (768, 32),
    "torchvision:vit_b_16": (768, 16),
}


@pytest.mark.parametrize("encoder", BACKBONES)
@pytest.mark.parametrize("image", [ImageSpec((28, 28), 1), ImageSpec((65, 47), 3)], ids=str)
def test_any_size_gives_a_map_and_no_parameter_is_left_over(encoder, image):
    width, stride = BACKBONES[encoder]
    spec = describe("cis680-vae16", encoder=encoder, image_size=image.size, channels=image.channels)
    backbone = build(spec, device="meta").encoder.train()
    features = backbone(torch.empty(2, *image.shape, device="meta"))
    assert features.shape == (2, width, -(-image.size[0] // stride), -(-image.size[1] // stride))
    features.sum().backward()
    assert [name for name, parameter in backbone.named_parameters() if parameter.grad is None] == []


def test_the_size_that_a_backbone_is_made_for_is_left_as_it_is():
    image = ImageSpec((240, 240), 3)
    with torch.device("meta"):  # a stride of 16 * 240 / 224: no multiple of a whole number fits
        features = TimmEncoder(image, member="crossvit_tiny_240")(torch.empty(2, *image.shape))
    assert features.shape == (2, 192, 14, 14)


def test_a_timm_map_is_what_timm_gives_for_normalised_images():
    encoder = TimmEncoder(RGB, member="resnet18").eval()
    direct = timm.create_model("resnet18").eval()
    encoder.trunk.load_state_dict(direct.state_dict(), strict=False)
    images = pictures(RGB)
    expected = direct.forward_features((images - IMAGENET_MEAN) / IMAGENET_STD)
    torch.testing.assert_close(encoder(images), expected)


def test_timm_tokens_are_folded_to_their_grid():
    image = ImageSpec((32, 48), 3)
    encoder = TimmEncoder(image, member="test_vit").eval()
    direct = timm.create_model("test_vit", img_size=image.size).eval()
    encoder.trunk.model.load_state_dict(direct.state_dict(), strict=False)
    direct.norm = torch.nn.Identity()
    images = pictures(image)
    tokens = direct.forward_features((images - 0.5) / 0.5)[:, 1:]  # (2, 2 * 3, 64): without the class token
    torch.testing.assert_close(encoder(images), tokens.reshape(2, 2, 3, 64).permute(0, 3, 1, 2))


def test_a_torchvision_map_is_what_torchvision_gives_for_normalised_images():
    encoder = TorchvisionEncoder(RGB, member="resnet18").eval()
    direct = torchvision.models.resnet18().eval()
    encoder.trunk.load_state_dict(direct.state_dict(), strict=False)
    images = pictures(RGB)
    pooled = []
    direct.avgpool.register_forward_pre_hook(lambda module, inputs: pooled.append(inputs[0]))
    direct((images - IMAGENET_MEAN) / IMAGENET_STD)
    torch.testing.assert_close(encoder(images), pooled[0])


def test_torchvision_tokens_are_folded_to_their_grid():
    transformer = partial(torchvision.models.VisionTransformer, patch_size=8, num_layers=1, num_heads=2, mlp_dim=8)
    model = transformer(image_size=32, hidden_dim=16).eval()
    tokens = []
    model.encoder.register_forward_hook(lambda module, inputs, output: tokens.append(output[:, 1:]))
    images = pictures(ImageSpec((32, 32), 3))
    model(images)
    folded = TokenTrunk(model, (32, 32)).eval()(images)
    torch.testing.assert_close(folded, tokens[0].reshape(2, 4, 4, 16).permute(0, 3, 1, 2))
    assert TokenTrunk(model, (16, 40))(images[:, :, :16].repeat(1, 1, 1, 2)[..., :40]).shape == (2, 16, 2, 5)


def test_images_are_padded_on_the_right_and_bottom_with_the_mean():
    image = ImageSpec((50, 33), 3)
    encoder = TimmEncoder(image, member="test_resnet").eval()
    whole = TimmEncoder(RGB, member="test_resnet").eval()
    whole.load_state_dict(encoder.state_dict())
    images = pictures(image)
    torch.testing.assert_close(encoder(images), whole(F.pad(images, (0, 31, 0, 14), value=0.5)))


def test_grey_images_are_three_equal_channels_to_torchvision():
    grey = ImageSpec((32, 32))
    encoder = TorchvisionEncoder(grey, member="mobilenet_v3_small").eval()
    images = pictures(grey)
    assert torch.equal(encoder(images), encoder(images.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("channels", [1, 4])
def test_timm_takes_any_number_of_channels_by_the_averages(channels):
    encoder = TimmEncoder(ImageSpec((32, 32), channels), member="resnet18")
    assert encoder.prepare.mean.flatten().tolist() == pytest.approx([0.449] * channels)
    assert encoder.prepare.std.flatten().tolist() == pytest.approx([0.226] * channels)
    assert encoder.trunk.conv1.in_channels == channels


def test_torchvision_refuses_four_channels():
    with pytest.raises(CompositionError, match=r"torchvision:resnet18 takes 1 or 3 channels .*, not 4"):
        aezoo.create("cis680-vae16", encoder="torchvision:resnet18", channels=4)


@pytest.mark.parametrize("encoder", ["timm:halonet26t", "torchvision:maxvit_t", "timm:inception_v3"])
def test_a_size_that_a_backbone_cannot_take_is_one_line(encoder):
    with pytest.raises(CompositionError, match=rf"encoder {encoder} cannot take \(1, 64, 64\): .+"):
        aezoo.create("cis680-vae16", encoder=encoder)


@pytest.mark.parametrize("encoder", ["timm:test_vit", "timm:test_maxvit", "torchvision:mobilenet_v3_small"])
def test_a_model_folder_gives_the_same_bits(encoder, tmp_path):
    model = aezoo.create("cis680-vae16", encoder=encoder, channels=3)
    images = pictures(RGB)
    model.encoder.prepare.mean += 0.01  # stored, not made again
    save_model(tmp_path, model, images)
    assert torch.equal(load(tmp_path)(images).logits, model(images).logits)


def test_a_transformer_compiles_and_exports_whole():
    model = aezoo.create("cis680-vae16", encoder="timm:test_vit", channels=3)
    images = pictures(RGB)
    expected = model(images).logits
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    exported = torch.export.export(model, (images,)).module()
    torch.testing.assert_close(compiled(images).logits, expected)
    torch.testing.assert_close(exported(images).logits, expected)


def test_weights_are_asked_of_timm_once_and_not_to_solve_shapes(monkeypatch):
    asked, create = [], timm.create_model

    def stand_in(*args, pretrained=False, **options):
        asked.append(pretrained)
        return create(*args, **options)

    monkeypatch.setattr(timm, "create_model", stand_in)
    aezoo.create("cis680-vae16", encoder="timm:test_resnet(pretrained=True)")
    assert asked == [False, False, False, True]


def test_weights_are_asked_of_torchvision_once_and_not_to_solve_shapes(monkeypatch):
    asked, get_model = [], torchvision.models.get_model

    def stand_in(name, *, weights):
        asked.append(weights)
        return get_model(name)

    monkeypatch.setattr(torchvision.models, "get_model", stand_in)
    aezoo.create("cis680-vae16", encoder="torchvision:mobilenet_v3_small(pretrained=True)")
    assert asked == [None, "DEFAULT"]


def test_weights_ported_from_tensorflow_keep_its_normalisation(monkeypatch):
    with_weights = partial(torchvision.models.googlenet, transform_input=True, init_weights=False)
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: with_weights())
    prepare = TorchvisionEncoder(RGB, member="googlenet", pretrained=True).prepare
    assert prepare.mean.flatten().tolist() == prepare.std.flatten().tolist() == [0.5] * 3


def test_published_weights_bring_their_normalisation(monkeypatch):
    small = torchvision.models.mobilenet_v3_small
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: small())
    for member in ("efficientnet_v2_l", "resnet18"):
        prepare = TorchvisionEncoder(RGB, member=member, pretrained=True).prepare
        transforms = torchvision.models.get_model_weights(member).DEFAULT.transforms()
        assert prepare.mean.flatten().tolist() == pytest.approx(transforms.mean)
        assert prepare.std.flatten().tolist() == pytest.approx(transforms.std)
    assert transforms.mean != [0.5] * 3


def test_a_densenet_ends_as_its_classifier_sees_it():
    encoder = TorchvisionEncoder(RGB, member="densenet121").eval()
    assert encoder(pictures(RGB)).min() == 0


def test_weights_that_cannot_be_downloaded_are_an_error_of_ours(monkeypatch):
    def offline(*args, **options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(WeightsError, match="cannot be downloaded: no route to host"):
        TorchvisionEncoder(RGB, member="resnet18", pretrained=True)


def test_members():
    assert {"resnet18", "resnet18.a1_in1k", "vit_tiny_patch16_224"} <= set(timm_members())
    assert {"resnet18", "vit_b_16"} <= set(torchvision_members())
    assert "fcos_resnet50_fpn" not in torchvision_members()  # a detector


@pytest.mark.parametrize("name", ["timm:resnet_18", "timm:resnet18.a1_in1", "torchvision:resnet_18"])
def test_an_unknown_member_names_near_ones(name):
    family = name.partition(":")[0]
    with pytest.raises(UnknownNameError, match=rf"no encoder '{name}': did you mean {family}:resnet18"):
        describe("cis680-vae16", encoder=name)
