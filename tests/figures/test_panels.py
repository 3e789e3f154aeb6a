import numpy as np
import pytest
from PIL import Image

from aezoo.errors import DataError
from aezoo.figures import save
from aezoo.figures.panels import Line, Panel, panels


def panel(runs, **more):
    line = Line(label="test", x=list(range(runs.shape[1])), runs=runs, color="#D55E00")
    return Panel(title="loss", x="step", y="nats", lines=(line,), **more)


def pixels(path):
    return np.array(Image.open(path).convert("RGB"))


def count(path, color):
    """Pixels of about this colour."""
    return int((np.abs(pixels(path).astype(int) - color).max(2) < 12).sum())


def test_panels_wrap(tmp_path):
    shown = [panel(np.ones((1, 3)))] * 4
    save(panels(shown, columns=4), tmp_path / "wide.png")
    save(panels(shown, columns=2), tmp_path / "square.png")
    assert Image.open(tmp_path / "wide.png").size == (4 * 920, 720)
    assert Image.open(tmp_path / "square.png").size == (2 * 920, 2 * 720)


def test_equal_numbers_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        save(panels([panel(np.arange(6.0).reshape(2, 3))]), tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_mean_is_bold_and_each_run_faint(tmp_path):
    color = (0xD5, 0x5E, 0x00)
    apart = np.array([[0.1] * 20, [0.9] * 20])
    save(panels([panel(apart)]), tmp_path / "runs.png")
    save(panels([panel(apart.mean(0, keepdims=True), bottom=0.0)]), tmp_path / "mean.png")
    assert count(tmp_path / "runs.png", color) == pytest.approx(count(tmp_path / "mean.png", color), rel=0.2)
    faint = tuple(round(255 - 0.3 * (255 - part)) for part in color)
    assert count(tmp_path / "runs.png", faint) > 100 > count(tmp_path / "mean.png", faint)


def test_levels_steps_and_ticks_are_drawn(tmp_path):
    runs = np.ones((1, 3))
    save(panels([panel(runs)]), tmp_path / "bare.png")
    bare = pixels(tmp_path / "bare.png")
    for name, more in {
        "level": {"levels": ((1.02, "mean image"),)},
        "step": {"step": (1.0, "step 1,299")},
        "ticks": {"ticks": (1.0, 2.0)},
        "top": {"top": 5.0},
        "bottom": {"bottom": 0.0},
    }.items():
        save(panels([panel(runs, **more)]), tmp_path / f"{name}.png")
        assert not np.array_equal(pixels(tmp_path / f"{name}.png"), bare), name


@pytest.mark.parametrize("shown", [[], [Panel(title="", x="", y="", lines=())]])
def test_nothing_to_draw(shown):
    with pytest.raises(DataError, match="need lines"):
        panels(shown)


def test_one_legend_names_what_any_panel_shows():
    made = panels([panel(np.ones((1, 3))), panel(np.ones((1, 3)), levels=((1.02, "mean image"),))])
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["test", "mean image"]
    assert [axes.get_legend() for axes in made.axes] == [None, None]


def test_a_run_without_a_value_is_no_part_of_the_mean():
    made = panels([panel(np.array([[1.0, 2.0], [3.0, np.nan]]))])
    assert made.axes[0].lines[-1].get_ydata().tolist() == [2, 2]
