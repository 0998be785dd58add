"""SRGAN: pictures enlarged by a network that is taught on pixels first, and then against a discriminator.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", 2017,
arXiv:1609.04802. Generator and losses of ESRGAN (Wang et al., 2018, arXiv:1809.00219) are options. Unlike the paper,
and as in BasicSR, the generator has no norms and adds to the bilinear enlargement, an average of its weights
translates, and the rate falls in pre-training; `--generator srresnet` is the paper's network.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i import losses, networks
from i2i_srgan import content, degradation, discriminator, generators, options, published


class SRGAN(i2i.Model):
    """Enlarge pictures `scale` times.

    `generator/pixels` is how far they are from the large ones, values from 0 to 1; `generator/content` how differently
    a trained network sees both; `generator/gan` how far they are from passing as photos, and `discriminator/gan` how
    badly the two are told apart. All include their weights.
    """

    Options = options.Options
    metric = "psnr_y"
    sees_pieces = True  # at the sharpness that it learns
    run_defaults = {"batch_size": 16, "epochs": 1000, "image_size": 96, "resize": 321, "rotate": True}  # noqa: RUF012

    def __init__(self, options: options.Options, spec: i2i.DataSpec) -> None:
        kind = options.generator
        blocks, skip = options.blocks or generators.BLOCKS[kind], options.skip or generators.SKIPS[kind]
        options = dataclasses.replace(options, blocks=blocks, skip=skip)
        super().__init__(options, spec)
        o, channels = options, spec.channels["image"]
        self.generator = generators.make(kind, channels, o.width, blocks, o.growth, o.scale, skip)
        self.scale, self.size_multiple = o.scale, self.generator.size_multiple
        check_size(spec.image_size, o.scale * self.size_multiple, bool(o.adversarial_share))
        self.average = as_buffers(self.generator) if o.ema else None
        self.discriminator: discriminator.Discriminator | None = None
        if o.adversarial_share:
            self.discriminator = discriminator.Discriminator(channels, o.discriminator_width, spec.image_size)
            self.watches = (i2i.Watch("discriminator/gan", below=0.02, steps=500, advice=_ADVICE),)
        elif not o.pretrain_share:
            raise ValueError("--pretrain-share 0 and --adversarial-share 0 leave nothing to train; give one of them")
        self.backbone: networks.Frozen | None = None  # comes when training begins

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        if o.adversarial_share and o.content == "features" and o.content_weight and self.backbone is None:
            # The run asks for its phases before it writes anything: what cannot be trained to its end stops here.
            size, channels = self.spec.image_size, self.spec.channels["image"]
            self.backbone = content.load(o.backbone, o.content_weights, o.content_layer, channels, size)
        pretrain = i2i.Phase("pretrain", o.pretrain_share, cosine if o.pretrain_decay == "cosine" else lambda _: 1.0)
        late = i2i.Phase("adversarial", o.adversarial_share, lambda f: 0.1 if f >= o.adversarial_decay else 1.0)
        return [phase for phase in (pretrain, late) if phase.share]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        trained: dict[str, nn.Module] = {"generator": self.generator}
        if phase.name == "adversarial":
            trained["discriminator"] = self.discriminator
        o = self.options
        lr = o.adversarial_lr if phase.name == "adversarial" else o.lr
        return {name: torch.optim.Adam(net.parameters(), lr, o.betas) for name, net in trained.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o = self.options
        large = batch["image"]  # (N, C, H, W) in [-1, 1]
        target = (large + 1) / 2
        made = self.generator(self._degraded(target, progress))  # around [0, 1], not cut: cut values learn nothing
        if progress.phase.name == "pretrain":
            yield "generator", {"pixels": self._distance(made, target)}
        else:
            real_logits, fake_logits = self.discriminator(target), self.discriminator(made)
            terms = {"gan": o.gan_weight * discriminator.fool(real_logits, fake_logits, o.gan)}
            if self.backbone is not None:
                seen = content.compare(self.backbone, made * 2 - 1, large, squared=o.distance == "l2")
                terms["content"] = o.content_weight * seen
            pixel_weight = o.pixel_weight if o.content == "features" else 1.0
            if pixel_weight:
                terms["pixels"] = pixel_weight * self._distance(made, target)
            # The references step one network and then judge the same fake again; as one graph it is judged once, and
            # both get the same gradients.
            yield {"discriminator": {"gan": discriminator.judge(real_logits, fake_logits, o.gan)}, "generator": terms}
        if self.average is not None:
            follow(self.average, self.generator, min(o.ema, (1 + progress.run_step) / (10 + progress.run_step)))

    def _distance(self, made: Tensor, target: Tensor) -> Tensor:
        made, target = (x if x.dtype == torch.float64 else x.float() for x in (made, target))
        return F.mse_loss(made, target) if self.options.distance == "l2" else losses.l1(made, target)

    def _degraded(self, target: Tensor, progress: i2i.Progress) -> Tensor:
        """The small picture of a large one, both in [0, 1], in the steps of the data's files."""
        o, levels = self.options, {8: 255, 16: 65535}.get(self.spec.depth, 0)
        small = degradation.degrade(target, o.scale, o.degradation, o.blur_sigma, levels, progress)
        return small.contiguous(memory_format=torch.channels_last) if is_channels_last(target) else small

    def question(self, inputs: i2i.Batch) -> i2i.Batch:
        large = inputs["image"]
        seed = int(((large[..., ::5, ::5] + 1) * 127.5).round().sum().item())  # a picture is degraded alike each time
        fixed = i2i.Progress(i2i.Phase("held back"), 0, 1, seed=seed, device=large.device)
        return {"source": self._degraded((large + 1) / 2, fixed) * 2 - 1, "target": large}

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        net = self.generator if self.average is None else self.average
        return (net((inputs["source"] + 1) / 2) * 2 - 1).clamp(-1, 1)

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        rows = []
        for inputs, request in examples:
            small = inputs["source"]
            row = {"small": small[0], "bicubic": networks.bicubic_up(small, self.scale).clamp(-1, 1)[0]}
            row[f"enlarged {self.scale} times"] = self.translate(inputs, request)[0]
            rows.append(row | ({"large": inputs["target"][0]} if "target" in inputs else {}))
        return rows

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.understand(files)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.export(self)


def cosine(fraction: float) -> float:
    """Let the rate fall from 1 to a hundredth in half a wave."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * fraction)) / 2


def check_size(size: tuple[int, int], multiple: int, judged: bool) -> None:
    """Refuse sizes of large pictures that have no small one, or are too small to be judged. Raises ValueError."""
    least = -(-(discriminator.SMALLEST if judged else 1) // multiple) * multiple
    for side in size:
        if side % multiple or side < least:
            low, high = side // multiple * multiple, -(-side // multiple) * multiple
            near = f"{low} or {high}" if low >= least else f"{max(least, high)}"
            why = f"no multiple of {multiple}" if side % multiple else "too small for the discriminator"
            raise ValueError(f"image size {side} is {why}; use --image-size {near}")


def is_channels_last(images: Tensor) -> bool:
    """Whether pictures lie in memory as (N, H, W, C)."""
    return images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()


def as_buffers(net: nn.Module) -> nn.Module:
    """Copy a network whose weights are not trained, but kept: they are buffers."""
    made = copy.deepcopy(net)
    for module in made.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())
    return made


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move an average towards a network's weights and running statistics."""
    new, held = net.state_dict(), average.state_dict()
    moving = [name for name, tensor in held.items() if tensor.is_floating_point()]
    move = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)
    move([held[name] for name in moving], [new[name] for name in moving], None)
    for name in held.keys() - set(moving):
        held[name].copy_(new[name])


_ADVICE = (
    "the discriminator tells enlarged pictures without fail, so the generator learns little from it: train on more "
    "photos, or try a larger --pretrain-share or a smaller --discriminator-width"
)
