from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from i2i import archive
from i2i.archive import unpack


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], *special: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as opened:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
        for info in special:
            opened.addfile(info)
    return path


GOOD = {"set/trainA/1.png": b"one", "set/trainB/a b é.png": b"two" * 1000, "set/README": b""}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder two levels down, so that what leaves it is seen in tmp_path."""
    folder = tmp_path / "inner" / "out"
    folder.mkdir(parents=True)
    return folder


def test_a_zip_comes_out_as_it_was(tmp_path: Path, out: Path) -> None:
    assert unpack(make_zip(tmp_path / "good.zip", GOOD), out) == 3
    assert contents(out) == GOOD


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_comes_out_as_it_was(mode: str, tmp_path: Path, out: Path) -> None:
    assert unpack(make_tar(tmp_path / "good.tar", GOOD, mode=mode), out) == 3
    assert contents(out) == GOOD


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "C:/evil"])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_no_name_leaves_the_folder(make: object, name: str, tmp_path: Path, out: Path) -> None:
    packed = make(tmp_path / "evil.archive", {name: b"x"})  # type: ignore[operator]
    with pytest.raises(ValueError, match="would be written outside the folder"):
        unpack(packed, out)
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"evil.archive"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, tmp_path: Path, out: Path) -> None:
    info = tarfile.TarInfo("inside")
    info.type, info.linkname = kind, "../../target"
    words = "a link" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else "a device"
    with pytest.raises(ValueError, match=f"'inside' is {words}"):
        unpack(make_tar(tmp_path / "evil.tar.gz", {}, info), out)
    assert list(out.iterdir()) == []


def test_writing_through_a_link_is_refused(tmp_path: Path, out: Path) -> None:
    info = tarfile.TarInfo("door")
    info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
    packed = make_tar(tmp_path / "evil.tar", {}, info, mode="w")
    with tarfile.open(packed, "a") as opened:
        inner = tarfile.TarInfo("door/evil")
        inner.size = 1
        opened.addfile(inner, io.BytesIO(b"x"))
    with pytest.raises(ValueError, match="is a link"):
        unpack(packed, out)
    assert not (tmp_path / "evil").exists()


def test_a_link_in_a_zip_is_refused(tmp_path: Path, out: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(ValueError, match="'link' is a link"):
        unpack(tmp_path / "evil.zip", out)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_bomb_is_stopped(make: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, out: Path) -> None:
    monkeypatch.setattr(archive, "MIN_LIMIT", 1000)
    bomb = make(tmp_path / "bomb", {"0.bin": bytes(4 << 20)})  # type: ignore[operator]
    assert bomb.stat().st_size * archive.MAX_RATIO < 4 << 20
    with pytest.raises(ValueError, match="unpacks to more than"):
        unpack(bomb, out)
    assert sum(p.stat().st_size for p in out.rglob("*")) <= bomb.stat().st_size * archive.MAX_RATIO


def test_a_bomb_in_a_tar_header_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, out: Path) -> None:
    monkeypatch.setattr(archive, "MIN_LIMIT", 1000)
    info = tarfile.TarInfo("x")
    info.pax_headers = {"comment": "0" * (4 << 20)}
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as opened:
        opened.addfile(info)
    with pytest.raises(ValueError, match="unpacks to more than"):
        unpack(tmp_path / "bomb.tar.gz", out)


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, out: Path) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 2)
    with pytest.raises(ValueError, match="more than 2 entries"):
        unpack(make_zip(tmp_path / "many.zip", GOOD), out)


def test_damage_is_one_sentence(tmp_path: Path, out: Path) -> None:
    for name, make in (("cut.zip", make_zip), ("cut.tar.gz", make_tar)):
        packed = make(tmp_path / name, {"a.bin": bytes(range(256)) * 4000})  # type: ignore[operator]
        packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
        with pytest.raises(ValueError, match=rf"{name} is damaged.*fetch it again"):
            unpack(packed, out)


def test_a_flipped_byte_is_noticed(tmp_path: Path, out: Path) -> None:
    packed = tmp_path / "flipped.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as opened:
        opened.writestr("a.bin", b"a" * 1000)
    data = bytearray(packed.read_bytes())
    data[500] ^= 1
    packed.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        unpack(packed, out)


def test_a_page_in_place_of_an_archive_is_named(tmp_path: Path, out: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"\n<!DOCTYPE html><html>moved</html>")
    with pytest.raises(ValueError, match=r"set\.zip is a web page, not an archive"):
        unpack(tmp_path / "set.zip", out)


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(ValueError, match="a file and a folder of one name"):
        unpack(make_zip(tmp_path / "clash.zip", {"a": b"1", "a/b": b"2"}), out)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_within_a_packed_file_is_one_sentence(packing: int, tmp_path: Path, out: Path) -> None:
    packed = tmp_path / "hurt.zip"
    with zipfile.ZipFile(packed, "w", packing) as opened:
        opened.writestr("a.bin", random.Random(0).randbytes(40_000))
    data = bytearray(packed.read_bytes())
    data[60:200] = b"\xff" * 140
    packed.write_bytes(data)
    with pytest.raises(ValueError, match=r"hurt\.zip is damaged.*fetch it again"):
        unpack(packed, out)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_damage_within_a_packed_tar_is_one_sentence(mode: str, tmp_path: Path, out: Path) -> None:
    packed = make_tar(tmp_path / "hurt.tar", {"a.bin": random.Random(0).randbytes(400_000)}, mode=mode)
    data = bytearray(packed.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xff" * 200
    packed.write_bytes(data)
    with pytest.raises(ValueError, match=r"hurt\.tar is damaged.*fetch it again"):
        unpack(packed, out)


def test_a_name_that_is_no_text_is_damage(tmp_path: Path, out: Path) -> None:
    packed = make_zip(tmp_path / "hurt.zip", {"é.png": b"x"})
    packed.write_bytes(packed.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(ValueError, match=r"hurt\.zip is damaged"):
        unpack(packed, out)


@pytest.mark.parametrize("name", ["a" * 300 + ".png", "a/" * 3000 + "x.png"])
def test_a_name_too_long_for_the_disk_is_cut_short(name: str, tmp_path: Path, out: Path) -> None:
    with pytest.raises(ValueError, match=r"long\.zip has a name that this disk cannot hold, 'a.{59}\.\.\.'; nothing"):
        unpack(make_zip(tmp_path / "long.zip", {name: b"x"}), out)
