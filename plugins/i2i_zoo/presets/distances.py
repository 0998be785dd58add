"""Other distances between distributions, and bounds on how steep a critic is."""

from __future__ import annotations

from i2i_zoo.presets import preset

WGAN = preset(
    "wgan",
    run={"batch_size": 64, "image_size": 64, "epochs": 100},
    small={"architecture": "dcgan:width=16", "image_size": 32, "critic_warmup": 0, "lr": 2e-4},
    architecture="dcgan:width=64",
    objective="wgan",
    regularisers="clip:bound=0.01",
    latent="normal:100",
    n_critic=5,
    critic_warmup=100,
    optimizer="rmsprop",
    lr=5e-5,
)

WGANGP = preset(
    "wgan-gp",
    run={"batch_size": 64, "image_size": 32, "epochs": 640},
    small={"architecture": "dcgan:width=16,norm=none", "n_critic": 2, "lr": 4e-4, "generator_draws": 1},
    architecture="resnet:spectral=none,pool=mean",
    objective="wgan",
    gradient_penalty="gp:weight=10",
    latent="normal:128",
    n_critic=5,
    generator_draws=2,
    lr=2e-4,
    lr_curve="linear",
    betas=(0.0, 0.9),
)
