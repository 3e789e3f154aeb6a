"""``aezoo info``: a model's layers and numbers, or what another name means and takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import console, options
from aezoo.cli.console import Column
from aezoo.cli.names import KINDS, find_all
from aezoo.embedded import weights_of
from aezoo.errors import CompositionError, UnknownNameError, WeightsError, warn
from aezoo.plain import PARTS, Component, Option, to_json
from aezoo.plugins import known_package, registry, shortest
from aezoo.recipe import Recipe
from aezoo.registry import BUILTIN, Entry
from aezoo.specs import PLURALS, SPECS, ModelSpec, Spec

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder
    from aezoo.composition import Source
    from aezoo.summary import LayerSummary, Summary


@click.command("info")
@click.argument("name", type=options.Name(*SPECS, paths=True))
@options.parts
@click.option("--loss", metavar="LOSS", default="", help="Of a model: its terms, and whether they fit its parts.")
@options.as_json
def command(name: str, parts: dict[str, Any], loss: str, as_json: bool) -> None:
    """Show what a name means.

    Of a model (also 'name.tag', 'local-dir:PATH', or a model folder's path): its layers, their shapes, parameters and
    multiply-accumulates for one image, and the terms of its loss, with any parts and the loss swapped. Of an encoder, a
    loss, a dataset, ...: its options.
    Where one name is of several kinds all are shown; 'loss:kl' is the loss.

    \b
    aezoo info cis680-vae512 --encoder residual --image-size 128
    aezoo info cis680-vae16 --bottleneck hyperspherical --loss "nll + 4*kl"
    aezoo info gaussian
    """
    kinds, name = _kinds(name)
    if _is_model(name, kinds):
        _model(name, parts, loss, as_json)
        return
    entries = find_all(name, kinds)
    given = {**parts, **({"loss": loss} if loss else {})}
    options.refuse(given, f"{name} is a {entries[0].spec.kind}; a model has parts to swap")
    if as_json:
        console.print_json([_entry_json(entry) for entry in entries])
        return
    for number, entry in enumerate(entries):
        if number:
            click.echo()
        _show_entry(entry)


def _kinds(name: str) -> tuple[list[str], str]:
    """``"loss:kl"`` is the kind and the name; a name alone may be of any kind."""
    kind, colon, rest = name.partition(":")
    if colon and (kind in KINDS or kind in PLURALS):
        return [KINDS.get(kind, kind)], rest
    return list(SPECS), name


def _is_model(name: str, kinds: list[str]) -> bool:
    if "model" not in kinds:
        return False
    if name.startswith((".", "/", "~", "local-dir:", "hf-hub:")) or kinds == ["model"]:
        return True
    try:
        registry().find("model", name.partition("(")[0].partition(".")[0])
    except UnknownNameError:
        return (Path(name) / "config.json").is_file()
    return True


# Models


def _model(name: str, parts: dict[str, Any], loss: str, as_json: bool) -> None:
    from aezoo.composition import describe, recipe_of, resolve
    from aezoo.factory import build
    from aezoo.summary import summarize
    from aezoo.weights.folder import facts, read_config, standing

    source = resolve(name)
    spec = describe(source.spec, **parts)
    if loss:
        spec = dataclasses.replace(spec, loss=loss)
    model = build(spec, device="meta")
    try:
        terms = _terms(model)
    except CompositionError as error:  # its own loss may not fit the parts that were swapped, which is said
        if loss:
            raise
        terms = str(error)
    summary, size = summarize(model), facts(model)["size"]
    weights = {} if parts or source.folder else _weights(source)  # they fit the model as it is registered
    state = standing(read_config(source.folder)[1].get("training")) if source.folder else ""
    if as_json:
        found = {"size": size, "weights": weights, "state": state, "terms": terms}
        console.print_json({**_model_json(source, spec, summary), **found})
    else:
        _show_model(source, spec, summary, size, weights, state)
        click.echo()
        _show_terms(spec, terms)
        click.echo()
        console.title("recipe", f"of {source.folder or '.'.join(filter(None, (source.spec.name, source.tag)))}")
        console.facts(_settings(recipe_of(source), spec))


def _terms(model: Autoencoder) -> list[dict[str, Any]]:
    """The terms of the loss of a model, which is on the meta device."""
    from aezoo.training.objective import addends_of, rehearse

    try:
        rehearse(model, Recipe())
    except WeightsError as error:  # no fault of the composition
        warn(str(error))
    return [
        {
            "term": _short(each.asked.component),
            "weight": each.weight,
            "unit": each.spec.unit,
            "over": "the batch" if each.is_coupled else "each image",
            "adversary": each.spec.adversary,
        }
        for each in addends_of(Recipe(), model.spec)
    ]


def _show_terms(spec: ModelSpec, terms: list[dict[str, Any]] | str) -> None:
    if isinstance(terms, str):
        console.title("loss", terms)
        return
    console.title(
        "loss", f"{spec.loss}: each term a sum over an image's {math.prod(spec.image.shape):,} values, or its latent"
    )
    columns = (Column("Weight", right=True), Column("Term", wraps=True), Column("Unit"), Column("Of"))
    of = {True: ", with an adversary", False: ""}
    console.table(
        columns,
        [(f"{each['weight']:g}", each["term"], each["unit"], each["over"] + of[each["adversary"]]) for each in terms],
    )


def _weights(source: Source) -> dict[str, str]:
    """The package that brings the weights of each tag, where one of ours or an installed one does."""
    entry = source.entry
    found = {tag.name: weights_of(entry, tag.name) for tag in source.spec.tags} if entry else {}
    names = {
        tag: weights.distribution if weights else known_package("weights", f"{source.spec.name}.{tag}")
        for tag, weights in found.items()
    }
    return {tag: package for tag, package in names.items() if package}


def _model_json(source: Source, spec: ModelSpec, summary: Summary) -> dict[str, Any]:
    entry = source.entry
    return {
        "name": spec.name,
        "qualified_name": entry.qualified_name if entry else None,
        "summary": spec.summary,
        "parameters": summary.parameters,
        "macs": summary.macs,
        "image": to_json(spec.image),
        "latent_shape": list(summary.latent_shape),
        "bits": summary.bits,
        "loss": spec.loss,
        **_parts(spec),
        "layers": [to_json(layer) for layer in summary.layers],
        "tags": [tag.name for tag in spec.tags],
        "recipes": {tag.name: to_json(tag.recipe) for tag in spec.tags},
        "distribution": entry.distribution if entry else None,
        "version": entry.version if entry else None,
        "folder": str(source.folder) if source.folder else None,
        "citation": spec.citation,
    }


def _show_model(
    source: Source, spec: ModelSpec, summary: Summary, size: dict[str, Any], weights: dict[str, str], state: str
) -> None:
    entry = source.entry
    place = f"hf-hub:{source.repo}" if source.repo else str(source.folder)
    origin = f"{entry.distribution} {entry.version}" if entry else place
    console.title(spec.name, f"model of {origin}")
    console.text(spec.summary)
    click.echo()
    _show_layers(summary)
    click.echo()
    console.facts(
        (
            *([("training", state)] if state else []),
            ("image", f"{spec.image} (height, width, channels)"),
            ("size", f"any multiples of {size['of']}" if size["policy"] == "multiple" else size["policy"]),
            ("latent", _latent(spec, summary)),
            ("loss", spec.loss),
            *((kind, text) for kind, text in _parts(spec).items() if text != "none"),
            *((f"tag {tag.name}", _recipe(tag.recipe, weights.get(tag.name, ""))) for tag in spec.tags),
            ("citation", spec.citation),
        )
    )


def _latent(spec: ModelSpec, summary: Summary) -> str:
    """``"16: 1 number for 256 values of the image"``, ``"8x16x16 of codes, 2,304 bits: 1 for 42.7 of the image"``."""
    shape, values = _size(summary.latent_shape), math.prod(spec.image.shape)
    if summary.bits:  # of an image of 8 bits a value
        return f"{shape} of codes, {summary.bits:,.5g} bits: 1 for {8 * values / summary.bits:.3g} of the image"
    return f"{shape}: 1 number for {values / math.prod(summary.latent_shape):.3g} values of the image"


def _show_layers(summary: Summary) -> None:
    columns = (
        Column("Layer"),
        Column("Kernel", right=True),
        Column("Stride", right=True),
        Column("Channels", right=True),
        Column("Output", right=True),
        Column("Parameters", right=True),
        Column("MACs", right=True),
    )
    rows: list[tuple[str, ...]] = []
    headings: list[int] = []
    for part in dict.fromkeys(layer.part for layer in summary.layers):
        layers = [layer for layer in summary.layers if layer.part == part]
        headings.append(len(rows))
        rows.append(_sum(part, layers))
        rows += [
            (
                f"  {layer.type}",
                _size(layer.kernel),
                _size(layer.stride),
                str(layer.out_channels or ""),
                _size(layer.out_shape),
                _number(layer.parameters),
                _number(layer.macs),
            )
            for layer in layers
        ]
    headings.append(len(rows))
    rows.append(_sum("total", summary.layers))
    console.table(columns, rows, headings=headings)


def _sum(title: str, layers: Sequence[LayerSummary]) -> tuple[str, ...]:
    parameters, macs = (sum(getattr(layer, name) for layer in layers) for name in ("parameters", "macs"))
    return (title, "", "", "", "", f"{parameters:,}", f"{macs:,}")


def _size(sides: tuple[int, ...] | None) -> str:
    return "x".join(map(str, sides or ()))


def _number(number: int) -> str:
    return f"{number:,}" if number else ""


def _parts(spec: ModelSpec) -> dict[str, str]:
    """What it is made of, by kind; nothing where it is built whole."""
    return {} if spec.implementation else {kind: _short(getattr(spec, kind)) for kind in PARTS}


def _short(component: Component) -> str:
    return str(component).removeprefix(f"{BUILTIN}/")


def _settings(recipe: Recipe, spec: ModelSpec) -> list[tuple[str, str]]:
    """The whole of a recipe: what it sets, then what it leaves off."""
    from aezoo.training.steps import measure_every

    whole = dataclasses.replace(recipe, loss=recipe.loss or spec.loss, evaluate_every=measure_every(recipe))
    values = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    off = [name for name, value in values.items() if not value and name != "seed"]
    return [*((name, _text(value)) for name, value in values.items() if name not in off), ("off", ", ".join(off))]


def _recipe(recipe: Recipe, package: str) -> str:
    made = f"{recipe.dataset}, {recipe.steps} steps of {recipe.batch_size}, {recipe.optimizer} {recipe.lr:g}"
    reaches = f"reaches {recipe.reaches}" if recipe.reaches else ""
    return "; ".join(filter(None, (made, recipe.cost, reaches, package and f"weights in {package}")))


# Everything else


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        **to_json(entry.spec),
        "name": entry.name,
        "qualified_name": entry.qualified_name,
        "kind": entry.spec.kind,
        "distribution": entry.distribution,
        "version": entry.version,
    }


def _show_entry(entry: Entry) -> None:
    spec = entry.spec
    console.title(shortest(entry), f"{spec.kind} of {entry.distribution} {entry.version}")
    console.text(spec.summary)
    # What a kind's spec says beyond what every spec does, as it is.
    own = [field.name for field in dataclasses.fields(spec) if field.name not in _SHOWN_APART]
    facts = [(name, text) for name in ("provides", "needs", *own) if (text := _text(getattr(spec, name)))]
    if facts:
        click.echo()
        console.facts(facts)
    if spec.options:
        click.echo()
        columns = (
            Column("Option", style="cyan"),
            Column("Type"),
            Column("Default", wraps=True),
            Column("Meaning", wraps=True),
        )
        console.table(columns, [_option(option) for option in spec.options])


_SHOWN_APART = {field.name for field in dataclasses.fields(Spec)}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_text(item) if not isinstance(item, tuple) else " ".join(map(_text, item)) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _option(option: Option) -> tuple[str, str, str, str]:
    bounds = [f"{sign} {bound:g}" for sign, bound in ((">=", option.low), ("<=", option.high)) if bound is not None]
    allowed = " | ".join(option.choices) or " ".join([option.type, *bounds])
    return option.name, allowed, "" if option.default is None else repr(option.default), option.help
