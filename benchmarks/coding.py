"""How many images a second are encoded and decoded?

Images of 64x64 in [0, 1] become latents, and latents such images: on one thread, in float32, the median call of a
second. diffusers is its AutoencoderTiny, of TAESD's architecture, and its VaeImageProcessor, which changes the range;
aezoo has the same model by the package aezoo-diffusers. pythae is its VAE, with the encoder and decoder of aezoo's
model inside and called as its predict does. aezoo's knows what its training images were like, as one with weights does.

    python benchmarks/coding.py
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from functools import partial

import alternating
import torch
from alternating import Case, Contender
from torch import Tensor
from training import pythae_vae

import aezoo
from aezoo.datasets.image_array import ImageArray
from aezoo.training.results import record_images

Half = Callable[[Tensor], Tensor]
MEASURES = ("encoding, images/s", "decoding, images/s")
SECONDS = 1.0
WHY = (
    "which runs the network and no more: aezoo looks at form and range of the images, and whether they are like those "
    "of training, and computes the divergence, at a fixed price a call"
)
TAESD = (
    "diffusers-tiny(encoder_block_out_channels=(64, 64, 64, 64), decoder_block_out_channels=(64, 64, 64, 64), "
    "num_encoder_blocks=(1, 3, 3, 3), num_decoder_blocks=(3, 3, 3, 1))"
)


def with_aezoo(name: str) -> tuple[Half, Half]:
    """`aezoo.Autoencoder.encode` and ``decode``."""
    model = aezoo.create(name)
    pixels = torch.randint(256, (256, *model.image.shape), dtype=torch.uint8)
    record_images(model, ImageArray(pixels))  # else it would not look whether images are like these
    return lambda images: model.encode(images).z, model.decode


def with_diffusers(name: str) -> tuple[Half, Half]:
    """diffusers' own, between changes of range as its pipelines make them."""
    importlib.import_module("aezoo._torchvision")  # first: diffusers imports torchvision
    from diffusers import AutoencoderTiny
    from diffusers.image_processor import VaeImageProcessor

    model = AutoencoderTiny().eval()
    return (
        lambda images: model.encode(VaeImageProcessor.normalize(images)).latents,
        lambda z: VaeImageProcessor.denormalize(model.decode(z).sample),
    )


def with_pythae(name: str) -> tuple[Half, Half]:
    """The two halves of pythae's ``predict``."""
    model = pythae_vae(aezoo.create(name)).eval()
    return lambda images: model.encoder(images).embedding, lambda z: model.decoder(z)["reconstruction"]


def measured(way: Callable[[str], tuple[Half, Half]], name: str, batch: int, number: int) -> dict[str, float]:
    """Images a second of encoding, and of decoding what comes out."""
    torch.set_num_threads(1)
    torch.manual_seed(number)
    encode, decode = way(name)
    images = torch.rand(batch, *aezoo.describe(name).image.shape)
    with torch.inference_mode():
        z = encode(images)
        rates = [rate(partial(encode, images), batch), rate(partial(decode, z), batch)]
    return dict(zip(MEASURES, rates, strict=True))


def rate(call: Callable[[], object], batch: int) -> float:
    """Images a second of the median call, the first left out."""
    call()
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return batch / statistics.median(times)


def main() -> None:
    asked = alternating.parser(__doc__, rounds=5).parse_args()
    peers = {
        (TAESD, "AutoencoderTiny"): ("diffusers", with_diffusers),
        ("cis680-vae512", "cis680-vae512"): ("pythae", with_pythae),
        ("cis680-vae16", "cis680-vae16"): ("pythae", with_pythae),
    }
    cases = [
        Case(
            title=f"{title}, batch {batch}",
            measures=MEASURES,
            contenders={
                "aezoo": Contender(run=partial(measured, with_aezoo, name, batch)),
                peer: Contender(run=partial(measured, way, name, batch), needs=(peer,), why=WHY),
            },
        )
        for (name, title), (peer, way) in peers.items()
        for batch in (1, 64)
    ]
    alternating.answer(__doc__, cases, asked)


if __name__ == "__main__":
    main()
