"""CUFS: the CUHK student faces, sketched and photographed (Wang & Tang, PAMI 2009)."""

from __future__ import annotations

from aezoo.datasets.sources import ImageFiles, Root, find_folder
from aezoo.datasets.splits import no_such_split
from aezoo.errors import DataError

SOURCE = "https://mmlab.ie.cuhk.edu.hk/archive/facesketch.html"


class Cufs(ImageFiles):
    """The 188 students: 88 to train, 100 to test.

    Args:
        split: ``"train"`` or ``"test"``.
        root: the folder that holds ``cufs/``, or that folder.
        view: ``"sketches64"``, cropped, 64x64 and black or white (``sketches64/imgs``, listed by
            ``sketches64/devkit/{train,test}.txt`` as ``NAME NUMBER``); ``"sketches"`` or ``"photos"``, 200x250
            (``VIEW/{train,test}``; some sketches are stored as RGB).

    Raises:
        OptionError: another split.
        DataError: the files are not there.
    """

    def __init__(self, split: str, root: Root = None, *, view: str = "sketches64") -> None:
        if split not in ("train", "test"):
            raise no_such_split("cufs", split, ("train", "test"))
        if view == "sketches64":
            devkit = f"sketches64/devkit/{split}.txt"
            folder = find_folder("cufs", devkit, root, SOURCE)
            try:
                lines = (folder / devkit).read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError:
                raise DataError(f"cufs: {folder / devkit} is damaged: each line is an image and a number") from None
            names = [f"sketches64/imgs/{line.split()[0]}" for line in lines if line.strip()]
        else:
            folder = find_folder("cufs", f"{view}/{split}", root, SOURCE)
            names = [f"{view}/{split}/{path.name}" for path in sorted((folder / view / split).glob("*.jpg"))]
        if not names:
            raise DataError(f"cufs: {folder / view} lists no image for its split {split!r}")
        super().__init__(folder, names, f"cufs {view} {split}")
