"""What earlier aezoos wrote into ``config.json``, as this one writes it."""

from __future__ import annotations

from typing import Any

from aezoo.grammar import parse_loss

FORMAT_VERSION = 2
READABLE_FROM = "0.1.0"
"""The oldest aezoo that reads what this one writes."""


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """A config in today's format.

    Format 1 had a Bernoulli likelihood and no say in it; the prior was the bottleneck's. Both are what a spec that
    says nothing means today. The warm-up of the divergence was the recipe's, and is now the term's.
    """
    if data["format_version"] >= FORMAT_VERSION:
        return data
    model, training = data["model"], data.get("training", {})
    tags = [{**tag, "recipe": _recipe(tag["recipe"], model["loss"])} for tag in model.get("tags", [])]
    if "recipe" in training:
        training = {**training, "recipe": _recipe(training["recipe"], model["loss"])}
    return {**data, "format_version": FORMAT_VERSION, "model": {**model, "tags": tags}, "training": training}


def _recipe(recipe: dict[str, Any], loss: str) -> dict[str, Any]:
    recipe = dict(recipe)
    if steps := recipe.pop("kl_warmup", 0):
        terms = parse_loss(recipe.get("loss") or loss)
        recipe["loss"] = " + ".join(
            str(term.replace(warmup=steps)) if term.component.name == "kl" else str(term) for term in terms
        )
    return recipe
