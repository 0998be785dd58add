"""Writing pictures: what each format keeps, and what it refuses."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from i2i.encoding import FORMATS, encode, format_of, write
from i2i.images import decode, read
from i2i.picture import Metadata, Picture

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif() -> bytes:
    made = Image.Exif()
    made[271] = "Maker"
    made[274] = 1
    made[0x8769] = {36867: "2020:01:02 03:04:05"}
    return made.tobytes().removeprefix(b"Exif\0\0")


KEPT = Metadata(
    exif=exif(),
    icc=PROFILE,
    xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    iptc=b"\x1c\x02\x78\x00\x05a fox",
    dpi=(300, 300),
    text=(("Author", "Zo\u00eb"), ("Comment", "hello")),
)


def picture(kind: str, channels: int = 3, dtype: type = np.uint8, alpha: bool = False) -> Picture:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, np.iinfo(dtype).max, 20 * 30).reshape(20, 30, 1).repeat(channels, 2).astype(dtype)
    return Picture(smooth, rng.choice([0, np.iinfo(dtype).max], (20, 30)).astype(dtype) if alpha else None, kind, KEPT)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_formats_without_loss_give_back_every_bit(kind, dtype, channels, alpha):
    made = picture(kind, channels, dtype, alpha)
    data, lost = encode(made, kind)
    again = decode(data)
    assert lost == ()
    assert again.pixels.dtype == dtype
    assert (again.pixels == made.pixels).all()
    assert (again.alpha == made.alpha).all() if alpha else again.alpha is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_metadata_is_carried_over(kind, dtype):
    if dtype is np.uint16 and kind not in ("PNG", "TIFF"):
        pytest.skip("8 bits only")
    kept = decode(encode(picture(kind, dtype=dtype), kind)[0]).metadata
    assert kept.icc == PROFILE
    assert kept.xmp == KEPT.xmp
    loaded = Image.Exif()
    loaded.load(b"Exif\0\0" + (kept.exif or b""))
    assert loaded[271] == "Maker"
    assert loaded.get_ifd(0x8769)[36867] == "2020:01:02 03:04:05"
    if kind in ("JPEG", "PNG", "TIFF"):
        assert kept.dpi == pytest.approx((300, 300), abs=0.1)
    if kind == "PNG":
        assert dict(kept.text) == dict(KEPT.text)
    if kind == "JPEG":
        assert dict(kept.text)["Comment"] == "hello"
        assert kept.iptc == KEPT.iptc


def test_a_profile_of_colour_is_not_put_beside_gray_in_png():
    assert decode(encode(picture("PNG", 1), "PNG")[0]).metadata.icc is None


def test_jpeg_is_written_without_subsampling_and_nearly_without_loss():
    made = picture("JPEG")
    data, _ = encode(made, "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    assert np.abs(decode(data).pixels.astype(int) - made.pixels).max() <= 3


def test_webp_without_loss_stays_so():
    made = picture("WEBP")
    made = replace(made, metadata=replace(KEPT, lossless=True))
    again = decode(encode(made, "WEBP")[0])
    assert (again.pixels == made.pixels).all()
    assert again.metadata.lossless


@pytest.mark.parametrize("kind", sorted(set(FORMATS.values())))
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_format_writes_what_it_reads(kind, channels, alpha):
    made = picture(kind, channels, alpha=alpha)
    data, lost = encode(made, kind)
    again = decode(data)
    assert again.pixels.shape[:2] == (20, 30)
    assert (again.alpha is None) == (not alpha or bool(lost and "alpha" in lost[0]))


def test_what_a_format_cannot_hold_is_refused_or_told():
    with pytest.raises(ValueError, match="JPEG, which holds 8 bits a channel: the result has 16; use --format png"):
        encode(picture("JPEG", dtype=np.uint16), "JPEG")
    with pytest.raises(ValueError, match="PNG, which holds 1 or 3 channels: the result has 5; use --format tif"):
        encode(Picture(np.zeros((2, 2, 5), np.uint8)), "PNG")
    with pytest.raises(ValueError, match="whole numbers: the result has fractions"):
        encode(Picture(np.zeros((2, 2, 1), np.float32)), "PNG")
    assert encode(picture("PNG", alpha=True), "JPEG")[1] == ("alpha left out: JPEG holds none",)
    assert encode(picture("PNG"), "GIF")[1] == ("colours reduced: GIF holds 256",)


def test_a_picture_in_a_format_that_nobody_writes_becomes_png(tmp_path):
    write(tmp_path / "x", picture("QOI"))
    assert read(tmp_path / "x").format == "PNG"


def test_the_format_is_the_one_asked_for_then_the_pictures_own_then_the_names(tmp_path):
    write(tmp_path / "x.png", picture("JPEG"))
    assert read(tmp_path / "x.png").format == "JPEG"
    write(tmp_path / "x.png", picture("JPEG"), format="webp")
    assert read(tmp_path / "x.png").format == "WEBP"
    write(tmp_path / "x.tiff", picture(""))
    assert read(tmp_path / "x.tiff").format == "TIFF"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, picture("PNG"))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.png"]


def test_names_of_formats():
    assert [format_of(name) for name in ("jpeg", ".PNG", "tiff", "pgm")] == ["JPEG", "PNG", "TIFF", "PPM"]
    with pytest.raises(LookupError, match='no picture format "pngg"; did you mean "png"'):
        format_of("pngg")


def test_what_does_not_fit_beside_a_jpeg_is_left_out_and_told():
    kept = Metadata(
        exif=exif() + bytes(70_000), xmp=b"x" * 70_000, dpi=(254_000, 254_000), text=(("Comment", "x" * 70_000),)
    )
    data, lost = encode(replace(picture("JPEG"), metadata=kept), "JPEG")
    assert decode(data).metadata == Metadata()
    assert lost == (
        "EXIF left out: too long for JPEG",
        "XMP left out: too long for JPEG",
        "comment left out: too long for JPEG",
        "resolution left out: too fine for JPEG",
    )


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "TGA"])
def test_a_picture_too_long_for_its_format_is_refused(kind):
    with pytest.raises(
        ValueError, match=rf"{kind}, which holds [\d,]+ pixels on a side: the result has 70,000 x 1; use"
    ):
        encode(Picture(np.zeros((1, 70_000, 3), np.uint8)), kind)


def test_an_encoder_that_fails_is_a_sentence(monkeypatch):
    def fail(*_, **__):
        raise KeyError("AVIF")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ValueError, match=r"cannot be written as AVIF \('AVIF'\); use --format png"):
        encode(picture("AVIF"), "AVIF")
