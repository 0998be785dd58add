"""The image pool: earlier generated pictures, for the discriminator (Shrivastava et al., 2017, arXiv:1612.07828)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from i2i.model import Progress


class ImagePool(nn.Module):
    """Keep up to `size` generated pictures and hand back old ones in place of half of the new ones.

    It is kept for resuming and never enters the weights. Over several ranks every rank holds the same pool, filled from
    the global batch.
    """

    def __init__(self, size: int = 50) -> None:
        super().__init__()
        if size < 0:
            raise ValueError(f"an image pool of {size} pictures cannot be; use 0 (no pool) or more")
        self.size = size
        self._stored: list[Tensor] = []

    def query(self, images: Tensor, progress: Progress) -> Tensor:
        """Store the pictures (N, C, H, W) or swap some for older ones; return (N, C, H, W), detached.

        Picture by picture: while the pool is not full it is stored and returned; then, with a chance of one half, it
        takes the place of a stored one, which is returned, and otherwise it is returned and not stored.
        """
        images = images.detach()
        if self.size == 0:
            return images
        count = len(images)
        if progress.ranks > 1:
            from i2i import distributed

            images = distributed.gather(images)
        if self._stored and self._stored[0].shape != images.shape[1:]:
            self._stored.clear()  # a new phase at another size
        generator = progress.generator()
        swaps = torch.rand(len(images), generator=generator).tolist()
        places = torch.randint(self.size, (len(images),), generator=generator).tolist()
        answers = []
        for image, swap, place in zip(images, swaps, places, strict=True):
            answer = image
            if len(self._stored) < self.size:
                self._stored.append(image.clone())
            elif swap > 0.5:
                answer = self._stored[place].to(image)  # a resumed pool comes back on the CPU
                self._stored[place] = image.clone()
            answers.append(answer)
        first = progress.rank * count
        return torch.stack(answers[first : first + count])

    def resume_state(self) -> dict[str, Any]:
        """Return the stored pictures, for `load_resume_state`."""
        return {"stored": list(self._stored)}

    def load_resume_state(self, state: dict[str, Any]) -> None:
        """Take back what `resume_state` returned."""
        self._stored = list(state["stored"])[: self.size]

    def extra_repr(self) -> str:
        return str(self.size)
