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

GAN = preset(
    "gan",
    run={"batch_size": 100, "image_size": 28, "epochs": 250},
    small={"architecture": "mlp-maxout:width=256,units=64", "optimizer": "adam", "lr": 2e-4, "lr_curve": "constant"},
    architecture="mlp-maxout",
    objective="ns",
    latent="uniform:100,low=-1.7320508,high=1.7320508",
    optimizer="sgd",
    lr=0.1,
    lr_curve="exponential:end=0.6",
    betas=(0.5, 0.999),
)
