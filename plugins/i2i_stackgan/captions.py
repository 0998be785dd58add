"""Sentences taken apart: the words and letters that an encoder reads, and what of a text it understands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+=<>()[]{} "  # Reed et al., 2016
MAX_CHARACTERS = 201
MAX_WORDS = 50
MAX_LETTERS = 256  # beyond the alphabet, of captions in other scripts
SHOWN = 3  # unknown words named in a message
UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # letters of scripts that put no spaces between words
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+(?:'[^\W_]+)*")


def words(caption: str) -> list[str]:
    """Take a caption apart as the vocabulary of the data is made: words in lower case, without punctuation."""
    return _WORD.findall(caption.lower().replace("\u2019", "'"))


def plain(caption: str) -> str:
    """What a caption says, whatever its case and punctuation: equal for captions that say the same."""
    return " ".join(words(caption)) or caption.strip()


def letters(caption: str, alphabet: Collection[str]) -> str:
    """Return the characters of a caption that are in an alphabet, in lower case; one with an accent may lose it."""
    lowered = " ".join(caption.lower().split())
    kept = (c if c in alphabet else unicodedata.normalize("NFKD", c)[0] for c in lowered)
    return "".join(c for c in kept if c in alphabet)


def alphabet_of(vocabulary: Iterable[str]) -> str:
    """The letters that an encoder knows: Reed's, then those of a vocabulary in the order in which they turn up."""
    others = dict.fromkeys(c for word in vocabulary for c in word if c not in ALPHABET)
    return ALPHABET + "".join(list(others)[:MAX_LETTERS])


def some(vocabulary: Sequence[str]) -> str:
    """A few words of a vocabulary, the most frequent that are not mere joints, for a message."""
    return ", ".join([word for word in vocabulary if len(word) > 3][:8] or vocabulary[:8])


def notes(text: str, vocabulary: Sequence[str], unknown_are: str, unit: str, longest: int) -> list[str]:
    """Say, in sentences, what of a text does not count as it stands: what is beyond `longest` words or characters, and
    words of no training caption, which are "left out" or "guessed".

    None for a text that is understood. A model trained without captions has no vocabulary: nothing is said of words.
    """
    said: list[str] = []
    plain = " ".join(text.split())
    read = plain if unit == "characters" else words(plain)
    if len(read) > longest:
        plain = plain[:longest] if unit == "characters" else " ".join(read[:longest])
        said.append(f'the text has {len(read)} {unit}, and the first {longest} are read, to "...{plain[-30:]}"')
    found, known = words(plain), set(vocabulary)
    unknown = list(dict.fromkeys(word for word in found if word not in known))
    if not vocabulary or (found and not unknown):
        return said
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    named = (", ".join(f'"{word}"' for word in unknown[:SHOWN]) or f'"{plain[:30]}"') + more
    understood = " ".join(word for word in found if word in known)
    if not understood:
        what = f"no training caption holds {named}, so what is drawn is arbitrary"
        said.append(f"{what}; some words that they hold: {some(vocabulary)}")
    elif unknown_are == "guessed":
        said.append(f'no training caption holds {named}, so that is guessed; understood: "{understood}"')
    else:
        said.append(f'no training caption holds {named}, so that is left out; understood: "{understood}"')
    return said
