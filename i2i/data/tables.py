"""Tables beside pictures: CSV, JSON lines, CelebA's attribute list. Each becomes rows with a picture's name in them."""

from __future__ import annotations

import csv
import io
import json
import posixpath
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i2i.data.scan import Tree

SUFFIXES = (".jsonl", ".csv", ".tsv")
FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "image_path", "img", "image_id", "name", "picture")
SOURCE_COLUMNS = ("source", "input", "conditioning_image", "original_image", "a")
TARGET_COLUMNS = ("target", "output", "ground_truth", "edited_image", "b")
SPLIT_COLUMNS = ("split", "partition", "subset", "set")
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
_CELEBA = "list_attr_celeba"
_CELEBA_SPLITS = "list_eval_partition"
_CELEBA_NUMBERS = {"0": "train", "1": "val", "2": "test"}
_CELEBA_VALUES = {"1", "-1", "0"}


@dataclass(frozen=True)
class Row:
    """One row: the picture it names (relative to the root, as found there) and its other columns."""

    file: str
    values: dict[str, Any]
    split: str  # that it names: train, val, test, or empty
    document: str  # that it stands in


@dataclass(frozen=True)
class Table:
    """A table's file, its rows whose pictures exist, and the names it has that no picture answers to."""

    name: str  # in words, where it lies in several files
    rows: tuple[Row, ...]
    missing: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()  # other than the picture's


def join(parts: list[Table]) -> Table:
    """Several tables of the same columns as one: metadata.csv of train/ and of test/."""
    if len(parts) == 1:
        return parts[0]
    more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
    return Table(
        ", ".join(part.name for part in parts[:3]) + more,
        tuple(row for part in parts for row in part.rows),
        tuple(name for part in parts for name in part.missing),
        parts[0].columns,
    )


class Finder:
    """Resolve the names a table uses: relative to the table or the root, whole, or unique among all pictures."""

    def __init__(self, tree: Tree) -> None:
        self.root = f"{tree.root.as_posix()}/"
        self.known = set(tree.files)
        self.by_name: dict[str, str | None] = {}
        for file in tree.files:
            path = PurePosixPath(file)
            for name in {path.name, path.stem}:
                self.by_name[name] = file if name not in self.by_name else None

    def find(self, name: Any, document: str) -> str | None:
        """The picture that a cell of `document` names, or None."""
        if not isinstance(name, (str, int)) or isinstance(name, bool) or not str(name).strip():
            return None
        wanted = str(name).strip().replace("\\", "/").removeprefix(self.root)
        for folder in (posixpath.dirname(document), ""):
            if (candidate := posixpath.normpath(posixpath.join(folder, wanted))) in self.known:
                return candidate
        return self.by_name.get(wanted) if "/" not in wanted else None


def read(tree: Tree, document: str) -> Table | None:
    """Read a document with one of SUFFIXES as a table of pictures; None when it names none.

    Raises ValueError that names the line when it cannot be parsed.
    """
    path = tree.root / document
    return _table(tree, document, (_json_lines if path.suffix.lower() == ".jsonl" else _csv)(path))


def _table(tree: Tree, document: str, records: list[dict[str, Any]]) -> Table | None:
    finder = tree.once("finder", Finder)
    column = _file_column(records, finder, document)
    if column is None:
        return None
    columns = tuple(dict.fromkeys(key for record in records for key in record if key != column))
    of_splits = [key for key in columns if key.lower() in SPLIT_COLUMNS]
    rows, missing = [], []
    for record in records:
        cell = record.pop(column, None)
        if (file := finder.find(cell, document)) is None:
            missing.append(f"(no {column})" if cell in (None, "") else str(cell))
        else:
            split = next((word for key in of_splits if (word := _split(key, record.get(key)))), "")
            rows.append(Row(file, record, split, document))
    return Table(document, tuple(rows), tuple(missing), columns)


def _split(column: str, cell: Any) -> str:
    """The split that a cell names: train, val, test, or empty."""
    word = str(cell).strip().lower()
    return SPLIT_WORDS.get(word, "") or (_CELEBA_NUMBERS.get(word, "") if column.lower() == "partition" else "")


def _file_column(records: list[dict[str, Any]], finder: Finder, document: str) -> str | None:
    """The column that names pictures: one of the usual names, in which at least one cell leads to a picture."""
    lowered = {key.lower(): key for record in records[:100] for key in record}
    for name in FILE_COLUMNS + SOURCE_COLUMNS:
        key = lowered.get(name)
        if key is not None and any(finder.find(record.get(key), document) for record in records):
            return key
    return None


def _json_lines(path: Path) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(_text(path).split("\n"), 1):  # a caption may hold other line separators
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}, is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}, line {number}, is not an object; give one object a line, with a file_name in it")
        records.append(record)
    return records


def _csv(path: Path) -> list[dict[str, Any]]:
    text = _text(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
        records = []
        for record in reader:
            if None in record:
                raise ValueError(
                    f"{path}, line {reader.line_num}, has more cells than the first line has columns; "
                    "put cells that hold a comma into quotes"
                )
            records.append({key.strip(): value for key, value in record.items() if key and value is not None})
    except csv.Error as error:
        raise ValueError(f"{path} is not a table: {error}; check its quotes") from None
    return records


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def celeba(tree: Tree) -> Table | None:
    """Read CelebA's list_attr_celeba (.txt, of 1 and -1), and list_eval_partition for the splits.

    The count of pictures that it begins with may be missing.
    """
    documents = {PurePosixPath(name).stem: name for name in tree.documents if name.lower().endswith(".txt")}
    document = documents.get(_CELEBA)
    if document is None:
        return None
    lines = _text(tree.root / document).splitlines()
    header = 1 if lines and lines[0].strip().isdecimal() else 0
    if len(lines) < header + 2:
        raise ValueError(
            f"{tree.root / document} has {len(lines)} line{'s' * (len(lines) != 1)}; "
            "it needs a count (or none), names, and one a picture"
        )
    names = lines[header].split()
    if names[1:] and set(names[1:]) <= _CELEBA_VALUES:
        raise ValueError(
            f"{tree.root / document}, line {header + 1}, begins with a picture, not with names of attributes; "
            "write their names above the first picture, with spaces between"
        )
    splits = {}
    if listing := documents.get(_CELEBA_SPLITS):
        pairs = (line.split() for line in _text(tree.root / listing).splitlines())
        splits = {pair[0]: _CELEBA_NUMBERS.get(pair[1], "") for pair in pairs if len(pair) == 2}
    records = []
    for number, line in enumerate(lines[header + 1 :], header + 2):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != len(names) + 1 or not set(cells[1:]) <= _CELEBA_VALUES:
            raise ValueError(f"{tree.root / document}, line {number}, needs a file and {len(names)} values of 1 or -1")
        record: dict[str, Any] = {"file": cells[0]}
        record |= {name: int(value == "1") for name, value in zip(names, cells[1:], strict=True)}
        if cells[0] in splits:
            record["split"] = splits[cells[0]]
        records.append(record)
    return _table(tree, document, records)
