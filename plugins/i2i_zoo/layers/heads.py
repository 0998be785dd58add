"""What a discriminator says of the features of a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i_zoo.layers.spectral import PLAIN, Kit
from i2i_zoo.parts import Judged, Shape, wide


class Head(nn.Module):
    """Judge pictures by features (N, F), in float32 at least.

    logit = linear(f), and with projection + <V_y, f>, V a table of classes (Miyato and Koyama, 2018, arXiv:1802.05637);
    a class of -1 is unknown and adds nothing. With `ac`, or as a `predictor`, it also names the class (Odena et al.,
    2017, arXiv:1610.09585); a predictor projects on the class that it names where that is unknown (Lucic et al., 2019,
    arXiv:1903.02271). With `turns` it tells by how many quarters a picture was turned (Chen et al., 2019,
    arXiv:1811.11212).
    """

    def __init__(
        self, features: int, to: Shape, kit: Kit = PLAIN, turns: bool = False, predictor: bool = False
    ) -> None:
        super().__init__()
        told = to.discriminator_conditioning
        self.linear = kit.linear(features, 1)
        self.embed = kit.embedding(to.classes, features) if told == "projection" else None
        self.classes = kit.linear(features, to.classes, bias=False) if told == "ac" or predictor else None
        self.turns = kit.linear(features, 4) if turns else None

    def forward(self, images: Tensor, features: Tensor, labels: Tensor | None) -> Judged:
        with torch.autocast(images.device.type, enabled=False):
            features = wide(features)
            logit = self.linear(features).squeeze(1)
            classes = None if self.classes is None else self.classes(features)
            if self.embed is not None and labels is not None:
                if classes is not None:
                    labels = torch.where(labels < 0, classes.argmax(dim=1), labels)
                likeness = (self.embed(labels.clamp_min(0)) * features).sum(dim=1)
                logit = logit + likeness * (labels >= 0)
            turns = None if self.turns is None else self.turns(features)
        return Judged(images, logit, labels, features, classes, turns)
