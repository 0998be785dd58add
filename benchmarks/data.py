"""Measure the share of time that a real run waits for its data, with the loading processes it chooses itself."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch

import i2i


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="textures", help="a folder of pictures, or a name of the catalogue")
    parser.add_argument("--domains", help="by default grass,gravel for textures")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    domains = args.domains or ("grass,gravel" if args.data == "textures" else None)
    options = {"domains": domains} if domains else {}
    with tempfile.TemporaryDirectory() as folder:
        run = i2i.train(
            "cyclegan",
            args.data,
            image_size=args.size,
            batch_size=args.batch_size,
            steps=args.steps,
            device=args.device,
            log_every=args.steps,
            out=folder,
            **options,
        )
        lines = [json.loads(line) for line in (Path(run) / "log.jsonl").read_text().splitlines()]
    (last,) = (line for line in lines if line["event"] == "step")
    print(f"{last['images_per_second']:.1f} images/s, waiting for data {last['waiting']:.2%} of the time")


if __name__ == "__main__":
    main()
