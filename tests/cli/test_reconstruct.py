import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def test_of_a_dataset(aezoo, folder, tmp_path):
    out = tmp_path / "new" / "faces.png"
    result = aezoo("reconstruct", folder, "--data", "toyfaces(style='shaded')", "--count", "3", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split()[:2] == ["images", "3"]
    assert "psnr" in result.stdout
    assert Image.open(out).format == "PNG"


def test_of_files_without_those_that_cannot_be_read(aezoo, folder, picture, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    result = aezoo("reconstruct", folder, bad, picture, "--out", tmp_path / "out.png")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: left out: ")
    assert str(bad) in result.stderr
    assert result.stdout.split()[:2] == ["images", "1"]


def test_equal_calls_write_equal_bytes(aezoo, folder, tmp_path):
    for name in ("a.png", "b.png"):
        aezoo(
            "reconstruct",
            folder,
            "--data",
            "toyfaces",
            "--binarize",
            "static",
            "--count",
            "2",
            "--out",
            tmp_path / name,
        )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_name_with_weights(aezoo, picture, tmp_path):
    result = aezoo("reconstruct", "cis680-ae.toyfaces", picture, "--out", tmp_path / "out.png")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out.png").is_file()


def test_errors(aezoo, folder, picture, tmp_path, site):
    site.install("bare", 'ModelSpec(name="bare", summary="", image=aezoo.ImageSpec((8, 8)))')
    out = tmp_path / "out.png"
    (tmp_path / "bad.png").write_text("no picture")
    for arguments, said in (
        ((folder,), "give either images or --data"),
        ((folder, picture, "--data", "toyfaces"), "give either images or --data"),
        ((folder, tmp_path / "bad.png"), "none of the images can be read; the first: "),
        ((folder, "--data", "toyface"), "no dataset 'toyface': did you mean toyfaces"),
        ((folder, "--data", "toyfaces", "--split", "tset"), "no split 'tset'"),
        (("bare", picture), "bare has no weights here"),
    ):
        result = aezoo("reconstruct", *arguments, "--out", out)
        assert result.exit_code == 2, arguments
        assert said in result.stderr
    assert "a PNG" in aezoo("reconstruct", folder, picture, "--out", tmp_path / "out.gif").stderr
    assert not out.exists()
