"""Methods with steps of their own."""

from __future__ import annotations

import i2i
from i2i_zoo import Part
from i2i_zoo.cards.early import BOTH

MODELS = [
    i2i.ModelCard(
        "vae",
        "i2i_zoo.presets.methods:VAE",
        data=BOTH,
        summary="Draw pictures with the decoder of an autoencoder whose codes are held close to noise.",
        paper="https://arxiv.org/abs/1312.6114",
        year=2013,
    ),
    i2i.ModelCard(
        "bigan",
        "i2i_zoo.presets.methods:BIGAN",
        data=BOTH,
        summary="Draw pictures, and infer the latent of one: generator and encoder fool a discriminator of pairs.",
        paper="https://arxiv.org/abs/1605.09782",
        year=2016,
    ),
    i2i.ModelCard(
        "infogan",
        "i2i_zoo.presets.methods:INFOGAN",
        data=BOTH,
        summary="Draw pictures of codes that can be read off them again: --code sweeps one.",
        paper="https://arxiv.org/abs/1606.03657",
        year=2016,
    ),
    i2i.ModelCard(
        "vaegan",
        "i2i_zoo.presets.methods:VAEGAN",
        data=BOTH,
        summary="Draw with an autoencoder that is measured by what a discriminator sees.",
        paper="https://arxiv.org/abs/1512.09300",
        year=2015,
    ),
    i2i.ModelCard(
        "cogan",
        "i2i_zoo.presets.methods:COGAN",
        data=("unpaired", *BOTH),
        summary="Draw the same in two domains, of which no pair is known.",
        paper="https://arxiv.org/abs/1606.07536",
        year=2016,
    ),
    i2i.ModelCard(
        "triplegan",
        "i2i_zoo.presets.methods:TRIPLEGAN",
        data="labelled",
        summary="Draw pictures of classes of few labels, with a classifier as the third player.",
        paper="https://arxiv.org/abs/1703.02291",
        year=2017,
    ),
    i2i.ModelCard(
        "lapgan",
        "i2i_zoo.presets.methods:LAPGAN",
        data=BOTH,
        summary="Draw small pictures, and add detail level by level.",
        paper="https://arxiv.org/abs/1506.05751",
        year=2015,
    ),
    i2i.ModelCard(
        "stacked-gan",
        "i2i_zoo.presets.methods:STACKEDGAN",
        data="labelled",
        summary="Draw pictures of classes with generators that undo a classifier level by level.",
        paper="https://arxiv.org/abs/1612.04357",
        year=2016,
    ),
]

PARTS = [
    Part("architecture", "bigan", "i2i_zoo.architectures.pairs:Perceptrons", "Fully connected, with an encoder."),
    Part("architecture", "bigan-conv", "i2i_zoo.architectures.pairs:Convolutions", "DCGAN's, with an encoder."),
    Part("architecture", "infogan", "i2i_zoo.architectures.infogan:InfoGAN", "Fully connected, then convolutions."),
    Part("latent", "codes", "i2i_zoo.codes:Codes", "Noise, with categories and numbers that pictures shall show."),
    Part("architecture", "vaegan", "i2i_zoo.architectures.vaegan:VAEGAN", "Convolutions, with an encoder of codes."),
    Part("objective", "vaegan", "i2i_zoo.methods.three_sets:ThreeSets", "Cross-entropy of copies and samples."),
    Part(
        "objective",
        "vaegan3",
        "i2i_zoo.methods.three_sets:ThreeClasses",
        "Which is real, which a copy, which a sample.",
    ),
    Part("architecture", "cogan", "i2i_zoo.architectures.coupled:Digits", "Pairs that share layers, for digits."),
    Part("architecture", "cogan-conv", "i2i_zoo.architectures.coupled:Convolutions", "Pairs of DCGAN's."),
    Part("architecture", "triplegan", "i2i_zoo.architectures.triple:Triple", "Told the class in every layer."),
    Part("objective", "triple", "i2i_zoo.methods.triplegan:ThreePlayers", "Pairs with classes, of three players."),
    Part("architecture", "lapgan", "i2i_zoo.architectures.lapgan:LAPGAN", "Adds detail to a picture scaled up."),
]
