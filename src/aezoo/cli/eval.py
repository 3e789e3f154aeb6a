"""``aezoo eval``: the metrics of a trained model, with the mean-image baseline and the protocol."""

from __future__ import annotations

import click

from aezoo.cli import console, options
from aezoo.errors import OptionError


@click.command("eval")
@click.argument("model", type=options.Name("model", paths=True))
@options.data
@click.option("--split", metavar="NAME", help="Only this split: train, validation or test [default: all].")
@click.option("--metric", type=options.Name("metric"), multiple=True, help="One more to measure, by name; repeatable.")
@options.as_json
def command(model: str, data: options.Data, split: str | None, metric: tuple[str, ...], as_json: bool) -> None:
    """Measure MODEL, a name with weights or a model folder, on its own data or on --data.

    Gives a run's metrics.json again: float32, one seeded posterior sample an image, baseline included. A path that a
    model folder names as its data is opened once --data PATH confirms it.
    """
    import dataclasses

    from aezoo.cli.measured import show
    from aezoo.cli.screen import Screen
    from aezoo.factory import create, recipe_of, resolve
    from aezoo.mismatch import alarm
    from aezoo.requests import refuse_external
    from aezoo.training.data import load_splits
    from aezoo.training.images import confirms
    from aezoo.training.results import measure_all

    source = resolve(model)
    trained = create(model, pretrained=True)
    recipe = recipe_of(source)
    if data.request and not confirms(data.request, recipe.dataset):
        # Other images: none of them was held out of this model's training.
        recipe = dataclasses.replace(recipe, dataset=data.request, validation=0.0, patience=0, keep="last", binarize="")
    if data.binarize:
        recipe = dataclasses.replace(recipe, binarize=data.binarize)
    if metric:
        recipe = dataclasses.replace(recipe, metrics=metric)
    elif source.folder:
        refuse_external("metric", recipe.metrics, "--metric")
    with Screen() as screen:
        splits = load_splits(
            recipe,
            trained.image,
            root=data.root,
            origin="file" if source.folder and not data.request else "caller",
            progress=lambda name, done, total: screen.working(f"reading {name}", done, total),
        )
        if split and split not in splits.named():
            raise OptionError(f"--split {split}: there are {', '.join(splits.named())}")
        if data.request:
            alarm(trained, splits.test.batch(range(min(64, len(splits.test)))).images)
        metrics = measure_all(trained, splits, recipe, screen.working, only=split or "")
    if as_json:
        console.print_json(metrics)
    else:
        show(metrics)
