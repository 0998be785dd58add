"""Class-conditional networks for data of which few pictures tell their class."""

from __future__ import annotations

from typing import Any

from i2i_zoo.methods.s2gan import S2GAN as Labelling
from i2i_zoo.methods.s2gan import FewLabels
from i2i_zoo.presets import preset

BIGGAN32: dict[str, Any] = {
    "run": {"batch_size": 64, "image_size": 32, "epochs": 640},
    "conditioning": "shared+projection",
    "objective": "hinge",
    "latent": "normal:80",
    "lr": 2e-4,
    "n_critic": 5,
    "average": "constant:decay=0.9999,start=1000",
}
SMALL = {"lr": 4e-4, "n_critic": 2, "average": "constant:decay=0.999"}

S2GAN = preset(
    "s2gan",
    small=SMALL | {"architecture": "biggan:width=8", "labeller_width": 8},
    base=Labelling,
    architecture="biggan:width=96,ratio=0.5,attention=16",
    regularisers="ortho:weight=1e-4",
    **BIGGAN32,
)

S2GANCO = preset(
    "s2gan-co",
    small=SMALL | {"architecture": "biggan:width=8,predictor=true"},
    base=FewLabels,
    architecture="biggan:width=96,ratio=0.5,attention=16,predictor=true",
    regularisers="ortho:weight=1e-4+predictor:weight=1",
    **BIGGAN32,
)

S3GAN = preset(
    "s3gan",
    small=SMALL | {"architecture": "biggan:width=8,turns=true", "labeller_width": 8},
    base=Labelling,
    architecture="biggan:width=96,ratio=0.5,attention=16,turns=true",
    regularisers="ortho:weight=1e-4+rotation:real=1,fake=0.2,of=4",
    **BIGGAN32,
)
