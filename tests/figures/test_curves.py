import math
import sys

import pytest
from PIL import Image

from aezoo.errors import DataError
from aezoo.figures import loss_curves, save


def entry(step, split, loss, **more):
    return {"step": step, "split": split, "loss": loss, **more}


HISTORY = [
    entry(step, split, 900.0 + (step - 30) ** 2 + shift, bce=890.0, kl=10.0, mse=0.1)
    for step in range(0, 100, 10)
    for split, shift in (("train", 0), ("test", 50))
]


def drawn(history, terms=(), **how):
    """The axes of the figure that a call draws."""
    return loss_curves(history, terms=terms, **how).axes


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_total_and_terms():
    total, bce, kl = drawn(HISTORY, terms=("bce", "kl"), baseline=1873.2)
    assert labels(total) == ["train", "test", "mean image 1873", "lowest test 950, step 30"]
    assert total.get_ylabel() == kl.get_ylabel() == "nats per image"
    assert bce.get_title(loc="left") == "bce"
    assert [line.get_label() for line in kl.lines] == ["train", "test"]


def test_one_term_is_the_loss_itself():
    (total,) = drawn([entry(0, "train", 2.0, l2=2.0), entry(1, "train", 1.0, l2=1.0)], ("l2",), title="cis680-ae")
    assert total.get_title(loc="left") == "cis680-ae"
    assert total.get_ylabel() == "squared error per image"


def test_the_lowest_validation_loss_is_marked_where_there_is_no_test():
    (total,) = drawn([entry(step, "validation", abs(step - 2.0)) for step in range(5)])
    assert labels(total)[-1] == "lowest validation 0, step 2"


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1000 * math.exp(-step / 5) + 1 for step in range(50)], "log"),
        ([2800.0, 1900.0, 1850.0, 1830.0, 1820.0], "linear"),
        ([0.1, 20.0, 25.0, 25.0], "linear"),
        ([-1.0, 1.0], "linear"),
    ],
)
def test_scale(values, scale):
    (total,) = drawn([entry(step, "train", value) for step, value in enumerate(values)])
    assert total.get_yscale() == scale


def test_equal_histories_are_equal_bytes_without_pyplot(tmp_path):
    for name in ("a.png", "b.png"):
        save(loss_curves(HISTORY, terms=("bce", "kl")), tmp_path / "new" / name)
    assert (tmp_path / "new/a.png").read_bytes() == (tmp_path / "new/b.png").read_bytes()
    picture = Image.open(tmp_path / "new/a.png")
    assert "Software" not in picture.info
    assert "matplotlib.pyplot" not in sys.modules


def test_what_is_not_finite_is_left_out():
    (total,) = drawn([entry(0, "train", 1.0), entry(1, "train", math.nan), entry(2, "train", 2.0)])
    assert list(total.lines[0].get_xdata()) == [0, 2]


def test_nothing_to_draw():
    with pytest.raises(DataError, match="need a history"):
        loss_curves([entry(0, "train", math.nan)], terms=())
