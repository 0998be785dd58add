"""Large networks: BigGAN and its kin."""

from __future__ import annotations

from i2i_zoo.biggan import BigGAN
from i2i_zoo.presets import preset

BIGGAN = preset(
    "biggan",
    run={"batch_size": 64, "image_size": 32, "epochs": 640},
    small={"architecture": "biggan:width=16,ratio=0.5", "lr": 4e-4, "n_critic": 2, "average": "constant:decay=0.999"},
    base=BigGAN,
    architecture="biggan:width=96,ratio=0.5,attention=16",
    conditioning="shared+projection",
    objective="hinge",
    latent="normal:80",
    lr=2e-4,
    n_critic=5,
    average="constant:decay=0.9999,start=1000",
)
