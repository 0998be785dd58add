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
    small={"architecture": "mlp:width=64", "n_critic": 2, "lr": 3e-4},
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

LSGAN = preset(
    "lsgan",
    run={"batch_size": 64, "image_size": 64, "epochs": 25},
    small={"architecture": "dcgan:width=16,norm=none", "image_size": 32, "latent": "normal:128", "lr": 2e-4},
    architecture="dcgan:width=64",
    objective="lsgan:a=0,b=1,c=1",
    latent="normal:1024",
    lr=1e-3,
    betas=(0.5, 0.999),
)

FGAN = preset(
    "fgan",
    run={"batch_size": 64, "image_size": 64, "epochs": 25},
    small={"architecture": "dcgan:width=16", "image_size": 32},
    architecture="dcgan:width=64",
    objective="fgan-js:heuristic=true",
    latent="uniform:100",
    lr=2e-4,
    betas=(0.5, 0.999),
)

DRAGAN = preset(
    "dragan",
    run={"batch_size": 128, "image_size": 32, "epochs": 100},
    small={"architecture": "dcgan:width=32,norm=none", "image_size": 16, "batch_size": 64, "lr": 4e-4},
    architecture="dcgan:width=64,norm=none",
    objective="ns",
    gradient_penalty="dragan:weight=10",
    latent="uniform:100",
    lr=1e-4,
    betas=(0.5, 0.9),
)

RSGAN = preset(
    "rsgan",
    run={"batch_size": 32, "image_size": 32, "epochs": 64},
    small={"architecture": "sncnn:width=16"},
    architecture="sncnn:width=64",
    objective="rs",
    latent="normal:128",
    lr=2e-4,
    betas=(0.5, 0.999),
)

RASGAN = preset(
    "rasgan",
    run={"batch_size": 32, "image_size": 32, "epochs": 64},
    small={"architecture": "sncnn:width=16"},
    architecture="sncnn:width=64",
    objective="ra",
    latent="normal:128",
    lr=2e-4,
    betas=(0.5, 0.999),
)

RALSGAN = preset(
    "ralsgan",
    run={"batch_size": 32, "image_size": 32, "epochs": 64},
    small={"architecture": "sncnn:width=16"},
    architecture="sncnn:width=64",
    objective="ra-ls",
    latent="normal:128",
    lr=2e-4,
    betas=(0.5, 0.999),
)

RAHINGE = preset(
    "rahinge",
    run={"batch_size": 32, "image_size": 32, "epochs": 64},
    small={"architecture": "sncnn:width=16"},
    architecture="sncnn:width=64",
    objective="ra-hinge",
    latent="normal:128",
    lr=2e-4,
    betas=(0.5, 0.999),
)

EBGAN = preset(
    "ebgan",
    run={"batch_size": 64, "image_size": 32, "epochs": 100},
    small={"architecture": "ebgan:width=16", "lr": 4e-4},
    architecture="ebgan:energy=mse",
    objective="ebgan:margin=1",
    regularisers="pull-away:weight=0.1",
    latent="normal:62",
    lr=1e-3,
    betas=(0.5, 0.999),
)

BEGAN = preset(
    "began",
    run={"batch_size": 16, "image_size": 64, "epochs": 40},
    small={"architecture": "began:width=24,code=32", "image_size": 16, "batch_size": 32, "lr": 5e-4}
    | {"objective": "began:gamma=1.3,rate=0.3", "average": "constant:0.995", "latent": "uniform:24"},
    architecture="began:width=128",
    objective="began:gamma=0.5,rate=0.001",
    latent="uniform:64",
    lr=8e-5,
    lr_curve="halving:2",
    betas=(0.5, 0.999),
)
