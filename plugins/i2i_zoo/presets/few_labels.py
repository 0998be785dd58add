"""Class-conditional networks for data of which few pictures tell their class."""

from __future__ import annotations

from i2i_zoo.methods.s2gan import S2GAN as Labelling
from i2i_zoo.methods.s2gan import FewLabels
from i2i_zoo.presets import preset
from i2i_zoo.presets.large import BIGGAN

SMALL = {"batch_size": 32, "lr": 4e-4, "n_critic": 1}

S2GAN = preset(
    "s2gan",
    small=SMALL | {"architecture": "biggan:width=8", "labeller_width": 8},
    base=Labelling,
    like=BIGGAN,
    unlabelled={"labeller": "cluster"},
)

S2GANCO = preset(
    "s2gan-co",
    small=SMALL | {"architecture": "biggan:width=8,predictor=true"},
    base=FewLabels,
    like=BIGGAN,
    architecture="biggan:width=96,ratio=0.5,attention=16,eps=1e-4,predictor=true",
    regularisers="ortho:weight=1e-4+predictor:weight=1",
)

S3GAN = preset(
    "s3gan",
    small=SMALL | {"architecture": "biggan:width=8,turns=true", "labeller_width": 8},
    base=Labelling,
    like=BIGGAN,
    unlabelled={"labeller": "cluster"},
    architecture="biggan:width=96,ratio=0.5,attention=16,eps=1e-4,turns=true",
    regularisers="ortho:weight=1e-4+rotation:real=1,fake=0.2,of=4",
)
