"""A folder of diffusers becomes a model of aezoo, whose own folder needs it no more."""

import dataclasses
import json

import pytest
import torch
from click.testing import CliRunner

import aezoo
from aezoo.errors import AezooError, CompositionError, WeightsError
from aezoo_diffusers import MODELS, load
from aezoo_diffusers.command import command
from aezoo_diffusers.models import class_of

CONFIGS = {
    "AutoencoderKL": {
        "block_out_channels": (8, 16),
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "norm_num_groups": 4,
        "sample_size": 48,
        "scaling_factor": 1.5305,
        "shift_factor": 0.0609,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    },
    "AsymmetricAutoencoderKL": {"down_block_out_channels": (8,), "up_block_out_channels": (8,), "norm_num_groups": 4},
    "AutoencoderTiny": {"encoder_block_out_channels": (8,) * 4, "decoder_block_out_channels": (8,) * 4},
    "AutoencoderDC": {
        "encoder_block_out_channels": (8, 8),
        "decoder_block_out_channels": (8, 8),
        "encoder_layers_per_block": (0, 1),
        "decoder_layers_per_block": (0, 1),
        "encoder_block_types": ("ResBlock", "EfficientViTBlock"),
        "encoder_qkv_multiscales": ((), (3, 5)),
        "decoder_qkv_multiscales": ((), ()),
        "attention_head_dim": 4,
        "latent_channels": 4,
    },
    "VQModel": {"block_out_channels": (8,), "norm_num_groups": 4, "vq_embed_dim": 2, "num_vq_embeddings": 8},
}


@pytest.fixture
def saved(tmp_path):
    """An autoencoder of diffusers, and the folder where it saved itself."""

    def save(kind="AutoencoderKL", **how):
        torch.manual_seed(0)
        theirs = class_of(kind)(**CONFIGS[kind]).eval()
        theirs.save_pretrained(tmp_path / "theirs", **how)
        return theirs, tmp_path / "theirs"

    return save


def rewrite(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("kind", CONFIGS)
@torch.no_grad()
def test_from_their_folder_to_ours(kind, saved, tmp_path):
    theirs, folder = saved(kind)
    model = load(folder)
    assert model.spec.name == MODELS[kind].name
    x = torch.rand(1, 3, *model.image.size)
    ours = model(x)
    encoded = theirs.encode(2 * x - 1, return_dict=False)[0]  # forward of AutoencoderTiny rounds latents to 8 bits
    decoded = theirs.decode(encoded.mode() if "KL" in kind else encoded).sample / 2 + 0.5
    torch.testing.assert_close(ours.reconstruction, decoded.clamp(0, 1), rtol=1e-4, atol=1e-5)
    model.save_pretrained(tmp_path / "ours")
    (folder / "config.json").unlink()
    again = aezoo.create(f"local-dir:{tmp_path / 'ours'}", pretrained=True)
    assert again.spec == model.spec
    assert torch.equal(again(x).reconstruction, ours.reconstruction)


@torch.no_grad()
def test_features_with_their_statistics(features, tmp_path):
    small = {"encoder_hidden_size": 64, "encoder_patch_size": 8, "encoder_num_hidden_layers": 1, "patch_size": 8}
    small |= {"encoder_input_size": 32, "decoder_hidden_size": 32, "decoder_num_hidden_layers": 1}
    small |= {"decoder_num_attention_heads": 2, "decoder_intermediate_size": 32}
    statistics = {"latents_mean": torch.rand(64, 4, 4), "latents_std": torch.rand(64, 4, 4) + 0.5}
    theirs = class_of("AutoencoderRAE")(**small, **statistics).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    model = load(tmp_path / "theirs")
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(model.encode(x).z, theirs.encode(x).latent)
    torch.testing.assert_close(model(x).reconstruction, theirs(x).sample.clamp(0, 1))
    model.save_pretrained(tmp_path / "ours")
    again = aezoo.create(f"local-dir:{tmp_path / 'ours'}", pretrained=True)
    assert torch.equal(again(x).reconstruction, model(x).reconstruction)


def test_the_image_is_that_of_the_config_unless_another_is_said(saved):
    _, folder = saved()
    assert load(folder).image.size == (48, 48)
    assert load(str(folder), image_size=(32, 40)).latent_shape == (4, 16, 20)


def test_where_the_weights_come_from_is_known(saved):
    _, folder = saved()
    assert load(folder).source.folder == folder
    assert len(load(folder).source.sha256) == 64
    assert load(folder / "config.json", pretrained=False).source is None


def test_a_subfolder(saved, tmp_path):
    saved()
    assert load(tmp_path, subfolder="theirs").latent_shape == (4, 24, 24)
    with pytest.raises(WeightsError, match="of a whole pipeline say subfolder='vae'"):
        load(tmp_path)


def test_the_command(saved, tmp_path):
    _, folder = saved()
    done = CliRunner().invoke(command, [str(folder), str(tmp_path / "out"), "--image-size=32"])
    assert done.exit_code == 0, done.output
    assert "diffusers-kl, latent (4, 16, 16) of images 32x32x3" in done.output
    assert aezoo.create(f"local-dir:{tmp_path / 'out'}", pretrained=True).image.size == (32, 32)


def refused(message, *given, **named):
    with pytest.raises(AezooError, match=message) as raised:
        load(*given, **named)
    assert len(str(raised.value).splitlines()) == 1
    return raised.value


def test_no_network(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for source in ("nobody/nothing", "hf-hub:nobody/nothing@v1"):
        assert isinstance(refused("nobody/nothing", source), WeightsError)


@pytest.mark.parametrize("subfolder", ["", "vae"])
def test_a_hub_that_does_not_answer_is_said_at_once(monkeypatch, tmp_path, subfolder):
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    refused("^hf-hub:nobody/nothing: .* cannot be reached", "nobody/nothing", subfolder=subfolder)


def test_what_is_no_source(tmp_path):
    refused("there is nothing", tmp_path / "nowhere")
    refused("there is nothing", "./nowhere")
    refused("is no repository", "not a name")
    refused("is no source", 3)


def test_another_class(saved):
    _, folder = saved()
    rewrite(folder, _class_name="UNet2DModel")
    assert isinstance(refused("is a UNet2DModel", folder), CompositionError)


def test_a_config_that_is_none_of_ours(saved):
    _, folder = saved()
    config = folder / "config.json"
    rewrite(folder, out_channels=4)
    refused("AutoencoderKL takes 3 channels and gives 4", config, pretrained=False)
    rewrite(folder, out_channels=3, norm_num_groups=3)
    refused(r"cannot be loaded: num_channels \(8\) must be divisible", config, pretrained=False)
    rewrite(folder, norm_num_groups=4, scaling_factor=-1)
    refused("scaling_factor=-1 is not a number >= 1e-06", config, pretrained=False)
    rewrite(folder, scaling_factor=1.0, block_out_channels=[100_000, 100_000])
    refused(r"asks for [\d,]{12,} parameters; a file may ask for 536,870,912", config, pretrained=False)
    rewrite(folder, block_out_channels=[8, 16], layers_per_block=10_000_000)
    refused("layers_per_block=10000000 is not", folder)


def test_a_key_that_is_not_known(saved, monkeypatch):
    _, folder = saved()
    options = tuple(option for option in MODELS["AutoencoderKL"].options if option.name != "shift_factor")
    monkeypatch.setitem(MODELS, "AutoencoderKL", dataclasses.replace(MODELS["AutoencoderKL"], options=options))
    refused("its config has shift_factor=0.0609, which is not known here", folder)


def test_pickled_weights_are_not_read(saved):
    _, folder = saved(safe_serialization=False)
    assert (folder / "diffusion_pytorch_model.bin").is_file()
    refused("cannot be loaded", folder)


def test_weights_of_another_config(saved):
    _, folder = saved()
    rewrite(folder, use_quant_conv=True)
    refused("is no AutoencoderKL of its own config: missing keys", folder)


def test_a_damaged_file(saved):
    _, folder = saved()
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 100)
    refused("cannot be loaded", folder)
    (folder / "config.json").write_text("{")
    refused("has no config.json of diffusers", folder)
