"""What the data behind published weights was: these hold counts of labels, and no names and no kinds."""

from __future__ import annotations

from collections.abc import Sequence

import i2i

CELEBA = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)
FIVE = "attributes:Black_Hair,Blond_Hair,Brown_Hair,Male,Young"  # the paper's, of the published weights too
EIGHT = "classes:angry,contemptuous,disgusted,fearful,happy,neutral,sad,surprised"  # RaFD's, in the order of folders
USUAL = {5: FIVE, 8: EIGHT, 13: f"{FIVE}+{EIGHT}"}  # what so many labels are taken for, where nobody says


def understand(
    width: int | None, count: int | None, channels: int, size: tuple[int, int] | None, domains: Sequence[str]
) -> tuple[i2i.DataSpec, list[str]]:
    """Say what the data was, and in sentences what was guessed.

    `width` is the length of a generator's label and `count` the number of labels that a discriminator tells, trained at
    `size` (H, W); one of them may be None. Their difference is the mask, one number for each of several data sets.
    `domains` are the user's names, parted at commas: "+" stands between data sets, and "classes:" or "attributes:" may
    stand in front of one's. Raises ValueError where all this does not fit together.
    """
    told = ",".join(domains).split("+") if domains else []
    if width is None or count is None:
        sets = max(1, len(told))  # a label alone does not tell its mask
        count = count if count is not None else (width or 0) - (sets if sets > 1 else 0)
    else:
        sets = _sets(width, count)
    sections = told or _usual(sets, count)
    parts = tuple(_part(section, channels, size or (128, 128)) for section in sections)
    named = [name for part in parts for name in part.domains]
    if len(parts) != sets or len(named) != count:
        raise ValueError(_miscounted([part.num_labels for part in parts], sets, count))
    if twice := [name for name in named if named.count(name) > 1]:
        raise ValueError(f"--domains names {twice[0]} twice; give each label a name of its own")

    notes = []
    if not told:
        notes.append(
            f"the labels are taken for {', '.join(named)}; where they are others, name them in order with --domains"
        )
    if size is None and any(part.extra["labels"] == "attributes" for part in parts):
        notes.append(
            "there is no discriminator to judge what a picture shows already: translating takes it to have none of the "
            "attributes, unless --has says which"
        )
    if sets == 1:
        return parts[0], notes
    return i2i.DataSpec(tuple(named), {"image": channels}, parts[0].image_size, num_labels=count, parts=parts), notes


def _sets(width: int, count: int) -> int:
    """How many data sets a generator's label and a discriminator's labels are of."""
    if width == count:
        return 1
    if width < count + 2:
        raise ValueError(
            f"the generator takes a label of {width} numbers and the discriminator tells {count}: they are not one "
            "model's; give two files of the same training"
        )
    return width - count


def _usual(sets: int, count: int) -> list[str]:
    """What so many labels are called where nobody says."""
    sections = USUAL.get(count, "").split("+")
    if sections != [""] and len(sections) == sets:
        return sections
    if sets == 1:
        return ["attributes:" + ",".join(f"attribute_{number + 1}" for number in range(count))]
    raise ValueError(_miscounted([], sets, count))


def _miscounted(named: Sequence[int], sets: int, count: int) -> str:
    got = f"{' + '.join(map(str, named))} are named" if named else "nothing says whose is which"
    if sets > 1:
        return (
            f"the weights are of {sets} data sets with {count} labels together, and {got}; name all in order, with + "
            "between data sets: --domains attributes:Male,Young+classes:happy,sad"
        )
    return f"the weights have {count} labels, and {got}; name all {count} with --domains, in their order"


def _part(section: str, channels: int, size: tuple[int, int]) -> i2i.DataSpec:
    """Read one data set's names; where nothing stands in front, they are attributes if one is CelebA's."""
    kind, colon, listed = section.partition(":")
    if not colon or kind not in ("attributes", "classes"):
        kind, listed = "", section
    names = tuple(name.strip() for name in listed.split(",") if name.strip())
    known = CELEBA.lower().split()
    kind = kind or ("attributes" if any(name.lower() in known for name in names) else "classes")
    return i2i.DataSpec(names, {"image": channels}, size, num_labels=len(names), extra={"labels": kind})
