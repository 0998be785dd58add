"""Reading TIFF: any depth and number of channels, with geo tags, through tifffile; the rest by Pillow."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import PIL.Image
import tifffile

from i2i import images, metadata, opencv
from i2i.picture import Array, Header, Metadata, Picture, Unreadable, orient

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it thinks of damaged tags is not for users

MAX_CHANNELS = 12  # a third axis without a name is channels up to here, and pages above
ASSOCIATED, UNASSOCIATED = 1, 2  # kinds of alpha
DESCRIPTION, PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, NODATA = 270, 33550, 33922, 34264, 42113
GEO_TAGS = (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, 34735, 34736, 34737, 42112, NODATA)
LAYOUT_DESCRIPTIONS = ('{"shape"', "shape=(", "ImageJ=", "<?xml", "<OME")
TEXT_TAGS = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)
EXIF_FOLDERS = (0x8769, 0x8825)  # EXIF, GPS
OTHER_TAGS = (33723, 34377)  # IPTC, Photoshop


@dataclass(frozen=True)
class Tags:
    """How a TIFF was laid out, and its tags that are carried over."""

    layout: str = "YXS"  # YXS: channels interleaved; SYX: in planes; CYX: in pages
    compressed: bool = False
    rgb: bool = False  # the first three channels are red, green and blue, and not just three of many
    alpha: int = UNASSOCIATED
    alpha_index: int = -1
    tags: tuple[tuple[int, int, int, Any, bool], ...] = ()  # as tifffile writes them
    resolution: tuple[Any, Any, int] | None = None  # x, y, unit

    def resized(self, scale: int, before: int, after: int) -> Tags:
        """The tags of a picture with `scale` times the pixels on a side: the same place on earth, in finer steps.

        It has `after` channels, where the source had `before`.
        """
        kept = []
        for code, kind, count, value, once in self.tags:
            if code == DESCRIPTION and value.startswith(LAYOUT_DESCRIPTIONS):
                continue  # it lists sizes and channels that are no more
            if code == PIXEL_SCALE:
                value = (value[0] / scale, value[1] / scale, *value[2:])
            elif code == TIEPOINTS:
                value = tuple(number * scale if index % 6 < 2 else number for index, number in enumerate(value))
            elif code == TRANSFORMATION:
                value = tuple(number / scale if index % 4 < 2 else number for index, number in enumerate(value))
            kept.append((code, kind, count, value, once))
        made = replace(self, tags=tuple(kept))
        return made if before == after else replace(made, alpha_index=-1, rgb=after == 3)


@dataclass(frozen=True)
class _Layout:
    """Where height, width and channels lie in the first picture of a file."""

    shape: tuple[int, ...]
    axes: str  # "YX", "YXS", "SYX", "CYX", "YXC"
    pages: int  # pictures in the file
    page: Any

    @property
    def size(self) -> tuple[int, int]:
        return self.shape[self.axes.index("Y")], self.shape[self.axes.index("X")]

    @property
    def samples(self) -> int:
        return next((n for n, axis in zip(self.shape, self.axes, strict=True) if axis in "SC"), 1)

    @property
    def alpha_index(self) -> int:
        """The sample that is alpha, or -1."""
        extra = [int(kind) for kind in self.page.extrasamples]
        for index, kind in enumerate(extra):
            if kind in (ASSOCIATED, UNASSOCIATED) and self.samples == self.page.samplesperpixel:
                return self.samples - len(extra) + index
        return -1


def header(file: IO[bytes], path: Path) -> Header:
    """See `i2i.images.header`."""
    with _open(file, path) as tif:
        layout = _layout(tif)
        height, width = layout.size
        images.guard(height, width, path)
        if _orientation(layout.page) > 4:
            height, width = width, height
        if not _plain(layout.page):
            file.seek(0)
            with PIL.Image.open(file) as image:
                told = images.pillow_header(image, file, path)
            return replace(told, height=height, width=width, format="TIFF")
        alpha = layout.alpha_index >= 0
        channels = layout.samples - alpha
        depth = 32 if layout.page.dtype not in (np.uint8, np.uint16) else layout.page.dtype.itemsize * 8
        names = {(1, 8): "L", (1, 16): "I;16", (3, 8): "RGB", (1, 32): "F"}
        mode = names.get((channels, depth), f"{channels}x{depth}")
        return Header(height, width, channels, depth, mode, "TIFF", alpha)


def read(data: bytes, path: Path) -> Picture:
    """See `i2i.images.read`."""
    with _open(io.BytesIO(data), path) as tif:
        layout = _layout(tif)
        images.guard(*layout.size, path)
        page = layout.page
        notes = (f"first of {layout.pages} pages",) if layout.pages > 1 else ()
        values = _values(tif, layout, path)
        orientation = _orientation(page)
        if values is None:
            with PIL.Image.open(io.BytesIO(data)) as image:
                image.load()  # and turns it upright
                pixels, alpha, profile = images.from_pillow(image)
                kept = metadata.gather(image, pixels.shape[:2])
            tags = _tags(page, "YXS", -1, not notes)
            kept = replace(kept, exif=tags_to_exif(page, data), icc=profile, tiff=tags, nodata=_nodata(page))
            return Picture(pixels, alpha, "TIFF", replace(kept, dpi=_dpi(page)), notes)  # Pillow says 1 for none
        if layout.axes[0] in "SC":
            values = np.moveaxis(values, 0, -1)
        values = values.reshape(*layout.size, layout.samples)
        index = layout.alpha_index
        alpha = orient(values[..., index], orientation) if index >= 0 else None
        if index >= 0:
            values = np.delete(values, index, axis=-1)
        if int(page.photometric) == 0 and values.dtype.kind == "u":  # min is white
            values = np.iinfo(values.dtype).max - values
        kept = Metadata(
            exif=tags_to_exif(page, data),
            dpi=_dpi(page),
            icc=_value(page, 34675),
            xmp=metadata.upright_xmp(_value(page, 700)) if isinstance(_value(page, 700), bytes) else None,
            tiff=_tags(page, layout.axes, index, not notes and layout.axes != "YXC"),
            nodata=_nodata(page),
        )
        if values.dtype not in (np.uint8, np.uint16, np.float32):
            kept = replace(kept, dtype=str(values.dtype))
            values = values.astype(np.float32)
            alpha = None if alpha is None else alpha.astype(np.float32)
        return Picture(orient(values, orientation), alpha, "TIFF", kept, notes)


def _open(file: IO[bytes], path: Path) -> tifffile.TiffFile:
    try:
        tif = tifffile.TiffFile(file)  # type: ignore[arg-type]
        tif.pages[0]
    except (tifffile.TiffFileError, IndexError) as error:
        raise Unreadable(path, f"is damaged or cut off ({error})") from error
    return tif


def _layout(tif: tifffile.TiffFile) -> _Layout:
    """Find the first picture: a page, or the pages that hold its channels."""
    page: Any = tif.pages[0]
    series = tif.series[0]
    pages = max(len(tif.pages), int(series.size) // max(int(page.size), 1))  # a stack may name its first page only
    if series.kind == "generic":  # overviews and masks are no pages of their own
        pages = sum(not (one.is_reduced or one.is_mask) for one in tif.pages) or 1  # type: ignore[union-attr]
    kept = [(n, axis) for n, axis in zip(series.shape, series.axes, strict=True) if n > 1 or axis in "YX"]
    axes, shape = "".join(axis for _, axis in kept), tuple(n for n, _ in kept)
    if pages > 1 and page.samplesperpixel == 1 and len(shape) == 3:
        if axes == "CYX":
            return _Layout(shape, "CYX", 1, page)
        if series.kind == "shaped" and axes == "QYX":  # written by tifffile from an array without named axes
            if shape[2] <= MAX_CHANNELS < shape[0]:
                return _Layout(shape, "YXC", 1, page)
            if shape[0] <= MAX_CHANNELS:
                return _Layout(shape, "CYX", 1, page)
    return _Layout(tuple(page.shape), page.axes, pages, page)


def _plain(page: Any) -> bool:
    """Whether tifffile gives the file's own numbers: gray or RGB, whole bytes."""
    if int(page.photometric) not in (0, 1, 2, 32803, 34892) or page.dtype is None:
        return False
    return page.bitspersample in (8, 16, 32, 64) and page.dtype.kind in "uif" and int(page.compression) not in (6, 7)


def _values(tif: tifffile.TiffFile, layout: _Layout, path: Path) -> Array | None:
    """The picture's numbers in the file's order, or None where Pillow has to read them."""
    if not _plain(layout.page):
        return None
    try:
        whole = layout.pages == 1 and layout.shape != tuple(layout.page.shape)
        return np.asarray(tif.series[0].asarray() if whole else layout.page.asarray()).reshape(layout.shape)
    except (tifffile.TiffFileError, ValueError, RuntimeError) as error:
        if "imagecodecs" not in str(error):
            raise
        if layout.page.dtype == np.uint8 and layout.samples <= 4 and len(layout.page.shape) == len(layout.shape):
            return None
        return _by_opencv(tif, layout, path)


def _by_opencv(tif: tifffile.TiffFile, layout: _Layout, path: Path) -> Array:
    """Decode what Python alone cannot, LZW say, in depths that Pillow does not know."""
    if layout.axes in ("YX", "YXS") and layout.samples in (1, 3, 4):
        tif.filehandle.seek(0)
        values = opencv.decode(tif.filehandle.read())
        if values is not None and values.dtype == layout.page.dtype and values.size == np.prod(layout.shape):
            order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[layout.samples]
            return np.ascontiguousarray(np.atleast_3d(values)[..., order]).reshape(layout.shape)
    name = getattr(layout.page.compression, "name", layout.page.compression)
    raise Unreadable(path, f"is packed with {name}, which needs another package: pip install imagecodecs")


def _value(page: Any, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _orientation(page: Any) -> int:
    value = _value(page, metadata.ORIENTATION)
    return int(value) if isinstance(value, int) else 1


def _nodata(page: Any) -> float | None:
    try:
        return float(str(_value(page, NODATA)).strip("\0 "))
    except ValueError:
        return None


def _tags(page: Any, layout: str, alpha_index: int, whole: bool) -> Tags:
    kept = []
    for code in (*TEXT_TAGS, *GEO_TAGS, *OTHER_TAGS):
        tag = page.tags.get(code)
        if code == DESCRIPTION and tag and not whole and str(tag.value).startswith(LAYOUT_DESCRIPTIONS):
            continue
        if tag is not None and tag.value is not None:
            kept.append((code, int(tag.dtype), int(tag.count), tag.value, True))
    resolution = None
    if (x := _value(page, 282)) and (y := _value(page, 283)):
        resolution = (x, y, _unit(page))
    return Tags(
        layout={"YX": "YXS", "YXC": "YXS"}.get(layout, layout),
        compressed=int(page.compression) != 1,
        rgb=int(page.photometric) not in (0, 1),
        alpha=next((int(kind) for kind in page.extrasamples if int(kind) in (1, 2)), UNASSOCIATED),
        alpha_index=alpha_index,
        tags=tuple(kept),
        resolution=resolution,
    )


def _unit(page: Any) -> int:
    """The unit of a resolution: 2 is an inch, 3 a centimetre; 1, which tifffile counts as false, none."""
    unit = _value(page, 296)
    return 2 if unit is None else int(unit)


def _dpi(page: Any) -> tuple[float, float] | None:
    unit = {2: 1.0, 3: 2.54}.get(_unit(page))
    try:
        (x, by_x), (y, by_y) = _value(page, 282), _value(page, 283)
        return (unit * x / by_x, unit * y / by_y) if unit and x and y else None
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def tags_to_exif(page: Any, data: bytes) -> bytes | None:
    """Gather what a TIFF says of camera, author and place as an EXIF structure."""
    exif = PIL.Image.Exif()
    for code in TEXT_TAGS:
        if isinstance(value := _value(page, code), str) and len(value) < 10_000:  # longer is OME-XML, say
            exif[code] = value
    try:
        if any(code in page.tags for code in EXIF_FOLDERS) and data[2:4] in (b"*\0", b"\0*"):  # not in a BigTIFF
            whole = PIL.Image.Exif()
            whole.load_from_fp(io.BytesIO(data))
            for code in EXIF_FOLDERS:
                if folder := dict(whole.get_ifd(code)):
                    exif[code] = folder
        return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None
    except Exception:  # Pillow raises anything at all on odd ones; the pixels are no worse for it
        return None
