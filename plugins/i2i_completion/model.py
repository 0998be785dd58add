"""GLCIC: a completion network with dilated convolutions, judged by a discriminator that sees the whole and a part.

Iizuka, Simo-Serra, Ishikawa, "Globally and Locally Consistent Image Completion", SIGGRAPH 2017. Networks, losses and
phases are those of the PyTorch reference (otenim), whose batch norms come after the activations. Unlike there, the
discriminator learns nothing from the completion network's updates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

import i2i
from i2i import losses
from i2i_completion import options, published
from i2i_completion.filling import Filling, MeanPixel
from i2i_completion.masks import Holes, Window
from i2i_completion.networks import REACH, CompletionNetwork, ContextDiscriminator
from i2i_completion.options import resolve


class Completion(Filling):
    """Fill holes with what could have been there.

    Terms: `completion/mse` or `completion/l1` is how far what fills the holes is from what was there, `completion/gan`
    how far it is from passing as real; `discriminator/gan` is how badly the discriminator tells. All include their
    weights.
    """

    Options = options.Options
    run_defaults = {"batch_size": 16, "epochs": 500, "image_size": 256, "resize": 320}  # noqa: RUF012
    size_multiple, min_size = 4, 4

    def __init__(self, options: options.Options, spec: i2i.DataSpec) -> None:
        super().__init__(resolve(options, spec.image_size), spec)
        o = self.options
        channels, norm_first = spec.channels["image"], o.norm == "before"
        self.mean = MeanPixel(channels)
        self.completion = CompletionNetwork(channels, o.generator_width, norm_first, o.value_range == "signed")
        self.discriminator = ContextDiscriminator(
            channels,
            o.local_size,
            spec.image_size,
            o.discriminator_width,
            o.local_layers,
            o.global_layers,
            norm_first,
        )
        self.holes = Holes(o.masks, spec.image_size, o.hole_sizes, o.holes, o.local_size)

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        self.holes.prepare()  # phases are asked for before anything is written: a wrong folder shows early
        lr = i2i.linear_decay(o.decay_start)
        if not o.gan_weight:
            return [i2i.Phase("completion", lr=lr)]
        return [
            i2i.Phase("completion", o.completion_share, lr),
            i2i.Phase("discriminator", o.discriminator_share, lr),
            i2i.Phase("joint", o.joint_share, lr),
        ]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        kind = {"adadelta": torch.optim.Adadelta, "adam": torch.optim.Adam}[o.optimizer]
        names = ("completion", "discriminator") if phase.name == "joint" else (phase.name,)
        return {name: kind(getattr(self, name).parameters(), lr=o.lr) for name in names}

    def start(self, phase: i2i.Phase, batches: Iterable[i2i.Batch]) -> None:
        self.mean.measure(batch["image"] for batch in batches)

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, phase = self.options, progress.phase.name
        mask, window = self.holes.draw(len(batch["image"]), progress)
        real = self._seen(batch["image"])
        with torch.set_grad_enabled(phase != "discriminator"):
            made = self._make(batch["image"], mask)
        shown = torch.where(mask.bool(), made, real) if o.composite else made
        if phase != "completion":
            fake_logits = self._judge(shown.detach(), window)
            real_logits = self._judge(real, self.holes.draw_window(progress))
            # Adam would remember the larger gradients of the phase before for thousands of steps, and hardly move.
            scale = o.gan_weight if phase == "joint" and o.optimizer == "adadelta" else 1.0
            yield "discriminator", {"gan": 0.5 * scale * losses.discriminator(real_logits, fake_logits)}
        if phase != "discriminator":
            scale = 0.5 if phase == "joint" else 1.0
            terms = {o.pixel_loss: scale * pixel_loss(made, real, mask, o.pixel_loss)}
            if phase == "joint":
                terms["gan"] = scale * o.gan_weight * losses.generator(self._judge(shown, window))
            yield "completion", terms

    def _seen(self, pictures: Tensor) -> Tensor:
        """Pictures in [-1, 1] as the networks see them."""
        return pictures if self.completion.signed else (pictures + 1) / 2

    def _make(self, pictures: Tensor, mask: Tensor) -> Tensor:
        """What the network makes of pictures in [-1, 1] with holes, in its own range."""
        given = torch.cat([self._seen(self.mean(pictures, mask)), mask.to(pictures)], dim=1)
        if pictures.is_contiguous(memory_format=torch.channels_last):
            given = given.contiguous(memory_format=torch.channels_last)
        return self.completion(given)

    def _judge(self, pictures: Tensor, window: Window) -> Tensor:
        """Logits (N, 1) of pictures, seen as a whole and through a window."""
        return self.discriminator(window.cut(pictures), pictures)

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        source, mask = inputs["source"], inputs["mask"]
        if not mask.any():
            return source
        part = around(mask, self.spec.image_size)
        made = source.clone()
        made[part] = self._shown(self._make(source[part], mask[part])).to(source)
        return self.put(source, made, mask, request)

    def _shown(self, made: Tensor) -> Tensor:
        """What the network made, in [-1, 1]."""
        return made if self.completion.signed else made * 2 - 1

    def hole(self, seed: int) -> Tensor:
        return self.holes.fixed(seed)

    def blank(self, picture: Tensor, mask: Tensor) -> Tensor:
        return self.mean(picture, mask)

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.read(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.write(self)


def pixel_loss(made: Tensor, real: Tensor, mask: Tensor, kind: str = "mse") -> Tensor:
    """How far what was made is from what was there, in the holes of a mask (N, 1, H, W).

    `mse` is the mean over all pixels of the masked difference, so it depends on how much is hidden; `l1` is the mean
    over the pixels in holes.
    """
    difference = (made.to(torch.promote_types(made.dtype, torch.float32)) - real) * mask
    if kind == "mse":
        return difference.square().mean()
    return difference.abs().mean() / mask.mean().clamp_min(1e-6)


def around(mask: Tensor, trained: tuple[int, int]) -> tuple[slice, slice, slice, slice]:
    """The part of pictures that is shown to the network to fill the holes of a mask (N, 1, H, W), in multiples of 4.

    It is as large as the pictures (H, W) of training: with more around a hole than it ever saw, the network gets its
    colours wrong. Around holes of more than half that size it is twice theirs, or as far as anything can matter.
    """
    spans = []
    for other, length, usual in zip((3, 2), mask.shape[2:], trained, strict=True):
        set_ = mask.any(dim=other).any(dim=0)[0].nonzero()[:, 0]
        first, last = int(set_[0]), int(set_[-1]) + 1
        hole = last - first
        side = min(max(usual, 2 * hole), hole + 2 * REACH)
        side = min(-(-side // 4) * 4, length)
        start = min(max(0, (first + last - side) // 2) // 4 * 4, length - side)
        spans.append(slice(start, start + side))
    return (slice(None), slice(None), *spans)
