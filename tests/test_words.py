"""Whatever public calls are given, they answer it or raise an `AezooError` of one or two lines: nothing else."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import aezoo
from aezoo.composition import describe
from aezoo.errors import AezooError
from aezoo.factory import build
from aezoo.training.job import Job

from .conftest import TINY

# Whole numbers are small: what is asked for in large numbers is given, as far as memory goes.
NUMBERS = st.integers(-3, 40) | st.floats() | st.booleans()
THINGS = [
    *(torch.rand(2, 1, 8, 8), torch.rand(1, 8, 8), torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.int64)),
    *(torch.full((2, 1, 8, 8), torch.nan), torch.zeros(0, 1, 8, 8), torch.rand(2, 1, 8, 8).bfloat16()),
    *(torch.rand(2, 1, 8, 8, device="meta"), np.zeros((8, 8)), np.zeros((2, 2), np.uint8), np.array(["a"])),
    *(object(), object, torch.float16, torch.device("cpu"), Path("nowhere"), b"x", {"name": "conv"}, {1, 2}, range(3)),
    *("conv", "conv(norm=3)", "mlp(hidden=(2,))", "cis680-ae", "cis680-vae16.cufs", "hf-hub:a/b", "local-dir:x", "./x"),
    *("toyfaces(count=2)", "torchvision:MNIST", "nobody/conv", "a\nb", "\0", "bce + kl", "sum(", "gaussian(dim=2)"),
    *(("conv", {"norm": "none"}), ("conv", {"norm": object()}), aezoo.Component("conv"), aezoo.ImageSpec((8, 8))),
    *(aezoo.Batch(torch.rand(2, 1, 8, 8)), aezoo.Batch("x"), aezoo.Latent(torch.zeros(2, 4)), aezoo.Recipe()),
]
SIMPLE = st.none() | NUMBERS | st.text(max_size=6) | st.sampled_from(THINGS)
ANYTHING = (
    SIMPLE | st.lists(SIMPLE, max_size=3) | st.tuples(SIMPLE, SIMPLE) | st.dictionaries(st.text(max_size=3), SIMPLE)
)

MODEL = build(describe(TINY)).eval()
LATENT = MODEL.encode(torch.rand(2, 1, 8, 8))
IMAGES = aezoo.dataset("toyfaces(count=4)", model=MODEL)
CALLS = {
    "create": lambda x, y: aezoo.create(x, pretrained=bool(y)),
    "create image_size": lambda x, y: aezoo.create(TINY, image_size=x, channels=y),
    "create device": lambda x, y: aezoo.create(TINY, device=x, dtype=y),
    **{
        f"create {part}": lambda x, y, part=part: aezoo.create(TINY, **{part: x})
        for part in ("encoder", "norm", "prior")
    },
    "create others": lambda x, y: aezoo.create(TINY, **{str(x): y}),
    "describe": lambda x, y: aezoo.describe(x, bottleneck=y),
    "from_pretrained": lambda x, y: aezoo.Autoencoder.from_pretrained(x, device=y),
    "list_models": lambda x, y: aezoo.list_models(x, dataset=y),
    "list_names": lambda x, y: aezoo.list_names(x, y),
    "read_weights": lambda x, y: aezoo.read_weights(x),
    "dataset": lambda x, y: aezoo.dataset(x, model=MODEL, root="nowhere"),
    "dataset split": lambda x, y: aezoo.dataset("toyfaces(count=2)", x, model=y),
    "dataset binarize": lambda x, y: aezoo.dataset("toyfaces(count=2)", model=MODEL, binarize=x, root=y),
    "train": lambda x, y: aezoo.train(x, "./nowhere", out=y),
    "train data": lambda x, y: aezoo.train("cis680-ae", "./nowhere", root=x, begin_with=y),
    "train length": lambda x, y: aezoo.train("cis680-ae", "./nowhere", epochs=x, minutes=y),
    "train device": lambda x, y: aezoo.train("cis680-ae", "./nowhere", device=x, watcher=y),
    "objective": lambda x, y: aezoo.Objective(x, y),
    "objective loss": lambda x, y: aezoo.Objective(MODEL, x),
    "objective call": lambda x, y: aezoo.Objective(MODEL)(x, step=y),
    "objective context": lambda x, y: aezoo.Objective(MODEL)(torch.rand(2, 1, 8, 8), x, y),
    "model": lambda x, y: MODEL(x, y),
    "encode": lambda x, y: MODEL.encode(x, y),
    "encode tile": lambda x, y: MODEL.encode(torch.rand(1, 1, 8, 8), tile=x),
    "freeze": lambda x, y: build(describe(TINY)).freeze(x, y),
    "decode": lambda x, y: MODEL.decode(x, y),
    "output": lambda x, y: MODEL.output(x, y),
    "latent_at": lambda x, y: MODEL.latent_at(x, y),
    "log_prior": lambda x, y: MODEL.log_prior(x),
    "bottleneck.sample": lambda x, y: MODEL.bottleneck.sample(LATENT, x),
    "log_posterior": lambda x, y: MODEL.bottleneck.log_posterior(x, LATENT if y is None else y),
    "chunk": lambda x, y: aezoo.Batch(torch.rand(2, 1, 8, 8)).chunk(x),
    "batch": lambda x, y: IMAGES.batch(x),
    "sample": lambda x, y: MODEL.sample(x, y),
    "sample size": lambda x, y: MODEL.sample(2, size=x, labels=y),
    "latent_shape_at": lambda x, y: MODEL.latent_shape_at(x),
    "preprocess": lambda x, y: MODEL.preprocess(x),
    "to_images": lambda x, y: MODEL.to_images(x),
    "save_pretrained": lambda x, y: MODEL.save_pretrained("/dev/null/x" if isinstance(x, str | Path) else x),
    "ImageSpec": lambda x, y: aezoo.ImageSpec(x, y),
    "ImageSpec.of": lambda x, y: aezoo.ImageSpec.of(x, y),
    "Component": lambda x, y: str(aezoo.Component(x, y)),
    "Component.of": lambda x, y: aezoo.Component.of(x, key=y),
    "Option": lambda x, y: aezoo.Option(name="x", type=x, default=y),
    "Option bounds": lambda x, y: aezoo.Option(name="x", type="float", default=1.0, low=x, high=y),
    "Tag": lambda x, y: aezoo.Tag(name=x, recipe=y),
    "EncoderSpec": lambda x, y: aezoo.EncoderSpec(name=x, summary="", implementation=y),
    "ModelSpec": lambda x, y: aezoo.ModelSpec(name="x", summary="", image=x, tags=y),
    "Job": lambda x, y: Job(spec=x, recipe=y),
}


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(x=ANYTHING, y=ANYTHING)
@example(x=None, y=None)
def test_a_public_call_answers_or_says_in_two_lines_why_not(call, x, y):
    answers_or_says_why_not(lambda: CALLS[call](x, y))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(x=ANYTHING)
def test_so_does_every_field_of_a_recipe(x):
    for name in aezoo.Recipe.__slots__:
        answers_or_says_why_not(lambda name=name: aezoo.Recipe(**{name: x}))


def answers_or_says_why_not(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except AezooError as error:
            message = str(error)
        else:
            return
    assert 1 <= len(message.splitlines()) <= 2
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MODEL.bottleneck.sample(LATENT, -1), "n=-1 samples: give a whole number from 0 on"),
        (lambda: MODEL.bottleneck.log_posterior(LATENT, LATENT), "z is a Latent; the posterior is of shape"),
        (lambda: MODEL.log_prior(torch.zeros(2, 3)), r"z has shape \(2, 3\); a latent of tiny is \(b, 4\)"),
        (lambda: MODEL.latent_at(LATENT, torch.zeros(4)), r"z has shape \(4,\); a latent of tiny is \(b, 4\)"),
        (lambda: aezoo.Batch(torch.rand(2, 1, 8, 8)).chunk(0), "a batch has no 0 parts"),
        (lambda: IMAGES.batch([4]), r"indices \[4\]: give whole numbers from 0 to 3, as a list"),
    ],
)
def test_what_came_out_raw(call, message):
    with pytest.raises(AezooError, match=message):
        call()


def test_the_end_of_a_dataset_is_an_index_error_as_of_any_sequence():
    assert len([*IMAGES]) == 4
    with pytest.raises(IndexError, match="index 9 of 4 images"):
        IMAGES[9]
