"""The first years: plain perceptrons and convolutions."""

from __future__ import annotations

from i2i_zoo.methods.semi import SemiSupervised
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
    small={"architecture": "mlp:width=64", "batch_size": 32, "optimizer": "adam", "lr": 2e-4, "lr_curve": "constant"},
    architecture="mlp-maxout",
    objective="ns",
    latent="uniform:100,low=-1.7320508,high=1.7320508",
    optimizer="sgd",
    lr=0.1,
    lr_curve="exponential:end=0.6",
    betas=(0.5, 0.999),
)

CGAN = preset(
    "cgan",
    run={"batch_size": 100, "image_size": 28, "epochs": 250},
    small={"architecture": "mlp:width=64", "batch_size": 32, "optimizer": "adam", "lr": 2e-4, "lr_curve": "constant"},
    architecture="mlp-maxout",
    conditioning="concat+concat",
    objective="ns",
    latent="uniform:100",
    optimizer="sgd",
    lr=0.1,
    lr_curve="exponential:end=0.6",
    betas=(0.5, 0.999),
)

ACGAN = preset(
    "acgan",
    run={"batch_size": 100, "image_size": 32, "epochs": 200},
    small={"architecture": "dcgan:width=16"},
    architecture="dcgan:width=64",
    conditioning="concat+ac",
    objective="ns",
    regularisers="ac",
    latent="normal:110",
    lr=2e-4,
    betas=(0.5, 0.999),
)

IMPROVEDDCGAN = preset(
    "improved-dcgan",
    run={"batch_size": 100, "image_size": 32, "epochs": 1200},
    small={"architecture": "dcgan-ssl:width=16", "batch_size": 64, "average": "constant:0.99"}
    | {"lr": 4e-4, "lr_curve": "constant"},
    base=SemiSupervised,
    architecture="improved-gan",
    conditioning="none+ac",
    objective="kplus1:generator=none",
    regularisers="feature-matching",
    latent="uniform:100,low=0",
    lr=3e-4,
    lr_curve="linear:start=0.667",
    average="constant:decay=0.9999",
)

SGANSSL = preset(
    "sgan-ssl",
    run={"batch_size": 64, "image_size": 32, "epochs": 200},
    small={"architecture": "dcgan-ssl:width=16"},
    base=SemiSupervised,
    architecture="dcgan-ssl:width=64",
    conditioning="none+ac",
    objective="kplus1",
    latent="normal:100",
    lr=2e-4,
    betas=(0.5, 0.999),
)
