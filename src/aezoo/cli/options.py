"""What several commands take: names that complete, parts of a model, images to read."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import CompletionItem

from aezoo.errors import AezooError, OptionError
from aezoo.plain import PARTS
from aezoo.plugins import host, list_names, registry
from aezoo.recipe import Recipe
from aezoo.specs import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

Command = Callable[..., Any]


class Name(click.ParamType):
    """A name of some kinds, completed from their specs; what it means is decided by who resolves it.

    Args:
        kinds: as the registry calls them.
        paths: whether the path of a file or folder may stand there too.
    """

    name = "name"

    def __init__(self, *kinds: str, paths: bool = False) -> None:
        self.kinds, self.paths = kinds, paths

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            # Beside models, weights are offered as tags: of every model, once its name is there.
            kinds = [kind for kind in self.kinds if kind != "weights" or "model" not in self.kinds]
            names = [name.removesuffix("*") for kind in kinds for name in list_names(kind)]
            if "model" in self.kinds and "." in incomplete:
                for entry in registry().entries("model"):
                    assert isinstance(entry.spec, ModelSpec)
                    names += [f"{entry.name}.{tag.name}" for tag in entry.spec.tags]
        except AezooError:
            names = []
        items = [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]
        return items or ([CompletionItem(incomplete, type="file")] if self.paths else [])


class Folder(click.Path):
    """The path of a folder; an empty one, as of a shell variable that is not set, is none."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty text names no folder", param, ctx)
        return super().convert(value, param, ctx)


class Distribution(click.ParamType):
    """The name of an installed package that registers something."""

    name = "package"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            names = [record.distribution for record in host().records if record.status == "ok"]
        except AezooError:
            names = []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class ImageSize(click.ParamType):
    """``64`` (square) or ``48x64`` (height x width), in pixels."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", value)
        if not match:
            self.fail(f"{value!r} is no size: give pixels as N or HxW, such as 64 or 48x64", param, ctx)
        return (int(match[1]), int(match[2])) if match[2] else int(match[1])


class Parts(click.ParamType):
    """``encoder,bottleneck``: parts of a model."""

    name = "parts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        said, _, begun = incomplete.rpartition(",")
        return [CompletionItem(",".join(filter(None, (said, part)))) for part in PARTS if part.startswith(begun)]


_PARTS = (
    click.option("--image-size", type=ImageSize(), metavar="N|HxW", help="Height and width of the images in pixels."),
    click.option("--channels", type=click.IntRange(min=1), metavar="N", help="1 for grey, 3 for colour."),
    click.option("--encoder", type=Name("encoder"), help="As 'name' or 'name(key=value)'; 'timm:resnet18' works too."),
    click.option("--bottleneck", type=Name("bottleneck"), help="Such as 'gaussian(dim=32)'."),
    click.option("--prior", type=Name("prior"), help="What z is drawn from, such as 'standard', or 'none'."),
    click.option("--decoder", type=Name("decoder"), help="Such as 'mlp(hidden=(400, 400))'."),
    click.option("--likelihood", type=Name("likelihood"), help="What the decoder's maps say: 'gaussian', 'none', ..."),
    click.option("--norm", metavar="batch|none", help="Normalisation in every part that has the option."),
)


def parts(command: Command) -> Command:
    """Give a command the options that swap a model's parts, as one argument ``parts``.

    It is a dictionary of what was given: keywords of `aezoo.composition.describe` and `aezoo.factory.create`.
    """
    names = ("image_size", "channels", *PARTS, "norm")

    @functools.wraps(command)
    def gathered(**values: Any) -> Any:
        asked = {name: values.pop(name) for name in names}
        return command(parts={name: value for name, value in asked.items() if value is not None}, **values)

    return _decorate(gathered, _PARTS)


@dataclass(frozen=True, slots=True)
class Data:
    """The images asked for: arguments of `aezoo.datasets.pipeline.load_images`. None is what was not said."""

    request: str | None
    root: Path | None
    binarize: Literal["threshold", "static", "dynamic"] | None


_TYPES: dict[str, Any] = typing.get_type_hints(Recipe)
_FIELDS = {field.name: field for field in dataclasses.fields(Recipe)}
_NO_FLAG = ("dataset", "binarize", "cost", "reaches")  # the first two are `data`'s


def _recipe_option(name: str) -> Callable[[Command], Command]:
    """The option of a field of `Recipe`. What is not said is None, or no value of a repeatable one."""
    if name == "freeze":
        return click.option("--freeze", type=Parts(), metavar="PART,...", help=_FIELDS[name].metadata["help"])
    flag, hint, text = "--" + name.replace("_", "-"), _TYPES[name], _FIELDS[name].metadata["help"]
    several = typing.get_args(hint)
    if hint is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=text)
    if typing.get_origin(hint) is Literal:
        return click.option(flag, type=click.Choice(several), help=text)
    if several[1:] == (Ellipsis,):
        one = flag.removesuffix("s")
        kind = Name(one[2:]) if several[0] is str else several[0]
        return click.option(one, name, type=kind, multiple=True, help=f"{text} Repeatable.")
    if several:
        return click.option(flag, type=several[0], nargs=len(several), help=text)
    return click.option(flag, type=hint, help=text)


def recipe(command: Command) -> Command:
    """Give a command an option for every field of `Recipe` that `data` has none for, as one argument ``recipe``.

    It is a dictionary of what was given: keywords of `Recipe`.
    """
    names = [name for name in _FIELDS if name not in _NO_FLAG]

    @functools.wraps(command)
    def gathered(**values: Any) -> Any:
        asked = {name: values.pop(name) for name in names}
        return command(recipe={name: value for name, value in asked.items() if value not in (None, ())}, **values)

    return _decorate(gathered, tuple(map(_recipe_option, names)))


root = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the datasets lie; AEZOO_DATA otherwise.",
)

password = click.option(
    "--password",
    default="",
    prompt=True,
    prompt_required=False,
    hide_input=True,
    envvar="AEZOO_KEY_PASSWORD",
    help="Ask for the key's password; AEZOO_KEY_PASSWORD has it where nobody is asked.",
)

_DATA = (
    click.option(
        "--data",
        type=Name("dataset", paths=True),
        metavar="NAME|PATH",
        help="A dataset ('toyfaces(style=\"shaded\")', 'torchvision:MNIST'), a folder of images, a .npy or .npz file.",
    ),
    root,
    click.option(
        "--binarize",
        type=click.Choice([choice for choice in typing.get_args(_TYPES["binarize"]) if choice]),
        help=_FIELDS["binarize"].metadata["help"],
    ),
)


def data(command: Command) -> Command:
    """Give a command the options that say which images to read, as one argument ``data`` (a `Data`)."""

    @functools.wraps(command)
    def gathered(**values: Any) -> Any:
        asked = Data(values.pop("data"), values.pop("root"), values.pop("binarize"))
        return command(data=asked, **values)

    return _decorate(gathered, _DATA)


def _decorate(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def device(default: str | None, help: str) -> Callable[[Command], Command]:
    """The option ``--device``: where it computes."""
    choice = click.Choice(("auto", "cpu", "cuda", "mps"))
    return click.option("--device", type=choice, default=default, show_default=bool(default), help=help)


def picture(required: bool, help: str) -> Callable[[Command], Command]:
    """The option ``--out``, a PNG.

    Raises:
        OptionError: another kind of file.
    """
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option("--out", required=required, metavar="PNG", type=path, callback=_as_png, help=help)


def _as_png(ctx: click.Context, parameter: click.Parameter, out: Path | None) -> Path | None:
    if out and out.suffix.lower() != ".png":
        raise OptionError(f"--out {out}: the picture is a PNG, name it so: {out.with_suffix('.png')}")
    return out


def label(help: str, multiple: bool = True) -> Callable[[Command], Command]:
    """The option ``--label``, of conditional models."""
    return click.option("--label", type=click.IntRange(min=0), multiple=multiple, metavar="N", help=help)


def turns(labels: tuple[int, ...], n: int) -> Tensor | None:
    """The labels of n images, which take turns; None without any."""
    import torch

    return torch.tensor([labels[index % len(labels)] for index in range(n)]) if labels else None


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def refuse(given: dict[str, Any], reason: str) -> None:
    """Refuse the parts that were given where they mean nothing.

    Raises:
        OptionError: there are some.
    """
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise OptionError(f"{names}: {reason}")
