"""Train i2i's StarGAN beside the plain script, from the same weights, on the same pictures in the same order.

Prints, after every so many steps, how many translations of held-back pictures a classifier takes for what they should
be, and the mean absolute difference of pictures from their way there and back, in grey levels of 255. The classifier is
a small one, trained here on the same pictures as the models; how often it is right about held-back ones is printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from common import make_step
from reference_stargan import StarGAN as Reference
from row_stargan import build, fitted, optimize
from torch import Tensor, nn

import i2i
from i2i.data import Stream, open_dataset
from i2i.data.transforms import eval_transform, train_transform
from i2i.model import evaluating
from i2i.settings import Settings

Translate = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder of classes")
    parser.add_argument("--domains", help="some of the classes; by default all")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16, help="channels of the networks' first layers")
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--n-critic", type=int, default=5, help="fewer, and the generator learns more in few steps")
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--classifier-steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", nargs="+", default=["auto"], help="of i2i, one or several")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    settings = Settings(image_size=args.size, crop="center", domains=args.domains)
    train, test = (open_dataset(args.data, ("labelled",), split, settings) for split in ("train", "test"))
    names, value_range = train.spec().domains, train.spec().value_range
    transform = train_transform(settings, args.size, value_range)
    shown = test.examples(eval_transform(settings, args.size, value_range), len(test))
    pictures = torch.cat([inputs["source"] for inputs, _ in shown]).to(device)
    own = torch.cat([inputs["label"] for inputs, _ in shown]).to(device)

    torch.manual_seed(args.seed)
    varied = train_transform(Settings(image_size=args.size, resize=round(args.size * 1.15)), args.size, value_range)
    samples = Stream(train, varied, seed=args.seed, batch_size=32, workers=0)
    classify = train_classifier(samples, len(names), args.classifier_steps, device)
    right = (classify(pictures).argmax(1) == own).float().mean().item()
    print(f"{len(train)} pictures to train on, {len(test)} held back, {', '.join(names)}")
    print(f"the classifier is right about {right:.0%} of the held-back pictures", flush=True)

    stream = Stream(train, transform, seed=args.seed, batch_size=args.batch_size, workers=0)
    sizes = {"width": args.width, "blocks": args.blocks, "labels": len(names)} | fitted((args.size, args.size))
    reference = Reference(**sizes, classes=True, n_critic=args.n_critic, lr=args.lr, device=device)
    models = [build(reference, (args.size, args.size), names) for _ in args.precision]
    batch = next(stream)  # they train on whatever it holds
    steps = [make_step(m, batch, device, precision) for m, precision in zip(models, args.precision, strict=True)]

    def script(images: Tensor, label: Tensor) -> Tensor:
        there = F.one_hot(label, len(names)).float().expand(len(images), -1).to(device)
        return reference.G(images, there)

    print("taken for the target, and the difference there and back: the script, i2i in", ", ".join(args.precision))
    for step in range(args.steps):
        optimize(reference, {k: v.to(device) for k, v in batch.items()}, step)
        for step_ours in steps:
            step_ours()
        batch.update(next(stream))
        if (step + 1) % args.every == 0 or step + 1 == args.steps:
            with torch.no_grad():
                judged = [judge(script, classify, pictures, own, len(names))]
            for model in models:
                with evaluating(model):
                    judged.append(judge(ours(model, names), classify, pictures, own, len(names)))
            print(f"{step + 1:6d}" + "".join(f"{hit:10.1%} {back:6.2f}" for hit, back in judged), flush=True)


def ours(model: i2i.Model, names: tuple[str, ...]) -> Translate:
    """How a model of i2i translates to a label."""

    def translate(images: Tensor, label: Tensor) -> Tensor:
        return model.translate({"source": images}, type(model).Request(to=names[int(label)]))

    return translate


def train_classifier(samples: Stream, classes: int, steps: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Train a small network on pictures with classes; return the function from pictures to logits."""
    layers: list[nn.Module] = []
    for a, b in ((3, 32), (32, 64), (64, 128), (128, 128)):
        layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, classes))
    net.to(device)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        batch = next(samples)
        optimizer.zero_grad()
        F.cross_entropy(net(batch["image"].to(device)), batch["label"].to(device)).backward()
        optimizer.step()
        schedule.step()
    net.eval()
    return net


def judge(
    translate: Translate, classify: Callable[[Tensor], Tensor], pictures: Tensor, own: Tensor, classes: int
) -> tuple[float, float]:
    """Translate every picture to every other class: the share taken for it, and what the way back misses."""
    hits, misses = [], []
    for target in range(classes):
        label = torch.tensor(target)
        others = own != target
        made = translate(pictures[others], label).float()
        hits += (classify(made).argmax(1) == target).float().tolist()
        for source in range(classes):
            here = own[others] == source
            if here.any():
                again = translate(made[here], torch.tensor(source)).float()
                misses += (again - pictures[others][here]).abs().mean(dim=(1, 2, 3)).tolist()
    return sum(hits) / len(hits), 127.5 * sum(misses) / len(misses)


if __name__ == "__main__":
    main()
