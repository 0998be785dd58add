"""Time one CycleGAN step of i2i beside the plain float32 reference, in turns, and print medians and ratios."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from common import machine, make_model, make_step, pictures
from reference_cyclegan import CycleGAN as Reference
from torch.utils.flop_counter import FlopCounterMode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--variants", default="reference,fp32,auto,compiled", help="which, and in which order")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    batch = pictures(args.size, args.batch_size)

    reference = Reference(device=device)
    a, b = batch["a"].to(device), batch["b"].to(device)
    with FlopCounterMode(display=False) as counter:
        reference.optimize(a, b)
    operations = counter.get_total_flops()
    steps: dict[str, Callable[[], Any]] = {}
    for variant in args.variants.split(","):
        if variant == "reference":
            steps[variant] = lambda: reference.optimize(a, b)
        else:
            model = make_model(args.size, reference)
            precision = "auto" if variant == "compiled" else variant
            steps[variant] = make_step(model, batch, device, precision, variant == "compiled")

    print(f"{machine(device)}; {args.size}x{args.size}, batch {args.batch_size}", flush=True)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(-2, args.rounds):  # the first two warm up
        for name, step in steps.items():
            seconds = timed(step, device)
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
        print(f"{name:10s} {median:8.3f} {spread:>15s} {args.batch_size / median:9.2f} {ratio:>6s} {share:8.0%}")


def timed(work: Callable[[], Any], device: torch.device) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


@torch.no_grad()
def convolution_peak(device: torch.device, repeats: int = 30) -> float:
    """Measure the best rate of the generators' own convolutions in bf16, in operations a second.

    These are the residual blocks' (nine tenths of the work) and the second halving's; batch 4 on a GPU, to fill it.
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
