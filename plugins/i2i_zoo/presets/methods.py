"""Methods with steps of their own."""

from __future__ import annotations

from i2i_zoo.methods.bigan import BiGAN
from i2i_zoo.methods.cogan import CoGAN
from i2i_zoo.methods.infogan import InfoGAN
from i2i_zoo.methods.lapgan import Pyramids
from i2i_zoo.methods.stacked import StackedGAN
from i2i_zoo.methods.triplegan import TripleGAN
from i2i_zoo.methods.vae import Autoencoder
from i2i_zoo.methods.vaegan import AutoencoderGAN
from i2i_zoo.presets import preset
from i2i_zoo.presets.early import CGAN

VAE = preset(
    "vae",
    run={"batch_size": 128, "image_size": 28, "epochs": 50},
    small={"width": 256, "lr": 2e-3},
    base=Autoencoder,
    latent="normal:20",
    lr=1e-3,
    betas=(0.9, 0.999),
)

BIGAN = preset(
    "bigan",
    run={"batch_size": 128, "image_size": 28, "epochs": 400},
    small={"architecture": "bigan:width=256", "batch_size": 32, "lr": 5e-4},
    base=BiGAN,
    architecture="bigan",
    objective="ns",
    latent="uniform:50",
    lr=2e-4,
    lr_curve="linear:start=0.5",
    weight_decay=2.5e-5,
    reuse=True,
)

INFOGAN = preset(
    "infogan",
    run={"batch_size": 128, "image_size": 28, "epochs": 50},
    small={"architecture": "infogan:width=16", "batch_size": 64, "discriminator_lr": 1e-3},
    base=InfoGAN,
    architecture="infogan",
    objective="ns",
    latent="codes:noise=62,categories=10,continuous=2",
    lr=1e-3,
    discriminator_lr=2e-4,
    betas=(0.5, 0.999),
)

VAEGAN = preset(
    "vaegan",
    run={"batch_size": 64, "image_size": 64, "epochs": 50},
    small={"architecture": "vaegan:width=16", "image_size": 32, "batch_size": 32, "feature_weight": 0.01},
    base=AutoencoderGAN,
    architecture="vaegan",
    objective="vaegan",
    latent="normal:128",
    optimizer="rmsprop",
    lr=3e-4,
)

COGAN = preset(
    "cogan",
    run={"batch_size": 64, "image_size": 28, "epochs": 50},
    small={"architecture": "cogan:width=16"},
    base=CoGAN,
    architecture="cogan",
    objective="ns",
    latent="normal:100",
    lr=2e-4,
    betas=(0.5, 0.999),
    weight_decay=5e-4,
)

TRIPLEGAN = preset(
    "triplegan",
    run={"batch_size": 100, "image_size": 32, "epochs": 1000},
    small={"architecture": "triplegan:width=8", "image_size": 24, "batch_size": 20}
    | {"classifier_lr": 1e-3, "discriminator_lr": 1.5e-3},
    base=TripleGAN,
    architecture="triplegan",
    conditioning="concat+concat",
    objective="triple",
    latent="uniform:100,low=0",
    lr=3e-4,
    betas=(0.5, 0.999),
)

LAPGAN = preset(
    "lapgan",
    run={"batch_size": 64, "image_size": 32, "epochs": 300},
    small={"architecture": "lapgan:width=16", "coarsest": "mlp:width=64", "batch_size": 32}
    | {"optimizer": "adam", "lr": 1e-3},
    base=Pyramids,
    like=CGAN,
    unlabelled={"conditioning": "none"},
    architecture="lapgan",
    coarsest="mlp-maxout:width=8000",
    latent="uniform:100",
    optimizer="sgd",
    lr=0.02,
    lr_curve="exponential:end=0.1",
)

STACKEDGAN = preset(
    "stacked-gan",
    run={"batch_size": 64, "image_size": 32, "epochs": 200},
    small={"width": 16, "features": 64, "lr": 4e-4, "norm": "none"},
    base=StackedGAN,
    latent="normal:100",
    lr=2e-4,
    betas=(0.5, 0.999),
)
