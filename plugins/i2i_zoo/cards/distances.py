"""Other distances between distributions, and bounds on how steep a critic is."""

from __future__ import annotations

import i2i
from i2i_zoo import Part
from i2i_zoo.cards.early import BOTH

FGAN, RELATIVISTIC = ("https://arxiv.org/abs/1606.00709", 2016), ("https://arxiv.org/abs/1807.00734", 2018)
EBGAN, BEGAN = ("https://arxiv.org/abs/1609.03126", 2016), ("https://arxiv.org/abs/1703.10717", 2017)
WGAN, WGANGP = ("https://arxiv.org/abs/1701.07875", 2017), ("https://arxiv.org/abs/1704.00028", 2017)
LSGAN, DRAGAN = ("https://arxiv.org/abs/1611.04076", 2016), ("https://arxiv.org/abs/1705.07215", 2017)
R1, PROGAN = ("https://arxiv.org/abs/1801.04406", 2018), ("https://arxiv.org/abs/1710.10196", 2017)
IMPROVED, ADA = ("https://arxiv.org/abs/1606.03498", 2016), ("https://arxiv.org/abs/2006.06676", 2020)
DIFFAUGMENT, NOISE = ("https://arxiv.org/abs/2006.10738", 2020), ("https://arxiv.org/abs/1610.04490", 2016)


def _card(name: str, summary: str, source: tuple[str, int]) -> i2i.ModelCard:
    target = f"i2i_zoo.presets.distances:{name.replace('-', '').upper()}"
    return i2i.ModelCard(name, target, data=BOTH, summary=summary, paper=source[0], year=source[1])


MODELS = [
    _card("wgan", "Draw pictures close in the Wasserstein distance, by a critic of clipped weights.", WGAN),
    _card("wgan-gp", "Draw pictures close in the Wasserstein distance, by a critic whose slope is held at 1.", WGANGP),
    _card("lsgan", "Draw pictures close by least squares of logits.", LSGAN),
    _card("fgan", "Draw pictures close in an f-divergence of your choice, --objective fgan-kl and the like.", FGAN),
    _card("dragan", "Draw pictures against a discriminator whose slope is held at 1 around real ones.", DRAGAN),
    _card("rsgan", "Draw pictures that pass for more real than real ones, in pairs.", RELATIVISTIC),
    _card("rasgan", "Draw pictures that pass for more real than real ones are on average.", RELATIVISTIC),
    _card("ralsgan", "Draw pictures more real than real ones are on average, by least squares.", RELATIVISTIC),
    _card("rahinge", "Draw pictures more real than real ones are on average, by hinges.", RELATIVISTIC),
    _card("ebgan", "Draw pictures that an autoencoder copies well, and whose codes differ.", EBGAN),
    _card("began", "Draw pictures that an autoencoder copies as well as a share of real ones, in balance.", BEGAN),
]

PARTS = [
    Part("objective", "wgan", "i2i_zoo.objectives.classic:Wasserstein", "Means apart, of critics with a bound.", *WGAN),
    *(
        Part("objective", f"fgan-{name}", f"i2i_zoo.objectives.divergences:{target}", f"The {words}.", *FGAN)
        for name, target, words in (
            ("total-variation", "TotalVariation", "total variation"),
            ("kl", "KL", "Kullback-Leibler divergence"),
            ("reverse-kl", "ReverseKL", "Kullback-Leibler divergence the other way"),
            ("pearson", "Pearson", "chi-squared of Pearson"),
            ("neyman", "Neyman", "chi-squared of Neyman"),
            ("hellinger", "SquaredHellinger", "squared Hellinger distance"),
            ("jeffrey", "Jeffrey", "sum of both Kullback-Leibler divergences"),
            ("js", "JensenShannon", "Jensen-Shannon divergence, twice"),
            ("weighted-js", "WeightedJensenShannon", "Jensen-Shannon divergence of unequal shares"),
            ("gan", "GAN", "divergence of the first GAN"),
        )
    ),
    *(
        Part("objective", name, f"i2i_zoo.objectives.relativistic:{target}", f"{words}.", *RELATIVISTIC)
        for name, target, words in (
            ("rs", "RSGAN", "Cross-entropy of pairs"),
            ("rs-ls", "RLSGAN", "Least squares of pairs"),
            ("rs-hinge", "RHinge", "Hinges of pairs"),
            ("ra", "RaSGAN", "Cross-entropy, against the average of the others"),
            ("ra-ls", "RaLSGAN", "Least squares, against the average of the others"),
            ("ra-hinge", "RaHinge", "Hinges, against the average of the others"),
        )
    ),
    Part("objective", "ebgan", "i2i_zoo.objectives.energies:EnergyBased", "Energies on sides of a margin.", *EBGAN),
    Part("objective", "began", "i2i_zoo.objectives.energies:Equilibrium", "Energies in a held balance.", *BEGAN),
    Part("regulariser", "pull-away", "i2i_zoo.objectives.energies:PullAway", "Codes of drawn pictures apart.", *EBGAN),
    Part("architecture", "ebgan", "i2i_zoo.architectures.autoencoder:EBGAN", "A small autoencoder judges.", *EBGAN),
    Part("architecture", "began", "i2i_zoo.architectures.autoencoder:BEGAN", "A deep autoencoder judges.", *BEGAN),
    Part("penalty", "gp", "i2i_zoo.penalties:GradientPenalty", "Slopes between real and drawn pictures to 1.", *WGANGP),
    Part("penalty", "dragan", "i2i_zoo.penalties:DRAGAN", "Slopes around real pictures to 1.", *DRAGAN),
    Part("penalty", "r1", "i2i_zoo.penalties:R1", "Slopes at real pictures to 0.", *R1),
    Part("penalty", "r2", "i2i_zoo.penalties:R2", "Slopes at drawn pictures to 0.", *R1),
    Part("penalty", "drift", "i2i_zoo.penalties:Drift", "Logits of real pictures near 0.", *PROGAN),
    Part("regulariser", "clip", "i2i_zoo.regularisers:Clip", "Weights of the discriminator within a bound.", *WGAN),
    Part("regulariser", "historical", "i2i_zoo.regularisers:HistoricalAverage", "Weights near their past.", *IMPROVED),
    Part("regulariser", "virtual-norm", "i2i_zoo.regularisers:VirtualBatchNorm", "A reference batch.", *IMPROVED),
    Part(
        "regulariser",
        "minibatch-discrimination",
        "i2i_zoo.regularisers:MinibatchDiscrimination",
        "The discriminator sees how close the pictures of a batch are.",
        *IMPROVED,
    ),
    Part("augmentation", "diffaugment", "i2i_zoo.augmentation:DiffAugment", "Colours, shifts and holes.", *DIFFAUGMENT),
    Part("augmentation", "ada", "i2i_zoo.augmentation:ADA", "As much as overfitting asks for.", *ADA),
    Part("augmentation", "noise", "i2i_zoo.augmentation:InstanceNoise", "Noise that fades over the phase.", *NOISE),
]
