import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.factory import create
from aezoo.weights.folder import save_model


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


def test_a_large_picture_in_tiles(aezoo, tmp_path):
    model = create(
        "cis680-ae", image_size=16, encoder="conv(layers=('3x3x4 s2',))", decoder="deconv(layers=('4x4xc s2',))"
    )
    save_model(tmp_path / "maps", model, torch.zeros(1, 1, 16, 16))
    pixels = np.random.default_rng(0).integers(0, 256, (51, 70), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    out = tmp_path / "new/out.png"
    result = aezoo("reconstruct", tmp_path / "maps", tmp_path / "large.png", "--tile", "9", "--out", out)
    assert result.stdout.split()[:2] == ["pixels", "70x50"], result.stderr
    drawn = np.array(Image.open(out))
    assert np.array_equal(drawn[:50], pixels[:50])
    whole = model(model.preprocess(pixels, size="own")).reconstruction
    assert np.abs(drawn[50:] - np.array(model.to_images(whole)[0]).astype(int)).max() <= 1
    refused = (((out, out), "takes one image file"), ((), "give either images"), ((out,), "of 64x64 alone"))
    for arguments, said in refused:
        result = aezoo("reconstruct", "cis680-vae16.toyfaces", *arguments, "--tile", "64", "--out", out)
        assert result.exit_code == 2
        assert said in result.stderr


def test_a_folder_is_taken_as_it_is(aezoo, folder, picture, tmp_path):
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    for name in ("a.png", "b.png", "sub/c.png"):
        (photos / name).write_bytes(picture.read_bytes())
    (photos / "clip.mov").write_text("no picture")
    out = tmp_path / "out.png"
    for arguments, count in (((photos,), "3"), (("--data", photos), "3"), (("--data", photos, "--split", "test"), "1")):
        result = aezoo("reconstruct", folder, *arguments, "--out", out)
        assert result.stdout.split()[:2] == ["images", count], result.stderr
    assert "not read: 1 .mov" in aezoo("reconstruct", folder, photos, "--count", "2", "--out", out).stderr


def test_a_picture_is_of_the_reconstructions(aezoo, folder, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("aezoo.figures.reconstructions", shown.extend)
    monkeypatch.setattr("aezoo.figures.save", lambda made, path: None)
    for more in ((), ("--binarize", "threshold")):
        asked = ("--data", "toyfaces(style='shaded')", "--count", "3", "--out", tmp_path / "x.png", *more)
        assert aezoo("reconstruct", folder, *asked).exit_code == 0
    assert not torch.equal(shown[0].inputs, shown[0].outputs)
    assert {*shown[1].inputs.unique().tolist()} <= {0.0, 1.0}
