"""``aezoo eval``: the metrics of a trained model, with the mean-image baseline and the protocol."""

from __future__ import annotations

import click

from aezoo.cli import console, options
from aezoo.errors import OptionError

_ALARMED = 64  # images that are looked at for a mismatch


@click.command("eval")
@click.argument("model", type=options.Name("model", paths=True))
@options.data
@click.option(
    "--split",
    metavar="NAME",
    help="Only this split: train, validation or test, or all: a folder or array as it is [default: every split of the "
    "model's own data and of a named dataset; all of other images at a path].",
)
@click.option("--metric", type=options.Name("metric"), multiple=True, help="One more to measure, by name; repeatable.")
@options.as_json
def command(model: str, data: options.Data, split: str | None, metric: tuple[str, ...], as_json: bool) -> None:
    """Measure MODEL, a name with weights or a model folder, on its own data or on --data.

    Gives a run's metrics.json again: float32, seeded posterior samples, baseline included. A path that a
    model folder names as its data is opened once --data PATH confirms it.

    \b
    aezoo eval runs/vae16                        every split that it was trained and tested on
    aezoo eval runs/vae16 --data ./other_photos  the whole folder: none of it was trained on
    """
    import dataclasses

    from aezoo.cli.measured import show
    from aezoo.cli.screen import Screen
    from aezoo.composition import recipe_of, resolve
    from aezoo.datasets.folder import ALL
    from aezoo.datasets.pipeline import is_path, load_images
    from aezoo.factory import create
    from aezoo.metrics.baseline import MeanImage
    from aezoo.mismatch import alarm
    from aezoo.requests import refuse_external
    from aezoo.training.data import load_splits
    from aezoo.training.images import confirms
    from aezoo.training.results import measure_all, measure_each

    source = resolve(model)
    trained = create(model, pretrained=True)
    recipe = recipe_of(source)
    if data.request and not confirms(data.request, recipe.dataset):
        # Other images: none of them was held out of this model's training.
        recipe = dataclasses.replace(recipe, dataset=data.request, validation=0.0, patience=0, keep="last", binarize="")
        split = split or (ALL if is_path(data.request) else None)
    if data.binarize:
        recipe = dataclasses.replace(recipe, binarize=data.binarize)
    if metric:
        recipe = dataclasses.replace(recipe, metrics=metric)
    elif source.folder:
        refuse_external("metric", recipe.metrics, "--metric")
    origin = "file" if source.folder and not data.request else "caller"
    with Screen() as screen:
        if split == ALL:
            images = load_images(
                recipe.dataset,
                ALL,
                trained.image,
                binarize=recipe.binarize,
                root=data.root,
                origin=origin,
                progress=lambda done, total: screen.working("reading", done, total),
            )
            if data.request:
                alarm(trained, images.batch(range(min(_ALARMED, len(images)))).images)
            # The baseline knows these very images, which is more than a model can.
            metrics = measure_each(trained, {ALL: images}, MeanImage.fit(images), recipe, screen.working)
        else:
            splits = load_splits(
                recipe,
                trained.image,
                root=data.root,
                origin=origin,
                progress=lambda name, done, total: screen.working(f"reading {name}", done, total),
            )
            if split and split not in splits.named():
                raise OptionError(f"--split {split}: there are {', '.join(splits.named())}; {ALL} of a folder or array")
            if data.request:
                alarm(trained, splits.test.batch(range(min(_ALARMED, len(splits.test)))).images)
            metrics = measure_all(trained, splits, recipe, screen.working, only=split or "")
    if as_json:
        console.print_json(metrics)
    else:
        show(metrics)
