"""How many steps a second does training make?

aezoo's engine, a hand-written loop and pythae's trainer train the same architecture on the same images (toyfaces,
64x64, batch 64). Counted are the steps after the 20th, with logging and checkpoints on; start-up, measuring on the
splits and figures are not. The loop is the bound: nothing but model, loss and optimiser, with every trick that aezoo
uses. pythae trains as it does by default, in float32, where aezoo and the loop take bfloat16 if the processor has it
and the network is wide; with 88 images its batches are of 64 and 24, and it copies the best model after every epoch.

    pip install -c constraints.txt -e '.[bench]'
    python benchmarks/training.py [cis680-vae16 cis680-vae512] [--device cuda]

The tricks are channels-last and bfloat16 autocast where they pay, fused Adam, uint8 images in memory indexed
directly, memory kept between steps. pythae reads float images through a DataLoader; what its copies take depends on how
many images an epoch has (``--images``).
With ``--device cuda`` all three are on the GPU, the bound's images too.
"""

from __future__ import annotations

import math
import tempfile
import time
from functools import partial
from pathlib import Path

import alternating
import torch
import torch.nn.functional as F
from alternating import Case, Contender
from torch import Tensor, nn

from aezoo.autoencoder import Autoencoder
from aezoo.composition import describe
from aezoo.factory import build
from aezoo.recipe import Recipe
from aezoo.specs import ModelSpec
from aezoo.training.data import Splits, load_splits

WARM = 20
BATCH = 64
SMALL = "cis680-vae16"
MEASURE = "steps/s"


def now() -> float:
    """The time, once a GPU has done what it was asked for."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def with_aezoo(spec: ModelSpec, splits: Splits, steps: int, device: str) -> float:
    """aezoo's engine, as ``aezoo train`` calls it."""
    from aezoo.training import engine
    from aezoo.training.results import write_unfinished

    class Clock(engine.Watcher):
        began = rate = 0.0

        def step(self, done: int, steps: int, values: dict[str, float]) -> None:
            if done == WARM:
                self.began = now()
            if done == steps > WARM:
                self.rate = (steps - WARM) / (now() - self.began)

    recipe = Recipe(steps=steps, batch_size=BATCH, evaluate_every=10 * steps)
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine.run(
            build(spec),
            recipe,
            splits,
            folder,
            device=device,
            checkpoint_every=(WARM + steps) // 2,  # in the middle of what is timed
            watcher=clock,
            saved=lambda model, progress: write_unfinished(folder, model, splits, recipe, {}),
        )
    return clock.rate


def by_hand(
    spec: ModelSpec,
    splits: Splits,
    steps: int,
    device: str,
    *,
    precision: torch.dtype | None = None,
    layout: torch.memory_format | None = None,
    fused: bool = True,
    compiles: bool = False,
) -> float:
    """The bound: nothing but the model, its loss and its optimiser; as aezoo trains it where nothing else is said."""
    from aezoo.training import cpu, devices

    cpu.keep_memory()
    model, here = build(spec).train().to(device), torch.device(device)
    precision = precision or devices.autocast_type(Recipe(), model, here)
    layout = layout or devices.memory_format(model, here)
    model.to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, (0.5, 0.999), fused=fused)
    loss_of = torch.compile(negative_elbo) if compiles else negative_elbo
    pixels, order = splits.train.pixels.to(here), torch.randint(len(splits.train), (steps, BATCH))
    began = 0.0
    for step in range(steps):
        if step == WARM:
            began = now()
        images = pixels[order[step].to(here)].float().div_(255).contiguous(memory_format=layout)
        loss_of(model, images, precision).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return (steps - WARM) / (now() - began)


def negative_elbo(model: Autoencoder, images: Tensor, precision: torch.dtype | None = None) -> Tensor:
    """The report's loss of a batch, an image: cross-entropy and KL."""
    with torch.autocast(images.device.type, precision, enabled=precision is not None):
        flat = model.encoder(images).flatten(1)
        mean, logvar = model.bottleneck.mean(flat).float(), model.bottleneck.logvar(flat).float()
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        logits = model.decoder(z).float()
    bce = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    return (bce + 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()) / len(images)


def pythae_vae(model: Autoencoder) -> nn.Module:
    """pythae's VAE with the encoder, the heads and the decoder of a model inside."""
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.heads = model.encoder, model.bottleneck

        def forward(self, x: Tensor) -> ModelOutput:
            flat = self.features(x).flatten(1)
            return ModelOutput(embedding=self.heads.mean(flat), log_covariance=self.heads.logvar(flat))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.pixels = model.decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=torch.sigmoid(self.pixels(z)))

    config = VAEConfig(model.image.shape, model.latent_shape[0], reconstruction_loss="bce")
    return VAE(config, Encoder(), Decoder())


def with_pythae(spec: ModelSpec, splits: Splits, steps: int, device: str) -> float:
    """pythae's BaseTrainer on its VAE."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    images = splits.train.batch(range(len(splits.train))).images
    epoch = math.ceil(len(images) / BATCH)
    epochs = math.ceil(steps / epoch)

    class Timer(TrainingCallback):
        done, began, ended = 0, 0.0, 0.0

        def on_train_step_end(self, training_config: object, **_: object) -> None:
            self.done += 1
            if self.done == WARM:
                self.began = now()
            if self.done == epochs * epoch:
                self.ended = now()

    timer = Timer()
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            pythae_vae(build(spec)),
            BaseDataset(images, torch.zeros(len(images))),
            training_config=BaseTrainerConfig(
                folder,
                per_device_train_batch_size=BATCH,
                num_epochs=epochs,
                optimizer_params={"betas": (0.5, 0.999)},
                no_cuda=device == "cpu",
            ),
            callbacks=[timer],
        )
        trainer.train()
    # Its last batch of an epoch is what is left over: the rate is that of images, in batches of the full size.
    return (epochs - WARM / epoch) * len(images) / BATCH / (timer.ended - timer.began)


WAYS = {"aezoo": with_aezoo, "by hand": by_hand, "pythae": with_pythae}


def rate_of(name: str, model: str, images: int, steps: int, device: str = "cpu") -> float:
    """Train, and return the steps a second."""
    spec = describe(model)
    return WAYS[name](spec, load_splits(Recipe(dataset=f"toyfaces(count={images})"), spec.image), steps, device)


def case(model: str, images: int, device: str) -> Case:
    """aezoo's steps hold a checkpoint, the large model's one more often than by default; the others' are as many as a
    steady rate takes.
    """

    def run(name: str, steps: int, number: int) -> dict[str, float]:
        torch.manual_seed(number)
        return {MEASURE: rate_of(name, model, images, WARM + steps, device)}

    ours, steps = (150, 150) if model == SMALL else (60, 40)
    return Case(
        title=f"{model}, {images:,} images",
        measures=(MEASURE,),
        contenders={
            "aezoo": Contender(run=partial(run, "aezoo", ours)),
            "by hand": Contender(
                run=partial(run, "by hand", steps),
                why="which is the bound: aezoo also draws each step's images and noise from its number, keeps the "
                "means of all terms and saves",
            ),
            "pythae": Contender(run=partial(run, "pythae", steps), needs=("pythae",)),
        },
    )


def main() -> None:
    parser = alternating.parser(__doc__, rounds=5)
    parser.add_argument("models", nargs="*", default=[SMALL, "cis680-vae512"])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--images", type=int, nargs="*", help="of the training set [default: 88, as CUFS, and 2000]")
    asked = parser.parse_args()
    cases = [
        case(model, images, asked.device)
        for model in asked.models
        for images in asked.images or ((88, 2000) if model == SMALL else (2000,))
    ]
    alternating.answer(__doc__, cases, asked)


if __name__ == "__main__":
    main()
