"""Context Encoder: the authors' networks and losses, and holes of any place and size made the middle."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from i2i_completion.context_encoder import ContextEncoder, weighted_l2
from i2i_completion.context_networks import CentreDiscriminator, ContextEncoderNetwork
from i2i_completion.placing import Square, mirrored, separate
from torch import nn

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.model import evaluating
from i2i.options import build
from i2i.picture import Picture
from i2i.testing import check_model, synthetic_batch
from i2i.translation import make_request, translate_picture

SPEC = i2i.DataSpec(channels={"image": 3}, image_size=(32, 32))
TINY = {"generator_width": 4, "discriminator_width": 4, "bottleneck_width": 12, "overlap": 1}


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return ContextEncoder(build(ContextEncoder.Options, TINY | options), spec)


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_numbers_of_weights_are_those_of_the_authors_code():
    with torch.device("meta"):
        net = ContextEncoderNetwork(3, 128)
        model = ContextEncoder(ContextEncoder.Options(), dataclasses.replace(SPEC, image_size=(128, 128)))
        assert count(ContextEncoderNetwork(3, 128, squeezed=100)) == 7_221_231
        assert count(CentreDiscriminator(3, 64)) == count(model.discriminator) == 2_766_529
    assert count(net) == count(model.generator) == 71_130_531
    assert count(net.encoder) + count(net.bottleneck[0].conv) == 35_596_064
    assert model.run_defaults["batch_size"] == 64


@pytest.mark.parametrize("size", [16, 64, 128, 256])
@pytest.mark.parametrize("bottleneck", ["conv", "channelwise"])
def test_the_middle_has_half_the_side(size, bottleneck):
    net = ContextEncoderNetwork(2, size, 4, bottleneck, 8).eval()
    assert net(torch.zeros(1, 2, size, size)).shape == (1, 2, size // 2, size // 2)
    assert CentreDiscriminator(2, size // 2, 4)(torch.zeros(3, 2, size // 2, size // 2)).shape == (3, 1, 1, 1)


def test_the_papers_bottleneck_connects_positions_within_channels_and_then_channels():
    net = ContextEncoderNetwork(3, 128, bottleneck="channelwise").bottleneck.eval()
    assert count(net) == 512 * (16 * 16 + 16) + 512 * 512 + 512 + 2 * 512
    net.mix = nn.Identity()
    with torch.no_grad():
        net.bias.fill_(5.0)  # above 0, where the activation is straight
        maps = torch.zeros(1, 512, 4, 4)
        one = net(maps)
        maps[0, 7, 1, 2] = 1
        changed = (net(maps) - one)[0]
    assert changed[7].count_nonzero() == 16
    assert changed.abs().sum() == changed[7].abs().sum()


class Told(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, given):
        return self.answer


def test_the_losses_are_the_authors(golden):
    case = golden.load("restoration_losses")["case"]
    flat = torch.arange(2 * 3 * 64, dtype=torch.float64)
    real = (0.5 + 0.5 * torch.sin(0.2 + 0.13 * flat)).view(2, 3, 8, 8)
    made = (0.5 + 0.5 * torch.sin(0.9 + 0.17 * flat)).view(2, 3, 8, 8)
    logits = torch.tensor(case["probabilities"]["fake_c"], dtype=torch.float64).logit()
    model = make(dataclasses.replace(SPEC, image_size=(16, 16)), overlap=0)
    model.generator, model.discriminator = Told(made), Told(logits)
    image = torch.nn.functional.pad(real, (4, 4, 4, 4))
    (asked,) = model.train_step({"image": image}, i2i.Progress(i2i.Phase("train"), 0, 1))
    wanted = case["context_encoder"]
    assert asked["generator"]["l2"].item() == pytest.approx(0.999 * wanted["l2"], rel=1e-9)
    assert sum(asked["generator"].values()).item() == pytest.approx(wanted["joint_G_w0.999"], rel=1e-9)
    twice = [nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, t)) for t in (1.0, 0.0)]
    assert asked["discriminator"]["gan"].item() == pytest.approx(sum(twice).item(), rel=1e-9)


def test_the_band_has_ten_times_the_gradient():
    made = torch.rand(2, 3, 16, 16, requires_grad=True)
    real = torch.rand(2, 3, 16, 16)
    weighted_l2(made, real, 4, 10.0).backward()
    plain = 2 * (made.detach() - real) / made.numel()
    ratio = made.grad / plain
    torch.testing.assert_close(ratio[:, :, 4:12, 4:12], torch.ones(2, 3, 8, 8))
    band = torch.ones(16, 16, dtype=torch.bool)
    band[4:12, 4:12] = False
    torch.testing.assert_close(ratio[..., band], torch.full_like(ratio[..., band], 10.0))


def test_rates_are_the_authors():
    model = make()
    optimizers = model.optimizers(i2i.Phase("train"))
    assert {name: each.param_groups[0]["lr"] for name, each in optimizers.items()} == {
        "generator": pytest.approx(2e-3),
        "discriminator": 2e-4,
    }
    assert optimizers["generator"].param_groups[0]["betas"] == (0.5, 0.999)
    assert list(make(pixel_weight=1.0).optimizers(i2i.Phase("train"))) == ["generator"]


def test_each_network_runs_once_a_picture():
    model, calls = make(), []
    model.generator.register_forward_hook(lambda *_: calls.append("generator"))
    model.discriminator.register_forward_hook(lambda *_: calls.append("discriminator"))
    phase = i2i.Phase("train")
    run_step(model, model.optimizers(phase), synthetic_batch(SPEC, 2), i2i.Progress(phase, 0, 9), Engine())
    assert calls == ["generator", *["discriminator"] * 2]


@pytest.mark.parametrize("options", [{}, {"bottleneck": "channelwise"}, {"pixel_weight": 1.0, "overlap": 0}])
def test_keeps_the_contract(options):
    check_model("context-encoder", **(TINY | options))


def test_keeps_the_contract_in_gray():
    check_model("context-encoder", spec=dataclasses.replace(SPEC, channels={"image": 1}), **TINY)


def seen_by(model):
    given = []
    model.generator.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    return given


def test_a_hole_of_the_size_it_was_taught_is_seen_as_in_training():
    model = make(overlap=2)  # hides 12 of 32 pixels
    given = seen_by(model)
    image = torch.rand(1, 3, 50, 70) * 2 - 1
    mask = torch.zeros(1, 1, 50, 70)
    mask[:, :, 20:32, 31:43] = 1
    with evaluating(model):
        filled = model.translate({"source": image, "mask": mask}, i2i.Request())
        expected = model.blank(image[:, :, 10:42, 21:53], model.hole(0))
        made = model.generator(expected)
    assert torch.equal(given[0], expected)
    torch.testing.assert_close(filled[:, :, 20:32, 31:43], made[:, :, 2:14, 2:14])
    assert torch.equal(filled[mask.expand_as(filled) == 0], image[mask.expand_as(image) == 0])


def test_holes_see_those_before_them_filled():
    model = make(overlap=2)
    given = seen_by(model)
    image, mask = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[:, :, 10:22, 10:22] = mask[:, :, 10:22, 25:37] = 1
    with evaluating(model):
        filled = model.translate({"source": image, "mask": mask}, i2i.Request())
    assert len(given) == 2
    fill = model.blank(image, mask)[0, :, 15, 15]
    assert torch.equal(given[0][0, :, 15, 27], fill)  # the second hole, beside the first
    torch.testing.assert_close(given[1][0, :, 15, 3], filled[0, :, 15, 18])  # the first one, filled by then


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (37, 50), (200, 33)])
@pytest.mark.parametrize(("bands", "dtype"), [(3, np.uint8), (1, np.uint16)])
def test_pictures_of_any_size_keep_what_is_known(size, bands, dtype):
    model = make()
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (*size[::-1], bands)).astype(dtype)
    hole = np.zeros(size[::-1], np.uint8)
    hole[size[1] // 2 :, : size[0] // 2 + 1] = 1
    hole[0, size[0] // 2] = 1
    asked = make_request(model, {})
    made = translate_picture(model, Picture(pixels, None, "PNG"), asked, companions={"mask": hole[..., None]})
    assert (made.pixels.dtype, made.pixels.shape) == (dtype, pixels.shape)
    assert (made.pixels[hole == 0] == pixels[hole == 0]).all()
    assert (made.pixels[hole == 1] != pixels[hole == 1]).any()


def test_what_was_made_is_blended_where_asked():
    model = make()
    image, mask = torch.full((1, 3, 40, 40), 0.5), torch.zeros(1, 1, 40, 40)
    mask[:, :, 10:24, 10:24] = 1
    with evaluating(model):
        plain, blended = (
            model.translate({"source": image, "mask": mask}, ContextEncoder.Request(blend=blend))
            for blend in ("none", "poisson")
        )
    assert (blended - image).abs().mean() < 0.5 * (plain - image).abs().mean()


def test_questions_hide_the_middle():
    model = make()
    image = synthetic_batch(SPEC, 1)["image"]
    asked = model.question({"image": image, "source": image})
    assert asked["mask"].sum() == 14 * 14
    assert asked["mask"][0, 0, 9:23, 9:23].all()
    assert asked["source"][0, :, 16, 16].tolist() == pytest.approx([2 * v / 255 - 1 for v in (117, 104, 123)])


def test_views_mirror_what_lies_beyond():
    assert mirrored(torch.arange(-3, 7), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert mirrored(torch.arange(-2, 3), 1).tolist() == [0] * 5
    picture = torch.arange(12.0).view(1, 1, 3, 4)
    assert Square(-1, 1, 3).view(picture, 3).tolist() == [[[[5, 6, 7], [1, 2, 3], [5, 6, 7]]]]
    mask = torch.zeros(1, 1, 5, 6)
    mask[..., 0, 0] = mask[..., 1, 1] = mask[..., 4, 3:] = 1
    found = [(hole.top, hole.left, hole.pixels.tolist()) for hole in separate(mask)]
    assert found == [(0, 0, [[True, False], [False, True]]), (4, 3, [[True, True, True]])]


@pytest.mark.parametrize(
    ("size", "overlap", "message"),
    [
        ((100, 100), 4, "a Context Encoder takes sides that are powers of two, and 100 is none; use --image-size 128"),
        ((8, 8), 1, "and 8 is none; use --image-size 16"),
        ((16, 16), 4, "--overlap 4 leaves nothing of the hole at 16 pixels; use --overlap 0"),
        ((32, 64), 4, "makes the middle of squares, and 64x32 is none; leave out --image-width"),
        ((64, 32), 4, "makes the middle of squares, and 32x64 is none; leave out --image-width"),
    ],
)
def test_sizes_that_cannot_be_halved_are_refused(size, overlap, message):
    with pytest.raises(ValueError, match=message):
        make(dataclasses.replace(SPEC, image_size=size), overlap=overlap)


def test_one_picture_at_a_time_is_too_few():
    phase = i2i.Phase("train")
    model = make()
    with pytest.raises(ValueError, match="use --batch-size 2 or more"):
        next(model.train_step(synthetic_batch(SPEC, 1), i2i.Progress(phase, 0, 9)))
