"""Large networks: BigGAN and its kin."""

from __future__ import annotations

from i2i_zoo.biggan import BigGAN
from i2i_zoo.presets import preset

BIGGAN = preset(
    "biggan",
    run={"batch_size": 64, "image_size": 32, "epochs": 640},
    small={"architecture": "biggan:width=8", "batch_size": 32, "lr": 4e-4, "n_critic": 1},
    base=BigGAN,
    architecture="biggan:width=96,ratio=0.5,attention=16,eps=1e-4",
    conditioning="shared+projection",
    objective="hinge",
    regularisers="ortho:weight=1e-4",
    latent="normal:80",
    lr=2e-4,
    n_critic=5,
    average="constant:decay=0.9999,start=1000",
)

BIGGAN128 = preset(
    "biggan-128",
    run={"batch_size": 2048, "image_size": 128, "epochs": 200},
    small={"architecture": "biggan:width=8", "image_size": 32, "batch_size": 32} | {"lr": 4e-4, "n_critic": 1},
    like=BIGGAN,
    architecture="biggan:width=96,attention=64",
    latent="normal:120",
    lr=5e-5,
    discriminator_lr=2e-4,
    betas=(0.0, 0.999),
    epsilon=1e-6,
    n_critic=2,
    average="constant:decay=0.9999,start=20000",
)

BIGGAN256 = preset(
    "biggan-256",
    run={"batch_size": 2048, "image_size": 256, "epochs": 200},
    like=BIGGAN128,
    architecture="biggan:width=96,attention=128",
    latent="normal:140",
)

BIGGANDEEP128 = preset(
    "biggan-deep-128",
    small={**BIGGAN128.small, "architecture": "biggan-deep:width=12,depth=1", "batch_size": 16, "lr": 8e-4}
    | {"discriminator_lr": 2e-3, "average": "constant:0.99", "latent": "normal:64", "betas": (0.0, 0.9)},
    like=BIGGAN128,
    architecture="biggan-deep:width=128,attention=64",
    latent="normal:128",
)
