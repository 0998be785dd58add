"""The demo of `make demo`: train CycleGAN for some minutes, translate pictures it has never seen, measure the result.

It types the `i2i` commands that a user would, and prints each; run it from the folder where runs/ shall be.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from i2i.figures import progress

DOMAINS = ("gravel", "brick")
TRAINING = (  # small networks and a high learning rate: minutes on two CPU cores, where the defaults want a GPU
    "--image-size 64 --generator-width 16 --discriminator-width 16 --blocks 3 --upsample resize --identity-weight 0 "
    "--batch-size 4 --lr 0.0005 --steps 700 --time-limit 170s --preview-every 200 --threads 1"
)


def i2i(*arguments: str | Path) -> str:
    """Run an i2i command as typed, its progress on the screen; return the last line of its result."""
    typed = [str(argument) for argument in arguments]
    print(f"\n$ i2i {shlex.join(typed)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "i2i", *typed], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    print(done.stdout, end="", flush=True)
    return done.stdout.strip().splitlines()[-1]


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


def read(paths: list[Path]) -> list[np.ndarray]:
    """Read grey pictures as arrays (1, H, W) in [-1, 1]."""
    return [np.asarray(Image.open(path).convert("L"), np.float32)[None] / 127.5 - 1 for path in paths]


def draw(columns: list[list[Path]], place: Path) -> Path:
    """Draw pictures in columns, a gap after every second one."""
    side, edge, gap = 96, 4, 24
    xs = [number * (side + edge) + number // 2 * gap for number in range(len(columns))]
    sheet = Image.new("L", (xs[-1] + side, len(columns[0]) * (side + edge) - edge), 255)
    for x, column in zip(xs, columns, strict=True):
        for row, path in enumerate(column):
            with Image.open(path) as picture:
                sheet.paste(picture.convert("L").resize((side, side)), (x, row * (side + edge)))
    sheet.save(place, optimize=True)
    return place


def main() -> None:
    data = Path(i2i("data", "get", "textures"))
    begun = time.monotonic()
    run = Path(i2i("train", "cyclegan", "textures", "--domains", ",".join(DOMAINS), *TRAINING.split()))
    trained = time.monotonic() - begun
    outs = {}
    for source, target in (DOMAINS, DOMAINS[::-1]):
        outs[source, target] = run / "translated" / f"{source}-to-{target}"
        i2i("translate", "--model", run, "--to", target, data / "test" / source, "--out", outs[source, target])

    print(
        f"\nTrained in {trained:.0f} s. How far held-back pictures have come, by colours and textures (i2i/figures.py),"
    )
    print("when 0 % is the picture as it was and 100 % is real pictures of the other domain:")
    for (source, target), out in outs.items():
        made, here, there = (read(pictures(folder)) for folder in (out, data / "test" / source, data / "test" / target))
        print(f"  {source + ' to ' + target:16} {progress(made, here, there):4.0%}")

    columns = []
    for (source, _), out in outs.items():
        befores, afters = pictures(data / "test" / source), pictures(out)
        for start in (0, 1):
            columns += [befores[start::7], afters[start::7]]
    sheet = draw(columns, run / "translated" / "sheet.png")
    print(f"Look at them, before and after: {sheet}\nReport with samples through training: {run / 'report.html'}")


if __name__ == "__main__":
    main()
