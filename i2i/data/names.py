"""Domain names where folders are only called A and B: from dataset.toml, the catalogue, or the set's own name."""

from __future__ import annotations

import re

from i2i.data.scan import Tree

_SET = re.compile(r"(?P<a>[^\W\d_]+)2(?P<b>[^\W\d_]+)(?:[_-].*)?")


def domain_names(tree: Tree, first: str, second: str) -> tuple[str, str]:
    """Name a set's two domains; `first` and `second` when nothing better is known.

    Raises ValueError when dataset.toml names another number of them.
    """
    if named := tree.config.get("domains"):
        if len(named) != 2:
            told = f"{tree.root / 'dataset.toml'} names {len(named)} domains"
            raise ValueError(f"{told}, but the folder holds two, {first} and {second}")
        return named[0], named[1]
    from i2i.catalogue import card_of

    card = card_of(tree.root)
    if card is not None and len(card.domains) == 2:
        return card.domains[0], card.domains[1]
    return from_set_name(tree.config.get("name", "")) or _from_folders(tree) or (first, second)


def _from_folders(tree: Tree) -> tuple[str, str] | None:
    """Read the names of the root (a link's own name first) and of the only folder in it that holds pictures."""
    names = [tree.name, tree.root.resolve().name]
    shared = {name.split("/")[0] for name in tree.files if "/" in name}
    names += shared if len(shared) == 1 else []
    return next((found for name in names if (found := from_set_name(name))), None)


def from_set_name(name: str) -> tuple[str, str] | None:
    """Take a set's name apart: summer2winter_yosemite is summer and winter."""
    match = _SET.fullmatch(name)
    return (match["a"], match["b"]) if match and match["a"] != match["b"] else None
