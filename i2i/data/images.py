"""The kind `images`: pictures of one kind, without labels or partners."""

from __future__ import annotations

import numpy as np

from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import Item
from i2i.model import Batch
from i2i.options import Request


class Images(Folder):
    """Pictures, as the batch key `image`."""

    kind = "images"

    def roles(self, items: list[Item]) -> dict[str, list[str]]:
        """All pictures are `image`."""
        return {"image": [item.files["image"] for item in items]}

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One picture: {"image": (C, H, W)}."""
        return dict(transform(rng, image=self.load("image", self.items[index].files["image"])))

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """The first held-back pictures, as `image` and, for models that translate, as `source`."""
        rows: list[tuple[Batch, Request]] = []
        for number, item in enumerate(self.shown()[:count]):
            pixels = self.load("image", item.files["image"])
            image = transform(np.random.default_rng(number), image=pixels)["image"][None]
            rows.append(({"image": image, "source": image}, Request(seed=number)))
        return rows
