from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2i import catalogue, hookimpl
from i2i.catalogue import Card, card, card_of, cards, folders, locate, problems, resolve
from i2i.options import build
from i2i.plugins import registry

CLASSIC = {
    "horse2zebra": ("horse", "zebra"),
    "apple2orange": ("apple", "orange"),
    "summer2winter_yosemite": ("summer", "winter"),
    "monet2photo": ("monet", "photo"),
    "cezanne2photo": ("cezanne", "photo"),
    "ukiyoe2photo": ("ukiyoe", "photo"),
    "vangogh2photo": ("vangogh", "photo"),
    "iphone2dslr_flower": ("iphone", "dslr"),
    "maps": ("satellite", "map"),
    "cityscapes": ("photo", "labels"),
    "facades": ("photo", "labels"),
    "edges2shoes": ("edges", "shoes"),
    "edges2handbags": ("edges", "handbags"),
    "night2day": ("night", "day"),
}
EMBEDDED = {"textures", "photos", "shapes", "digits"}
CARD = """
name = "mine"
summary = "My pictures."
kind = "images"
licence = "my own"
source = "my camera"
urls = ["http://127.0.0.1:9/mine.zip"]
"""


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("I2I_DATA", raising=False)
    monkeypatch.delenv("I2I_OFFLINE", raising=False)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Path]:
    """The card folder of a plugin, with one card."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "mine.toml").write_text(CARD)

    class Plugin:
        @hookimpl
        def catalogue(self) -> list[Path]:
            return [folder]

    plugin = Plugin()
    registry().manager.register(plugin)
    yield folder
    registry().manager.unregister(plugin)


said: list[str] = []


def find(name: str, **options: object) -> Path:
    said.clear()
    return resolve(name, say=said.append, **options)  # type: ignore[arg-type]


def test_the_classic_sets_are_there() -> None:
    known = cards()
    assert problems() == []
    assert {name: known[name].domains for name in CLASSIC} == CLASSIC
    assert set(known) == {*CLASSIC, *EMBEDDED, "mnist", "cifar10"}
    for each in known.values():
        assert each.summary
        assert each.authors
        assert each.homepage.startswith(("https://", "http://")) or each.name == "shapes"  # which is drawn here
    assert {name for name, each in known.items() if each.way == "embedded"} == EMBEDDED


def test_each_address_names_its_set() -> None:
    for each in map(cards().get, CLASSIC):
        family, end = ("cyclegan", ".zip") if each.kind == "unpaired" else ("pix2pix", ".tar.gz")
        for url in each.urls:
            assert url.partition("://")[2] == f"efrosgans.eecs.berkeley.edu/{family}/datasets/{each.name}{end}"
    assert [name for name, each in cards().items() if each.way == "by hand"] == ["cityscapes"]


def test_mnist_comes_from_where_torchvision_has_it() -> None:
    from torchvision.datasets import MNIST

    known = cards()["mnist"]
    assert list(known.urls) == MNIST.mirrors
    assert [(part.name, part.sum) for part in known.parts] == MNIST.resources
    assert known.parts[3].urls == tuple(f"{mirror}t10k-labels-idx1-ubyte.gz" for mirror in MNIST.mirrors)


def test_a_plugin_adds_cards(stranger: Path) -> None:
    assert cards()["mine"].source == "my camera"
    assert card("mine") == cards()["mine"]
    assert card("yours") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = ", "bad.toml is not valid TOML"),
        (CARD.replace("kind", "knid"), 'unknown option "knid"; did you mean "kind"?'),
        (CARD.replace('kind = "images"', ""), "--kind must be given"),
        (CARD.replace('"mine"', '"../mine"'), "name is '../mine'; give letters"),
        (CARD.replace("http:", "file:"), "give addresses that begin with https:// or http://"),
        (CARD + 'sha256 = "abc"', "give 64 hexadecimal digits or leave it out"),
        (CARD + 'md5 = ["abc"]', "md5 holds 'abc'; give 32 hexadecimal digits"),
        (CARD + f'md5 = ["{"0" * 32}", "{"0" * 32}"]', "md5 has 2 sums for 1 file; give one for each"),
        (CARD + 'files = ["a", "../b"]', "files holds '../b'; give letters"),
        (CARD + f'files = ["a"]\nsha256 = "{"0" * 64}"', "sha256 is of an archive, and files are named; give md5"),
        (CARD.partition("urls")[0], "urls, generator or obtain must say where the set comes from"),
        (CARD, "there is already a card named mine"),
        (CARD.replace('"mine"', '"textures"'), "there is already a card named textures"),
    ],
)
def test_a_bad_card_is_reported_and_harms_no_other(text: str, problem: str, stranger: Path) -> None:
    (stranger / "z-bad.toml").write_text(text)
    (found,) = problems()
    assert problem in found
    assert str(stranger / "z-bad.toml") in found
    assert "mine" in cards()
    assert cards()["textures"].way == "embedded"


def test_a_missing_card_folder_is_reported(stranger: Path) -> None:
    (stranger / "mine.toml").unlink()
    stranger.rmdir()
    assert problems() == [f"{stranger} is no folder; a plugin announces it as one of data-set cards"]


def test_places_are_asked_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stranger: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("I2I_DATA", os.pathsep.join([str(first), "", str(second)]))
    cache = tmp_path / "home" / "cache" / "data"
    assert folders() == [Path("datasets"), first, second, cache]
    for folder in reversed([Path(), *folders()]):
        (folder / "mine").mkdir(parents=True)
        assert find("mine") == folder / "mine"
    assert said == [f"Using the folder {Path('mine').absolute()}, which goes before the catalogue's mine."]


def test_a_path_needs_no_card(tmp_path: Path) -> None:
    folder = tmp_path / "été 2024"
    folder.mkdir()
    assert find(str(folder)) == folder
    assert said == []


def test_an_embedded_set_is_made_once(tmp_path: Path) -> None:
    made = find("photos")
    assert made == tmp_path / "home" / "cache" / "data" / "photos"
    stamp = made.stat().st_mtime_ns
    assert find("photos") == made
    assert made.stat().st_mtime_ns == stamp


def test_a_name_that_leads_nowhere(tmp_path: Path, stranger: Path) -> None:
    Path("datasets/holiday").mkdir(parents=True)
    for name, meant in (("hrose2zebra", "horse2zebra"), ("minee", "mine"), ("hollyday", "holiday")):
        with pytest.raises(LookupError, match=f'no data set "{name}"; did you mean "{meant}"\\?') as caught:
            find(name)
        for place in (Path(name).absolute(), Path("datasets") / name, tmp_path / "home" / "cache" / "data" / name):
            assert str(place) in str(caught.value)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "photos_2024").mkdir()
    with pytest.raises(LookupError, match=r'there is no folder .*photos_204; did you mean "photos_2024"\?'):
        find(str(tmp_path / "photos_204"))
    with pytest.raises(LookupError, match=f"{tmp_path} is the last part of it that exists"):
        find(str(tmp_path / "a" / "b" / "c"))


def test_no_name_is_not_the_working_folder() -> None:
    with pytest.raises(ValueError, match="the name of the data is empty"):
        find(" ")


def test_offline_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("datasets").mkdir()
    with pytest.raises(ConnectionError) as caught:
        find("horse2zebra", offline=True)
    text = str(caught.value)
    assert f"looked at {Path('datasets/horse2zebra')}, {tmp_path / 'home/cache/data/horse2zebra'}" in text
    assert "downloads are off" in text
    assert "i2i data get horse2zebra --from horse2zebra.zip" in text
    monkeypatch.setenv("I2I_OFFLINE", "1")
    with pytest.raises(ConnectionError, match="downloads are off"):
        find("facades")


def test_offline_does_not_stop_embedded_sets() -> None:
    assert find("photos", offline=True).is_dir()


def test_a_set_for_registered_users_says_how_to_get_it() -> None:
    with pytest.raises(LookupError, match=r"register at https://.*i2i data get cityscapes --from FOLDER"):
        find("cityscapes")


def test_a_folder_knows_its_card(tmp_path: Path, stranger: Path) -> None:
    made = find("photos")
    assert card_of(made) == card("photos")
    moved = made.rename(tmp_path / "elsewhere")
    assert card_of(moved) == card("photos")


def test_a_folder_is_known_by_name_unless_the_name_is_embedded(tmp_path: Path) -> None:
    for name in ("horse2zebra", "photos", "other"):
        (tmp_path / name).mkdir()
    assert card_of(tmp_path / "horse2zebra") == card("horse2zebra")
    assert card_of(tmp_path / "photos") is None
    assert card_of(tmp_path / "other") is None
    (tmp_path / "other" / "dataset.toml").write_text("name = ")
    assert card_of(tmp_path / "other") is None


def test_locate_makes_nothing() -> None:
    assert locate("photos") is None
    assert locate("../work") is None
    assert not Path(os.environ["I2I_HOME"]).exists()


def test_the_archive_takes_its_name_from_the_address() -> None:
    values = {"name": "a", "summary": "s", "kind": "images", "licence": "l", "source": "s"}
    assert build(Card, values | {"urls": ["http://x/y/b.tar.gz"]}).archive == "b.tar.gz"
    assert build(Card, values | {"obtain": "ask"}).archive == "a.zip"


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; import i2i.commands.data; from i2i import catalogue; catalogue.cards(); import i2i.supply;"
        "print(sorted({'torch', 'numpy', 'PIL', 'requests', 'albumentations', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_stderr_is_where_it_says(capsys: pytest.CaptureFixture[str], stranger: Path) -> None:
    Path("mine").mkdir()
    resolve("mine")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "which goes before the catalogue's mine" in captured.err
    assert catalogue.MARKER == "dataset.toml"
