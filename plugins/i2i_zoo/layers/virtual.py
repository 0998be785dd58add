"""What a batch is compared with, put around networks of any family: a reference batch, and the batch itself."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from i2i_zoo.layers.batch import MinibatchDiscrimination
from i2i_zoo.layers.equalised import exact
from i2i_zoo.parts import Chance, Judged, wide

EPS = 1e-5


class VirtualNorm(nn.Module):
    """Normalise each of (N, C, ...) by a reference batch and itself; the first `count` of them are the reference.

    With means m and mean squares q of each channel, over the R of the reference and over one picture's places, a
    picture is normalised by m = m_own / (R + 1) + m_ref R / (R + 1) and the same of q, the reference by its own
    (Salimans et al., 2016, arXiv:1606.03498, section 3.5). So pictures do not depend on each other.
    """

    def __init__(self, like: nn.modules.batchnorm._BatchNorm, count: int) -> None:
        super().__init__()
        self.count = count
        self.weight, self.bias = like.weight, like.bias  # None, where it has none

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The condition is for norms that are told one where others are, and does nothing."""
        with exact(x):
            full = wide(x)
            places = list(range(2, x.dim()))
            own = full.mean(places, keepdim=True) if places else full
            squares = full.square().mean(places, keepdim=True) if places else full.square()
            mean, square = (self.mixed(each) for each in (own, squares))
            normal = (full - mean) * ((square - mean.square()).clamp_min(0) + EPS).rsqrt()
            if self.weight is not None:
                shape = [1, -1, *[1] * len(places)]
                normal = normal * self.weight.view(shape) + self.bias.view(shape)
            return normal.to(x.dtype)

    def mixed(self, own: Tensor) -> Tensor:
        """Each one's mean (N, C, ...), mixed with that of the reference."""
        reference = own[: self.count].mean(dim=0, keepdim=True)
        others = torch.lerp(reference, own[self.count :], 1 / (self.count + 1))
        return torch.cat([reference.expand_as(own[: self.count]), others])


class Referenced(nn.Module):
    """A generator that draws a reference batch beside what is asked for, for its norms to compare with."""

    def __init__(self, net: nn.Module, latents: Tensor, labels: Tensor | None) -> None:
        super().__init__()
        for layer in list(net.modules()):
            for name, child in layer.named_children():
                if isinstance(child, nn.modules.batchnorm._BatchNorm):
                    setattr(layer, name, VirtualNorm(child, len(latents)))
        self.net = net
        self.register_buffer("latents", latents)  # (R, Z)
        self.register_buffer("labels", labels)  # (R,) or None
        self.latents: Tensor
        self.labels: Tensor | None

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        told = None if labels is None or self.labels is None else torch.cat([self.labels, labels])
        images: Tensor = self.net(torch.cat([self.latents.to(z), z]), told, chance)
        return images[len(self.latents) :]


class Comparing(nn.Module):
    """A discriminator that also sees how close a picture is to the others of its batch, by their features.

    What minibatch discrimination finds has a linear function of its own, added to the logit: as if it had been appended
    to the features that the last layer gets. Where the logit is log sum exp of so many `classes`, it is added to theirs
    and the logit follows. Real and drawn pictures are then judged in batches of their own.
    """

    joint = False

    def __init__(self, net: nn.Module, features: int, kernels: int, size: int, classes: int = 0) -> None:
        super().__init__()
        self.net, self.by_classes = net, classes > 0
        self.closeness = MinibatchDiscrimination(features, kernels, size)
        self.head = nn.Linear(kernels, classes or 1, bias=False)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        says: Judged = self.net(images, labels)
        assert says.features is not None
        features = says.features.flatten(1)
        near = self.closeness(features)[:, features.shape[1] :]
        further = self.head(near)  # (N, 1), or (N, K)
        if not self.by_classes:
            return replace(says, logit=says.logit + further.squeeze(1))
        assert says.classes is not None
        classes = wide(says.classes) + further
        return replace(says, logit=classes.logsumexp(dim=1), classes=classes)
