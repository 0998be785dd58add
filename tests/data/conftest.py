"""Small folders of generated pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Draw = Callable[..., Path]


@pytest.fixture
def draw() -> Draw:
    """Write a picture whose pixels depend on its name: draw(path, (H, W), channels, dtype)."""

    def write(
        path: Path, size: tuple[int, int] = (12, 16), channels: int = 3, dtype: str = "uint8", mode: str = ""
    ) -> Path:
        import cv2
        import tifffile
        from PIL import Image

        seed = int.from_bytes(hashlib.sha256(str(path).encode()).digest()[:4])
        rng = np.random.default_rng(seed)
        high = 1 if dtype == "float32" else np.iinfo(dtype).max
        pixels = (rng.random((*size, channels)) * high).astype(dtype)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".tif", ".tiff"):
            kind = "rgb" if channels == 3 else "minisblack"
            tifffile.imwrite(path, pixels, photometric=kind, planarconfig="contig" if channels > 1 else None)
        elif dtype == "uint16":
            assert cv2.imwrite(str(path), pixels)
        else:
            image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
            (image.convert(mode) if mode else image).save(path)
        return path

    return write
