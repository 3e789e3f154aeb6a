"""What every model of aezoo passes, of a small one of each class; AutoencoderRAE where there is transformers."""

import pytest
from diffusers.utils import is_transformers_available

import aezoo
from aezoo.testing import Conformance

KL = "diffusers-kl(block_out_channels=(8, 8), norm_num_groups=4, scaling_factor=0.5, shift_factor=0.25)"


class TestModels(Conformance):
    models = (
        KL,
        "diffusers-asymmetric-kl(down_block_out_channels=(8, 8), up_block_out_channels=(8, 16), norm_num_groups=4)",
        "diffusers-tiny(encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), "
        "num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1))",
        "diffusers-dc(encoder_block_out_channels=(8, 16), decoder_block_out_channels=(8, 16), "
        "encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), latent_channels=4)",
        "diffusers-vq(block_out_channels=(8, 8), norm_num_groups=4, num_vq_embeddings=8)",
    )
    sizes = ((28, 28), (32, 96))


@pytest.mark.skipif(not is_transformers_available(), reason="AutoencoderRAE is made of transformers, which is missing")
class TestFeatures(Conformance):
    models = ("diffusers-rae",)
    sizes = ()


class TestTerm(Conformance):
    losses = ("diffusers-vq", "diffusers-vq(beta=4.0)")
    host = aezoo.describe("diffusers-vq(block_out_channels=(8, 8), norm_num_groups=4)", image_size=16)
