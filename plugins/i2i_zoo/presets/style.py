"""Networks that grow, and those that are told their style in every layer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

import i2i
from i2i_zoo import stylegan2_weights
from i2i_zoo.presets import preset
from i2i_zoo.styled import Growable, Styled


class Published(Styled):
    """Two players of StyleGAN2's layers, whose published weights are read and written."""

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return stylegan2_weights.read(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return stylegan2_weights.write(self)


PROGAN = preset(
    "progan",
    run={"batch_size": 16, "image_size": 128, "epochs": 400},
    small={"architecture": "progan:width=32", "image_size": 16, "lr": 2e-3, "epochs": 30},
    base=Growable,
    architecture="progan",
    objective="wgan",
    gradient_penalty="gp:weight=10+drift:weight=0.001",
    latent="sphere:512",
    lr=1e-3,
    betas=(0.0, 0.99),
    average="constant:0.999",
)

STYLEGAN = preset(
    "stylegan",
    run={"batch_size": 32, "image_size": 128, "epochs": 350},
    small={"architecture": "stylegan:width=32,mapping=2,mixing=0", "gradient_penalty": "r1:gamma=20,every=4"}
    | {"lr": 1.5e-3, "image_size": 16, "batch_size": 16},
    base=Styled,
    architecture="stylegan",
    objective="ns",
    gradient_penalty="r1:gamma=10",
    latent="normal:512",
    lr=1e-3,
    betas=(0.0, 0.99),
    average="half-life:10,ramp=0.05",
)

STYLEGAN2 = preset(
    "stylegan2",
    run={"batch_size": 32, "image_size": 128, "epochs": 350},
    small={"architecture": "stylegan2:width=32,mapping=2", "gradient_penalty": "r1:gamma=1,every=16", "lr": 2.5e-3}
    | {"image_size": 16, "batch_size": 16},
    base=Published,
    architecture="stylegan2",
    objective="ns",
    gradient_penalty="r1:gamma=10,every=16",
    regularisers="path-length:weight=2,every=4",
    latent="normal:512",
    lr=2e-3,
    betas=(0.0, 0.99),
    average="half-life:10,ramp=0.05",
)
