"""Networks that plugins build on: generators, discriminators, and what training keeps beside them."""

from __future__ import annotations

from i2i.networks.average import Average
from i2i.networks.frozen import Frozen
from i2i.networks.initialisation import initialise
from i2i.networks.layers import normalisation, stage, upsampling
from i2i.networks.multiscale import MultiScaleDiscriminator, halve
from i2i.networks.padding import Pad, pad
from i2i.networks.patch import PatchDiscriminator, PixelDiscriminator
from i2i.networks.pool import ImagePool
from i2i.networks.ranks import BatchNorm1d, BatchNorm2d, average_over_ranks, gather
from i2i.networks.recognise import Recognised, check_claims, recognise
from i2i.networks.reference import from_reference, to_reference
from i2i.networks.resizing import bicubic_down, bicubic_up, mirrored
from i2i.networks.resnet import ResidualBlock, ResNetGenerator
from i2i.networks.unet import UNet
from i2i.networks.vgg import VGGFeatures

__all__ = [
    "Average",
    "BatchNorm1d",
    "BatchNorm2d",
    "Frozen",
    "ImagePool",
    "MultiScaleDiscriminator",
    "Pad",
    "PatchDiscriminator",
    "PixelDiscriminator",
    "Recognised",
    "ResNetGenerator",
    "ResidualBlock",
    "UNet",
    "VGGFeatures",
    "average_over_ranks",
    "bicubic_down",
    "bicubic_up",
    "check_claims",
    "from_reference",
    "gather",
    "halve",
    "initialise",
    "mirrored",
    "normalisation",
    "pad",
    "recognise",
    "stage",
    "to_reference",
    "upsampling",
]
