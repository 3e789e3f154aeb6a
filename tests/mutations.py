"""Faults that tests must find, put into a copy of the code one at a time: ``python tests/mutations.py``.

Each has once passed every test, or is one that would turn a verdict of the study. It exits with 1 if one survives, or
if the line that it changes is no longer there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUDY = "plugins/aezoo-study-cis680/src/aezoo_study_cis680"
PLANTED = "plugins/aezoo-study-cis680/tests/test_planted.py"
SOURCES = ["src", *(str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/src"))]


@dataclass(frozen=True)
class Mutation:
    """A fault: in ``file`` each ``old`` becomes ``new``, and one of the ``tests`` fails."""

    what: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation(
        "FactorVAE's vote weighs dimensions by their scale",
        "plugins/aezoo-factors/src/aezoo_factors/disentanglement.py",
        "z = z[:, alive] / deviation[alive]",
        "z = z[:, alive]",
        "plugins/aezoo-factors/tests/test_disentanglement.py",
    ),
    Mutation(
        "DCI counts shares over the dimensions",
        "plugins/aezoo-factors/src/aezoo_factors/disentanglement.py",
        "np.log(max(importance.shape[1], 2))",
        "np.log(max(importance.shape[0], 2))",
        "plugins/aezoo-factors/tests/test_disentanglement.py",
    ),
    Mutation(
        "an objective in eval() measures the posterior's mean",
        "src/aezoo/training/objective.py",
        'if model.training or "posterior" not in model.provides:',
        "if True:",
        "tests/training/test_objective.py",
    ),
    Mutation(
        "latents are held to features of padded images",
        "src/aezoo/losses/alignment.py",
        'self.size = getattr(asked.build(image=image), "prepare", image).size',
        "self.size = image.size",
        "tests/losses/test_alignment.py",
    ),
    Mutation(
        "CelebA's groups of persons are dropped",
        "src/aezoo/training/data.py",
        "_hold_out(len(train), train.groups, recipe)",
        "_hold_out(len(train), None, recipe)",
        "tests/training/test_data.py tests/datasets/test_celeba.py",
    ),
    Mutation(
        "a fold is the first one whichever is asked for",
        "src/aezoo/training/data.py",
        "recipe.fold * share",
        "0 * share",
        "tests/training/test_data.py",
    ),
    Mutation(
        "the EMA's decay is its root",
        "src/aezoo/training/steps.py",
        "return min(ema, (1 + step) / (10 + step))",
        "return min(ema, (1 + step) / (10 + step)) ** 0.5",
        "tests/training/test_engine.py",
    ),
    Mutation(
        "every seed has the order of the first",
        "src/aezoo/training/steps.py",
        "recipe.batch_size, recipe.seed)",
        "recipe.batch_size, 0)",
        "tests/training/test_engine.py",
    ),
    Mutation(
        "every seed has the noise of the first",
        "src/aezoo/training/steps.py",
        "step_seed(self.recipe.seed, step)",
        "step_seed(0, step)",
        "tests/training/test_engine.py",
    ),
    Mutation(
        "no decoder is dead",
        "src/aezoo/training/health.py",
        "if spread < DEAD_SPREAD:",
        "if spread < 0:",
        "tests/training/test_health.py",
    ),
    Mutation(
        "gradients of the parts of a batch are added up, not averaged",
        "src/aezoo/training/steps.py",
        "loss / len(contexts) if len(contexts) > 1 else loss",
        "loss",
        "tests/training/test_engine.py",
    ),
    Mutation(
        "images are mirrored upside down",
        "src/aezoo/training/steps.py",
        "batch.images.flip(3)",
        "batch.images.flip(2)",
        "tests/training/test_engine.py",
    ),
    Mutation(
        "latent_std is the variance",
        "src/aezoo/training/results.py",
        ".clamp(min=0).sqrt())",
        ".clamp(min=0))",
        "tests/training/test_results.py",
    ),
    Mutation(
        "the mean image is that of the test images",
        "src/aezoo/training/results.py",
        "MeanImage.fit(splits.train)",
        "MeanImage.fit(splits.test)",
        "tests/training/test_results.py",
    ),
    Mutation(
        "so is that of a study",
        "src/aezoo/studies/trials.py",
        "MeanImage.fit(splits.train)",
        "MeanImage.fit(splits.test)",
        "tests/studies/test_trials.py",
    ),
    Mutation(
        "curves are of the posterior's mean",
        "src/aezoo/metrics/evaluation.py",
        "sampled = model.output(model.latent_at(mean.latent, z)",
        "sampled = model.output(model.latent_at(mean.latent, mean.latent.z)",
        "tests/training/test_curves.py tests/metrics",
    ),
    Mutation(
        "deeper networks are said to help",
        f"{STUDY}/big.py",
        'against("plain-1", "plain-4")',
        'against("plain-4", "plain-1")',
        PLANTED,
    ),
    Mutation("the big VAE may overfit twice over", f"{STUDY}/big.py", "Region(high=1.1)", "Region(high=2)", PLANTED),
    Mutation(
        "harder test images count twice",
        f"{STUDY}/big.py",
        "test / train / (mean_test / mean_train)",
        "test / train * (mean_test / mean_train)",
        PLANTED,
    ),
    Mutation("the lowest is the highest", f"{STUDY}/small.py", "min(values)", "max(values)", PLANTED),
    Mutation(
        "blur is that of training images",
        f"{STUDY}/small.py",
        'splits=("test",), marks',
        'splits=("train",), marks',
        PLANTED,
    ),
    Mutation(
        "numbers that are the same in every seed leave no doubt",
        "src/aezoo/studies/statistics.py",
        "return 2.0 ** -min(freedom for _, freedom in self.parts) if distance else 1.0",
        "return float(not distance)",
        "tests/studies/test_statistics.py",
    ),
    Mutation(
        "the training error of claim 12 is that of some images",
        "src/aezoo/studies/verdicts.py",
        "whole = all(",
        "whole = not all(",
        "tests/studies/test_verdicts.py",
    ),
    Mutation(
        "AE and VAE are swapped",
        f"{STUDY}/small.py",
        "lower(ae, vae, f",
        "lower(vae, ae, f",
        PLANTED,
    ),
    Mutation("an error is captured at any level", f"{STUDY}/rows.py", "Region(high=0.5)", "Region(high=5)", PLANTED),
    Mutation("KL is early whenever it comes", f"{STUDY}/rows.py", "Region(high=0.25)", "Region(high=1.25)", PLANTED),
    Mutation(
        "a KL beyond its last value has arrived",
        f"{STUDY}/rows.py",
        "abs(values[index] - values[last]) > way",
        "values[last] - values[index] > way",
        PLANTED.replace("test_planted", "test_study"),
    ),
    Mutation(
        "equal compute is equal steps",
        f"{STUDY}/big.py",
        "kept[0], kept[1], kept[-1]",
        "kept[0], kept[1], kept[1]",
        PLANTED.replace("test_planted", "test_study"),
    ),
    Mutation(
        "training and test vary together",
        "src/aezoo/studies/statistics.py",
        "kinds[sample.images] = kinds.get(sample.images, 0.0)",
        'kinds[""] = kinds.get("", 0.0)',
        "tests/studies/test_statistics.py",
    ),
    Mutation(
        "seed and image together count twice",
        "src/aezoo/studies/statistics.py",
        "less=_both(each)",
        "less=0.0",
        "tests/studies/test_statistics.py",
    ),
    Mutation(
        "one quantile serves seeds and images",
        "src/aezoo/studies/statistics.py",
        "stdtrit(freedom, p / 2)",
        "stdtrit(self.parts[-1][1], p / 2)",
        "tests/studies/test_statistics.py",
    ),
    Mutation(
        "dead decoders are judged like live ones",
        "src/aezoo/studies/verdicts.py",
        "finished if state.study.quick else finished - set.union(*map(state.dead, arms))",
        "finished",
        "tests/studies/test_verdicts.py",
    ),
    Mutation(
        "rows are judged one by one",
        "src/aezoo/studies/verdicts.py",
        "holm([rows[at].p for rows, at in family], sum(map(len, found)))",
        "[rows[at].p for rows, at in family]",
        "tests/studies/test_verdicts.py",
    ),
    Mutation(
        "the benchmark's baselines have seen the test images",
        "src/aezoo/benchmark/scoring.py",
        'task.load("train", root=root',
        'task.load("test", root=root',
        "tests/benchmark/test_scoring.py",
    ),
    Mutation(
        "every image counts as one, whatever it is of",
        "src/aezoo/studies/statistics.py",
        "sample.values if sample.groups is None else _of_groups(sample.values, sample.groups)",
        "sample.values",
        "tests/studies/test_statistics.py",
    ),
    Mutation(
        "without the one-channel map there is the map",
        f"{STUDY}/small.py",
        "decoder=decoder,",
        "decoder={},",
        "plugins/aezoo-study-cis680/tests/test_study.py",
    ),
    Mutation(
        "minutes of a run that goes on are all of it",
        "src/aezoo/training/run.py",
        "steps = done + more",
        "steps = more",
        "tests/training/test_run.py",
    ),
    Mutation(
        "a decoder that draws by the label alone is live",
        "src/aezoo/training/health.py",
        "batch.labels[:1].expand_as(batch.labels)",
        "batch.labels",
        "tests/strangers/test_conditional.py",
    ),
    Mutation(
        "a run in several calls took as long as the last",
        "src/aezoo/studies/trials.py",
        "(steps / self._steps if self._steps else 1)",
        "1",
        "tests/studies/test_trials.py",
    ),
    Mutation(
        "reconstructions are cut to levels, not rounded",
        "src/aezoo/benchmark/scoring.py",
        ".round().to(torch.uint8)",
        ".to(torch.uint8)",
        "tests/benchmark/test_scoring.py",
    ),
)


def main() -> int:
    """Try every mutation, or those whose description holds what is said, and say what survives."""
    wanted = " ".join(sys.argv[1:])
    asked = [each for each in MUTATIONS if wanted in each.what]
    survive = 0
    for tests in dict.fromkeys(each.tests for each in asked):
        if lines := failing(tests):
            say(f"FAILS     without a fault: {tests}: {lines[-1]}")
            return 1
    for mutation in asked:
        if mutation.old not in (ROOT / mutation.file).read_text(encoding="utf-8"):
            say(f"GONE      {mutation.what}: {mutation.file} has no {mutation.old!r}")
            survive += 1
            continue
        lines = failing(mutation.tests, mutation)
        survive += not lines
        say(f"{'found' if lines else 'SURVIVES':9} {mutation.what}: {' / '.join(lines[-1:])}")
    return 1 if survive else 0


def failing(tests: str, mutation: Mutation | None = None) -> list[str]:
    """What pytest says of tests that fail in a copy of the code, with a fault in it; empty where they pass."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "runs", "__pycache__", "_build"))
        if mutation:
            text = (copy / mutation.file).read_text(encoding="utf-8")
            (copy / mutation.file).write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        path = os.pathsep.join(str(copy / source) for source in SOURCES)
        own = {name: value for name, value in os.environ.items() if not name.startswith("AEZOO_")}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", *tests.split()]
        done = subprocess.run(command, cwd=copy, env={**own, "PYTHONPATH": path}, capture_output=True, text=True)
        # 1: tests were run, and some failed.
        if done.returncode not in (0, 1):
            raise SystemExit(f"{tests}: {done.stdout}{done.stderr}")
        return done.stdout.strip().splitlines() if done.returncode else []


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
