"""Tables beside pictures: CSV, JSON lines, CelebA's attribute list. Each becomes rows with a picture's name in them."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i2i.data.scan import Tree

FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "image_path", "img", "image_id", "name", "picture")
SPLIT_COLUMNS = ("split", "partition", "subset", "set")
_CELEBA = "list_attr_celeba"
_CELEBA_SPLITS = "list_eval_partition"


@dataclass(frozen=True)
class Row:
    """One row: the picture it names (relative to the root, as found there) and its other columns."""

    file: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table's file, its rows whose pictures exist, and the names it has that no picture answers to."""

    document: str
    rows: tuple[Row, ...]
    missing: tuple[str, ...] = ()
    columns: tuple[str, ...] = field(default=())  # other than the picture's


class Finder:
    """Resolve the names a table uses: relative to the table, to the root, or unique among all pictures."""

    def __init__(self, tree: Tree) -> None:
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
        wanted = PurePosixPath(str(name).strip().replace("\\", "/"))
        if wanted.is_absolute() or ".." in wanted.parts:
            return None
        for candidate in (str(PurePosixPath(document).parent / wanted), str(wanted)):
            if candidate in self.known:
                return candidate
        return self.by_name.get(wanted.name) if len(wanted.parts) == 1 else None


def read(tree: Tree, document: str) -> Table | None:
    """Read one document as a table of pictures; None when it is not one.

    Raises ValueError that names the line when a .jsonl or .csv file cannot be parsed.
    """
    path = tree.root / document
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        records = _json_lines(path)
    elif suffix in (".csv", ".tsv"):
        records = _csv(path, "\t" if suffix == ".tsv" else ",")
    else:
        return None
    return _table(tree, document, records)


def _table(tree: Tree, document: str, records: list[dict[str, Any]]) -> Table | None:
    finder = Finder(tree)
    column = _file_column(records, finder, document)
    if column is None:
        return None
    rows, missing = [], []
    for record in records:
        file = finder.find(record.get(column), document)
        values = {key: value for key, value in record.items() if key != column}
        if file is None:
            missing.append(str(record.get(column)))
        else:
            rows.append(Row(file, values))
    columns = tuple(dict.fromkeys(key for record in records for key in record if key != column))
    return Table(document, tuple(rows), tuple(missing), columns)


def _file_column(records: list[dict[str, Any]], finder: Finder, document: str) -> str | None:
    """The column that names pictures: one of the usual names, in which at least one cell leads to a picture."""
    lowered = {key.lower(): key for record in records[:100] for key in record}
    for name in FILE_COLUMNS + SOURCE_COLUMNS:
        key = lowered.get(name)
        if key is not None and any(finder.find(record.get(key), document) for record in records):
            return key
    return None


SOURCE_COLUMNS = ("source", "input", "conditioning_image", "original_image", "a")
TARGET_COLUMNS = ("target", "output", "ground_truth", "edited_image", "b")


def _json_lines(path: Path) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}, is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}, line {number}, is not an object; give one object a line, with a file_name in it")
        records.append(record)
    return records


def _csv(path: Path, delimiter: str) -> list[dict[str, Any]]:
    lines = _text(path).splitlines()
    if lines and delimiter == "," and lines[0].count(";") > lines[0].count(","):
        delimiter = ";"
    try:
        reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
        records = []
        for record in reader:
            if None in record:
                raise ValueError(f"{path}, line {reader.line_num}, has more cells than the first line has columns")
            records.append({key.strip(): value for key, value in record.items() if key and value is not None})
    except csv.Error as error:
        raise ValueError(f"{path} is not a table: {error}") from None
    return records


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def celeba(tree: Tree) -> Table | None:
    """Read CelebA's list_attr_celeba (.txt, of 1 and -1), and list_eval_partition for the splits."""
    documents = {PurePosixPath(name).stem: name for name in tree.documents if name.lower().endswith(".txt")}
    document = documents.get(_CELEBA)
    if document is None:
        return None
    lines = _text(tree.root / document).splitlines()
    if len(lines) < 3:
        raise ValueError(f"{tree.root / document} has {len(lines)} lines; it needs a count, names and one a picture")
    names = lines[1].split()
    splits = {}
    if listing := documents.get(_CELEBA_SPLITS):
        pairs = (line.split() for line in _text(tree.root / listing).splitlines())
        numbers = {"0": "train", "1": "val", "2": "test"}
        splits = {pair[0]: numbers.get(pair[1], "") for pair in pairs if len(pair) == 2}
    records = []
    for number, line in enumerate(lines[2:], 3):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != len(names) + 1 or not set(cells[1:]) <= {"1", "-1", "0"}:
            raise ValueError(f"{tree.root / document}, line {number}, needs a file and {len(names)} values of 1 or -1")
        record: dict[str, Any] = {"file": cells[0]}
        record |= {name: int(value == "1") for name, value in zip(names, cells[1:], strict=True)}
        if cells[0] in splits:
            record["split"] = splits[cells[0]]
        records.append(record)
    return _table(tree, document, records)


def split_of(row: Row) -> str:
    """The split a row names: train, val, test, or empty."""
    for key, value in row.values.items():
        if key.lower() in SPLIT_COLUMNS and isinstance(value, str):
            return SPLIT_WORDS.get(value.strip().lower(), "")
    return ""


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
