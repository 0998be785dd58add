"""The search for a latent: it finds what the generator drew itself, strokes pull where they cover, nothing is left."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo import projection
from i2i_zoo.biggan import BigGAN
from i2i_zoo.methods.infogan import InfoGAN
from i2i_zoo.methods.vae import Autoencoder
from i2i_zoo.model import TwoPlayer
from i2i_zoo.presets.style import STYLEGAN2

from i2i.options import build
from i2i.sampling import draw_one
from i2i.search import search
from i2i.testing import synthetic_spec


def make(cls=Autoencoder, kind="images", **options):
    torch.manual_seed(0)
    spec = synthetic_spec(kind, 8)
    return cls(
        build(cls.Options, {"width": 32, "latent": "normal:6"} | options if cls is Autoencoder else options), spec
    )


def spread(model):
    """The same, whose weights are large enough to draw pictures that differ."""
    with torch.no_grad():
        for weights in model.generator.parameters():
            weights.mul_(4)
    return model


def styled():
    model = make(STYLEGAN2, architecture="stylegan2:width=8,mapping=2,group=2", latent="normal:8", average="none")
    with torch.no_grad():
        model.generator.mapping.w_avg.copy_(model.generator.mapping(torch.randn(500, 8)).mean(dim=0))
    return model


def infogan():
    latent = "codes:noise=2,categories=3,continuous=2"
    return spread(make(InfoGAN, architecture="infogan:width=4", latent=latent))


def test_distances_are_means_of_squares_over_a_pyramid():
    images, wanted = 2 * torch.rand(2, 3, 4, 4) - 1, 2 * torch.rand(1, 3, 4, 4) - 1
    levels = [(F.adaptive_avg_pool2d(images - wanted, side)).square().mean(dim=(1, 2, 3)) for side in (4, 2, 1)]
    assert torch.allclose(projection.distance(images, wanted, torch.ones(1, 1, 4, 4)), sum(levels) / 3)
    odd = projection.distance(torch.full((1, 1, 5, 3), 0.5), torch.zeros(1, 1, 5, 3), torch.full((1, 1, 5, 3), 0.2))
    assert odd.item() == pytest.approx(0.25)  # of every level, whatever the weight


def test_what_is_whiter_than_white_is_white():
    images = torch.tensor([3.0, 3.0, -3.0]).view(3, 1, 1, 1)
    wanted = torch.tensor([1.0, 0.5, 1.0]).view(3, 1, 1, 1)
    assert projection.distance(images, wanted, torch.ones(1, 1, 1, 1)).tolist() == [0.0, 6.25, 16.0]


def test_distances_see_what_has_a_weight_alone():
    images, wanted = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    images[..., :2, :2], images[..., 2:, 2:] = 1.0, 9.0
    weight = torch.zeros(1, 1, 4, 4)
    weight[..., :2, :] = 1.0  # a block that differs by 1, and one that does not
    levels = [0.5, 0.5, 0.25]  # of pixels, of blocks, and of their mean
    assert projection.distance(images, wanted, weight).item() == pytest.approx(sum(levels) / 3, rel=1e-4)
    assert projection.distance(images, wanted, torch.zeros(1, 1, 4, 4)).item() == 0.0


@pytest.mark.parametrize(
    ("make_model", "share"),
    [(lambda: spread(make()), 0.02), (styled, 0.02), (infogan, 0.05)],
    ids=["plain", "styled", "codes"],
)
def test_a_picture_that_was_drawn_is_found(make_model, share):
    model = make_model().eval()
    wanted = {"like": draw_one(model, model.Request(seed=1234))[None]}
    request = model.Request(search_steps=200)
    told = []
    state = {key: value.clone() for key, value in model.state_dict().items()}
    result = search(model, wanted, request, lambda *step: told.append(step))
    assert [step[:2] for step in told] == [(number, 200) for number in range(1, 201)]
    assert result.distance < share * told[0][2]  # which is that of the best of the starts
    assert tuple(result.latent.shape[1:]) == model.latent_shape
    found = draw_one(model, request, {"latent": result.latent})[None]
    drawn = projection.distance(found, wanted["like"], torch.ones_like(found[:, :1]))
    assert drawn.item() == pytest.approx(result.distance, rel=1e-3, abs=1e-6)
    assert torch.allclose(model.kept(result.latent), result.latent, atol=1e-5)
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())
    assert all(weights.requires_grad and weights.grad is None for weights in model.parameters())


def test_a_search_is_its_seeds():
    model = spread(make())
    wanted = {"like": draw_one(model, model.Request(seed=7))[None]}
    one, again, other = (search(model, wanted, model.Request(seed=s, search_steps=20)) for s in (0, 0, 5))
    assert torch.equal(one.latent, again.latent)
    assert not torch.equal(one.latent, other.latent)


def test_a_stroke_pulls_what_it_covers():
    model = spread(make(width=64, latent="normal:32"))
    picture = draw_one(model, model.Request(seed=2))[None]
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :2, :2] = 1.0
    stroke = -picture.mean(dim=(2, 3), keepdim=True).sign().expand_as(picture)
    request = model.Request(search_steps=200)
    wanted = {"like": picture}
    found = [
        draw_one(model, request, {"latent": search(model, asked, request).latent})[None]
        for asked in (wanted, wanted | {"stroke": stroke, "mask": mask})
    ]
    changed = (found[1] - found[0]).abs().mean(dim=1, keepdim=True)
    covered, rest = (changed * mask).sum() / mask.sum(), (changed * (1 - mask)).sum() / (1 - mask).sum()
    assert covered > 1.5 * rest
    nearer = [projection.distance(each, stroke, mask).item() for each in found]
    assert nearer[1] < 0.7 * nearer[0]


def test_a_stroke_is_held_near_what_was_found():
    drawn = []

    def draw(latents):
        drawn.append(latents.detach())
        return latents[:, :, None, None].expand(-1, -1, 2, 2)

    starts = torch.linspace(-1, 1, 32)[:, None]
    wanted = {"like": torch.zeros(1, 1, 2, 2), "mask": torch.ones(1, 1, 2, 2), "stroke": torch.ones(1, 1, 2, 2)}
    steps = list(projection.search(draw, lambda z: z, starts, wanted, 400))
    variance = starts.var().item()
    held = variance / (variance + projection.HOLD)  # the least of (z - 1)^2 + hold z^2 / variance
    assert drawn[-1].item() == pytest.approx(held, abs=0.01)
    assert steps[199][2] == pytest.approx(1.0, abs=0.05)  # before, it told how far the stroke is from what it found


def test_a_class_is_kept_through_a_search():
    model = make(TwoPlayer, "labelled", architecture="dcgan:width=4", latent="uniform:4", conditioning="concat+concat")
    fox = draw_one(model, model.Request(seed=3, to="fox"))[None]
    found = {to: search(model, {"like": fox}, model.Request(to=to, search_steps=60)) for to in ("fox", "cat")}
    assert found["fox"].distance < found["cat"].distance
    assert found["fox"].latent.abs().max() <= 1


def test_a_search_draws_with_standing_statistics():
    options = {"architecture": "biggan:width=2", "conditioning": "shared+projection", "latent": "normal:8"}
    torch.manual_seed(0)
    model = BigGAN(build(BigGAN.Options, options), synthetic_spec("labelled", 32)).eval()
    request = model.Request(search_steps=4, standing=2)
    wanted = {"like": draw_one(model, model.Request(seed=3, standing=2))[None]}
    result = search(model, wanted, request)
    found = draw_one(model, request, {"latent": result.latent})[None]
    assert projection.distance(found, wanted["like"], torch.ones(1, 1, 32, 32)).item() == pytest.approx(
        result.distance, rel=1e-3
    )


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize("stroke", [False, True])
def test_a_search_takes_no_more_steps_than_asked(steps, stroke):
    model = make()
    like = torch.zeros(1, 3, 8, 8)
    wanted = {"like": like} | ({"stroke": like + 1, "mask": like[:, :1] + 1} if stroke else {})
    told = [step[:2] for step in itertools.islice(model.find(wanted, model.Request(search_steps=steps)), 10)]
    assert told == [(number, steps) for number in range(1, steps + 1)]
