"""Measure the peak memory of fresh processes: a run of `i2i.train` without workers, and the plain reference."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile

VARIANTS = ("reference", "fp32", "bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", choices=VARIANTS, help="run only this one, in this process")
    args = parser.parse_args()
    if args.variant:
        train(args.variant, args.size, args.steps, args.threads)
        kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(kibibytes / 1024)
        return
    peaks: dict[str, float] = {}
    for variant in VARIANTS:
        command = [sys.executable, __file__, "--variant", variant, "--size", str(args.size)]
        command += ["--steps", str(args.steps), "--threads", str(args.threads)]
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        peaks[variant] = float(result.stdout.split()[-1])
        ratio = peaks[variant] / peaks["reference"]
        print(f"{variant:10s} {peaks[variant]:8.0f} MiB  {ratio:.3f} of the reference", flush=True)


def train(variant: str, size: int, steps: int, threads: int) -> None:
    """Train for a few steps; i2i with all that a run brings: data, previews, checkpoints, report."""
    import torch

    torch.set_num_threads(threads)
    if variant == "reference":
        from reference_cyclegan import CycleGAN

        reference = CycleGAN()
        for _ in range(steps):
            reference.optimize(*(torch.rand(1, 3, size, size) * 2 - 1 for _ in "AB"))
        return
    import i2i

    with tempfile.TemporaryDirectory() as folder:
        i2i.train(
            "cyclegan",
            "textures",
            domains="grass,gravel",
            image_size=size,
            steps=steps,
            workers=0,
            device="cpu",
            precision=variant,
            out=folder,
        )


if __name__ == "__main__":
    main()
