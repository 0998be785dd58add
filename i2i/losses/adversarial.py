"""Adversarial losses on logits, and the penalties on a discriminator's gradient.

Logits are one tensor of any shape, or a list of tensors, one for each scale of a discriminator: a loss is the mean over
a tensor's elements, and the sum over scales, as in pix2pixHD.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.losses.reconstruction import at_least_float32
from i2i.options import nearest

Logits = Tensor | Sequence[Tensor]
MODES = ("vanilla", "lsgan", "wgan", "hinge")


def discriminator(real_logits: Logits, fake_logits: Logits, mode: str = "vanilla") -> Tensor:
    """Compute what a discriminator minimises: its loss on real pictures plus its loss on generated ones.

    There is no factor of one half: the papers differ there, so a model that has it (pix2pix, CycleGAN) multiplies.

    | mode      | real                   | fake                     |
    |-----------|------------------------|--------------------------|
    | `vanilla` | -log sigmoid(logit)    | -log(1 - sigmoid(logit)) |
    | `lsgan`   | (logit - 1)^2          | logit^2                  |
    | `wgan`    | -logit                 | logit                    |
    | `hinge`   | max(0, 1 - logit)      | max(0, 1 + logit)        |

    Raises LookupError for another mode, ValueError where the numbers of scales differ.
    """
    _check(mode)
    real, fake = _scales(real_logits), _scales(fake_logits)
    if len(real) != len(fake):
        raise ValueError(f"{len(real)} scale(s) of real logits and {len(fake)} of fake ones; give as many of each")
    terms = [_real(r, mode).mean() + _fake(f, mode).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).sum()


def generator(fake_logits: Logits, mode: str = "vanilla") -> Tensor:
    """Compute what a generator minimises: the discriminator's loss with its pictures called real.

    For `hinge` it is -logit, as for `wgan`. Raises LookupError for another mode.
    """
    _check(mode)
    mode = "wgan" if mode == "hinge" else mode
    return torch.stack([_real(logits, mode).mean() for logits in _scales(fake_logits)]).sum()


def interpolate(real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Mix pictures (N, C, H, W): `share` of the real one, the rest of the fake one; `share` is (N,), in [0, 1]."""
    if real.shape != fake.shape or share.shape != real.shape[:1]:
        raise ValueError(
            f"real {tuple(real.shape)}, fake {tuple(fake.shape)} and share {tuple(share.shape)} do not fit; "
            "give two batches (N, C, H, W) of equal shape and a share (N,)"
        )
    share = share.view(-1, *[1] * (real.dim() - 1))
    return share * real.detach() + (1 - share) * fake.detach()


def gradient_penalty(
    critic: Callable[[Tensor], Logits], images: Tensor, norm: float = 1.0, epsilon: float = 1e-16
) -> Tensor:
    """Compute the penalty of WGAN-GP: the mean over the batch of (|gradient| - `norm`)^2.

    The gradient is that of the sum of the critic's logits with respect to a picture, `epsilon` added to each of its
    elements; `images` (N, C, H, W) are mixed by `interpolate`, and the usual weight is 10. It is computed outside
    autocast: the second derivative needs float32.
    """
    gradient = _gradient(critic, images).flatten(1)
    return ((gradient + epsilon).norm(dim=1) - norm).square().mean()


def r1_penalty(critic: Callable[[Tensor], Logits], images: Tensor) -> Tensor:
    """Compute R1 (Mescheder et al., 2018): half the mean over the batch of |gradient|^2, at real pictures.

    The gradient is that of the sum of the critic's logits with respect to a picture (N, C, H, W).
    """
    return 0.5 * _gradient(critic, images).square().flatten(1).sum(dim=1).mean()


def _gradient(critic: Callable[[Tensor], Logits], images: Tensor) -> Tensor:
    images = at_least_float32(images.detach()).requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        total = torch.stack([logits.sum() for logits in _scales(critic(images))]).sum()
        (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient  # (N, C, H, W)


def _check(mode: str) -> None:
    if mode not in MODES:
        raise LookupError(f'there is no adversarial loss "{mode}"' + nearest(mode, MODES, f"choose {', '.join(MODES)}"))


def _scales(logits: Logits) -> list[Tensor]:
    return [at_least_float32(t) for t in ([logits] if isinstance(logits, Tensor) else logits)]


def _real(logits: Tensor, mode: str) -> Tensor:
    if mode == "vanilla":
        return -F.logsigmoid(logits)
    if mode == "lsgan":
        return (logits - 1).square()
    return -logits if mode == "wgan" else F.relu(1 - logits)


def _fake(logits: Tensor, mode: str) -> Tensor:
    if mode == "vanilla":
        return -F.logsigmoid(-logits)
    if mode == "lsgan":
        return logits.square()
    return logits if mode == "wgan" else F.relu(1 + logits)
