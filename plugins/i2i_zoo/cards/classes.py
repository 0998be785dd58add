"""Losses of classes and of features, which any recipe may add."""

from __future__ import annotations

from i2i_zoo import Part

IMPROVED = ("https://arxiv.org/abs/1606.03498", 2016)

PARTS = [
    Part(
        "regulariser",
        "ac",
        "i2i_zoo.objectives.classes:AuxiliaryClassifier",
        "The discriminator tells classes, and the generator draws what is told.",
        "https://arxiv.org/abs/1610.09585",
        2016,
    ),
    Part(
        "objective",
        "kplus1",
        "i2i_zoo.objectives.classes:ClassesAndFake",
        "The generated are a class more; few labels are enough.",
        *IMPROVED,
    ),
    Part(
        "regulariser",
        "feature-matching",
        "i2i_zoo.objectives.classes:FeatureMatching",
        "The generator matches means of the discriminator's features.",
        *IMPROVED,
    ),
    Part(
        "objective",
        "gan-cls",
        "i2i_zoo.objectives.classes:MismatchAware",
        "Real pictures under a wrong label are false, too.",
        "https://arxiv.org/abs/1605.05396",
        2016,
    ),
    Part(
        "regulariser",
        "rotation",
        "i2i_zoo.objectives.classes:Rotation",
        "The discriminator tells how pictures were turned.",
        "https://arxiv.org/abs/1811.11212",
        2018,
    ),
]
