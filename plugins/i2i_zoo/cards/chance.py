"""Latents, averages and curves: what any recipe may choose from."""

from __future__ import annotations

from i2i_zoo import Part

PARTS = [
    Part("latent", "normal", "i2i_zoo.latents:Normal", "From N(0, 1)."),
    Part("latent", "uniform", "i2i_zoo.latents:Uniform", "From U(low, high), by default U(-1, 1)."),
    Part("latent", "sphere", "i2i_zoo.latents:Sphere", "From the sphere of radius sqrt(size)."),
    Part("latent", "bernoulli", "i2i_zoo.latents:Bernoulli", "Zeros and ones."),
    Part("latent", "censored", "i2i_zoo.latents:Censored", "From N(0, 1), what is negative set to 0."),
    Part("average", "constant", "i2i_zoo.averaging:Constant", "The same decay at each update."),
    Part("average", "half-life", "i2i_zoo.averaging:HalfLife", "Half is kept after so many thousand pictures."),
    Part("curve", "constant", "i2i_zoo.curves:constant", "A learning rate that stays."),
    Part("curve", "linear", "i2i_zoo.curves:linear", "Falls to 0 in a line."),
    Part("curve", "halving", "i2i_zoo.curves:halving", "Is halved at equal distances."),
    Part("curve", "exponential", "i2i_zoo.curves:exponential", "Falls by as large a factor in every step."),
]
