"""The kind `captioned`: pictures with sentences."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import numpy as np

from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import Item
from i2i.model import Batch
from i2i.options import Request
from i2i.spec import DataSpec

UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # letters of scripts that put no spaces between words
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+(?:'[^\W_]+)*")


def words(caption: str) -> list[str]:
    """Take a caption apart: words in lower case, without punctuation; of Chinese and Japanese each letter."""
    return _WORD.findall(caption.lower().replace("\u2019", "'"))


class Captioned(Folder):
    """Pictures as `image`, with `caption`: one of the picture's sentences, at random."""

    kind = "captioned"

    def roles(self, items: list[Item]) -> dict[str, list[str]]:
        """All pictures are `image`."""
        return {"image": [item.files["image"] for item in items]}

    def describe(self, spec: DataSpec) -> DataSpec:
        """Add the vocabulary: the words of the training captions, the most frequent first."""
        counts = Counter(word for item in self.training for caption in item.captions for word in words(caption))
        vocabulary = tuple(sorted(counts, key=lambda word: (-counts[word], word)))
        return dataclasses.replace(spec, vocabulary=vocabulary)

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One picture and one of its captions."""
        item = self.items[index]
        caption = item.captions[int(rng.integers(len(item.captions)))]
        return {**transform(rng, image=self.load("image", item.files["image"])), "caption": caption}

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """The first held-back pictures with their first captions."""
        rows: list[tuple[Batch, Request]] = []
        for number, item in enumerate(self.shown()[:count]):
            pixels = self.load("image", item.files["image"])
            image = transform(np.random.default_rng(number), image=pixels)["image"][None]
            batch: Batch = {"image": image, "source": image, "caption": [item.captions[0]]}
            rows.append((batch, Request(seed=number)))
        return rows
