"""Time one step of i2i beside the plain float32 reference, in turns, and print medians and ratios."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from common import Row, Size, find_row, machine, make_step, rows
from torch.utils.flop_counter import FlopCounterMode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="cyclegan", choices=rows())
    parser.add_argument("--size", type=read_size, help="side of the pictures, or HxW; by default the paper's")
    parser.add_argument("--width", type=int, help="channels of the networks' first layers; by default the row's")
    parser.add_argument("--batch-size", type=int, help="by default the row's")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--variants", default="reference,fp32,auto,compiled", help="which, and in which order")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device, row = torch.device(args.device), find_row(args.model)
    size, width, count = args.size or row.size, args.width or row.width, args.batch_size or row.batch_size
    batch = row.batch(size, count, 0)

    reference = row.reference(width=width, device=device, **row.fitted(size))
    train_reference = reference_step(row, reference, batch, device)
    with FlopCounterMode(display=False) as counter:
        for _ in range(row.steps):
            train_reference()
    operations = counter.get_total_flops() / row.steps
    steps: dict[str, Callable[[], Any]] = {}
    for variant in args.variants.split(","):
        if variant == "reference":
            steps[variant] = train_reference
        else:
            model = row.model(reference, size)
            precision = "auto" if variant == "compiled" else variant
            steps[variant] = make_step(model, batch, device, precision, variant == "compiled", row.phase)

    sides = f"{size[0]}x{size[1]}"
    print(f"{args.model} on {machine(device)}; {sides}, batch {count}, width {width}", flush=True)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(-2, args.rounds):  # the first two warm up
        for name, step in steps.items():
            seconds = timed(step, device, row.steps)
            if round_ >= 0:
                times[name].append(seconds)
    peak = convolution_peak(device)
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(
        f"one step: {operations / 1e12:.2f} Tflop in convolutions; bf16 convolutions peak at {peak / 1e12:.2f} Tflop/s"
    )
    print(f"{'':10s} {'seconds':>8s} {'range':>15s} {'images/s':>9s} {'ratio':>6s} {'of peak':>8s}")
    for name, median in medians.items():
        spread = f"{min(times[name]):.3f}-{max(times[name]):.3f}"
        ratio = f"{median / medians['reference']:.3f}" if "reference" in medians else "-"
        share = operations / median / peak
        print(f"{name:10s} {median:8.3f} {spread:>15s} {count / median:9.2f} {ratio:>6s} {share:8.0%}")


def read_size(text: str) -> Size:
    """Read 256 as 256x256, and 256x512 as it is: height, then width."""
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def reference_step(row: Row, reference: Any, batch: dict[str, Any], device: torch.device) -> Callable[[], Any]:
    """The function that trains the reference on one batch, over and over."""
    there = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    done = 0

    def step() -> Any:
        nonlocal done
        done += 1
        return row.optimize(reference, there, done - 1)

    return step


def timed(work: Callable[[], Any], device: torch.device, times: int = 1) -> float:
    """Seconds of one call, of several that are timed as one."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / times


@torch.no_grad()
def convolution_peak(device: torch.device, repeats: int = 30) -> float:
    """Measure the best rate of a ResNet generator's own convolutions in bf16, in operations a second.

    These are the residual blocks' (nine tenths of the work) and the second halving's; batch 4 on a GPU, to fill it.
    The same for every model, so that shares of it compare.
    """
    count = 4 if device.type == "cuda" else 1
    best = 0.0
    for channels, side, stride in ((256, 66, 1), (128, 129, 2)):
        x = torch.randn(count, channels, side, side, device=device, dtype=torch.bfloat16)
        weight = torch.randn(256, channels, 3, 3, device=device, dtype=torch.bfloat16)
        x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
        operations = 2 * weight.numel() * count * 64 * 64
        seconds = min(timed(lambda x=x, w=weight, s=stride: F.conv2d(x, w, stride=s), device) for _ in range(repeats))
        best = max(best, operations / seconds)
    return best


if __name__ == "__main__":
    main()
