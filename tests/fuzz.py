"""Files and texts that anyone may have made: whatever they hold, nothing but an `AezooError` comes of them.

    python tests/fuzz.py --inputs 100000

Each target takes what is right apart at random: a value of a JSON file for another, bytes for others, characters for
others. An input that raises something else, takes over five seconds of a processor, or brings the process over a
gigabyte more than it began with is a finding. ``tests/test_fuzz.py`` gives each target a few inputs.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import json
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECONDS, BYTES = 5.0, 2**30

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 7, 2**31, 2**63, 10**9, 10**30])
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["", "conv", "aezoo/conv", "timm:resnet18", "../x", "a\0b", "\ud800", "\x1b[2J", "3x3x8 s2", "~", "$HOME"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is something in a value of JSON: the keys that lead there."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


@st.composite
def json_like(draw: Any, base: Any) -> Any:
    """A value of JSON with up to three places changed."""
    made = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(list(places(made))[1:] or [(None,)]))
        if last is None:
            return draw(VALUES)
        inner = made
        for key in way:
            inner = inner[key]
        how = draw(st.sampled_from(["other", "other", "gone", "more", "twice"]))
        if how == "gone":
            del inner[last]
        elif how == "more" and isinstance(inner, dict):
            inner[draw(st.text(max_size=8))] = draw(VALUES)
        elif how == "twice" and isinstance(inner, list):
            inner.extend(copy.deepcopy(inner))
        else:
            inner[last] = draw(VALUES)
        if not made:
            break
    return made


@st.composite
def bytes_like(draw: Any, base: bytes) -> bytes:
    """Bytes with up to four places changed, most of them near the beginning, where what they are is said."""
    made = bytearray(base)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, min(len(made) - 1, draw(st.sampled_from([16, 400, len(made)]))))))
        how = draw(st.sampled_from(["flip", "cut", "in", "out"]))
        if how == "flip" and made:
            made[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del made[at:]
        elif how == "in":
            made[at:at] = draw(st.binary(max_size=12))
        else:
            del made[at : at + draw(st.integers(1, 12))]
    return bytes(made)


@st.composite
def text_like(draw: Any, bases: list[str]) -> str:
    """A text with up to four characters changed."""
    made = list(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made)))
        made[at : at + draw(st.integers(0, 3))] = draw(
            st.sampled_from([*"()=,'\"+*.:/ -0123456789", "name", "(", "9" * 30])
        )
    return "".join(made)


class Targets:
    """What takes inputs, each by name: how inputs are made, and what is done with one."""

    def __init__(self, place: Path) -> None:
        import aezoo
        from aezoo.benchmark.results import Result
        from aezoo.benchmark.tasks import find_task
        from aezoo.composition import recipe_of, resolve
        from aezoo.training.checkpoint import load_newest
        from aezoo.training.data import load_splits

        self.place = place
        self.folder, self.run = place / "model", place / "run"
        parts = {"image_size": 28, "encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))"}
        spec = aezoo.describe("cis680-vae16", **parts)
        aezoo.train(spec, "toyfaces(count=20, size=28)", steps=2, batch_size=8, out=self.run)
        small = {"encoder": "conv(layers=('4x4x4 s4', 'res 3x3x4'))", "decoder": "deconv(layers=('4x4xc s4',))"}
        self.saved = load_newest(self.run / "training") or {}
        self.progress = dict.fromkeys(self.saved) | {"progress": json.loads(self.saved["progress"])}
        source = resolve(self.run)
        self.model, self.recipe = aezoo.create(self.run, pretrained=True), recipe_of(source)
        self.splits = load_splits(self.recipe, self.model.image)
        conv = aezoo.create("kl-f4-tiny", image_size=16, channels=1, **small)
        conv.save_pretrained(self.folder)
        config = json.loads((self.folder / "config.json").read_text())
        del config["sha256"]  # else a changed byte is found before it is read; of what is unfinished there is none
        config["training"] = {"state": "unfinished", "done": 0, "step": 0, "recipe": {"steps": 1}}
        (self.folder / "config.json").write_text(json.dumps(config))
        record = json.loads((self.run / "training/run.json").read_text())
        record["job"]["recipe"]["dataset"] = "cufs"  # which is not there: a record that holds starts no training
        weights = Path(aezoo.__file__).parent / "catalog/weights/cis680-ae.toyfaces.json"
        cufs = find_task("cufs")
        scores = {"mse": (0.1,) * cufs.images, "ssim": (0.5,) * cufs.images, "floats": 4, "trained_on": "cufs"}
        scored = Result(task=cufs.id, images=cufs.sha256, name="mine", kind="model", **scores).write(place)
        arrays, plain = place / "base.npz", place / "base.npy"
        images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
        np.savez_compressed(arrays, images=images, labels=np.array([0, 1]))
        np.save(plain, images)
        of_run = {name: json.loads((self.run / name).read_text()) for name in ("config.json", "metrics.json")}
        components = ["conv(layers=('3x3x8 s2', 'res 3x3x8'))", "gaussian(dim=16)", "timm:resnet18"]
        losses = ["bce + 4*kl(warmup=10, free_bits=0.1)", "nll + kl", "l2 + 0.0001*kl"]
        names = ["cis680-vae16.toyfaces", "hf-hub:me/x@main", "local-dir:x", "aezoo/cis680-ae"]
        self.all: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], object]]] = {
            "config.json": (json_like(config), self.config),
            "config.json of a run": (json_like(of_run["config.json"]), self.compared("config.json")),
            "metrics.json": (json_like(of_run["metrics.json"]), self.compared("metrics.json")),
            "run.json": (json_like(record), self.resumed),
            "a checkpoint": (json_like(self.progress), self.checkpoint),
            "a result of the benchmark": (json_like(json.loads(scored.read_text())), self.result),
            "a record of weights": (json_like(json.loads(weights.read_text())), self.weights),
            "model.safetensors": (bytes_like((self.folder / "model.safetensors").read_bytes()), self.state),
            ".npy": (bytes_like(plain.read_bytes()), self.array(".npy")),
            ".npz": (bytes_like(arrays.read_bytes()), self.array(".npz")),
            "a component": (text_like(components), self.component),
            "a loss": (text_like(losses), self.loss),
            "a model's name": (text_like(names), self.name),
        }

    def changed(self, name: str, data: bytes, base: Path) -> Path:
        """A folder like another, of which one file holds other bytes."""
        folder = self.place / "changed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, folder)
        (folder / name).write_bytes(data)
        return folder

    def config(self, value: Any) -> None:
        import aezoo

        folder = self.changed("config.json", json.dumps(value).encode(), self.folder)
        for pretrained in (True, False):
            with contextlib.suppress(aezoo.AezooError):
                aezoo.create(folder, pretrained=pretrained)

    def compared(self, name: str) -> Callable[[Any], object]:
        from aezoo.training.kept import read_run

        return lambda value: read_run(self.changed(name, json.dumps(value).encode(), self.run)).settings()

    def resumed(self, value: Any) -> None:
        from aezoo.training import run

        folder = self.changed("training/run.json", json.dumps(value).encode(), self.run)
        run.resume(folder, root=str(self.place / "nothing"))

    def checkpoint(self, value: Any) -> None:
        from aezoo.training import checkpoint
        from aezoo.training.steps import Training

        folder = self.place / "resumed"
        shutil.rmtree(folder, ignore_errors=True)
        parts = {**self.saved, **({"progress": json.dumps(value["progress"])} if "progress" in value else {})}
        checkpoint.save(folder / "training", 2, {key: parts[key] for key in parts if key in value})
        model = copy.deepcopy(self.model)
        Training(model, self.recipe, self.splits, folder, "cpu", 10, ()).take_up()

    def result(self, value: Any) -> None:
        from aezoo.benchmark.results import read_results
        from aezoo.benchmark.table import markdown

        file = self.place / "results" / "mine.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(value))
        for task, results in read_results(file.parent).items():
            markdown(task, results)

    def weights(self, value: Any) -> None:
        from aezoo.embedded import folder_of, read_record

        file = self.place / "record.json"
        file.write_text(json.dumps(value))
        folder_of(read_record(file))

    def state(self, data: bytes) -> None:
        import aezoo

        aezoo.create(self.changed("model.safetensors", data, self.folder), pretrained=True)

    def array(self, ending: str) -> Callable[[Any], object]:
        from aezoo.datasets.folder import open_folder

        def read(data: bytes) -> None:
            file = self.place / f"images{ending}"
            file.write_bytes(data)
            images = open_folder("all", file)
            for index in range(len(images)):
                images[index]

        return read

    def component(self, text: str) -> None:
        import aezoo

        for part in ("encoder", "bottleneck", "likelihood"):
            with contextlib.suppress(aezoo.AezooError):
                aezoo.describe("cis680-vae16", **{part: text})

    def loss(self, text: str) -> None:
        from aezoo.training.objective import read_loss

        read_loss(text, frozenset({"kl", "logits", "nll", "posterior", "prior"}), "a model")

    def name(self, text: str) -> None:
        import aezoo

        if not text.startswith("hf-hub:"):
            aezoo.describe(text)
        else:
            from aezoo.weights.hub import Repo

            Repo.of(text.partition(":")[2])


def fuzz(target: str, targets: Targets, inputs: int, seed: int = 0) -> collections.Counter[str]:
    """Give a target so many inputs; raises on the first finding, made as small as it can be. What came of them."""
    import aezoo

    strategy, take = targets.all[target]
    said: collections.Counter[str] = collections.Counter()
    before = peak()

    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        derandomize=seed == 0,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(strategy)
    def one(value: Any) -> None:
        began = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                take(value)
            said["taken"] += 1
        except aezoo.AezooError as error:
            said[type(error).__name__] += 1
        assert time.process_time() - began < SECONDS
        assert peak() - before < BYTES

    one()
    return said


def peak() -> int:
    """The most bytes that this process has had: what was freed again counts too."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--inputs", type=int, default=10_000, help="in all, shared by the targets")
    parser.add_argument("--seed", type=int, default=1, help="0: always the same inputs")
    asked = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as place:
        targets = Targets(Path(place))
        names = asked.targets or list(targets.all)
        for name in names:
            began = time.perf_counter()
            try:
                said = fuzz(name, targets, asked.inputs // len(names), asked.seed)
                took = time.perf_counter() - began
                click.echo(f"{name}: {sum(said.values())} inputs in {took:.0f} s, {dict(said)}")
            except Exception:
                failed = True
                click.echo(f"{name}:\n{traceback.format_exc(limit=-8)}")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        click.echo(f"the most memory: {most / 2**20:.0f} MB")
    sys.exit(failed)


if __name__ == "__main__":
    main()
