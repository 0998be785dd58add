"""Strips between two seeds, and of sums of seeds: what each picture is drawn of, its title, its class."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from i2i_zoo.latents import Seeded
from i2i_zoo.methods.cogan import CoGAN
from i2i_zoo.methods.infogan import InfoGAN
from i2i_zoo.model import TwoPlayer
from i2i_zoo.presets.style import STYLEGAN2
from i2i_zoo.requests import Request, Term, read

from i2i.model import evaluating
from i2i.options import build
from i2i.sampling import draw_one, heading, rows_of, write
from i2i.testing import synthetic_spec

LABELLED, IMAGES = synthetic_spec("labelled", 16), synthetic_spec("images", 8)
FACES = "mean(1,2,3)-mean(4,5)+mean(6,7)"


def make(cls=TwoPlayer, spec=LABELLED, **options):
    torch.manual_seed(0)
    own = {"conditioning": "concat+concat"} if spec is LABELLED else {}
    model = cls(build(cls.Options, {"architecture": "dcgan:width=2", "latent": "normal:4"} | own | options), spec)
    return model.eval()


def styled():
    options = {"architecture": "stylegan2:width=4,mapping=2,group=2", "latent": "normal:4"}
    model = make(STYLEGAN2, IMAGES, **options)
    model.average.net.w_avg.normal_()
    return model


def seeded(*seeds, size=4):
    return [Seeded(seed).randn(1, size) for seed in seeds]


def test_sums_are_read():
    assert read(" 3 - mean( 1, 2 )+12") == [Term(1, (3,)), Term(-1, (1, 2)), Term(1, (12,))]
    assert read("-3") == [Term(-1, (3,))]
    assert [str(term) for term in read(FACES)] == ["mean(1,2,3)", "mean(4,5)", "mean(6,7)"]


@pytest.mark.parametrize(
    ("text", "end"),
    [("", ""), ("mean()", ""), ("1+", "+"), ("1 2", "2"), ("1--2", "--2"), ("2*3", "*3"), ("mean(1,2)-x", "-x")],
)
def test_what_is_no_sum_is_refused(text, end):
    ends = f', which ends with "{end}"' if end else ""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole sentence follows
        Request(arithmetic=text)
    told = 'add and subtract seeds and means of seeds: "mean(1,2,3) - mean(4,5) + 6"'
    assert str(refused.value) == f'--arithmetic is "{text}"{ends}; {told}'


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"between": (3, 7), "arithmetic": "3"}, "are a strip each; give one of them"),
        ({"at": 0.5}, "say between which seeds with --between 3 7"),
        ({"between": (3, -7)}, "--between is -7; give a number from 0 to 9223372036854775807"),
        ({"between": (3, 2**63)}, "--between is 9223372036854775808; give a number from 0 to 9223372036854775807"),
        ({"arithmetic": "9223372036854775808 + 1"}, "has the seed 9223372036854775808; give seeds of at most 92233"),
        ({"arithmetic": "mean(1, 99999999999999999999999)"}, "--arithmetic has the seed 99999999999999999999999; give"),
    ],
)
def test_requests_that_make_no_sense_are_refused(asked, said):
    with pytest.raises(ValueError, match=said):
        Request(**asked)


def test_a_strip_goes_from_one_seed_to_another():
    model = make(spec=IMAGES)
    (row,) = rows_of(model, model.Request(between=(3, 7), samples=5))
    assert [title for title, _ in row] == ["seed 3", "0.25", "0.50", "0.75", "seed 7"]
    a, b = seeded(3, 7)
    for place, (_, one) in enumerate(row):
        assert torch.equal(model.drawn_latent(one), model.latent.between(a, b, place / 4))
    assert torch.equal(draw_one(model, row[0][1]), draw_one(model, model.Request(seed=3)))
    assert torch.equal(draw_one(model, row[4][1]), draw_one(model, model.Request(seed=7)))
    assert torch.equal(draw_one(model, row[1][1]), draw_one(model, model.Request(between=(3, 7), at=0.25)))
    with pytest.raises(ValueError, match=r"give -n 8, or one with --at 0.5"):
        rows_of(model, model.Request(between=(3, 7)))


def test_a_sum_is_shown_with_its_parts():
    model = make(spec=IMAGES, latent="uniform:4,low=-9,high=9")
    (row,) = rows_of(model, model.Request(arithmetic=FACES, samples=8))
    assert [title for title, _ in row] == ["mean(1,2,3)", "- mean(4,5)", "+ mean(6,7)", FACES]
    z = [model.latent.draw(Seeded(seed), 1) for seed in range(8)]
    means = [sum(z[1:4]) / 3, (z[4] + z[5]) / 2, (z[6] + z[7]) / 2]
    expected = [*means, (means[0] - means[1] + means[2]).clamp(-9, 9)]
    for (_, one), latent in zip(row, expected, strict=True):
        assert torch.allclose(model.drawn_latent(one), latent, atol=1e-5)
    titles = [[t for t, _ in rows_of(model, model.Request(arithmetic=text))[0]] for text in ("mean(4,5)", "6", "-1+2")]
    assert titles == [["seed 4", "seed 5", "mean(4,5)"], ["6"], ["- seed 1", "+ seed 2", "-1+2"]]


def test_a_strip_has_one_class():
    model = make()
    for asked in ({"between": (3, 7), "samples": 3}, {"arithmetic": "3+7-5"}):
        (row,) = rows_of(model, model.Request(**asked))
        own = model.targets()[model.label(model.Request(seed=3))]
        assert {one.to for _, one in row} == {own}
        assert row[0][0] == f"{own}, seed 3"
        (row,) = rows_of(model, model.Request(to="dog", **asked))
        assert {one.to for _, one in row} == {"dog"}
    assert torch.equal(draw_one(model, row[0][1]), draw_one(model, model.Request(seed=3, to="dog")))


def test_truncated_latents_are_summed():
    model = make(spec=IMAGES, latent="normal:64")
    z = [model.latent.truncated(Seeded(seed), 1, 0.5) for seed in (1, 2)]
    whole = model.drawn_latent(model.Request(arithmetic="mean(1,2)", truncation=0.5))
    assert whole.norm().item() == pytest.approx((z[0].norm() + z[1].norm()).item() / 2, rel=1e-5)
    assert torch.nn.functional.cosine_similarity(whole, z[0] + z[1]).item() == pytest.approx(1, abs=1e-5)


def test_styles_are_joined_straight_then_mixed_and_truncated():
    model = styled()
    net = model.average.net
    w = [net.mapping(z) for z in seeded(3, 7, 9)]
    with torch.no_grad():
        half = model.styles(model.Request(between=(3, 7), at=0.5))
        assert torch.allclose(half, ((w[0] + w[1]) / 2).expand(1, 4, 4), atol=1e-6)
        sum_of = model.styles(model.Request(arithmetic="mean(3,7)-9", truncation=0.5, mix=9, crossing=2))
        whole = (w[0] + w[1]) / 2 - w[2]
        expected = net.w_avg + 0.5 * (torch.stack([whole, whole, w[2], w[2]], dim=1) - net.w_avg)
        assert torch.allclose(sum_of, expected, atol=1e-6)


def test_codes_are_set_in_a_strip_and_not_swept():
    model = make(InfoGAN, IMAGES, architecture="infogan:width=2", latent="codes:noise=3,categories=4,continuous=2")
    (row,) = rows_of(model, InfoGAN.Request(between=(3, 7), samples=3, code="1=2,3=0.5"))
    for _, one in row:
        _, told, numbers = model.latent.split(model.drawn_latent(one))
        assert told.tolist() == [[[0, 0, 1, 0]]]
        assert numbers[0, 1] == 0.5
    (row,) = rows_of(model, InfoGAN.Request(between=(3, 7), samples=3, code="3=-2..2"))
    with pytest.raises(ValueError, match=r"set one value: 3=0.5"):
        draw_one(model, row[0][1])


def test_a_pair_has_a_strip_each():
    model = make(CoGAN, IMAGES, architecture="cogan-conv:width=4", conditioning="none")
    rows = rows_of(model, model.Request(between=(3, 7), samples=2))
    assert [[title for title, _ in row] for row in rows] == [
        ["pictures, seed 3", "pictures, seed 7"],
        ["edges, seed 3", "edges, seed 7"],
    ]


def test_a_strip_is_written_as_one_picture(tmp_path):
    model = make(spec=IMAGES)
    files = write(model, model.Request(between=(3, 7), samples=3), tmp_path / "a")
    assert [file.name for file in files] == [f"row-01-column-{n:02}.png" for n in (1, 2, 3)] + ["strip.png"]


@pytest.mark.parametrize(
    ("asked", "flag"),
    [({"truncation": 0.5}, "truncation"), ({"between": (1, 2)}, "between"), ({"arithmetic": "1"}, "arithmetic")],
)
def test_a_latent_that_is_given_is_drawn_as_it_is(asked, flag):
    model = make(spec=IMAGES)
    (latent,) = seeded(3)
    with evaluating(model):
        given = model.translate({"latent": latent}, model.Request(seed=8))
        assert torch.equal(given, model.translate({}, model.Request(seed=3)))
        with pytest.raises(ValueError, match=f"^--latent and --{flag} both say which latent is drawn; leave --{flag}"):
            model.translate({"latent": latent}, model.Request(**asked))
        with pytest.raises(ValueError, match=f"^--like and --{flag} both say"):
            model.find({"like": torch.zeros(1, 3, 8, 8)}, model.Request(**asked))


def test_what_says_which_latent_is_drawn_is_a_field():
    for model in (TwoPlayer, InfoGAN, STYLEGAN2):
        fields = {field.name for field in dataclasses.fields(model.Request)}
        assert set(model.Request.of_latents) <= fields
    assert {"truncation_layers", "mix"} <= set(STYLEGAN2.Request.of_latents)
    assert "code" in InfoGAN.Request.of_latents


def test_the_heading_of_a_strip_says_what_its_titles_do_not():
    model = make()
    for asked, words in (
        ({"between": (3, 7), "samples": 3, "to": "dog", "truncation": 0.5}, "truncation 0.5, between 3 7"),
        ({"arithmetic": FACES, "to": "dog", "seed": 8}, ""),
        ({"arithmetic": "3+7-5", "to": "dog", "seed": 8, "truncation": 1.5}, "truncation 1.5"),
    ):
        request = model.Request(**asked)
        (row,) = rows_of(model, request)
        assert heading(request, row) == words
    assert heading(styled().Request(mix=7, crossing=2)) == "mix 7, crossing 2"
    swept = InfoGAN.Request(code="3=-2..2")
    assert heading(swept, [("seed 0, 3=-2", swept), ("seed 0, 3=2", swept)]) == "code 3=-2..2"
