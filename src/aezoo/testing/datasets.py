"""What is checked of a dataset: its splits open, its images hold still, and what is known of them is aligned."""

from __future__ import annotations

import contextlib
import math
import unittest
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aezoo.datasets import Dataset
from aezoo.datasets.sources import FORMS
from aezoo.errors import AezooError, DataError, OptionError
from aezoo.grammar import parse_component
from aezoo.plain import Option, Value
from aezoo.requests import ask
from aezoo.specs import DatasetSpec
from aezoo.testing.cases import Case
from aezoo.testing.declared import other_values, run_python


class DatasetChecks:
    """Splits, images, fingerprints, labels, factors and groups, words."""

    def test_splits_open(self, dataset: Case) -> None:
        for split, data in _splits(dataset):
            assert len(data), f"split {split} is empty"
            some = _some(data)
            images = [data[index] for index in some]
            for index, image in zip(some, images, strict=True):
                assert isinstance(image, Tensor), f"image {index} is a {type(image).__name__}, not a tensor"
                assert image.dtype == torch.uint8, f"image {index} is {image.dtype}, not uint8"
                assert image.ndim == 3, f"image {index} is {tuple(image.shape)}, not (c, h, w)"
                assert len(image) in (1, 3), f"image {index} has {len(image)} channels, not 1 or 3"
                assert torch.equal(data[index], image), f"image {index} is another when it is asked for again"
            many = getattr(data, "images", None)
            together = many(some) if many else None
            if together is not None:
                assert np.array_equal(together, np.stack(images)), "images(indices) are not the items of these indices"

    def test_what_is_known_of_images_is_theirs(self, dataset: Case) -> None:
        for split, data in _splits(dataset):
            for what, (_, types, dimensions, _) in FORMS.items():
                names = {"labels": "classes", "factors": "factor_names"}.get(what, "")
                rows = _known(data, what, range(len(data)))
                if rows is None:
                    declared = what in dataset.entry.spec.provides
                    assert not declared, f"it declares that it provides {what}, and split {split} has none"
                    continue
                assert rows.dtype.kind in types, f"{what} are {rows.dtype}"
                assert rows.ndim in dimensions, f"{what} are {rows.shape}"
                assert len(rows) == len(data), f"{len(rows)} {what} for {len(data)} images"
                assert np.isfinite(rows).all(), f"{what} are not finite"
                some = _some(data)[::-1]
                assert np.array_equal(_known(data, what, some), rows[some]), f"{what} of some are those of others"
                named = len(getattr(data, names, ())) if names else 0
                counted = rows.shape[1] if rows.ndim == 2 else int(rows.max()) + 1
                fits = named == counted if rows.ndim == 2 else named >= counted
                assert not named or fits, f"{named} {names} for {counted} {what}"
            names = getattr(data, "names", None)
            assert names is None or len(names) == len(data), f"{len(names or ())} names for {len(data)} images"

    def test_test_images_are_not_those_to_train_on(self, dataset: Case) -> None:
        opened = dict(_splits(dataset))
        if {"train", "test"} <= opened.keys():
            train, test = ([opened[split][index] for index in _some(opened[split])] for split in ("train", "test"))
            same = len(train) == len(test) and all(map(torch.equal, train, test))
            assert not same, "its test images are those to train on"

    def test_fingerprint_tells_images_apart(self, dataset: Case) -> None:
        seen: dict[str, str] = {}
        for split, data in _splits(dataset):
            assert _open(dataset, split).fingerprint == data.fingerprint, "opened again, it has another fingerprint"
            for change, other in (("", data), *_variants(dataset, split)):
                if change and _is_same(data, other):
                    continue
                twin = seen.setdefault(other.fingerprint, f"{split}{change}")
                assert twin == f"{split}{change}", f"{twin} and {split}{change} have the same fingerprint"

    def test_fingerprint_holds_in_another_process(self, dataset: Case) -> None:
        found = {split: data.fingerprint for split, data in _splits(dataset)}
        program = (
            "from aezoo.requests import ask\n"
            f"asked = ask('dataset', {dataset.request!r})\n"
            f"root = {None if dataset.root is None else str(dataset.root)!r}\n"
            f"print(*(asked.build(split=split, root=root).fingerprint for split in {list(found)!r}), sep='\\n')"
        )
        printed = run_python(program, dataset.entry.distribution).splitlines()
        assert printed == list(found.values()), "in another process it has another fingerprint"

    def test_unknown_split_is_an_error_that_names_the_others(self, dataset: Case) -> None:
        opened = [split for split, _ in _splits(dataset)]
        told = None
        try:
            _open(dataset, "no-such-split")
        except AezooError as error:
            told = str(error)
        assert told is not None, "it opens a split that it does not have"
        missing = [split for split in opened if split not in told]
        assert not missing, f"the error for an unknown split does not name {missing}: {told}"


def _splits(case: Case) -> Iterator[tuple[str, Dataset]]:
    """Every declared split, opened. Where the files of one are missing, the others are checked and pytest says why."""
    spec = case.entry.spec
    assert isinstance(spec, DatasetSpec)
    missing = []
    for split in spec.splits:
        try:
            data = _open(case, split)
        except DataError as error:
            missing.append(f"{case}: {error}")
        else:
            yield split, data
    if missing:
        raise unittest.SkipTest(missing[0])  # which pytest takes for a skip


def _open(case: Case, split: str, **changes: Value) -> Any:
    component = parse_component(case.request).replace(**changes)
    return ask("dataset", component).build(split=split, root=case.root)


def _some(data: Dataset) -> list[int]:
    """The first image, one in the middle, the last."""
    return sorted({0, len(data) // 2, len(data) - 1})


def _known(data: Dataset, what: str, indices: Any) -> np.ndarray | None:
    """The labels or factors of images, where there are any."""
    rows = getattr(data, what, lambda indices: None)(np.asarray(indices, dtype=np.int64))
    return None if rows is None else np.asarray(rows)


def _variants(case: Case, split: str) -> Iterator[tuple[str, Dataset]]:
    """The split with each option in turn at another value, but those that reach outside or lack their files."""
    own = ask("dataset", case.request).options
    for option in case.entry.spec.options:
        for value in () if option.external else _others(option, own[option.name]):
            with contextlib.suppress(DataError, OptionError):  # options may bound one another
                yield f", {option.name}={value!r}", _open(case, split, **{option.name: value})


def _others(option: Option, value: Value) -> list[Value]:
    if option.type == "int" and isinstance(value, int):
        return [value + 1] if option.high is None or value < option.high else []
    if option.type == "float" and isinstance(value, float):
        low, high = -math.inf if option.low is None else option.low, math.inf if option.high is None else option.high
        others: list[Value] = [other for other in (value / 2, value + 1) if other != value and low <= other <= high]
        return others[:1]
    return [other for other in other_values(option) if other != value]


def _is_same(one: Dataset, other: Dataset) -> bool:
    """Whether two hold the same, as far as a few images tell."""
    if len(one) != len(other):
        return False
    some = _some(one)
    pixels = all(torch.equal(one[index], other[index]) for index in some)
    return pixels and all(
        np.array_equal(np.array(_known(one, what, some)), np.array(_known(other, what, some)))
        for what in ("labels", "factors")
    )
