"""Spectral norm: SNGAN and what was built on it."""

from __future__ import annotations

from i2i_zoo.presets import preset

SNREGULARISATION = preset(
    "sn-regularisation",
    run={"batch_size": 64, "image_size": 32, "epochs": 128},
    small={"architecture": "dcgan:width=16,norm=none", "lr": 4e-4},
    architecture="dcgan:width=64,norm=none",
    objective="hinge",
    regularisers="sn-penalty:weight=0.01",
    lr=2e-4,
    betas=(0.5, 0.999),
)

SNGAN = preset(
    "sngan",
    run={"batch_size": 64, "image_size": 32, "epochs": 320},
    small={"architecture": "resnet:width=8", "batch_size": 32, "n_critic": 1} | {"lr": 4e-4, "discriminator_lr": 8e-4},
    architecture="resnet",
    objective="hinge",
    lr=2e-4,
    lr_curve="linear",
    betas=(0.0, 0.9),
    n_critic=5,
    generator_draws=2,
)

SAGAN = preset(
    "sagan",
    run={"batch_size": 64, "image_size": 32, "epochs": 128},
    small={"architecture": "resnet:width=8,spectral=gd,hidden=out,attention=16", "batch_size": 32}
    | {"lr": 4e-4, "discriminator_lr": 8e-4},
    architecture="resnet:spectral=gd,hidden=out,attention=auto",
    conditioning="table+projection",
    objective="hinge",
    lr=1e-4,
    discriminator_lr=4e-4,
    betas=(0.0, 0.9),
)
