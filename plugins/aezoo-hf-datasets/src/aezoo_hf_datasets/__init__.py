"""Image datasets of the Hugging Face Hub, ``hf:owner/name``. Declared here; nothing imports torch or datasets."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo
from aezoo.plain import Option


def _word(name: str, help: str, default: str | None = "") -> Option:
    return Option(name=name, type="str", default=default, help=help)


HUB = aezoo.DatasetSpec(
    name="hf:*",
    summary="Any dataset of the Hugging Face Hub that has a column of images",
    implementation="aezoo_hf_datasets.table:open_table",
    members="aezoo_hf_datasets.hub:Repositories",
    terms="aezoo_hf_datasets.hub:terms",
    options=(
        _word("subset", "which one, where there are several"),
        _word("revision", "a branch, tag or commit; by default the main branch"),
        _word("train", "what the split to train on is called", "train"),
        _word("test", "what the split to test on is called", "test"),
        _word("image_column", "where the images are; by default the only column of images"),
        _word("label_column", "where the classes are; by default the only column of classes, '' for none", None),
        Option(name="take", type="int", low=1, help="so many rows of a split, the first; by default all"),
        Option(name="download", type="bool", default=False, external=True, help="fetch what is not here yet"),
        Option(name="streaming", type="bool", default=False, external=True, help="read from the Hub, keep no file"),
    ),
    licence="that of the member",
    citation="see the member's page on the Hub",
    homepage="https://huggingface.co/datasets",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.DatasetSpec]:
    """The family of datasets."""
    yield HUB
