"""Losses of pictures drawn from sentences, on logits; each is computed in float32 or better.

A discriminator tells three things apart: a picture with its sentence, a picture with another's (`wrong`), and a picture
that was drawn (`fake`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i_stackgan.captions import plain


def yes(logits: Tensor) -> Tensor:
    """Cross-entropy of logits with 1: how far a discriminator is from saying yes."""
    return F.softplus(-_wide(logits)).mean()


def no(logits: Tensor) -> Tensor:
    """Cross-entropy of logits with 0."""
    return F.softplus(_wide(logits)).mean()


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """Kullback-Leibler divergence of N(mu, exp(logvar)) from N(0, 1): the mean over batch and dimensions."""
    mu, logvar = _wide(mu), _wide(logvar)
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).mean()


def others(captions: Sequence[str]) -> list[int | None]:
    """For each caption of a batch the next one, going round, that says something else; None where all say the same."""
    said, count = [plain(caption) for caption in captions], len(captions)

    def following(i: int) -> int | None:
        steps = ((i + step) % count for step in range(1, count))
        return next((j for j in steps if said[j] != said[i]), None)

    return [following(i) for i in range(count)]


def check_batch(count: int) -> int:
    """Return the size of a batch in which pictures have others' sentences beside them. Raises ValueError for 1."""
    if count < 2:
        raise ValueError(
            "the sentences are compared with other pictures of the batch, and it holds 1; use --batch-size 2 "
            "or more for each process"
        )
    return count


def first_stage(real: Tensor, wrong: Tensor | None, fake: Tensor) -> i2i.Terms:
    """StackGAN's discriminator in stage I: real + (wrong + fake) / 2; no `wrong` where a batch has no such pair."""
    terms = {"real": yes(real), "fake": 0.5 * no(fake)}
    return terms if wrong is None else terms | {"wrong": 0.5 * no(wrong)}


def second_stage(real: Tensor, wrong: Tensor | None, fake: Tensor, real_alone: Tensor, fake_alone: Tensor) -> i2i.Terms:
    """StackGAN's discriminator in stage II, which also judges pictures without their sentences (`alone`)."""
    terms = {"real": (yes(real) + yes(real_alone)) / 2, "fake": (no(fake) + no(fake_alone)) / 3}
    return terms if wrong is None else terms | {"wrong": no(wrong) / 3}


def branch(
    real: Tensor,
    wrong: Tensor | None,
    fake: Tensor,
    alone: tuple[Tensor, Tensor] | None,
    weight: float = 1.0,
    wrong_alone: Tensor | None = None,
) -> i2i.Terms:
    """StackGAN++'s discriminator of one branch: a plain sum over pairs and, times `weight`, over pictures alone.

    `alone` are logits of real and drawn pictures without their sentences, `wrong_alone` of those in wrong pairs, which
    are real. Without them, or with no weight, it is the loss of stage I.
    """
    if alone is None or not weight:
        return first_stage(real, wrong, fake)
    terms = {"real": yes(real) + weight * yes(alone[0]), "fake": no(fake) + weight * no(alone[1])}
    if wrong is not None and wrong_alone is not None:
        terms["wrong"] = no(wrong) + weight * yes(wrong_alone)
    return terms


def gan_cls(real: Tensor, wrong: Tensor | None, fake: Tensor, wrong_weight: float = 0.5) -> i2i.Terms:
    """GAN-CLS's discriminator; with no `wrong_weight` a plain GAN's."""
    if wrong is None or not wrong_weight:
        return {"real": yes(real), "fake": no(fake)}
    return {"real": yes(real), "wrong": wrong_weight * no(wrong), "fake": (1 - wrong_weight) * no(fake)}


def colour_consistency(large: Tensor, small: Tensor) -> tuple[Tensor, Tensor]:
    """How far a picture's colours are from those of its smaller version (N, C, H, W), which gets no gradient.

    Mean squared differences of the channels' means, and five times that of their covariances.
    """
    (mean, covariance), (wanted_mean, wanted_covariance) = _colours(large), _colours(small.detach())
    return F.mse_loss(mean, wanted_mean), 5 * F.mse_loss(covariance, wanted_covariance)


def _colours(images: Tensor) -> tuple[Tensor, Tensor]:
    pixels = _wide(images).flatten(2)  # (N, C, H W)
    mean = pixels.mean(2, keepdim=True)
    centred = pixels - mean
    with torch.autocast(images.device.type, enabled=False):
        return mean, centred @ centred.transpose(1, 2) / pixels.shape[2]  # (N, C, 1), (N, C, C)


def ranking(pictures: Tensor, sentences: Tensor, captions: Sequence[str], margin: float = 0.2) -> tuple[Tensor, Tensor]:
    """How badly pictures (N, D) find their sentences (N, D) and sentences their pictures: hinge losses on cosines.

    Each shall be nearer to its own than to any other of the batch by a margin. Equal captions are no rivals, unless a
    batch holds no others.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        scores = F.normalize(_wide(pictures)) @ F.normalize(_wide(sentences)).T  # (N, N), a row a picture
    said = [plain(caption) for caption in captions]
    numbers = {words: i for i, words in enumerate(said)}
    which = torch.tensor([numbers[words] for words in said], device=scores.device)
    rivals = which[:, None] != which[None]
    rivals = (rivals if rivals.any() else ~torch.eye(len(which), dtype=torch.bool, device=which.device)).to(scores)
    own = scores.diagonal()
    count = rivals.sum().clamp_min(1)
    find_sentence = (F.relu(margin + scores - own[:, None]) * rivals).sum() / count
    find_picture = (F.relu(margin + scores - own[None]) * rivals).sum() / count
    return find_sentence, find_picture


def _wide(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
