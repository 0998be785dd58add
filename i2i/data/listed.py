"""Layouts made of a table: captions.jsonl, metadata.jsonl, CSV with columns, a CelebA attribute list."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from i2i.data import tables
from i2i.data.folders import places
from i2i.data.layouts import Found, Item
from i2i.data.names import domain_names
from i2i.data.scan import Tree

CAPTIONS = ("captions", "caption", "text", "texts", "sentences", "sentence", "description", "prompt")
CLASSES = ("label", "class", "category", "labels", "class_name", "label_name")
_EXPECTED = {"metadata", "captions", "labels", "annotations"}  # these must parse; another table may be unrelated
_TRUE, _FALSE = {"1", "true", "yes", "1.0"}, {"0", "-1", "false", "no", "0.0", "-1.0"}


def _tables(tree: Tree) -> list[tables.Table]:
    """Every table of pictures in the tree, read once."""
    return tree.once("tables", _read_tables)[0]


def unused(tree: Tree) -> dict[str, str]:
    """Tables that say nothing of pictures in the tree, with the reason."""
    return tree.once("tables", _read_tables)[1]


def is_expected(document: str) -> bool:
    """Whether a table is named as those that describe pictures are, so that it is hardly there for something else."""
    return PurePosixPath(document).stem.lower() in _EXPECTED


def _read_tables(tree: Tree) -> tuple[list[tables.Table], dict[str, str]]:
    found: dict[object, list[tables.Table]] = {}
    left: dict[str, str] = {}
    for document in tree.documents:
        if PurePosixPath(document).suffix.lower() not in tables.SUFFIXES:
            continue
        try:
            table = tables.read(tree, document)
        except ValueError as error:
            if is_expected(document):
                raise
            left[document] = str(error).removeprefix(str(tree.root / document)).lstrip(" ,")
            continue
        if table is None:
            left[document] = f"names no picture here in a column such as {tables.FILE_COLUMNS[0]}"
        else:
            found.setdefault((PurePosixPath(document).name, frozenset(table.columns)), []).append(table)
    return [tables.join(parts) for parts in found.values()], left


def _column(table: tables.Table, names: tuple[str, ...]) -> str | None:
    lowered = {column.lower(): column for column in table.columns}
    return next((lowered[name] for name in names if name in lowered), None)


def _found(tree: Tree, kind: str, layout: str, items: list[Item], domains: tuple[str, ...], lost: list[str]) -> Found:
    listed = {name for item in items for name in item.files.values()}
    outside = tuple(name for name in tree.files if name not in listed)
    return Found(kind, layout, tuple(items), domains, tuple(lost), outside)


def _splits(tree: Tree, rows: list[tables.Row]) -> dict[str, str]:
    """The split of each row's picture: the one that a row names, in whichever table, else the one it lies in."""
    lies = {place.name: place.split for place in places(tree)}
    everything = [*rows, *(row for table in _tables(tree) for row in table.rows)]
    named = {row.file: row.split for row in reversed(everything) if row.split}
    return {row.file: named.get(row.file) or lies[row.file] for row in rows}


def captions(tree: Tree) -> Found | None:
    """Pictures with captions.jsonl, metadata.jsonl or a CSV that has a column of captions."""
    texts: dict[str, list[str]] = {}
    rows: list[tables.Row] = []
    missing: list[str] = []
    documents = []
    for table in _tables(tree):
        column = _column(table, CAPTIONS)
        if column is None:
            continue
        documents.append(table.name)
        missing += table.missing
        rows += table.rows
        for row in table.rows:
            cell = row.values.get(column)
            said = [cell] if isinstance(cell, str) else cell if isinstance(cell, list) else []
            texts.setdefault(row.file, []).extend(
                text.strip() for text in said if isinstance(text, str) and text.strip()
            )
    if not texts:
        return None
    splits = _splits(tree, rows)
    items = [Item({"image": file}, splits[file], captions=tuple(said)) for file, said in sorted(texts.items()) if said]
    missing += [f"{file} (no caption)" for file, said in texts.items() if not said]
    return _found(tree, "captioned", f"pictures with {', '.join(documents)}", items, (), missing) if items else None


def pairs(tree: Tree) -> Found | None:
    """A table with columns source and target (or input and output)."""
    items: list[Item] = []
    missing: list[str] = []
    for table in _tables(tree):
        finder, target = tree.once("finder", tables.Finder), _column(table, tables.TARGET_COLUMNS)
        if target is None or not any(finder.find(row.values.get(target), row.document) for row in table.rows):
            continue
        splits = _splits(tree, list(table.rows))
        missing += table.missing
        for row in table.rows:
            partner = finder.find(row.values.get(target), row.document)
            if partner is None:
                missing.append(str(row.values.get(target)))
            else:
                items.append(Item({"source": row.file, "target": partner}, splits[row.file]))
    if not items:
        return None
    return _found(tree, "paired", "a table of pairs", items, domain_names(tree, "source", "target"), missing)


def classes(tree: Tree) -> Found | None:
    """A table with a column of classes, or with columns of attributes that are 0 or 1."""
    for table in _tables(tree):
        column = _column(table, CLASSES)
        if column is not None and not isinstance(table.rows[0].values.get(column), list):
            return _classes(tree, table, column)
        if names := _attributes(table):
            return _with_attributes(tree, table, names, f"attributes in {table.name}")
    return None


def celeba(tree: Tree) -> Found | None:
    """CelebA: list_attr_celeba.txt, and list_eval_partition.txt where there."""
    table = tables.celeba(tree)
    if table is None:
        return None
    return _with_attributes(tree, table, tuple(c for c in table.columns if c != "split"), "CelebA's attribute list")


def listed_pictures(tree: Tree) -> Found | None:
    """Pictures that a table divides into train and test."""
    for table in _tables(tree):
        if any(row.split for row in table.rows):
            splits = _splits(tree, list(table.rows))
            items = [Item({"image": file}, split) for file, split in sorted(splits.items())]
            return _found(tree, "images", f"pictures listed in {table.name}", items, (), list(table.missing))
    return None


def _classes(tree: Tree, table: tables.Table, column: str) -> Found | None:
    said: dict[str, str] = {}
    missing = list(table.missing)
    for row in table.rows:
        name = str(row.values.get(column, "")).strip()
        if row.values.get(column) is None or not name:
            missing.append(f"{row.file} (no {column})")
        elif said.setdefault(row.file, name) != name:
            missing.append(f"{row.file} ({column} {said[row.file]}, not {name})")
    names = sorted(set(said.values()), key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name))
    splits, numbers = _splits(tree, list(table.rows)), {name: number for number, name in enumerate(names)}
    items = [Item({"image": file}, splits[file], name, numbers[name]) for file, name in sorted(said.items())]
    return _found(tree, "labelled", f"classes in {table.name}", items, tuple(names), missing) if items else None


def _binary(value: Any) -> int | None:
    text = str(value).strip().lower()
    return 1 if text in _TRUE else 0 if text in _FALSE else None


def _attributes(table: tables.Table) -> tuple[str, ...]:
    others = [column for column in table.columns if column.lower() not in tables.SPLIT_COLUMNS]
    return tuple(c for c in others if all(_binary(row.values.get(c)) is not None for row in table.rows))


def spoiled(tree: Tree) -> dict[str, str]:
    """Columns that would be attributes, but for some cells: each with one of these, and where it stands."""
    found = {}
    for table in _tables(tree):
        for column in table.columns:
            bad = [row for row in table.rows if _binary(row.values.get(column)) is None]
            if bad and len(bad) <= len(table.rows) / 2 and column.lower() not in (*tables.SPLIT_COLUMNS, *CLASSES):
                cell = str(bad[0].values.get(column) or "").strip()
                said = f'says "{cell}" of' if cell else "says nothing of"
                more = f" (one of {len(bad)} such cells)" if len(bad) > 1 else ""
                found[column] = f"{bad[0].document} {said} {bad[0].file}{more}; write 1 or 0 (or -1)"
    return found


def _with_attributes(tree: Tree, table: tables.Table, names: tuple[str, ...], layout: str) -> Found | None:
    splits = _splits(tree, list(table.rows))
    items = [
        Item({"image": row.file}, splits[row.file], label=tuple(_binary(row.values.get(name)) or 0 for name in names))
        for row in sorted(table.rows, key=lambda row: row.file)
    ]
    return _found(tree, "labelled", layout, items, names, list(table.missing)) if items else None
