"""TIFF of any layout, depth and number of channels, with its tags, read and written."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin

from i2i.images import Unreadable, header, read, write
from i2i.picture import Metadata, Picture
from i2i.tiff import Tags

pytestmark = pytest.mark.filterwarnings("ignore:.*are stored as RGB:DeprecationWarning")

CONTIGUOUS = {"photometric": "minisblack", "planarconfig": "contig"}
LAYOUTS = [
    ((20, 30), {}),
    ((20, 30, 3), {}),
    ((3, 20, 30), {}),
    ((20, 30, 5), {}),
    ((5, 20, 30), {}),
    ((20, 30, 2), CONTIGUOUS),
    ((20, 30, 13), CONTIGUOUS),
    ((20, 30, 5), CONTIGUOUS | {"compression": "zlib"}),
    ((5, 20, 30), {"photometric": "minisblack", "planarconfig": "separate"}),
    ((5, 20, 30), {"ome": True, "metadata": {"axes": "CYX"}}),
    ((5, 20, 30), {"bigtiff": True}),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16])
@pytest.mark.parametrize(("shape", "settings"), LAYOUTS)
def test_channels_are_found_and_written_back(tmp_path, shape, settings, dtype):
    values = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", values, **settings)
    expected = np.moveaxis(values, 0, -1) if len(shape) == 3 and shape[0] <= 5 else np.atleast_3d(values)
    picture, told = read(tmp_path / "x.tif"), header(tmp_path / "x.tif")
    assert (picture.pixels == expected).all()
    assert (told.height, told.width, told.channels) == expected.shape
    assert told.depth == (32 if dtype in (np.float32, np.int16) else 8 * np.dtype(dtype).itemsize)
    write(tmp_path / "y.tif", picture)
    again = read(tmp_path / "y.tif")
    assert (again.pixels == expected).all()
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        assert tif.pages[0].dtype == dtype


def test_imagej_channels(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (5, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", values, imagej=True, metadata={"axes": "CYX"})
    picture = read(tmp_path / "x.tif")
    assert (picture.pixels == np.moveaxis(values, 0, -1)).all()
    write(tmp_path / "y.tif", picture)
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        assert tif.is_imagej
        assert (tif.asarray() == values).all()


@pytest.mark.parametrize("settings", [{"ome": True}, {"imagej": True}])
def test_three_stains_stay_three_pages(tmp_path, settings):
    values = np.random.default_rng(0).integers(0, 4096, (3, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="minisblack", metadata={"axes": "CYX"}, **settings)
    write(tmp_path / "y.tif", read(tmp_path / "x.tif"))
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        assert (len(tif.pages), tif.series[0].kind, tif.series[0].axes) == (3, next(iter(settings)), "CYX")
        assert (tif.asarray() == values).all()


def test_three_bands_are_colours_only_if_the_file_says_so(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (6, 7, 3)).astype(np.uint8)
    for photometric in ("minisblack", "rgb"):
        tifffile.imwrite(tmp_path / "x.tif", values, photometric=photometric, planarconfig="contig")
        write(tmp_path / "y.tif", read(tmp_path / "x.tif"))
        assert tags(tmp_path / "y.tif")[262] == tags(tmp_path / "x.tif")[262]


def test_overviews_are_no_pages(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "x.tif") as tif:
        for step, kind in ((1, 0), (2, 1), (4, 1)):
            tif.write(values[::step, ::step], photometric="rgb", subfiletype=kind, metadata=None)
    picture = read(tmp_path / "x.tif")
    assert picture.notes == ()
    assert (picture.pixels == values).all()


@pytest.mark.parametrize("settings", [{}, {"truncate": True}, {"metadata": None, "description": "shape=(20, 24, 30)"}])
def test_a_stack_of_slices_is_no_picture_of_many_channels(tmp_path, settings):
    values = np.random.default_rng(0).integers(0, 256, (20, 24, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", values, **settings)
    picture = read(tmp_path / "x.tif")
    assert picture.notes == ("first of 20 pages",)
    assert (picture.pixels[..., 0] == values[0]).all()
    write(tmp_path / "y.tif", picture)
    assert 270 not in tags(tmp_path / "y.tif")  # it says there were 20


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation_of_wide_pictures(tmp_path, orientation):
    values = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3)
    tifffile.imwrite(tmp_path / "x.tif", values, extratags=[(274, 3, 1, orientation, True)])
    turned = {3: values[::-1, ::-1], 6: np.rot90(values, -1), 8: np.rot90(values)}[orientation]
    picture, told = read(tmp_path / "x.tif"), header(tmp_path / "x.tif")
    assert (picture.pixels == turned).all()
    assert (told.height, told.width) == turned.shape[:2]
    write(tmp_path / "y.tif", picture)
    assert (read(tmp_path / "y.tif").pixels == turned).all()


@pytest.mark.parametrize("kind", ["ASSOCALPHA", "UNASSALPHA"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_alpha_is_told_from_channels(tmp_path, channels, kind):
    values = np.random.default_rng(0).integers(0, 65536, (6, 7, channels + 1)).astype(np.uint16)
    extra = ["UNSPECIFIED"] * (channels - (3 if channels >= 3 else 1)) + [kind]
    photometric = "rgb" if channels >= 3 else "minisblack"
    tifffile.imwrite(tmp_path / "x.tif", values, photometric=photometric, planarconfig="contig", extrasamples=extra)
    picture = read(tmp_path / "x.tif")
    assert (picture.pixels == values[..., :-1]).all()
    assert (picture.alpha == values[..., -1]).all()
    write(tmp_path / "y.tif", picture)
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        assert [extra.name for extra in tif.pages[0].extrasamples] == extra
        assert (tif.pages[0].asarray() == values).all()


def test_white_is_zero(tmp_path):
    values = np.array([[0, 255], [10, 20]], np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="miniswhite")
    assert read(tmp_path / "x.tif").pixels[..., 0].tolist() == [[255, 0], [245, 235]]


GEO = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (1.0, 2.0, 0.0, 500000.0, 4100000.0, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    (34737, "s", 0, "WGS 84|", True),
    (42112, "s", 0, "<GDALMetadata>\u00e4</GDALMetadata>".encode(), True),
    (42113, "s", 0, "-9999", True),
]


def tags(path) -> dict[int, object]:
    with tifffile.TiffFile(path) as tif:
        return {tag.code: tag.value for tag in tif.pages[0].tags}


def test_geo_tags_resolution_and_texts_are_kept(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (20, 30, 5)).astype(np.uint16)
    texts = [(271, "s", 0, "Sentinel", True), (33432, "s", 0, "ESA", True)]
    settings = {
        **CONTIGUOUS,
        "resolution": (300, 150),
        "resolutionunit": 3,
        "description": "a field",
        "software": "x",
        "metadata": None,
    }
    tifffile.imwrite(tmp_path / "x.tif", values, extratags=[*GEO, *texts], compression="zlib", **settings)
    picture = read(tmp_path / "x.tif")
    assert picture.metadata.nodata == -9999
    assert picture.metadata.dpi == pytest.approx((762, 381))
    write(tmp_path / "y.tif", picture)
    before, after = tags(tmp_path / "x.tif"), tags(tmp_path / "y.tif")
    for code in (33550, 33922, 34735, 34737, 42112, 42113, 271, 33432, 270, 305, 282, 283, 296, 259, 284):
        assert after[code] == before[code], code


def test_geo_tags_of_a_larger_result_name_the_same_place():
    texts = (270, 2, 0, "ImageJ=1", True)
    tags = Tags(tags=(*((code, 12, count, value, True) for code, _, count, value, _ in GEO[:2]), texts))
    larger = {code: value for code, _, _, value, _ in tags.resized(2, 5, 5).tags}
    assert larger[33550] == (5.0, 5.0, 0.0)
    assert larger[33922] == (2.0, 4.0, 0.0, 500000.0, 4100000.0, 0.0)
    assert 270 not in larger


def test_exif_folder_goes_from_tiff_to_tiff_and_to_jpeg(tmp_path):
    exif = Image.Exif()
    exif[271] = "Maker"
    exif[0x8769] = {36867: "2020:01:02 03:04:05"}
    exif[0x8825] = {1: "N", 2: (48.0, 30.0, 1.5)}
    kept = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    write(tmp_path / "x.tif", Picture(np.full((8, 8, 3), 200, np.uint8), None, "TIFF", kept))
    picture = read(tmp_path / "x.tif")
    for name in ("y.tif", "y.jpg"):
        write(tmp_path / name, picture, format=name[-3:])
        with Image.open(tmp_path / name) as image:
            kept = image.getexif()
            assert kept[271] == "Maker"
            assert kept.get_ifd(0x8769)[36867] == "2020:01:02 03:04:05"
            assert kept.get_ifd(0x8825)[2] == (48.0, 30.0, 1.5)
    assert (read(tmp_path / "y.tif").pixels == picture.pixels).all()


def test_lzw_is_read(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "x.tif", compression="tiff_lzw")
    assert (read(tmp_path / "x.tif").pixels == values).all()
    wide = values[..., 0].astype(np.uint16) * 257
    Image.fromarray(wide).save(tmp_path / "x.tif", compression="tiff_lzw")
    picture = read(tmp_path / "x.tif")
    assert (picture.pixels[..., 0] == wide).all()
    write(tmp_path / "y.tif", picture)
    assert tags(tmp_path / "y.tif")[259] == 8  # deflate: as small, and without loss


def test_a_packing_that_nothing_here_reads_says_what_to_install(tmp_path, monkeypatch):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((20, 30, 5), np.uint16), **CONTIGUOUS, compression="zlib")
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as tif:
        place = tif.pages[0].tags[259].valueoffset
    data = bytearray(buffer.getvalue())
    data[place] = 5  # LZW, it says
    (tmp_path / "x.tif").write_bytes(data)
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        with pytest.raises(Unreadable, match="packed with LZW, which needs another package: pip install imagecodecs"):
            read(tmp_path / "x.tif")


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_a_file_without_a_resolution_gets_none(tmp_path, mode):
    if mode == "L":
        tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 4), np.uint8))  # says 1 to 1, without a unit
    else:
        Image.new(mode, (4, 4)).save(tmp_path / "x.tif")
    picture = read(tmp_path / "x.tif")
    assert picture.metadata.dpi is None
    write(tmp_path / "y.tif", picture)
    assert tags(tmp_path / "y.tif")[296] == 1  # no unit: a ratio of sides


def test_a_geotiff_packed_with_lzw_is_read_in_silence(tmp_path, capfd):
    values = np.random.default_rng(0).integers(0, 65536, (20, 30)).astype(np.uint16)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[33550], tags[33550] = 12, (10.0, 10.0, 0.0)
    Image.fromarray(values).save(tmp_path / "x.tif", compression="tiff_lzw", tiffinfo=tags)
    picture = read(tmp_path / "x.tif")
    assert (picture.pixels[..., 0] == values).all()
    assert capfd.readouterr().err == ""
