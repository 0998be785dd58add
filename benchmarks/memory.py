"""Measure the peak memory of fresh processes: a run of `i2i.train` without workers, and the plain reference."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

VARIANTS = ("reference", "fp32", "bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = sorted(path.stem.removeprefix("row_") for path in Path(__file__).parent.glob("row_*.py"))
    parser.add_argument("--model", default="cyclegan", choices=names)
    parser.add_argument("--size", type=int, default=0, help="side of the pictures; by default the paper's")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", choices=VARIANTS, help="run only this one, in this process")
    args = parser.parse_args()
    if args.variant:
        train(args.model, args.variant, args.size, args.steps, args.threads)
        kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(kibibytes / 1024)
        return
    peaks: dict[str, float] = {}
    for variant in VARIANTS:
        command = [sys.executable, __file__, "--model", args.model, "--variant", variant, "--size", str(args.size)]
        command += ["--steps", str(args.steps), "--threads", str(args.threads)]
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        peaks[variant] = float(result.stdout.split()[-1])
        ratio = peaks[variant] / peaks["reference"]
        print(f"{variant:10s} {peaks[variant]:8.0f} MiB  {ratio:.3f} of the reference", flush=True)


def train(name: str, variant: str, size: int, steps: int, threads: int) -> None:
    """Train for a few steps; i2i with all that a run brings: data, previews, checkpoints, report."""
    import torch
    from common import find_row

    torch.set_num_threads(threads)
    row = find_row(name)
    size = size or min(row.size)
    if variant == "reference":
        reference = row.reference(width=row.width, device="cpu", **row.fitted((size, size)))
        for step in range(steps):
            row.optimize(reference, row.batch((size, size), row.batch_size, step), step)
        return
    import i2i

    with tempfile.TemporaryDirectory() as folder:
        data, options = row.run(Path(folder), row.width)
        i2i.train(
            name,
            data,
            image_size=size,
            batch_size=row.batch_size,
            steps=steps,
            workers=0,
            device="cpu",
            precision=variant,
            out=str(Path(folder) / "runs"),
            **options,
        )


if __name__ == "__main__":
    main()
