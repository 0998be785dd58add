"""The first years: plain perceptrons and convolutions."""

from __future__ import annotations

import i2i
from i2i_zoo import Part

BOTH = ("labelled", "images")  # the labels serve where a conditioning is asked for

MODELS = [
    i2i.ModelCard(
        "gan",
        "i2i_zoo.presets.early:GAN",
        data=BOTH,
        summary="Draw pictures with fully connected layers, against maxout units.",
        paper="https://arxiv.org/abs/1406.2661",
        year=2014,
    ),
    i2i.ModelCard(
        "dcgan",
        "i2i_zoo.presets.early:DCGAN",
        data=BOTH,
        summary="Draw pictures with convolutions and batch norm.",
        paper="https://arxiv.org/abs/1511.06434",
        year=2015,
    ),
    i2i.ModelCard(
        "cgan",
        "i2i_zoo.presets.early:CGAN",
        data="labelled",
        summary="Draw pictures of classes; both players are told the class.",
        paper="https://arxiv.org/abs/1411.1784",
        year=2014,
    ),
    i2i.ModelCard(
        "acgan",
        "i2i_zoo.presets.early:ACGAN",
        data="labelled",
        summary="Draw pictures of classes; the discriminator tells the class.",
        paper="https://arxiv.org/abs/1610.09585",
        year=2016,
    ),
    i2i.ModelCard(
        "improved-dcgan",
        "i2i_zoo.presets.early:IMPROVEDDCGAN",
        data="labelled",
        summary="Learn of few labels: the discriminator is a classifier, and its features are matched.",
        paper="https://arxiv.org/abs/1606.03498",
        year=2016,
    ),
    i2i.ModelCard(
        "sgan-ssl",
        "i2i_zoo.presets.early:SGANSSL",
        data="labelled",
        summary="Learn of few labels with DCGAN: generated pictures are a class more.",
        paper="https://arxiv.org/abs/1606.01583",
        year=2016,
    ),
]

PARTS = [
    Part("architecture", "mlp", "i2i_zoo.architectures.mlp:MLP", "Fully connected, with batch norm in the generator."),
    Part("architecture", "mlp-maxout", "i2i_zoo.architectures.mlp:MaxoutMLP", "Fully connected, maxout and dropout."),
    Part("architecture", "dcgan", "i2i_zoo.architectures.dcgan:DCGAN", "Strided convolutions and batch norm."),
    Part("objective", "ns", "i2i_zoo.objectives.classic:NonSaturating", "Cross-entropy that does not saturate."),
    Part("objective", "minimax", "i2i_zoo.objectives.classic:Minimax", "Cross-entropy, one game for both players."),
    Part("objective", "lsgan", "i2i_zoo.objectives.classic:LeastSquares", "Squared distances of logits from codes."),
    Part("objective", "hinge", "i2i_zoo.objectives.classic:Hinge", "Logits beyond 1 and -1 are left alone."),
    Part("architecture", "mlp-two", "i2i_zoo.architectures.two_networks:TwoNetworks", "A half for the class each."),
    Part("architecture", "improved-gan", "i2i_zoo.architectures.ssl:ImprovedGAN", "A classifier with weight norm."),
    Part("architecture", "dcgan-ssl", "i2i_zoo.architectures.ssl:ClassifyingDCGAN", "DCGAN's, a classifier."),
]
