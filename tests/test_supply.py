from __future__ import annotations

import errno
import functools
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from i2i import catalogue, places, supply
from i2i.catalogue import Card, card_of
from i2i.options import build

FILES = {"set/trainA/1.png": b"one", "set/trainB/2.png": b"two", "set/testA/3.png": b"three"}
INSIDE = {name.removeprefix("set/"): content for name, content in FILES.items()}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a server on 127.0.0.1 shows; its address is in site.url."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        (folder / "url").write_text(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            opened.writestr(zipfile.ZipInfo(name), content)  # of 1980: packed later, it is the same file
    return path


def a_card(site: Path, *names: str, **values: object) -> Card:
    address = (site / "url").read_text()
    urls = [f"{address}/{name}" for name in names or ("set.zip",)]
    return build(
        Card,
        {"name": "fruit2veg", "summary": "S.", "kind": "unpaired", "licence": "ask me", "source": "garden"}
        | {"domains": ["fruit", "veg"], "urls": urls}
        | values,
    )


def contents(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    found.pop("dataset.toml", None)
    return found


def leftovers() -> set[str]:
    """What lies in the data folder besides the set, lock files and sums."""
    here = {p.name for p in places.data().iterdir()} - {".sums"}
    return {name for name in here if not name.endswith(".lock")}


said: list[str] = []


def get(card: Card) -> Path:
    said.clear()
    return supply.download(card, said.append)


def test_a_download_becomes_a_folder(site: Path) -> None:
    size = pack(site / "set.zip", FILES).stat().st_size
    card = a_card(site)
    folder = get(card)
    assert folder == places.data() / "fruit2veg"
    assert contents(folder) == INSIDE
    assert said[0] == f"Downloading fruit2veg, {size} B, from {card.urls[0]}. Licence: ask me."
    assert leftovers() == {"fruit2veg"}


def test_the_folder_says_what_it_is(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(site / "set.zip", FILES)
    card = a_card(site)
    folder = get(card)
    notes = tomllib.loads((folder / "dataset.toml").read_text())
    assert notes == {
        "name": "fruit2veg",
        "licence": "ask me",
        "authors": [],
        "source": "garden",
        "domains": ["fruit", "veg"],
    }
    monkeypatch.setattr(catalogue, "cards", lambda: {"fruit2veg": card})
    assert card_of(folder) == card


def test_a_marker_of_its_own_is_kept(site: Path) -> None:
    pack(site / "set.zip", FILES | {"set/dataset.toml": b'domains = ["x", "y"]\n'})
    assert (get(a_card(site)) / "dataset.toml").read_bytes() == b'domains = ["x", "y"]\n'


def test_a_mirror_takes_over(site: Path) -> None:
    pack(site / "mirror.zip", FILES)
    assert contents(get(a_card(site, "gone.zip", "mirror.zip"))) == INSIDE


def test_no_server_says_what_to_type(site: Path) -> None:
    with pytest.raises(ConnectionError) as caught:
        get(a_card(site, "gone.zip"))
    text = str(caught.value)
    assert "/gone.zip: it answers 404" in text
    assert "i2i data get fruit2veg --from gone.zip" in text
    assert str(Path("datasets/fruit2veg")) in text
    assert leftovers() == set()


def test_a_known_sum_is_checked(site: Path) -> None:
    packed = pack(site / "set.zip", FILES)
    with pytest.raises(ValueError, match="is not what the catalogue describes"):
        get(a_card(site, sha256="0" * 64))
    assert leftovers() == set()
    get(a_card(site, sha256=hashlib.sha256(packed.read_bytes()).hexdigest().upper()))


def test_a_later_download_is_held_to_the_first(site: Path) -> None:
    pack(site / "set.zip", FILES)
    card = a_card(site)
    folder = get(card)
    rename = folder.rename(folder.with_name("old"))
    pack(site / "set.zip", FILES | {"set/trainA/evil.png": b"?"})
    with pytest.raises(ValueError, match="has changed since its first download here on"):
        get(card)
    assert leftovers() == {"old"}
    pack(site / "set.zip", FILES)
    assert contents(get(card)) == contents(rename)
    (places.data() / "fruit2veg").rename(folder.with_name("older"))
    pack(site / "set.zip", {"new/trainA/1.png": b"1"})
    (places.data() / ".sums" / "fruit2veg.json").unlink()
    assert contents(get(card)) == {"trainA/1.png": b"1"}


def test_a_login_page_is_not_noted_as_the_first_download(site: Path) -> None:
    (site / "set.zip").write_text("<html>Please log in to this network</html>")
    with pytest.raises(ValueError, match=r"the file set\.zip is a web page"):
        get(a_card(site))
    assert leftovers() == set()
    pack(site / "set.zip", FILES)
    assert contents(get(a_card(site))) == INSIDE


def test_a_hostile_archive_leaves_nothing(site: Path) -> None:
    pack(site / "set.zip", FILES | {"../../../evil": b"x"})
    with pytest.raises(ValueError, match="outside the folder"):
        get(a_card(site))
    assert leftovers() == set()
    assert list(site.parent.rglob("evil")) == []


def test_an_empty_archive_is_refused(site: Path) -> None:
    pack(site / "set.zip", {})
    with pytest.raises(ValueError, match="holds no files"):
        get(a_card(site))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a/x.png": b"1", "__MACOSX/a/._x.png": b"2"}, {"x.png", "__MACOSX/a/._x.png"}),
        ({"a/a/x.png": b"1"}, {"a/x.png"}),  # one folder is lifted, not two
        ({"train/x.png": b"1"}, {"train/x.png"}),
        ({"a/x.png": b"1", "b/y.png": b"2"}, {"a/x.png", "b/y.png"}),
        ({"x.png": b"1"}, {"x.png"}),
    ],
)
def test_a_folder_of_its_own_is_lifted(files: dict[str, bytes], expected: set[str], site: Path) -> None:
    pack(site / "set.zip", files)
    assert set(contents(get(a_card(site)))) == expected


def test_a_full_disk_keeps_the_archive(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(site / "set.zip", FILES)

    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(supply.archive, "unpack", full)
        with pytest.raises(OSError, match=r"no room to unpack fruit2veg.*I2I_HOME"):
            get(a_card(site))
    assert leftovers() == {".fruit2veg-set.zip"}
    (site / "set.zip").unlink()
    assert contents(get(a_card(site))) == INSIDE


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_cache_says_what_to_set(site: Path) -> None:
    places.data().mkdir(parents=True)
    places.data().chmod(0o500)
    with pytest.raises(OSError, match="set I2I_HOME to a folder that you may write"):
        get(a_card(site))


def test_a_file_where_the_cache_should_be_is_an_os_error(site: Path) -> None:
    places.cache().parent.mkdir(parents=True)
    places.cache().write_text("")
    with pytest.raises(OSError, match=r"cache"):
        get(a_card(site))


def test_a_denied_write_says_what_to_set(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", denied)
        with pytest.raises(OSError, match=r"cannot be written to .*Permission denied.*set I2I_HOME"):
            get(a_card(site))


def test_a_read_only_disk_says_what_to_set(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: Path, *args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(places.cache()))  # its parents are made first

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", read_only)
        with pytest.raises(OSError, match=r"cannot be written to .*Read-only file system.*set I2I_HOME"):
            get(a_card(site))


def test_remains_of_a_killed_process_are_swept(site: Path) -> None:
    pack(site / "set.zip", FILES)
    remains = places.data() / ".fruit2veg-00000000.new" / "half"
    remains.mkdir(parents=True)
    get(a_card(site))
    assert leftovers() == {"fruit2veg"}


def test_a_given_archive_is_taken(site: Path, tmp_path: Path) -> None:
    given = tmp_path / "copy with spaces.tar.gz"
    with tarfile.open(given, "w:gz") as opened:
        info = tarfile.TarInfo("set/trainA/1.png")
        info.size = 3
        opened.addfile(info, io.BytesIO(b"one"))
    said.clear()
    folder = supply.take(a_card(site, sha256="0" * 64), given, said.append)
    assert contents(folder) == {"trainA/1.png": b"one"}
    assert given.exists()
    assert said[0] == f"fruit2veg from {given}. Licence: ask me."
    assert "is taken because you gave it" in said[1]


def test_a_given_folder_is_copied(site: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    (given / "trainA").mkdir(parents=True)
    (given / "trainA" / "1.png").write_bytes(b"one")
    folder = supply.take(a_card(site), given, said.append)
    assert contents(folder) == contents(given) == {"trainA/1.png": b"one"}


def test_processes_that_ask_at_once_get_one_folder(tmp_path: Path) -> None:
    code = "from i2i.catalogue import resolve; print(resolve('textures', say=lambda text: None))"
    environment = os.environ | {"I2I_HOME": str(tmp_path / "home")}
    start = functools.partial(subprocess.Popen, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path)
    started = [start([sys.executable, "-c", code]) for _ in range(3)]
    data = tmp_path / "home" / "cache" / "data"
    assert {process.communicate(timeout=60)[0].strip() for process in started} == {str(data / "textures")}
    assert {p.name for p in data.iterdir()} == {"textures", ".textures.lock"}
    assert sum(1 for _ in (data / "textures").rglob("*.png")) == 3 * (150 + 20)


def test_waiting_for_another_process_is_said(site: Path) -> None:
    from filelock import FileLock

    pack(site / "set.zip", FILES)
    places.data().mkdir(parents=True)
    held = threading.Event()

    def hold() -> None:
        with FileLock(places.data() / ".fruit2veg.lock"):
            held.set()
            while not said:
                time.sleep(0.01)

    said.clear()
    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    assert contents(supply.download(a_card(site), said.append)) == INSIDE
    other.join()
    assert said[0] == "Another process is preparing fruit2veg; waiting for it."


def test_a_given_folder_must_hold_something(site: Path, tmp_path: Path) -> None:
    (tmp_path / "given" / "empty").mkdir(parents=True)
    (tmp_path / "given" / "gone.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"the folder .*given holds no files"):
        supply.take(a_card(site), tmp_path / "given", said.append)
    assert leftovers() == set()


def test_a_given_folder_may_not_hold_the_cache(site: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds the cache itself; give the folder of the pictures with --from"):
        supply.take(a_card(site), tmp_path, said.append)
    assert leftovers() == set()


def test_a_file_that_cannot_be_copied_is_named(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*args: object, **kwargs: object) -> None:
        raise shutil.Error([("given/1.png", "x/1.png", "Permission denied")])

    (tmp_path / "given").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", denied)
        with pytest.raises(OSError, match=r"given/1\.png cannot be copied: Permission denied"):
            supply.take(a_card(site), tmp_path / "given", said.append)
    assert leftovers() == set()


NUMBERS = {"one.gz": b"1", "two.gz": b"22"}


def a_card_of_files(site: Path, *folders: str, **values: object) -> Card:
    sums = [hashlib.md5(content).hexdigest() for content in NUMBERS.values()]
    return a_card(site, *(folders or ("there/",)), **{"files": list(NUMBERS), "md5": sums} | values)


def lay_out(folder: Path, files: dict[str, bytes] = NUMBERS) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_files_are_fetched_one_by_one_and_stay_as_they_are(site: Path) -> None:
    lay_out(site / "there")
    card = a_card_of_files(site)
    assert contents(get(card)) == NUMBERS
    address = card.urls[0].rstrip("/")
    assert said == [
        f"Downloading fruit2veg, 1 B, from {address}/one.gz. Licence: ask me.",
        f"Downloading fruit2veg, 2 B, from {address}/two.gz.",
    ]
    assert leftovers() == {"fruit2veg"}


def test_each_file_has_its_mirrors(site: Path) -> None:
    lay_out(site / "a", {"two.gz": b"22"})
    lay_out(site / "b", {"one.gz": b"1"})
    assert contents(get(a_card_of_files(site, "a", "b/"))) == NUMBERS


def test_what_has_come_waits_for_the_file_that_lacks(site: Path) -> None:
    lay_out(site / "there", {"one.gz": b"1"})
    with pytest.raises(ConnectionError) as caught:
        get(a_card_of_files(site))
    text = str(caught.value)
    assert "/there/two.gz: it answers 404" in text
    assert f"one.gz, two.gz: put them into the folder {Path('datasets/fruit2veg')}" in text
    assert "i2i data get fruit2veg --from FOLDER" in text
    assert leftovers() == {".fruit2veg-one.gz"}
    lay_out(site / "there", {"two.gz": b"22"})
    (site / "there" / "one.gz").unlink()
    assert contents(get(a_card_of_files(site))) == NUMBERS
    assert leftovers() == {"fruit2veg"}


def test_each_file_is_held_to_its_sum(site: Path) -> None:
    lay_out(site / "there", NUMBERS | {"two.gz": b"23"})
    with pytest.raises(ValueError, match=r"the file two\.gz is not what the catalogue describes: its md5 is"):
        get(a_card_of_files(site))
    assert leftovers() == {".fruit2veg-one.gz"}
    lay_out(site / "there")
    assert contents(get(a_card_of_files(site))) == NUMBERS


def test_of_files_without_a_sum_the_first_download_counts(site: Path) -> None:
    lay_out(site / "there", NUMBERS | {"two.gz": b" <!DOCTYPE html>"})
    card = a_card_of_files(site, md5=[])
    with pytest.raises(ValueError, match=r"the file two\.gz is a web page: the address has moved"):
        get(card)
    lay_out(site / "there")
    get(card).rename(places.data() / "old")
    lay_out(site / "there", {"one.gz": b"x"})
    with pytest.raises(ValueError, match=r"the file one\.gz has changed since its first download"):
        get(card)


def test_a_folder_of_the_files_is_taken(site: Path, tmp_path: Path) -> None:
    lay_out(tmp_path / "given")
    assert contents(supply.take(a_card_of_files(site), tmp_path / "given", said.append)) == NUMBERS


def test_an_archive_of_cifar_is_read(site: Path, tmp_path: Path) -> None:
    from i2i.data.labelled import Labelled

    inside = tmp_path / "cifar-10-batches-bin"
    files = {f"data_batch_{n}.bin": bytes([n % 2, *[n] * 3072]) * 3 for n in range(1, 6)}
    files |= {"test_batch.bin": bytes([1, *[9] * 3072]), "batches.meta.txt": b"cat\ndog\n\n"}
    lay_out(inside, files)
    with tarfile.open(site / "cifar-10-binary.tar.gz", "w:gz") as opened:
        opened.add(inside, inside.name)
    sums = [hashlib.md5((site / "cifar-10-binary.tar.gz").read_bytes()).hexdigest()]
    root = get(a_card(site, "cifar-10-binary.tar.gz", kind="labelled", domains=[], md5=sums))
    train = Labelled(root)
    assert (len(train), len(Labelled(root, "test")), train.spec().domains) == (15, 1, ("cat", "dog"))
