"""Losses as pure functions. They compute in float32 or better, whatever the networks compute in."""

from __future__ import annotations

from i2i.losses.adversarial import discriminator, generator, gradient_penalty, interpolate, r1_penalty
from i2i.losses.features import feature_matching
from i2i.losses.perceptual import perceptual
from i2i.losses.reconstruction import l1

__all__ = [
    "discriminator",
    "feature_matching",
    "generator",
    "gradient_penalty",
    "interpolate",
    "l1",
    "perceptual",
    "r1_penalty",
]
