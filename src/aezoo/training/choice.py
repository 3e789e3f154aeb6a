"""The recipe by which a model is trained on the images asked for: a tag's own, or what of one belongs to the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from aezoo.composition import Source, recipe_of
from aezoo.datasets.pipeline import confirms
from aezoo.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Choice:
    """A recipe, and where it is from.

    Attributes:
        recipe: by which the images are trained on.
        origin: the name of the tag, or the folder, that it is from.
        whole: the recipe as it is there, of other images, where not all of it was taken over; else None.
    """

    recipe: Recipe
    origin: str
    whole: Recipe | None = None

    def kept(self) -> dict[str, Any]:
        """What was taken over that no recipe has unless it says so."""
        return {name: value for name, value in _said(self.recipe).items() if self.whole and name != "dataset"}

    def left(self) -> dict[str, Any]:
        """What belongs to the other images, and was not."""
        said = _said(self.whole) if self.whole else {}
        return {name: value for name, value in said.items() if name not in ("dataset", "cost", "reaches", *self.kept())}


def choose_recipe(source: Source, data: str = "", tagged: bool = False) -> Choice:
    """The recipe for a model on some images.

    Args:
        source: the model.
        data: the images; empty: those of its recipe.
        tagged: whether the caller named the tag; else it is the one whose images they are, where there is one.
    """
    own = recipe_of(source)
    origin = str(source.folder) if source.folder else f"{source.spec.name}.{source.tag}".rstrip(".")
    if not data or confirms(data, own.dataset):
        return Choice(own, origin)
    if source.entry and not tagged:
        for tag in source.spec.tags:
            if confirms(data, tag.recipe.dataset) and source.spec.of_tag(tag.name) == source.spec:
                return Choice(tag.recipe, f"{source.spec.name}.{tag.name}")
    return Choice(own.for_images(data), origin, own)


def _said(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says that is not every recipe's default."""
    own = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    return {name: value for name, value in own.items() if value != getattr(Recipe(), name)}
