"""The figure of memorisation: which pictures a discriminator takes for real; and the features that a probe sees."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.model import TwoPlayer
from i2i_zoo.parts import Judged
from i2i_zoo.presets.style import PROGAN

from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec


def make(kind="images", **options):
    torch.manual_seed(0)
    defaults = {"architecture": "dcgan:width=2", "latent": "normal:4"}
    return TwoPlayer(build(TwoPlayer.Options, defaults | options), synthetic_spec(kind, 16)).eval()


class Known(torch.nn.Module):
    """Says of pictures it was shown that they are real, of others by how bright they are; turned round by `sign`."""

    def __init__(self, known, sign):
        super().__init__()
        self.known, self.sign = known, sign

    def forward(self, images, labels=None):
        seen = (images[:, None] == self.known[None]).flatten(2).all(dim=2).any(dim=1)
        return Judged(images, self.sign * torch.where(seen, 5.0, images.mean(dim=(1, 2, 3))))


@pytest.mark.parametrize("sign", [1, -1])  # of logits, and of energies
def test_held_back_pictures_are_taken_for_real_by_those_who_do_not_know_by_heart(sign):
    model = make()
    training, dark, bright = (torch.rand(6, 3, 16, 16) + shift for shift in (0, -1, 4.5))
    model.discriminator = Known(training, sign)
    said = model.diagnose([{"image": training[:4]}, {"image": training[4:]}], [{"image": dark}])
    assert said == {
        "taken for real, training": 1.0,
        "taken for real, held-back": 0.0,
        "taken for real, drawn": 0.0,
    }
    mixed = [{"image": torch.cat([dark[:3], bright[:1]])}]
    assert model.diagnose([{"image": training}], mixed)["taken for real, held-back"] == 0.25


def test_nothing_held_back_is_no_figure():
    assert make().diagnose([{"image": torch.zeros(2, 3, 16, 16)}], []) == {}


@pytest.mark.parametrize(
    ("conditioning", "architecture", "width"),
    [
        ("none", "dcgan:width=2", 4 * 16),
        ("concat+concat", "dcgan:width=2", 4 * 16),
        ("none+ac", "mlp:width=4", 8),
        ("none", "ebgan:width=2,code=5", 5),
        ("none", "stylegan2:width=4,mapping=1", None),
    ],
)
def test_a_probe_sees_features_and_the_figure_needs_no_labels_told(conditioning, architecture, width):
    objective = "ebgan" if "ebgan" in architecture else "kplus1" if "+ac" in conditioning else "ns"
    model = make("labelled", conditioning=conditioning, architecture=architecture, objective=objective)
    images = synthetic_batch(model.spec, 5, 0)["image"]  # no whole groups of four
    features = model.features(images)
    assert features.shape[0] == 5
    assert width is None or features.flatten(1).shape[1] == width
    batch = synthetic_batch(model.spec, 5, 0)
    assert len(model.diagnose([batch], [batch])) == 3


def test_what_has_not_grown_judges_pictures_of_its_size():
    options = {"architecture": "progan:width=4", "latent": "sphere:4"}
    torch.manual_seed(0)
    model = PROGAN(build(PROGAN.Options, options), synthetic_spec("images", 16)).eval()
    model.discriminator.levels.grow(1, 1.0)  # 8 pixels
    model.drawer().levels.grow(1, 1.0)
    images = torch.randn(5, 3, 8, 8)
    enlarged = images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)  # whose means of 2x2 are the same
    assert torch.equal(model.features(enlarged), model.features(images))
    taken = [model.diagnose([{"image": each}], [{"image": each}]) for each in (enlarged, images)]
    assert taken[0] == taken[1]
    assert len(taken[0]) == 3
