"""The tasks: of which images, and how they are compared. A task never changes: what would move a score is a new
version of it, of which the scores stand in a table of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aezoo.datasets.image_array import ImageArray, data_hash
from aezoo.datasets.pipeline import load_images
from aezoo.errors import AezooError, DataError, UnknownNameError, nearest
from aezoo.plain import ImageSpec
from aezoo.requests import ask

_RETENTION = {
    style: f"aezoo-factors/factor_retention(style='{style}')@1 regressor={style} sha256={sha256}"
    for style, sha256 in (
        ("sketch", "74589d126ad850ed10ac7a98a9216f3b5633b38a221c93a1b7bd6ad2da652890"),
        ("shaded", "727bdf18bdde7fc6aa3fee61536810029e135302633cd7407d9912eeebe4e67d"),
        ("colour", "56bd33139c2d590b5790fd05fa6b4c703048c8cf3609df1cef88006960d82459"),
    )
}
_FD = {
    channels: f"aezoo-factors/fd(model='{model}')@1 model={model} sha256={sha256}"
    for channels, model, sha256 in (
        (1, "cis680-vae512.toyfaces", "480d8da2e1c3bac091e81486e6b32f96afff7744821f440033457b2909faf581"),
        (3, "vae128-tiny.toyfaces", "a07b6bc2d42368a0ade997da80e162cc87af113313b5aa49c2467d5023bb4696"),
    )
}
_COUNTS = ("count", "test_count")  # options that say how many images a dataset has


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Images to reconstruct, and how that is scored.

    Attributes:
        name: without its version.
        version: from 1 on.
        summary: what the images are, in a line.
        dataset: that they are of, and the models that count as trained on them.
        image: size and channels.
        every: each so manyth image of a split is taken.
        images: of the test split there are so many.
        sha256: of their pixels.
        training_images: that baselines are fitted to: there are so many.
        training_sha256: of their pixels.
        split: that is scored.
        z: what is decoded: the posterior's mean.
        quantisation: what a reconstruction is made first, clamped to [0, 1] and rounded: what a picture in a file is.
        metrics: the ids of those of each image.
        of_sets: the ids of those of all images together, where a package that is installed brings them.
        seed: of the resamples of the intervals.
    """

    name: str
    summary: str
    dataset: str
    image: ImageSpec
    images: int
    sha256: str
    training_images: int
    training_sha256: str
    version: int = 1
    every: int = 1
    split: Literal["test"] = "test"
    z: Literal["mean"] = "mean"
    quantisation: Literal["uint8"] = "uint8"
    metrics: tuple[str, ...] = ("aezoo/mse@1", "aezoo/ssim@1")
    of_sets: tuple[str, ...] = ()
    seed: int = 0

    @property
    def id(self) -> str:
        """``"faces-colour@2"``."""
        return f"{self.name}@{self.version}"

    def load(
        self,
        split: Literal["train", "test"] = "test",
        *,
        root: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImageArray:
        """The images of a split.

        Args:
            split: ``"test"``, those that are scored; ``"train"``, those that baselines are fitted to.
            root: where datasets lie; by default ``AEZOO_DATA``.
            progress: called with the images done and their number.

        Raises:
            DataError: they are not there, or they are others.
        """
        images = load_images(self.dataset, split, self.image, root=root, progress=progress)
        if self.every > 1:
            images = images.subset(range(0, len(images), self.every))
        wanted, found = self.sha256 if split == "test" else self.training_sha256, data_hash(images)
        if found != wanted:
            raise DataError(
                f"{self.id} is of other {split} images of {self.dataset} than those here: "
                f"sha256 {wanted[:12]}..., not {found[:12]}..."
            )
        return images

    def trains(self, dataset: str) -> bool:
        """Whether a model that was trained on a dataset was trained on this task's: with the same options, but for how
        many of the images.
        """
        try:
            asked = ask("dataset", dataset)
        except AezooError:  # a path, or what is not installed here
            return False
        own = ask("dataset", self.dataset)
        return asked.entry == own.entry and all(
            value == asked.options[name] for name, value in own.options.items() if name not in _COUNTS
        )


def find_task(name: str) -> Task:
    """The task of a name, with or without its version.

    Raises:
        UnknownNameError: there is none.
    """
    known = {task.name: task for task in TASKS} | {task.id: task for task in TASKS}
    if name not in known:
        if "/" in name or os.path.exists(name):
            raise UnknownNameError(f"no task {name!r}: images of your own are for 'aezoo eval MODEL --data {name}'")
        raise UnknownNameError(f"no task {name!r}: did you mean {nearest(name, [task.id for task in TASKS])}?")
    return known[name]


TASKS = (
    Task(
        name="faces-sketch",
        summary="Drawn faces in black and white, made on the spot",
        dataset="toyfaces(style='sketch')",
        image=ImageSpec((64, 64), 1),
        images=500,
        sha256="0c3f21e23d788577d912a1cfcf475fd7447b6887a729eef3e14626c3641f20a3",
        training_images=2000,
        training_sha256="e15812262ffc3559676108e98c4ae5fb3e83550de3ae116950009481e4504031",
        of_sets=(_RETENTION["sketch"],),
    ),
    Task(
        name="faces-shaded",
        summary="Drawn faces in grey, made on the spot",
        dataset="toyfaces(style='shaded')",
        image=ImageSpec((64, 64), 1),
        images=500,
        sha256="b5810393e134f765bfdd8d9a1253e597b335a4d43e6895d996ad14ff00cb15b6",
        training_images=2000,
        training_sha256="31d436e0f2d5bbdd8a8784c321ad70a05046dab8cb00865fa943faf8b2927a2c",
        of_sets=(_RETENTION["shaded"], _FD[1]),
    ),
    Task(
        name="faces-colour",
        summary="Drawn faces in colour, made on the spot",
        dataset="toyfaces(style='colour', count=8000, test_count=500)",
        version=2,
        image=ImageSpec((64, 64), 3),
        images=500,
        sha256="4618762ef449082a97dd58237e70f0a560e02b8c9a5e903308db2a94e5e538bf",
        training_images=8000,
        training_sha256="d8c15c6b160a19e2736639c9f57ed7a8f70a2cb007d05c95e8a71b874a0a1847",
        of_sets=(_RETENTION["colour"], _FD[3]),
    ),
    Task(
        name="cufs",
        summary="Sketches of student faces, black or white, cropped as the CIS 680 course had them",
        dataset="cufs(view='sketches64')",
        image=ImageSpec((64, 64), 1),
        images=100,
        sha256="189d32d17109033c63f72c4255e5d6f2113ae03332a7861298c11cecdf4590c9",
        training_images=88,
        training_sha256="83b2ae9cdb22790920f4a90819b6e8d2ac32e0e716a84ef4e0f5106720889243",
    ),
    Task(
        name="celeba64-grey",
        summary="Photos of faces in grey: the first 10,000 of CelebA at half size, 1,033 of them held out by person",
        dataset="celeba",
        image=ImageSpec((64, 64), 1),
        images=1033,
        sha256="b7227c1bb0a09bac46071f1e1e74334ad45447966a9cd027dad49f895113e3bc",
        training_images=8967,
        training_sha256="ea3408117a9f60732a30f629647c6e0ff99964960acdf8dfd035940fe90cc50f",
        of_sets=(_FD[1],),
    ),
    Task(
        name="celeba64-colour",
        summary="The same photos in colour",
        dataset="celeba",
        version=2,
        image=ImageSpec((64, 64), 3),
        images=1033,
        sha256="144b887f05072c960395268855dcb000b286c93a73b72c3a46638a6b057df255",
        training_images=8967,
        training_sha256="d71b08e6337e8a1fbff7cc46fa526be91ac923480356f78a24b66f03f1d7f23b",
        of_sets=(_FD[3],),
    ),
    Task(
        name="mnist",
        summary="Handwritten digits, every tenth of MNIST",
        dataset="torchvision:MNIST",
        image=ImageSpec((28, 28), 1),
        every=10,
        images=1000,
        sha256="7185a4f5272ad30b570eefeba02b9b2e8df301e55a174a34fc14b032acf68b2d",
        training_images=6000,
        training_sha256="4a3390d645e4d3b28fdaa3c354e3654a5e4fb9978b16c6943523a9a17a75ffc9",
    ),
)
"""Those that there are."""
