"""Train i2i's pix2pix beside the plain script, from the same weights, on the same pictures in the same order.

Prints the mean absolute error of both on held-back pairs, in grey levels of 255, after every so many steps: of i2i as
it translates by default, and with dropout; of the script with dropout, as the authors test, and without.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from common import find_row, make_step
from torch import Tensor, nn

from i2i.data import Stream, open_dataset
from i2i.data.transforms import eval_transform, train_transform
from i2i.model import evaluating, mix
from i2i.settings import Settings

Translate = Callable[[Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder of pairs")
    parser.add_argument("--domains", help="source,target; by default as the folder has them")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--width", type=int, default=16, help="channels of the networks' first layers")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device, row, size = torch.device(args.device), find_row("pix2pix"), (args.size, args.size)
    settings = Settings(image_size=args.size, resize=round(args.size * 286 / 256), domains=args.domains)
    train, test = (open_dataset(args.data, ("paired",), split, settings) for split in ("train", "test"))
    spec = train.spec()
    transform = train_transform(settings, args.size, spec.value_range)
    stream = Stream(train, transform, seed=args.seed, batch_size=1, workers=0)
    shown = test.examples(eval_transform(settings, args.size, spec.value_range), len(test))
    pairs = [(inputs["source"].to(device), inputs["target"].to(device)) for inputs, _ in shown]

    torch.manual_seed(args.seed)
    channels = (spec.channels["source"], spec.channels["target"])
    reference = row.reference(width=args.width, channels=channels, device=device, **row.fitted(size))
    model = row.model(reference, size)
    batch = next(stream)
    step_ours = make_step(model, batch, device, args.precision)  # it trains on whatever `batch` holds

    def ours(inference: str) -> Translate:
        return lambda source: model.translate({"source": source}, type(model).Request(inference=inference))

    print(f"{len(train)} pairs to train on, {len(pairs)} held back, {' to '.join(spec.domains)}; {args.precision}")
    print(f"{'step':>6s} {'i2i':>8s} {'dropout':>8s} {'script':>8s} {'without':>8s}")
    for step in range(args.steps):
        there = {key: value.to(device) for key, value in batch.items()}
        torch.manual_seed(mix(0, step, 0))  # as run_step does: both drop the same where both compute in float32
        row.optimize(reference, there, step)
        step_ours()
        batch.update(next(stream))
        if (step + 1) % args.every == 0 or step + 1 == args.steps:
            with evaluating(model):
                mine = [error(pairs, ours(inference)) for inference in ("instance", "dropout")]
            theirs = [error(pairs, script(reference.G, dropout)) for dropout in (True, False)]
            print(f"{step + 1:6d} " + " ".join(f"{value:8.2f}" for value in (*mine, *theirs)), flush=True)


def script(net: nn.Module, dropout: bool) -> Translate:
    """The script's generator as the authors test it: in training mode, whose batch norms see one picture."""

    def translate(source: Tensor) -> Tensor:
        kept = {name: value.clone() for name, value in net.state_dict().items()}
        net.train()
        for layer in net.modules():
            if isinstance(layer, nn.Dropout):
                layer.train(dropout)
        with torch.no_grad():
            made = net(source)
        net.train()
        net.load_state_dict(kept)
        return made

    return translate


def error(pairs: list[tuple[Tensor, Tensor]], translate: Translate) -> float:
    """Mean absolute error over pairs, in grey levels; whatever is drawn is drawn alike each time."""
    torch.manual_seed(0)
    errors = [(translate(source).float() - target).abs().mean().item() for source, target in pairs]
    return 127.5 * sum(errors) / len(errors)


if __name__ == "__main__":
    main()
