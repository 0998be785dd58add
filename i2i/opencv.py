"""Decoding by OpenCV what others do not: it reads depths that Pillow halves, and packings that tifffile leaves."""

from __future__ import annotations

import numpy as np

from i2i.picture import Array


def decode(data: bytes) -> Array | None:
    """Decode a file's bytes in its own depth, (H, W) or (H, W, C) with blue first; None where OpenCV cannot."""
    import cv2
    from cv2.utils import logging

    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # it warns of every geo tag
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        logging.setLogLevel(level)
