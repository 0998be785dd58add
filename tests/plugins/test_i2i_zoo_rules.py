"""What the zoo refuses, with the reason and what to type; how parts are spelt; what latents are."""

from __future__ import annotations

import math
import re
import typing
import warnings
from types import SimpleNamespace

import i2i_zoo
import pytest
import torch
from i2i_zoo import rules, spelling
from i2i_zoo.latents import Seeded
from i2i_zoo.model import TwoPlayer
from i2i_zoo.parts import Element, Weight

from i2i import DataSpec
from i2i.options import build
from i2i.testing import synthetic_spec

TINY = {"architecture": "dcgan:width=2", "latent": "normal:4"}


def make(spec=None, **options):
    torch.manual_seed(0)
    return TwoPlayer(build(TwoPlayer.Options, TINY | options), spec or synthetic_spec("images", 16))


ATTRIBUTES = DataSpec(("a", "b"), {"image": 3}, (16, 16), num_labels=2, extra={"labels": "attributes"})
LABELLED = synthetic_spec("labelled", 16)
SQUARES = synthetic_spec("images", 32)


@pytest.mark.parametrize(
    ("spec", "options", "reason"),
    [
        (
            None,
            {"gradient_penalty": "gp"},
            "--gradient-penalty gp differentiates pictures one by one, and this .* norm=la",
        ),
        (None, {"gradient_penalty": "r1"}, "--gradient-penalty r1 differentiates pictures one by one"),
        (None, {"conditioning": "concat+concat"}, "needs pictures with classes: .* use --conditioning none"),
        (ATTRIBUTES, {"conditioning": "concat+concat"}, "needs pictures with classes: .* use --conditioning none"),
        (LABELLED, {"conditioning": "concat"}, "is concat; name the generator's and the discriminator's"),
        (
            LABELLED,
            {"conditioning": "concat+projection"},
            "cannot be told the class by projection; they can by ac, con",
        ),
        (LABELLED, {"conditioning": "none+concat"}, "of generated pictures, and these have none; name what the gene"),
        (None, {"generator_draws": 2, "reuse": True}, "use --generator-draws 1 or --no-reuse"),
        (None, {"average": "constant:1"}, "--average has decay=1; give"),
        (None, {"average": "half-life:kimg=0"}, "--average has kimg=0"),
        (None, {"latent": "normal:0"}, "a latent of 0 numbers"),
        (None, {"latent": "uniform:4,low=2"}, "from 2.0 to 1.0 is empty"),
        (None, {"lr_curve": "exponential:end=0"}, "end=0.*; give more than 0"),
        (None, {"lr_curve": "linear:start=2"}, r"start=2.0\) is outside 0-1"),
        (None, {"regularisers": "clip:bound=0"}, "clip:bound=0 leaves nothing"),
        (None, {"regularisers": "clip+clip"}, "--regularisers names clip twice"),
        (None, {"gradient_penalty": "r1:gamma=1+r1:gamma=2"}, "--gradient-penalty names r1 twice; name it once"),
        (None, {"gradient_penalty": "r1:gamma=-1"}, "weight=-1,every=1 cannot be"),
        (DataSpec((), {"image": 3}, (20, 18)), {}, "use --image-size 20"),
    ],
)
def test_what_makes_no_sense_is_refused(spec, options, reason):
    with pytest.raises(ValueError, match=reason):
        make(spec, **options)


BELOW_0 = {"lsgan": {"a", "b", "c"}, "uniform": {"low"}, "ada": {"target"}}  # numbers for which that makes sense
BY_SIZE = {"attention"}  # refused where networks are built, as it depends on the size of pictures


@pytest.mark.parametrize(("axis", "name"), sorted(spelling.parts()))
def test_no_part_takes_a_number_that_makes_no_sense(axis, name):
    for key, number in spelling._taken(spelling._load(spelling.parts()[axis, name])).items():
        numeric = {int, float} & {number.annotation, *typing.get_args(number.annotation)}
        if numeric and key not in BELOW_0.get(name, set()) | BY_SIZE:
            for value in ("-1", "nan", "inf"):
                with pytest.raises(ValueError, match=r"give|needs|is empty"):
                    spelling.make(axis, f"{name}:{key}={value}", "--option")


@pytest.mark.parametrize(
    ("axis", "text", "reason"),
    [
        ("objective", "lsgan:scale=-1", "--option lsgan:scale=-1: scale is -1; give 0 or more"),
        ("regulariser", "ac:real=1,fake=-0.5", "--option ac:real=1,fake=-0.5: fake is -0.5; give 0 or more"),
        ("objective", "ns:1,d_scale=-2", "--option ns:1,d_scale=-2: d_scale is -2; give 0 or more"),
        ("architecture", "mlp-maxout:dropout=1.5", "dropout is 1.5; give 0 or more, and 1 at most"),
        ("architecture", "stylegan2:multiplier=0", "multiplier is 0; give more than 0"),
        ("average", "constant:0.9,start=-3", "--average has start=-3; give 0 or more"),
        ("curve", "halving:-2", "--lr-curve has times=-2; give 0 or more"),
    ],
)
def test_a_number_that_makes_no_sense_is_said(axis, text, reason):
    with pytest.raises(ValueError, match=f"{re.escape(reason)}$"):
        spelling.make(axis, text, "--option")


def test_what_makes_sense_is_not_refused():
    assert spelling.make("objective", "lsgan:a=-1,b=1,c=0,scale=0", "").a == -1
    assert spelling.make("objective", "ns:smooth=1", "").smooth == 1
    assert spelling.make("architecture", "mlp-maxout:dropout=0", "").dropout == 0
    make(architecture="dcgan:width=2,norm=layer", gradient_penalty="gp+r1:every=4")
    make(LABELLED, architecture="mlp:width=2", conditioning="concat+ac", regularisers="ac", gradient_penalty="r1")
    assert make(LABELLED).targets() == ()
    assert make(LABELLED, conditioning="concat+none").targets() == ("cat", "dog", "fox")


class Wishing(Element):
    """Needs what a test says."""

    def __init__(self, needs=(), forbids=()):
        super().__init__()
        self.needs, self.forbids = frozenset(needs), frozenset(forbids)


ARCHITECTURE = re.compile(r"an --architecture .*: (.+)$|--architecture (.+)$")


@pytest.mark.parametrize("word", [word for word, said in rules.WORDS.items() if "--architecture" in said])
def test_the_architectures_that_a_need_names_meet_it(word):
    found = ARCHITECTURE.search(rules.WORDS[word])
    for text in (found[1] or found[2]).split(", "):
        made = spelling.make("architecture", text, "--architecture")
        assert word in made.gives or (word == "logit" and "energy" not in made.gives), text


@pytest.mark.parametrize("word", rules.WORDS)
def test_every_need_says_what_to_do(word):
    with pytest.raises(ValueError, match=r"^--objective x needs .*(--|kind labelled)"):
        rules.check_elements({"--objective x": Wishing({word})}, frozenset())
    rules.check_elements({"--objective x": Wishing({word})}, frozenset({word}))


@pytest.mark.parametrize("word", [*rules.REASONS, "what a stranger forbids"])
def test_everything_forbidden_says_why(word):
    with pytest.raises(ValueError, match=r"^--objective x \w+"):
        rules.check_elements({"--objective x": Wishing((), {word})}, frozenset({word}))


def test_what_networks_offer():
    def has(**options):
        model = make(LABELLED, **options)
        return rules.offered(model.architecture, model.discriminator, model.shape)

    assert has() == {"features", "labels", "logit", rules.BATCH_NORM}
    told = has(architecture="dcgan:width=2,norm=none", conditioning="concat+ac", regularisers="ac")
    assert told == {"features", "labels", "logit", "asked", "classes"}
    assert has(conditioning="concat+concat") >= {"asked", "told"}


@pytest.mark.parametrize("objective", ["rs", "rs-ls", "rs-hinge:scale=2"])
def test_pairs_need_as_many_generated_pictures_as_real_ones(objective):
    with pytest.raises(ValueError, match=rf"^--objective {objective} pairs each .*; use --generator-draws 1$"):
        make(objective=objective, generator_draws=2)


def test_what_is_known_to_fail_is_said():
    with pytest.warns(UserWarning, match="^--regularisers clip: .*--optimizer rmsprop"):
        make(objective="wgan", regularisers="clip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(objective="wgan", regularisers="clip", optimizer="rmsprop")
        make(weight_decay=0.1)
        make(SQUARES, architecture="resnet:width=2")
        make(SQUARES, architecture="resnet:width=2,spectral=none", weight_decay=0.1)
    with pytest.warns(UserWarning, match=r"^--weight-decay 0.1: spectral norm .* use --weight-decay 0$"):
        make(SQUARES, architecture="resnet:width=2", weight_decay=0.1)


def test_what_sees_its_own_part_of_the_batch_alone_says_why():
    alone = Wishing()
    alone.couples, alone.gathers = "it asks for names.", False
    gathered = Wishing()
    gathered.couples = "its means are over the batch"
    with pytest.warns(UserWarning, match="names") as told:
        rules.say_exempt({"--regularisers names": alone, "--objective x": gathered}, 2)
    assert [str(one.message) for one in told] == [
        "--regularisers names sees each device's part of the batch alone: it asks for names."
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rules.say_exempt({"--regularisers names": alone}, 1)


def test_parts_are_spelt_with_their_numbers():
    penalty = spelling.make("penalty", "gp:5,sides=one", "")
    assert (penalty.weight, penalty.sides, penalty.every) == (5.0, "one", 1)
    latent = spelling.make("latent", "uniform:7,high=2", "")
    assert (latent.size, latent.low, latent.high) == (7, -1.0, 2.0)
    assert list(spelling.make_all("penalty", "gp + r1:every=2", "--gradient-penalty")) == [
        "--gradient-penalty gp",
        "--gradient-penalty r1:every=2",
    ]
    assert spelling.make_all("penalty", "none", "") == {}


def test_numbers_are_what_a_part_says_they_are(monkeypatch):
    def plain(weight, bold=False, times=2, name="a", scale=Weight(1.0)):  # noqa: B008
        return weight, bold, times, name, scale

    part = i2i_zoo.Part("objective", "plain", "of_tests:plain", "Plain.")
    monkeypatch.setattr(spelling, "parts", lambda: {("objective", "plain"): part})
    monkeypatch.setattr(spelling, "import_module", lambda name: SimpleNamespace(plain=plain))
    assert spelling.make("objective", "plain:x,true,3,name=7,scale=2", "") == ("x", True, 3, "7", 2.0)
    for text, reason in (("plain:1,maybe", "true or false"), ("plain", "lacks weight; write it as plain:weight=1$")):
        with pytest.raises(ValueError, match=reason):
            spelling.make("objective", text, "--objective")


@pytest.mark.parametrize(
    ("axis", "text", "error", "reason"),
    [
        ("objective", "hing", LookupError, '--x is hing, and there is no objective "hing"; did you mean "hinge"?'),
        ("objective", "", LookupError, '--x is "", where a name is missing; choose began, ebgan, '),
        ("penalty", ":weight=1", LookupError, '--x is ":weight=1", where a name is missing; choose dragan, '),
        ("penalty", "gp:wieght=1", LookupError, 'there is no place for "wieght=1"; it takes weight, sides'),
        ("penalty", "r1:1,2,3", LookupError, 'there is no place for "3"; it takes gamma, every'),
        ("penalty", "gp:weight=1,weight=2", LookupError, 'no place for "weight=2"'),
        ("objective", "hinge:2", LookupError, 'no place for "2"; it takes no numbers'),
        ("penalty", "gp:weight=x", ValueError, "weight is x; give a number"),
        ("penalty", "gp:weight=nan", ValueError, "weight is nan; give a finite number"),
        ("penalty", "r1:every=1.5", ValueError, "every is 1.5; give a whole number"),
        ("penalty", "gp:sides=three", ValueError, "sides is three; choose two or one or zero"),
    ],
)
def test_what_is_misspelt_is_said(axis, text, error, reason):
    with pytest.raises(error) as caught:
        spelling.make(axis, text, "--x")
    assert reason in str(caught.value)


@pytest.mark.parametrize(("given", "read"), [("", ""), ("+", ""), ("clip+", "clip+"), ("clip++ortho", "clip++ortho")])
def test_a_list_that_lacks_a_name_is_refused(given, read):
    said = (
        rf'^--regularisers is "{re.escape(read)}", where a name is missing; choose ac, clip, .*, virtual-norm, or none$'
    )
    with pytest.raises(LookupError, match=said):
        make(regularisers=given)


@pytest.mark.parametrize(
    ("text", "mean", "deviation"),
    [
        ("normal:1000", 0, 1),
        ("sphere:1000", 0, 1),
        ("uniform:1000", 0, 3**-0.5),
        ("uniform:1000,low=0", 0.5, 12**-0.5),
        ("bernoulli:1000", 0.5, 0.5),
        ("censored:1000", (2 * math.pi) ** -0.5, math.sqrt(0.5 - 0.5 / math.pi)),
    ],
)
def test_latents_have_their_distribution(text, mean, deviation):
    latent = spelling.make("latent", text, "")
    z = latent.draw(Seeded(0), 100)
    assert z.shape == (100, 1000)
    assert (z.mean().item(), z.std().item()) == pytest.approx((mean, deviation), abs=0.01)
    assert torch.equal(z, latent.draw(Seeded(0), 100))
    assert not torch.equal(z, latent.draw(Seeded(1), 100))
    if text.startswith("sphere"):
        assert z.norm(dim=1).tolist() == pytest.approx([math.sqrt(1000)] * 100)


@pytest.mark.parametrize("text", ["normal:100", "uniform:100", "censored:100"])
def test_truncation_keeps_to_the_middle(text):
    latent = spelling.make("latent", text, "")
    spreads = [latent.truncated(Seeded(0), 50, limit).abs().max().item() for limit in (0.2, 0.5, 1.0)]
    assert all(spread <= limit for spread, limit in zip(spreads, (0.2, 0.5, 1.0), strict=True))
    assert sorted(spreads) == spreads
    assert latent.truncated(Seeded(0), 50, 0.5).std() > 0.1


def test_truncation_needs_a_middle():
    for text, limit in (("sphere:4", 1.0), ("bernoulli:4", 1.0), ("normal:400", 1e-6)):
        with pytest.raises(ValueError, match=r"^--truncation"):
            spelling.make("latent", text, "").truncated(Seeded(0), 2, limit)


def test_between_two_latents_are_likely_ones():
    latent = spelling.make("latent", "normal:1000", "")
    a, b = latent.draw(Seeded(0), 2), latent.draw(Seeded(1), 2)
    for share in (0.0, 0.3, 0.5, 1.0):
        length = latent.between(a, b, share).norm(dim=1) / math.sqrt(1000)
        assert length.tolist() == pytest.approx([1, 1], abs=0.05)
    assert torch.allclose(latent.between(a, b, 0.0), a, atol=1e-5)
    assert torch.allclose(latent.between(a, b, 1.0), b, atol=1e-5)
    assert torch.allclose(latent.between(a, a, 0.5), a, atol=1e-5)
    uniform = spelling.make("latent", "uniform:3", "")
    assert torch.equal(uniform.between(torch.zeros(1, 3), torch.ones(1, 3), 0.25), torch.full((1, 3), 0.25))


def test_batches_of_one_are_refused_where_nothing_is_left_of_them():
    phase = make().phases()[0]
    make(architecture="dcgan:width=2").check_batch(phase, 1)  # has pixels to compare
    perceptrons = make(architecture="mlp:width=4")
    perceptrons.check_batch(phase, 2)
    with pytest.raises(ValueError, match=r"^batch norm compares samples, and a batch has 1; use --batch-size 2$"):
        perceptrons.check_batch(phase, 1)
    make(architecture="mlp:width=4,norm=none").check_batch(phase, 1)
