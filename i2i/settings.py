"""The run's own options: what `i2i train` accepts for every model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from i2i.options import MOST_SEED, Options, option


@dataclass(frozen=True, kw_only=True)
class Settings(Options):
    """How a run goes: length, sizes, device, what is written and when. A model has defaults of its own for some."""

    steps: int | None = option(None, help="Batches to train on; instead of --epochs.", min=1)
    epochs: int = option(100, help="Passes over the data, when --steps is not given.", min=1)
    batch_size: int = option(1, help="Pictures a step, over all devices.", min=1)
    small: bool = option(False, help="The model's setting for a CPU, where it has one; other options win over it.")
    image_size: int = option(256, help="Side in pixels of what the networks see.", min=1)
    image_width: int | None = option(
        None, help="Width of what the networks see where that is no square; --image-size is then the height.", min=1
    )
    resize: int | None = option(
        None, help="Short side in pixels that pictures are resized to before cropping; by default the model's choice."
    )
    crop: Literal["random", "center", "none"] = option(
        "random", help="How pictures are cut to --image-size; none squeezes the whole picture into it."
    )
    flip: bool = option(True, help="Mirror half of the training pictures; off for text or organs.")
    flip_vertical: bool = option(False, help="Turn half of the training pictures upside down; for views from above.")
    rotate: bool = option(False, help="Rotate training pictures by quarter turns; for views from above.")
    color_jitter: float = option(
        0.0, help="Largest change of brightness, contrast and saturation, as a share.", min=0, max=1
    )
    domains: str | None = option(None, help="The domains to use, separated by a comma, where the data has more.")
    strict: bool = option(False, help="Stop at unreadable or stray files instead of skipping them.")
    seed: int = option(0, help="Seed of weights, order and augmentation.", min=0, max=MOST_SEED)
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", help="Where to compute.")
    precision: Literal["auto", "fp32", "bf16", "fp16", "fp64"] = option(
        "auto", help="Arithmetic of the networks; auto takes bf16 where it is in the hardware and faster."
    )
    compile: bool = option(False, help="Compile the networks: slow to start, faster after.")
    deterministic: bool = option(False, help="Exact repeatability on a GPU, at some cost in speed.")
    threads: int | None = option(
        None, help="CPU threads that compute; by default one a core. On a busy machine 1 can be much faster.", min=1
    )
    workers: int | None = option(None, help="Processes that load data; by default what the machine can bear.", min=0)
    out: Path = option(Path("runs"), help="Folder that runs are kept in.")
    name: str | None = option(None, help="Name of the run; by default the model's and the data's.")
    init: Path | None = option(None, help="Bundle or run to take the first weights from (fine-tuning).")
    time_limit: str | None = option(None, help="Stop and save after this time: 30m, 8h.")
    checkpoint_every: str = option("5m", help="Save after this time (30s, 5m, 2h) or this many steps (500).")
    preview_every: str = option("5m", help="Draw the sample sheet after this time or this many steps.")
    keep_best: bool = option(
        False,
        help="Measure the figure at every preview, and keep the best checkpoint: translating then takes that one.",
    )
    log_every: int = option(10, help="Steps between lines of log.jsonl.", min=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("checkpoint_every", "preview_every"):
            interval(getattr(self, name), "--" + name.replace("_", "-"))
        if self.time_limit is not None and interval(self.time_limit, "--time-limit")[0] == "steps":
            raise ValueError(f"--time-limit is {self.time_limit}; give a time with its unit, such as 8h")
        if self.rotate and self.size[0] != self.size[1]:
            wide, high = self.size[1], self.size[0]
            raise ValueError(f"--rotate needs squares, and the size is {wide}x{high}; use --no-rotate")
        if self.resize is not None and self.crop != "none" and self.resize < self.image_size:
            raise ValueError(
                f"--resize {self.resize} is smaller than --image-size {self.image_size}; "
                f"use --resize {self.image_size} or more"
            )

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels of what the networks see."""
        return self.image_size, self.image_width or self.image_size

    @property
    def domain_names(self) -> tuple[str, ...]:
        """`--domains` taken apart."""
        return tuple(name.strip() for name in (self.domains or "").split(",") if name.strip())


def interval(text: str, flag: str) -> tuple[Literal["steps", "seconds"], float]:
    """Read `500` as steps and `30s`, `5m`, `8h` as seconds. Raises ValueError that names the flag."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or float(match[1]) == 0 or (not match[2] and "." in match[1]):
        raise ValueError(f"{flag} is {text!r}; give steps (500) or a time (30s, 5m, 8h)")
    if not match[2]:
        return "steps", float(match[1])
    return "seconds", float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
