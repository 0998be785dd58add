"""What a set's pictures have in common: channels, depth, and the one range of values that maps to [-1, 1]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from i2i.data import labels
from i2i.data.scan import Info, Tree

MAPS = ("label", "instance", "mask")  # batch keys that are resized by nearest neighbour and never normalised
UNTOLD = 255  # from here on a label is more likely a mark for "nothing", or the number of an object


def channels(tree: Tree, names: Iterable[str]) -> int:
    """How many channels the pictures of one batch key get: gray among colour becomes colour.

    Raises ValueError naming two files when they cannot be brought together.
    """
    first: dict[int, str] = {}
    for name in names:
        first.setdefault(tree.pictures[name].channels, name)
    if set(first) <= {1, 3}:
        return max(first)
    if len(first) > 1:
        (one, a), (other, b) = list(first.items())[:2]
        raise ValueError(
            f"{a} has {_count(one)} and {b} has {_count(other)}; only gray and colour mix, so give all pictures "
            "the same channels"
        )
    return next(iter(first))


def _count(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


def depth_and_range(tree: Tree, names: Iterable[str]) -> tuple[int, tuple[float, float]]:
    """The set's bits a channel and its range: `range` of dataset.toml, else that of the files' data type.

    Raises ValueError for float files, or for mixed depths, without `range`.
    """
    first: dict[int, str] = {}
    for name in names:
        first.setdefault(tree.pictures[name].depth, name)
    given = tree.config.get("range")
    if given is not None:
        return max(first), (float(given[0]), float(given[1]))
    if len(first) > 1:
        (one, a), (other, b) = sorted(first.items())[:2]
        raise ValueError(
            f"{a} has {one} bits a channel and {b} has {other}; one range must fit them all: convert one kind, "
            f"or write range = [0, {2 ** min(other, 16) - 1}] into {tree.root / 'dataset.toml'}"
        )
    (depth,) = first
    if depth == 32:
        raise ValueError(
            f"{first[depth]} holds float or signed values, which have no range of their own; write their lowest and "
            f"highest value as range = [0, 1] into {tree.root / 'dataset.toml'}"
        )
    return depth, (0.0, float(2**depth - 1))


def check_maps(tree: Tree, kind: str, names: Iterable[str]) -> None:
    """Refuse maps that do not hold one whole number a pixel. Raises ValueError that names the first."""
    for name in names:
        info = tree.pictures[name]
        if info.highest < 0:
            what = "a JPEG, which changes values" if name.lower().endswith((".jpg", ".jpeg")) else describe(info)
            raise ValueError(f"{kind} map {name} is {what}; give maps with one whole number a pixel, as PNG")


def num_labels(tree: Tree, names: Iterable[str]) -> int:
    """How many labels the label maps use: `labels` of dataset.toml, else the largest found and one more.

    Labels that `map_labels` exchanges count as what they become. Raises ValueError for a map of more than one channel,
    with a label outside 0 to `labels` - 1, or with one so large that the number of labels has to be told.
    """
    names = list(names)
    check_maps(tree, "label", names)
    pairs = labels.mapping(tree.config)
    highest = labels.highest(tree, names, pairs)
    worst = max(names, key=lambda name: highest[name])
    largest = max(highest[worst], *pairs.values(), 0)
    given, config = tree.config.get("labels"), tree.root / "dataset.toml"
    if given is None:
        if largest == highest[worst] >= UNTOLD:
            raise ValueError(
                f"Label map {worst} holds {labels.in_words(labels.values(tree, [worst])[worst])}, which makes "
                f"{largest + 1} labels. If {largest} stands for nothing, write {labels.KEY} = {{{largest} = 0}} into "
                f"{config}; if there are so many, labels = {largest + 1}."
            )
        return largest + 1
    if highest[worst] >= given:
        affected = sum(highest[name] >= given for name in names)
        raise ValueError(
            f"Label {highest[worst]} in {worst} is outside 0-{given - 1} (labels = {given} in dataset.toml); "
            f"{affected} {'file is' if affected == 1 else 'files are'} affected. Write labels = {highest[worst] + 1} "
            f"there, or make another label of it: {labels.KEY} = {{{highest[worst]} = 0}}."
        )
    if largest >= given:
        raise ValueError(
            f"{config}: {labels.KEY} makes labels {largest}, which is outside 0-{given - 1} (labels = {given}); "
            "give a label in that range"
        )
    return int(given)


def describe(info: Info) -> str:
    """Say a picture's mode and depth: `RGB, 8 bit`."""
    return f"{info.mode}, {'float' if info.depth == 32 else f'{info.depth} bit'}"


def spec_values(tree: Tree, roles: Mapping[str, list[str]]) -> dict[str, object]:
    """The fields of a DataSpec that pictures decide, from the names by batch key.

    Raises ValueError when the pictures do not fit together.
    """
    pictures = {key: names for key, names in roles.items() if names and key not in MAPS}
    depth, value_range = depth_and_range(tree, (name for names in pictures.values() for name in names))
    counts = {key: channels(tree, names) for key, names in pictures.items()}
    counts |= {key: 1 for key, names in roles.items() if names and key in MAPS}
    check_maps(tree, "instance", roles.get("instance", ()))
    values = {"channels": counts, "depth": depth, "value_range": value_range, "num_labels": 0}
    if roles.get("label"):
        values["num_labels"] = num_labels(tree, roles["label"])
        if labels.KEY in tree.config:
            values["extra"] = {labels.KEY: tree.config[labels.KEY]}  # for maps that are translated later
    return values
