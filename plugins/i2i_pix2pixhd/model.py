"""pix2pixHD: large photos from label maps, by a global generator and a local enhancer trained coarse to fine.

Wang, Liu, Zhu, Tao, Kautz, Catanzaro, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional
GANs", 2018, arXiv:1711.11585. Two runs of the authors' code, and the phases of the second, are phases of one run here;
what instances look like is encoded where it is needed, not written to files in between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i import losses, networks
from i2i_pix2pixhd import maps, options, perception, published
from i2i_pix2pixhd.conditions import Conditions, smaller
from i2i_pix2pixhd.generators import Enhancer, Trunk, check_sizes, make_encoder, make_head
from i2i_pix2pixhd.styles import Styles, collect

PICTURES = 1000  # that styles are clustered of
Painter = Callable[[Mapping[str, Tensor]], Tensor]
"""Features (N, C, H, W) for inputs of a size."""


class Pix2PixHD(i2i.Model):
    """Make the photo that a label map, or another picture, tells of.

    `generator/gan` is how far fakes are from passing as photos, `generator/features` how differently the discriminators
    see both, `generator/vgg` how differently VGG-19 does; `discriminator/gan` is how badly the two are told apart.
    Those of discriminators are summed over their scales; all include their weights.
    """

    Options, Request = options.Options, options.Request
    run_defaults = {"batch_size": 1, "epochs": 300, "image_size": 512, "resize": 512}  # noqa: RUF012
    companions = {"instance": "Instance map of the label map, or a folder of such maps."}  # noqa: RUF012

    def __init__(self, options: options.Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        o, target = options, spec.channels["target"]
        self.conditions = Conditions(spec, o.instances, o.features)
        self.inputs = (self.conditions.input,)
        if not (self.conditions.edges or self.conditions.by_instance):
            self.companions = {}
        seen = self.conditions.channels + (o.feature_channels if o.features != "none" else 0)
        self.coarse = Trunk(seen, o.generator_width, o.downs, o.blocks, o.upsample)
        self.head = make_head(o.generator_width, target)  # of the coarse pictures; the enhancer has its own
        self.enhancer: Enhancer | None = None
        if o.generator == "local":
            self.enhancer = Enhancer(seen, target, o.generator_width // 2, o.enhancer_blocks, o.upsample)
        self.encoder: networks.ResNetGenerator | None = None
        self.styles: Styles | None = None
        if o.features != "none":
            self.encoder = make_encoder(target, o.feature_channels, o.encoder_width, o.encoder_downs)
            self.styles = Styles(max(1, self.conditions.labels), o.clusters, o.feature_channels)
        self.discriminator = networks.MultiScaleDiscriminator(
            self.conditions.channels + target,
            o.discriminator_width,
            o.scales,
            o.discriminator_layers,
            features=o.feature_weight > 0,
        )
        self.vgg: networks.Frozen | None = None  # comes when training begins, if it can be had
        self.vgg_had = perception.Had()
        units = [net.size_multiple for net in (self.coarse, self.encoder) if net is not None]
        self.size_multiple = max(units) * (2 if self.enhancer else 1)
        self.min_size = 2 * self.size_multiple  # an instance norm needs more than one pixel at the bottom
        halvings = {"--downs": o.downs} | ({"--encoder-downs": o.encoder_downs} if self.encoder else {})
        check_sizes(spec.image_size, halvings, self.enhancer is not None, self.discriminator)

    def check_training(self) -> None:
        if self.options.vgg != "download":
            self._fetch_vgg()

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        line = i2i.linear_decay(o.decay_start)
        if self.enhancer is None:
            return [i2i.Phase("global", lr=line)]
        first, both = o.enhancer_share, o.enhancer_share + o.joint_share  # the rate falls once over both
        return [
            i2i.Phase("global", o.global_share, line, image_scale=0.5),
            i2i.Phase("enhancer", o.enhancer_share, lambda fraction: line(fraction * first / both)),
            i2i.Phase("joint", o.joint_share, lambda fraction: line((first + fraction * o.joint_share) / both)),
        ]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        def adam(*nets: nn.Module | None) -> torch.optim.Optimizer:
            weights = chain(*(net.parameters() for net in nets if net is not None))
            return torch.optim.Adam(weights, self.options.lr, self.options.betas)

        trained = {
            "global": (self.coarse, self.head, self.encoder),
            "enhancer": (self.enhancer,),
            "joint": (self.coarse, self.enhancer),  # the encoder rests: styles are clusters of what it says
        }
        self._fetch_vgg()
        return {"generator": adam(*trained[phase.name]), "discriminator": adam(self.discriminator)}

    def _fetch_vgg(self) -> None:
        o = self.options
        if o.vgg_weight and o.vgg != "off" and not self.vgg_had.asked:
            side = min(self.spec.image_size) // (2 if self.enhancer else 1)
            self.vgg = perception.load(o.vgg, self.spec.channels["target"], side)
            self.vgg_had.now = self.vgg is not None
            self.vgg_had.asked = True
        self.vgg = self.vgg if self.vgg_had.agreed() else None
        if self.vgg is not None:
            weight = next(self.parameters())
            self.vgg.to(weight.device, weight.dtype)

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, phase = self.options, progress.phase.name
        target = batch["target"].to(self._dtype())  # (N, C, H, W) in [-1, 1]
        told = self.conditions.told(batch, target.dtype, maps.layout_of(target))
        features = self._own_features(batch, phase) if self.encoder is not None else None
        fake = self._generate(told, features, phase)
        pyramid = self.discriminator.pyramid(told)  # of which only the picture differs
        real_layers, fake_layers = (self._judge(pyramid, image) for image in (target, fake))

        terms = {"gan": losses.generator(self._logits(fake_layers), o.gan)}
        if o.feature_weight:
            terms["features"] = o.feature_weight * losses.feature_matching(fake_layers, real_layers)
        if self.vgg is not None:
            terms["vgg"] = o.vgg_weight * perception.compare(self.vgg, fake, target)
        yield "generator", terms

        fake_logits = self._logits(self._judge(pyramid, fake.detach()))
        yield "discriminator", {"gan": 0.5 * losses.discriminator(self._logits(real_layers), fake_logits, o.gan)}

    def _dtype(self) -> torch.dtype:
        """The type that networks compute in, so that label maps are made in it at once."""
        weight = next(self.parameters())
        kind = weight.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype

    def _judge(self, pyramid: Sequence[Tensor], images: Tensor) -> Sequence:
        levels = zip(pyramid, self.discriminator.pyramid(images), strict=True)
        return self.discriminator([torch.cat(pair, dim=1) for pair in levels])

    def _logits(self, layers: Sequence) -> list[Tensor]:
        return [scale[-1] for scale in layers] if self.discriminator.features else list(layers)

    def _generate(self, told: Tensor, features: Tensor | None, phase: str) -> Tensor:
        x = told if features is None else torch.cat([told, features.to(told)], dim=1)
        x = x.contiguous(memory_format=maps.layout_of(told))
        if self.enhancer is None or phase == "global":
            return self.head(self.coarse(x))
        with torch.no_grad() if phase == "enhancer" else contextlib.nullcontext():
            coarse = self.coarse(networks.halve(x))
        return self.enhancer(x, coarse)

    def _encode(self, target: Tensor, phase: str) -> Tensor:
        """Features of photos, (N, C, H, W); past the global phase by the encoder at rest, at the size it has learnt."""
        assert self.encoder is not None
        if self.enhancer is None or phase == "global":
            return self.encoder(target)
        with torch.no_grad():
            return F.interpolate(self.encoder(F.avg_pool2d(target, 2)), scale_factor=2.0, mode="nearest")

    def _own_features(self, inputs: Mapping[str, Tensor], phase: str) -> Tensor:
        """How each region of the target looks, painted over it."""
        encoded = self._encode(inputs["target"], phase)
        _, means, _, place = maps.region_means(encoded, self.conditions.regions(inputs))
        return maps.paint(means, place)

    def finish(self, phase: i2i.Phase, batches: Iterable[i2i.Batch]) -> None:
        if self.styles is not None and phase.name == "global":
            # Each process clusters what its own share of the data looks like; the one that saves decides.
            self.styles.fit(*collect(self._look(batches), len(self.styles.counts)))

    def _look(self, batches: Iterable[i2i.Batch]) -> Iterator[tuple[Tensor, Tensor]]:
        count = 0
        for batch in batches:
            yield self._encode(batch["target"], "global"), self.conditions.regions(batch)
            count += len(batch["target"])
            if count >= PICTURES:
                return

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        if not isinstance(request, options.Request):  # the sample sheet asks with a plain one
            request = options.Request(to=request.to, seed=request.seed)
        styles = self.styles
        if styles is None:
            if request.style or request.object_style:
                raise LookupError("this model knows no styles: it was trained without --features; leave --style out")
            return self._draw(self.conditions.edited(inputs, request.edit))

        if request.object_style and "instance" not in inputs:
            raise LookupError("--object-style names single objects, and no map of them was given; add --instance FILE")

        def paint(inputs: Mapping[str, Tensor]) -> Tensor:
            by_label = maps.pairs(request.style, "--style")
            by_instance = maps.pairs(request.object_style, "--object-style")
            return styles(self.conditions.regions(inputs), request.seed, by_label, by_instance)

        return self._draw(self.conditions.edited(inputs, request.edit), paint)

    def _draw(self, inputs: Mapping[str, Tensor], paint: Painter | None = None) -> Tensor:
        coarse = self.enhancer is not None and self.phase == "global"  # at half size, as long as there is no more
        inputs = smaller(inputs) if coarse else inputs
        layout = maps.layout_of(inputs[self.conditions.input])
        told = self.conditions.told(inputs, self._dtype(), layout)
        image = self._generate(told, paint(inputs) if paint else None, self.phase)
        return F.interpolate(image, scale_factor=2.0, mode="bilinear") if coarse else image

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        rows = []
        for inputs, request in examples:
            row = self.conditions.shown(inputs) | {"translated": self.translate(inputs, request)[0]}
            if "target" in inputs:
                if self.encoder is not None:
                    own = self._draw(inputs, lambda seen: self._own_features(seen, self.phase))
                    row["in the target's style"] = own[0]
                row["target"] = inputs["target"][0]
            rows.append(row)
        return rows

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.understand(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.export(self)
