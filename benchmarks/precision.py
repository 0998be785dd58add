"""Compare what bf16 and float32 reach: the mean cycle + identity loss of the last steps, for several seeds."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch

import i2i

TERMS = ("cycle_a", "cycle_b", "identity_a", "identity_b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--last", type=int, default=50, help="how many steps the mean is taken over")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=64, help="channels of the networks' first layers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found: dict[str, list[float]] = {}
    for precision in ("fp32", "bf16"):
        found[precision] = [reach(args, precision, seed) for seed in range(args.seeds)]
        print(f"{precision}: {', '.join(f'{loss:.3f}' for loss in found[precision])}", flush=True)
    limit = 1.05 * max(found["fp32"])
    worst = max(found["bf16"])
    verdict = "within" if worst <= limit else "ABOVE"
    print(f"bf16's worst, {worst:.3f}, is {verdict} float32's worst plus 5 %, {limit:.3f}")


def reach(args: argparse.Namespace, precision: str, seed: int) -> float:
    """Train on two textures; return the mean of the losses over the last steps."""
    with tempfile.TemporaryDirectory() as folder:
        run = i2i.train(
            "cyclegan",
            "textures",
            domains="grass,gravel",
            image_size=args.size,
            steps=args.steps,
            generator_width=args.width,
            discriminator_width=args.width,
            seed=seed,
            precision=precision,
            device=args.device,
            log_every=1,
            out=folder,
        )
        lines = [json.loads(line) for line in (Path(run) / "log.jsonl").read_text().splitlines()]
    last = [line["terms"] for line in lines if line["event"] == "step" and line["step"] > args.steps - args.last]
    assert len(last) == args.last
    return sum(terms[f"generators/{term}"] for terms in last for term in TERMS) / len(last)


if __name__ == "__main__":
    main()
