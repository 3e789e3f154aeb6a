"""What the training images of published weights were like, written into the ``config.json`` of each of their folders.

    AEZOO_DATA=... python benchmarks/record_images.py [NAME ...]

Runs write these numbers by themselves; this is for weights of before. Only what is under ``images`` changes: the
weights, their hash and their records stay, and images of another hash than the config's are refused.
"""

from __future__ import annotations

import json
import sys

from aezoo.datasets.image_array import data_hash
from aezoo.embedded import folder_of
from aezoo.factory import load
from aezoo.files import write_json
from aezoo.plain import from_json
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.training.data import load_splits
from aezoo.training.results import record_images
from aezoo.weights.folder import CONFIG, facts, read_config


def main() -> None:
    for entry in registry().entries("weights"):
        if sys.argv[1:] and entry.name not in sys.argv[1:]:
            continue
        folder = folder_of(entry.spec)
        training = read_config(folder)[1]["training"]
        model = load(folder, entry.spec)
        images = load_splits(from_json(Recipe, training["recipe"]), model.image).train
        if data_hash(images) != training["data"]["train"]:
            sys.exit(f"{entry.name}: these are not the images that it was trained on")
        record_images(model, images)
        raw = json.loads((folder / CONFIG).read_text(encoding="utf-8"))  # in the format that it has
        write_json(folder / CONFIG, {**raw, "images": facts(model)["images"]})
        print(entry.name, model.statistics_of_images)


if __name__ == "__main__":
    main()
