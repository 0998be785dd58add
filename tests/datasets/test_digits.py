from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from i2i_datasets import digits
from PIL import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("digits")
    digits.digits(made)
    return made


def test_the_digits_are_those_that_scikit_learn_loads(folder: Path) -> None:
    from sklearn.datasets import load_digits

    known = load_digits()
    paths = {int(path.stem): path for path in folder.rglob("*.png")}
    assert sorted(paths) == list(range(1797))
    for number, path in paths.items():
        split = "train" if number < 1500 else "test"
        assert path.relative_to(folder).parts[:2] == (split, str(known.target[number]))
        with Image.open(path) as opened:
            assert (opened.mode, opened.size) == ("L", (8, 8))
            pixels = np.asarray(opened).astype(float)
        assert np.abs(pixels - known.images[number] * 255 / 16).max() <= 0.5
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_scikit_learn_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from i2i_datasets.digits import digits;"
        "digits(Path(sys.argv[1])); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_it_is_read_as_ten_classes(tmp_path: Path) -> None:
    from i2i import catalogue
    from i2i.data.labelled import Labelled

    root = catalogue.get("digits", say=lambda text: None)
    train, test = Labelled(root, "train"), Labelled(root, "test")
    assert (len(train), len(test)) == (1500, 297)
    spec = train.spec()
    assert (spec.domains, spec.num_labels, spec.channels) == (tuple("0123456789"), 10, {"image": 1})
    assert spec.value_range == (0, 255)
    known = catalogue.cards()["digits"]
    assert known.domains == catalogue.cards()["mnist"].domains == spec.domains
    assert train.licence == "CC BY 4.0"


def test_a_stripped_installation_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(digits, "TABLE", Path("no_such.csv.gz"))
    with pytest.raises(FileNotFoundError, match=r"carry no_such\.csv\.gz.*pip install --force-reinstall scikit-learn"):
        digits.digits(tmp_path)


def test_another_table_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(digits, "ROWS", 1796)
    with pytest.raises(ValueError, match=r"digits\.csv\.gz holds 1797 rows of 65 numbers, not 1796 of 65; reinstall"):
        digits.digits(tmp_path)
