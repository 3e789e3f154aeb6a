import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets.pictures import fit, read_picture, stack_pixels
from aezoo.errors import AezooWarning, DataError
from aezoo.plain import ImageSpec


def test_grey_rgb_and_bits_are_kept(noise):
    grey, rgb = noise(5, 4), noise(5, 4, 3)
    assert torch.equal(read_picture(Image.fromarray(grey))[0], torch.from_numpy(grey))
    assert torch.equal(read_picture(Image.fromarray(rgb)), torch.from_numpy(rgb).permute(2, 0, 1))
    assert read_picture(Image.fromarray(grey > 127)).unique().tolist() == [0, 255]


def test_arrays_and_tensors_read_like_pictures(noise):
    rgb = noise(5, 4, 3)
    expected = read_picture(Image.fromarray(rgb))
    for same in (rgb, torch.from_numpy(rgb), expected, expected.double() / 255):
        assert torch.equal(read_picture(same), expected)


def test_the_bytes_of_a_file_read_like_it(noise, save, tmp_path):
    save(tmp_path / "a.png", noise(5, 4, 3))
    assert torch.equal(read_picture((tmp_path / "a.png").read_bytes()), read_picture(tmp_path / "a.png"))
    with pytest.raises(DataError, match="cannot read a picture of 4 bytes: it is no image"):
        read_picture(b"none")


def test_a_borrowed_array_is_copied(noise, recwarn):
    array = np.asarray(Image.fromarray(noise(5, 4)))  # read-only: it is the image's own memory
    read_picture(array).zero_()
    assert np.array_equal(array, noise(5, 4))
    assert not recwarn.list


def test_what_is_no_picture_is_refused():
    with pytest.raises(DataError, match="12 is no picture"):
        read_picture(12)


def test_sixteen_bits_become_eight(tmp_path):
    values = np.array([[0, 128, 129, 256, 257, 128 * 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert read_picture(tmp_path / "deep.png").tolist() == [[[0, 0, 1, 1, 1, 128, 255]]]


def test_what_has_no_known_range_is_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 200, np.int32)).save(tmp_path / "whole.tif")
    with pytest.raises(DataError, match=r"cannot read .*whole\.tif: whole numbers of 32 bits"):
        read_picture(tmp_path / "whole.tif")


def test_an_opened_file_that_is_cut_off_is_refused_too(tmp_path, noise, save):
    save(tmp_path / "a.png", noise(50, 40))
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    with Image.open(tmp_path / "cut.png") as opened, pytest.raises(DataError, match="cannot read the picture: "):
        read_picture(opened)


def test_alpha_lies_over_white(tmp_path):
    Image.fromarray(np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]] * 5, np.uint8)).save(tmp_path / "clear.png")
    expected = [[[255, value]] * 5 for value in (10, 20, 30)]
    assert read_picture(tmp_path / "clear.png").tolist() == expected
    assert read_picture(np.array(Image.open(tmp_path / "clear.png"))).tolist() == expected
    grey = Image.fromarray(np.array([[[7, 0], [7, 255]]], np.uint8), "LA")
    assert read_picture(grey).tolist() == [[[255, 7]]]


def test_a_palette_with_a_clear_colour(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "p.png", transparency=1)
    assert read_picture(tmp_path / "p.png").flatten(1).T.tolist() == [[255, 0, 0], [255, 255, 255]]


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "ink.jpg")
    red, green, blue = read_picture(tmp_path / "ink.jpg").float().mean((1, 2)).tolist()
    assert red > 240
    assert max(green, blue) < 15


def test_the_orientation_of_a_camera_is_applied(tmp_path, noise):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    Image.fromarray(noise(4, 6)).save(tmp_path / "turned.png", exif=exif)
    assert read_picture(tmp_path / "turned.png").shape == (1, 6, 4)


def test_a_file_that_is_no_picture_is_named(tmp_path, noise):
    (tmp_path / "text.png").write_text("hello")
    Image.fromarray(noise(64, 64, 3)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    cases = (("text.png", "it is no image"), ("cut.jpg", "truncated"), ("none.png", "No such file"))
    for name, cause in cases:
        with pytest.raises(DataError, match=f"cannot read .*{name}: .*{cause}") as error:
            read_picture(tmp_path / name)
        assert "\n" not in str(error.value)


def test_fit_keeps_what_fits_already(noise):
    picture = torch.from_numpy(noise(3, 5, 7))
    assert torch.equal(fit(picture, ImageSpec.of((5, 7), 3)), picture)


def test_fit_crops_to_the_aspect_ratio_around_the_centre(noise):
    picture = torch.from_numpy(noise(1, 10, 4))
    assert torch.equal(fit(picture, ImageSpec.of(4, 1)), picture[:, 3:7])
    assert torch.equal(fit(picture, ImageSpec.of((2, 4), 1)), picture[:, 4:6])


def test_fit_resizes_and_greys_as_pillow_does(noise):
    rgb = noise(40, 40, 3)
    picture, pil = read_picture(rgb), Image.fromarray(rgb)
    small = pil.resize((17, 17), Image.Resampling.BILINEAR)
    assert torch.equal(fit(picture, ImageSpec.of(17, 3)), read_picture(small))
    assert torch.equal(fit(picture, ImageSpec.of(40, 1)), read_picture(pil.convert("L")))
    assert fit(picture[:1], ImageSpec.of((17, 9), 3)).shape == (3, 17, 9)


def test_fit_refuses_what_it_cannot_make(noise):
    with pytest.raises(DataError, match=r"uint8 \(c, h, w\), not torch.float32"):
        fit(torch.zeros(1, 4, 4), ImageSpec.of(4, 1))
    with pytest.raises(DataError, match="3 channels cannot become an image of 5"):
        fit(torch.from_numpy(noise(3, 4, 4)), ImageSpec.of(4, 5))


def test_a_picture_of_a_phone_says_how_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("aezoo.datasets.pictures.reads_heif", lambda: False)
    (tmp_path / "a.HEIC").write_text("a picture, they say")
    with pytest.raises(DataError, match=r"a\.HEIC: 'pip install pillow-heif' reads them"):
        read_picture(tmp_path / "a.HEIC")


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n"


def iptc(payload):
    """A file whose picture is another file: 8x8, one channel, "compressed" so that it is left as it is."""
    fields = [((3, 60), b"\x01\x00"), ((3, 20), b"\x00\x08"), ((3, 30), b"\x00\x08"), ((3, 120), b"\x05")]
    return b"".join(
        bytes((0x1C, *tag)) + len(value).to_bytes(2, "big") + value for tag, value in (*fields, ((8, 10), payload))
    )


@pytest.mark.parametrize("file", [EPS, iptc(EPS)], ids=["eps", "eps in iptc"])
def test_a_file_is_opened_as_what_pillow_decodes_by_itself_whatever_its_name(tmp_path, monkeypatch, file):
    path = tmp_path / "face.jpg"
    path.write_bytes(file)
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("an interpreter was run"))
    with pytest.raises(DataError, match=r"cannot read .*face.jpg: it is no image"):
        read_picture(path)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    Image.new("L", (40, 30)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(DataError, match=r"40x30 pixels are more than 1,000: PIL.Image.MAX_IMAGE_PIXELS"):
            read_picture(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe.png: it is no file"):
        read_picture(tmp_path / "pipe.png")


def test_bytes_of_zero_and_one_are_black_and_white():
    binary = np.array([[[0, 1], [1, 0]]], np.uint8)
    with pytest.warns(AezooWarning, match="are read as black and white"):
        assert stack_pixels(binary, "x").tolist() == [[[[0, 255], [255, 0]]]]
    for plain in (0 * binary, 2 * binary):  # all black; and two shades that are meant
        assert np.array_equal(stack_pixels(plain, "x")[:, 0], plain)
