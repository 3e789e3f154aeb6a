"""``aezoo eval``: the metrics of a trained model, with the mean-image baseline and the protocol."""

from __future__ import annotations

import click

from aezoo.cli import console, options
from aezoo.errors import OptionError


@click.command("eval")
@click.argument("model", type=options.Name("model", paths=True))
@options.data
@click.option("--split", metavar="NAME", help="Only this split: train, validation or test [default: all].")
@options.as_json
def command(model: str, data: options.Data, split: str | None, as_json: bool) -> None:
    """Measure MODEL, a name with weights or a model folder, on its own data or on --data.

    Gives a run's metrics.json again: float32, one seeded posterior sample an image, baseline included.
    """
    import dataclasses

    from aezoo.cli.measured import show
    from aezoo.cli.training import Screen
    from aezoo.factory import create, recipe_of, resolve
    from aezoo.training.data import load_splits
    from aezoo.training.results import measure_all

    source = resolve(model)
    trained = create(model, pretrained=True)
    recipe = recipe_of(source)
    if data.request:  # other images: none of them was held out of this model's training
        recipe = dataclasses.replace(recipe, dataset=data.request, validation=0.0, patience=0, keep="last", binarize="")
    if data.binarize:
        recipe = dataclasses.replace(recipe, binarize=data.binarize)
    with Screen() as screen:
        splits = load_splits(
            recipe,
            trained.image,
            root=data.root,
            progress=lambda name, done, total: screen.working(f"reading {name}", done, total),
        )
        if split and split not in splits.named():
            raise OptionError(f"--split {split}: there are {', '.join(splits.named())}")
        metrics = measure_all(trained, splits, recipe, screen.working, only=split or "")
    if as_json:
        console.print_json(metrics)
    else:
        show(metrics)
