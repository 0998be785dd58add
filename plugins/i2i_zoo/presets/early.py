"""The first years: plain perceptrons and convolutions."""

from __future__ import annotations

from i2i_zoo.presets import preset

DCGAN = preset(
    "dcgan",
    run={"batch_size": 64, "image_size": 64, "epochs": 25},
    small={"architecture": "dcgan:width=16", "image_size": 32},
    architecture="dcgan:width=64",
    objective="ns",
    latent="normal:100",
    lr=2e-4,
    betas=(0.5, 0.999),
    reuse=True,
)
