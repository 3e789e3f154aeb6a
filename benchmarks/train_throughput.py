"""Steps a second of aezoo's training against a hand-written loop (the bound) and pythae's trainer, alternating.

    pip install -c constraints.txt -e '.[bench]'
    python benchmarks/train_throughput.py cis680-vae16 cis680-vae512 --rounds 5

With ``--device cuda`` all three are on the GPU, the bound's images too.

All three train the same architecture on the same images (toyfaces, 64x64, batch 64), in turn, each round in a process
of its own, so that a machine whose speed drifts treats them alike. Counted are the steps after the 50th, with logging
and checkpoints on; start-up, measuring on the splits and figures are not. The bound has every trick that aezoo uses:
channels-last and bfloat16 autocast where they pay, fused Adam, uint8 images in memory indexed directly, memory kept
between steps.
pythae trains as it does by default: float32, a DataLoader over float images, and after every epoch a copy of the best
model; so what it takes depends on how many images an epoch has (``--images``).
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from aezoo.composition import describe
from aezoo.factory import build
from aezoo.recipe import Recipe
from aezoo.specs import ModelSpec
from aezoo.training import cpu, devices, engine
from aezoo.training.data import Splits, load_splits

WARM = 50
BATCH = 64
RATE = "rate: "


class Clock(engine.Watcher):
    """Steps a second after step `WARM`."""

    def __init__(self) -> None:
        self.began, self.done = 0.0, 0

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        if done == WARM:
            self.began = now()
        if done == steps:
            self.rate = (steps - WARM) / (now() - self.began)


def now() -> float:
    """The time, once a GPU has done what it was asked for."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def with_aezoo(spec: ModelSpec, splits: Splits, steps: int, device: str) -> float:
    """aezoo's engine, as ``aezoo train`` calls it."""
    recipe = Recipe(steps=steps, batch_size=BATCH, evaluate_every=10 * steps)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        engine.run(build(spec), recipe, splits, Path(folder), device=device, watcher=clock)
    return clock.rate


def by_hand(spec: ModelSpec, splits: Splits, steps: int, device: str) -> float:
    """The bound: nothing but the model, its loss and its optimiser."""
    cpu.keep_memory()
    model, here = build(spec).train().to(device), torch.device(device)
    precision, layout = devices.autocast_type(Recipe(), model, here), devices.memory_format(model, here)
    model.to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, (0.5, 0.999), fused=True)
    pixels, order = splits.train.pixels.to(here), torch.randint(len(splits.train), (steps, BATCH))
    began = 0.0
    for step in range(steps):
        if step == WARM:
            began = now()
        images = pixels[order[step].to(here)].float().div_(255).contiguous(memory_format=layout)
        with torch.autocast(here.type, precision, enabled=precision is not None):
            flat = model.encoder(images).flatten(1)
            mean, logvar = model.bottleneck.mean(flat).float(), model.bottleneck.logvar(flat).float()
            z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
            logits = model.decoder(z).float()
        bce = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        loss = (bce + 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()) / BATCH
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return (steps - WARM) / (now() - began)


def with_pythae(spec: ModelSpec, splits: Splits, steps: int, device: str) -> float:
    """pythae's BaseTrainer on its VAE, with our encoder and decoder inside."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    import aezoo._torchvision  # noqa: F401 - pythae imports torchvision

    model = build(spec)

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

    class Timer(TrainingCallback):
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_train_step_end(self, training_config: object, **_: object) -> None:
            self.times.append(time.perf_counter())

    config = VAEConfig(spec.image.shape, model.latent_shape[0], reconstruction_loss="bce")
    timer = Timer()
    images = splits.train.batch(range(len(splits.train))).images
    epoch = math.ceil(len(images) / BATCH)
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            VAE(config, Encoder(), Decoder()),
            BaseDataset(images, torch.zeros(len(images))),
            training_config=BaseTrainerConfig(
                folder,
                per_device_train_batch_size=BATCH,
                num_epochs=math.ceil(steps / epoch),
                optimizer_params={"betas": (0.5, 0.999)},
                no_cuda=device == "cpu",
            ),
            callbacks=[timer],
        )
        trainer.train()
    # Its last batch of an epoch is what is left over: the rate is that of images, in batches of the full size.
    epochs = (len(timer.times) - WARM) / epoch
    return epochs * len(images) / BATCH / (timer.times[-1] - timer.times[WARM - 1])


CONTENDERS: dict[str, Callable[[ModelSpec, Splits, int, str], float]] = {
    "aezoo": with_aezoo,
    "bound": by_hand,
    "pythae": with_pythae,
}


def steps_of(contender: str, model: str) -> int:
    """Steps of a round. aezoo's hold a checkpoint at least, the others' as many as a steady rate takes."""
    if contender == "aezoo":
        return WARM + 250
    return WARM + (250 if model == "cis680-vae16" else 100)


def images_of(model: str) -> int:
    """Images of the training set: for the small VAE as many as CUFS has, on which it is trained."""
    return 88 if model == "cis680-vae16" else 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["cis680-vae16", "cis680-vae512"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--images", type=int, help="of the training set [default: cis680-vae16 88, as CUFS; others 2000]"
    )
    parser.add_argument("--without", nargs="*", default=[], choices=list(CONTENDERS))
    parser.add_argument("--contender", choices=list(CONTENDERS), help="run one round of this one and print its rate")
    parser.add_argument("--seed", type=int, default=0, help="of that round")
    asked = parser.parse_args()
    if asked.contender:
        spec = describe(asked.models[0])
        images = asked.images or images_of(spec.name)
        splits = load_splits(Recipe(dataset=f"toyfaces(count={images})"), spec.image)
        torch.manual_seed(asked.seed)
        rate = CONTENDERS[asked.contender](spec, splits, steps_of(asked.contender, spec.name), asked.device)
        print(f"\n{RATE}{rate}")
        return
    on = torch.cuda.get_device_name() if asked.device == "cuda" else torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {on}")
    names = [name for name in CONTENDERS if name not in asked.without]
    for model in asked.models:
        images = asked.images or images_of(model)
        rates: dict[str, list[float]] = {name: [] for name in names}
        for seed in range(asked.rounds):
            for name in names:
                rates[name].append(measured(model, name, seed, images, asked.device))
        print(f"\n{model}: {asked.rounds} rounds on {images} images, steps a second after step {WARM}")
        for name, values in rates.items():
            middle = statistics.median(values)
            against = statistics.median(a / b for a, b in zip(rates["aezoo"], values, strict=True))
            print(
                f"  {name:8} median {middle:7.2f} (from {min(values):.2f} to {max(values):.2f}), "
                f"{middle * BATCH:6.0f} images/s; aezoo is {against:.3f} of it",
                flush=True,
            )


def measured(model: str, contender: str, seed: int, images: int, device: str) -> float:
    """The rate of one round, in a process of its own: what one contender asks of it does not help another."""
    command = [sys.executable, __file__, model, "--contender", contender, "--seed", str(seed)]
    command += ["--images", str(images), "--device", device]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return float(done.stdout.rpartition(RATE)[2])


if __name__ == "__main__":
    main()
