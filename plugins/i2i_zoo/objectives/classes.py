"""Losses of classes and of features: what tells a discriminator's classes, turns and wrong labels, and matches means.

Pictures whose class is unknown, -1, count in none of the losses of classes. CE is the cross-entropy of raw logits.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_zoo.bounds import Share, Weight
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.objectives.classic import NonSaturating
from i2i_zoo.parts import Element, Judged, wide

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer

MANY = 100  # classes, beyond which telling those of drawn pictures makes them alike
TURNS = 4  # by quarters
CLASSES = "the classes of real pictures"  # which one element teaches


def cross_entropy(logits: Tensor | None, labels: Tensor | None) -> Tensor:
    """Mean CE of logits (N, K) over those of labels (N,) that are known, on all ranks; 0 where none is."""
    assert logits is not None
    assert labels is not None
    total = F.cross_entropy(wide(logits), labels, ignore_index=-1, reduction="sum")
    known = networks.average_over_ranks((labels >= 0).sum().to(total))
    return total / known.clamp_min(1e-8)


class AuxiliaryClassifier(Element):
    """D: `real` CE(real) + `fake` CE(generated); G: `generator` CE(generated) (Odena et al., 2016, arXiv:1610.09585).

    The paper's weights are 1. WGAN-GP's are real=1,fake=0,generator=0.1, as with many classes the second term makes
    the generator draw what is easy to tell, not what is there.
    """

    needs = frozenset({"labels", "classes", "asked"})
    teaches = CLASSES

    def __init__(self, real: float = Weight(1.0), fake: float = Weight(1.0), generator: float = Weight(1.0)) -> None:
        super().__init__()
        self.real, self.fake, self.share = real, fake, generator

    def adapt(self, model: TwoPlayer) -> None:
        if self.fake and model.shape.classes > MANY:
            warnings.warn(
                f"with {model.shape.classes} classes the generator learns to draw what is easy to tell, all alike; "
                "--regularisers ac:fake=0 leaves drawn pictures out of the discriminator's loss",
                stacklevel=2,
            )

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        terms = {"classes": self.real * cross_entropy(real.classes, real.labels)}
        if self.fake:
            terms["drawn_classes"] = self.fake * cross_entropy(fake.classes, fake.labels)
        return terms

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {"classes": self.share * cross_entropy(fake.classes, fake.labels)}


class ClassesAndFake(Element):
    """A class more, the generated, whose logit is 0: K + 1 classes (Salimans et al., 2016, arXiv:1606.03498).

    D: CE of the known + `scale` (mean sp(-l_r) + mean sp(l_f)), where l = log sum exp of a picture's K logits;
    G: mean sp(-l_f), or nothing with `generator=none`, for feature-matching instead. As D(x) = Z / (Z + 1) with the sum
    Z of exponentials, l is the discriminator's logit for all who ask; a head of its own would learn nothing.

    With one-sided smoothing, `smooth=0.9`, sp(-l_r) is 0.9 sp(-l_r) + 0.1 sp(l_r), and 0.9 what D(real) is drawn to.
    """

    needs = frozenset({"labels", "classes"})
    teaches = CLASSES

    def __init__(
        self, scale: float = Weight(0.5), generator: Literal["ns", "none"] = "ns", smooth: float = Share(1.0)
    ) -> None:
        super().__init__()
        self.scale, self.smooth = scale, smooth
        self.spares = ("generator",) if generator == "none" else ()  # type: ignore[misc]  # depends on its numbers

    def adapt(self, model: TwoPlayer) -> None:
        model.discriminator.register_forward_hook(by_classes)

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        r, f = evidence(real), evidence(fake)  # sp(r) = sp(-r) + r
        unsupervised = (F.softplus(-r) + (1 - self.smooth) * r).mean() + F.softplus(f).mean()
        return {"classes": cross_entropy(real.classes, real.labels), "gan": self.scale * unsupervised}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {} if self.spares else {"gan": F.softplus(-evidence(fake)).mean()}


def evidence(judged: Judged) -> Tensor:
    """log sum exp of K logits, (N,): what a sigmoid makes the probability that a picture is real."""
    assert judged.classes is not None
    return wide(judged.classes).logsumexp(dim=1)


def by_classes(net: nn.Module, inputs: tuple[object, ...], judged: Judged) -> Judged:
    """What a discriminator says, with the evidence for its logit: a hook."""
    return replace(judged, logit=evidence(judged))


class FeatureMatching(Element):
    """G: weight |mean f(x) - mean f(G(z))|, f the discriminator's features (Salimans et al., 2016, arXiv:1606.03498).

    Of the difference `l1` is the mean of magnitudes, as in the authors' code, `l2` the sum of squares, as in the paper.
    """

    needs = frozenset({"features"})
    needs_real = True
    couples = "its means are over the batch"

    def __init__(self, weight: float = Weight(1.0), norm: Literal["l1", "l2"] = "l1") -> None:
        super().__init__()
        self.weight, self.norm = weight, norm

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        assert real is not None
        off = self.mean(fake) - self.mean(real).detach()
        return {"feature_matching": self.weight * (off.abs().mean() if self.norm == "l1" else off.square().sum())}

    @staticmethod
    def mean(judged: Judged) -> Tensor:
        """The mean features (F,) of all ranks' pictures."""
        assert judged.features is not None
        return networks.average_over_ranks(wide(judged.features).flatten(1).mean(dim=0))


class MismatchAware(NonSaturating):
    """A real picture under a wrong label is false, too (Reed et al., 2016, arXiv:1605.05396, GAN-CLS).

    D: mean sp(-r) + negatives (mean sp(f) + mean sp(m)), m of the real pictures with labels drawn from the others;
    G: mean sp(-f). `negatives` is 1, or 0.5 for as much weight on the false as on the true.
    """

    needs = frozenset({"labels", "told"})
    negatives = Weight(1.0)

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        assert real.labels is not None
        (wrong,) = now.judge(Drawn(real.images, self.others(now, real.labels)))
        r, f = wide(real.logit), wide(fake.logit)
        return {
            "gan": self.d(r, f) - self.d_scale * (1 - self.negatives) * F.softplus(f).mean(),
            "mismatch": self.d_scale * self.negatives * F.softplus(wide(wrong.logit)).mean(),
        }

    @staticmethod
    def others(now: Moment, labels: Tensor) -> Tensor:
        """Draw for each label (N,) one of the others, each as often; what is unknown stays so."""
        classes = now.model.shape.classes
        further = 1 + (now.chance.rand(len(labels)) * (classes - 1)).long().to(labels)
        return torch.where(labels < 0, labels, (labels + further) % classes)


class Rotation(Element):
    """D: `real` CE of turned real pictures; G: `fake` CE of turned drawn ones (Chen et al., 2019, arXiv:1811.11212).

    One picture in `of` is turned by 0, 90, 180 and 270 degrees; what is turned enters no other loss. Lucic et al.,
    2019, arXiv:1903.02271, weigh 1 and 0.2.
    """

    needs = frozenset({"turns"})

    def __init__(self, real: float = Weight(1.0), fake: float = Weight(0.2), of: int = 4) -> None:
        super().__init__()
        if of < 1:
            raise ValueError(f"--regularisers rotation:of={of} turns none; give 1 or more")
        self.real, self.fake, self.of = real, fake, of

    def adapt(self, model: TwoPlayer) -> None:
        height, width = model.shape.size
        if height != width:
            raise ValueError(
                f"--regularisers rotation turns pictures by quarters, and these have {height}x{width}, which are no "
                f"squares; use --image-size {min(height, width)}"
            )

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"rotation": self.real * self.told(now, real)}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {"rotation": self.fake * self.told(now, fake)}

    def told(self, now: Moment, judged: Judged) -> Tensor:
        """Mean CE of the turns of a share of the pictures."""
        upright = judged.images[:: self.of]
        images = torch.cat([upright.rot90(turn, (2, 3)) for turn in range(TURNS)])
        labels = None if judged.labels is None else judged.labels[:: self.of].repeat(TURNS)
        (says,) = now.judge(Drawn(images, labels))
        assert says.turns is not None
        turns = torch.arange(TURNS, device=images.device).repeat_interleave(len(upright))
        return F.cross_entropy(wide(says.turns), turns)
