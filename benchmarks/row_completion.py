"""GLCIC's row: the joint phase at 256x256, batch 4; both are shown the holes and windows that i2i draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Row, Size, noise, progress
from reference_completion import GLCIC as Reference
from torch import Tensor

import i2i
from i2i.model import Batch


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise."""
    return noise({"image": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script."""
    from i2i_completion.masks import Holes

    image, now = batch["image"], progress(step, device=batch["image"].device)
    size, local = (reference.size, reference.size), reference.local
    holes = Holes("boxes", size, (local * 3 // 4, local), 1, local)
    mask, fake = holes.draw(len(image), now)
    real = holes.draw_window(now)
    return reference.optimize((image + 1) / 2, mask.to(image), fake[:3], real[:3])


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights."""
    from i2i_completion.model import Completion

    files = {
        "model_cn": reference.model_cn.state_dict(),
        "model_cd": reference.model_cd.state_dict(),
        "mpv": {"mpv": reference.mpv.cpu()},
    }
    found = Completion.import_weights(files, ())
    local = reference.local
    options = dict(found.options) | {"hole_sizes": (local * 3 // 4, local), "gan_weight": reference.alpha}
    made = Completion(Completion.Options(**options), found.spec)
    made.load_state_dict(dict(found.weights))
    return made


def fitted(size: Size) -> dict[str, Any]:
    """The discriminator's side, and halvings that leave it more than a pixel."""
    most = size[0].bit_length() - 2
    return {"size": size[0], "layers": (min(5, most - 1), min(6, most))}


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos, in the joint phase as early as can be: the phases before it take less."""
    options = {"generator_width": width, "discriminator_width": width, "completion_share": 1}
    return "photos", options | {"discriminator_share": 1, "joint_share": 2}


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={"cn_mse": "completion/mse", "cn_gan": "completion/gan", "cd": "discriminator/gan"},
    run=run,
    fitted=fitted,
    size=(256, 256),
    batch_size=4,
    small={"width": 4, "size": 32, "layers": (3, 4)},
    small_size=(32, 32),
)
