"""Losses of classes, features and turns: the reference's numbers, what is unknown, and who is asked what."""

from __future__ import annotations

import copy
import warnings
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Moment
from i2i_zoo.objectives.classes import cross_entropy, evidence
from i2i_zoo.parts import Judged
from i2i_zoo.presets.early import GAN, IMPROVEDDCGAN
from i2i_zoo.presets.few_labels import S2GANCO

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

TINY = {"architecture": "dcgan:width=2,norm=layer", "latent": "normal:4"}


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def judged(logits=None, **said):
    count = len(next(iter(said.values()))) if said else len(logits)
    logits = torch.zeros(count, dtype=torch.float64) if logits is None else logits
    return Judged(torch.zeros(count, 1, 1, 1), logits, **said)


@pytest.fixture
def composite(golden):
    return golden.load("zoo_composite")


@pytest.fixture
def logits(golden):
    data = golden.load("zoo_objectives")
    return tensor(data["real_logits"]), tensor(data["fake_logits"])


def test_the_auxiliary_classifier_equals_the_reference(composite, logits):
    data, labels = composite["acgan"], torch.tensor(composite["acgan"]["labels"])
    real, fake = (judged(classes=tensor(data[f"class_logits_{key}"]), labels=labels) for key in ("real", "fake"))
    gan = spelling.make("objective", "ns", "")
    ac = spelling.make("regulariser", "ac", "")
    terms = ac.discriminator(None, real, fake)
    assert terms["classes"].item() == pytest.approx(data["ce_real"], rel=1e-10)
    assert terms["drawn_classes"].item() == pytest.approx(data["ce_fake"], rel=1e-10)
    both = gan.d(*logits) + sum(terms.values())
    assert both.item() == pytest.approx(data["d_loss_paper"], rel=1e-10)
    drawn = gan.g(logits[1], None) + sum(ac.generator(None, fake, None).values())
    assert drawn.item() == pytest.approx(data["g_loss_paper"], rel=1e-10)
    half = spelling.make("regulariser", "ac:fake=0,generator=0.1", "")
    real_only = gan.d(*logits) + sum(half.discriminator(None, real, fake).values())
    assert real_only.item() == pytest.approx(data["d_loss_real_ce_only"], rel=1e-10)
    assert half.generator(None, fake, None)["classes"].item() == pytest.approx(0.1 * data["ce_fake"], rel=1e-10)


@pytest.mark.parametrize(("text", "classes", "told"), [("ac", 101, 1), ("ac", 100, 0), ("ac:fake=0", 101, 0)])
def test_many_classes_of_drawn_pictures_are_warned_of(text, classes, told):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spelling.make("regulariser", text, "").adapt(SimpleNamespace(shape=SimpleNamespace(classes=classes)))
    assert ["ac:fake=0" in str(each.message) for each in caught] == [True] * told


def test_unknown_classes_do_not_count():
    classes = torch.randn(3, 4, requires_grad=True)
    known = cross_entropy(classes, torch.tensor([2, -1, 0]))
    assert known.item() == pytest.approx(cross_entropy(classes[[0, 2]], torch.tensor([2, 0])).item())
    nothing = cross_entropy(classes, torch.tensor([-1, -1, -1]))
    assert nothing.item() == 0
    assert not torch.autograd.grad(nothing, classes)[0].any()


def test_a_class_more_equals_the_reference(composite):
    data = composite["ssl_k_plus_1"]
    labelled = judged(classes=tensor(data["labelled_logits"]), labels=torch.tensor(data["labels"]))
    unlabelled = judged(classes=tensor(data["unlabelled_logits"]), labels=torch.full((4,), -1))
    generated = judged(classes=tensor(data["generated_logits"]))
    kplus1 = spelling.make("objective", "kplus1", "")
    assert kplus1.discriminator(None, labelled, generated)["classes"].item() == pytest.approx(
        data["loss_supervised"], rel=1e-10
    )
    terms = kplus1.discriminator(None, unlabelled, generated)
    assert terms["gan"].item() == pytest.approx(data["loss_unsupervised_half"], rel=1e-10)
    assert terms["classes"] == 0
    assert evidence(unlabelled).sigmoid().tolist() == pytest.approx(data["D_of_unlabelled"], rel=1e-10)
    # The generator's is CE with an extra logit of 0: -log of all but the last class.
    extra = torch.cat([generated.classes, torch.zeros(4, 1)], dim=1).softmax(dim=1)
    by_hand = -(1 - extra[:, -1]).log().mean()
    assert kplus1.generator(None, generated, None)["gan"].item() == pytest.approx(by_hand.item(), rel=1e-10)
    assert spelling.make("objective", "kplus1:generator=none", "").generator(None, generated, None) == {}


@pytest.mark.parametrize("smooth", [0.0, 1.5])
def test_labels_are_smoothed_to_between_0_and_1(smooth):
    with pytest.raises(ValueError, match=f"smooth is {smooth:g}; give between 0 and 1"):
        spelling.make("objective", f"kplus1:smooth={smooth}", "")


@pytest.mark.parametrize("smooth", [1.0, 0.9])
def test_one_sided_smoothing_is_of_what_is_real_alone(smooth):
    """Cross-entropies of K + 1 classes, the last of them generated, where real pictures are real by `smooth`."""
    torch.manual_seed(0)
    real, fake = (judged(classes=torch.randn(5, 3).double(), labels=torch.full((5,), -1)) for _ in range(2))
    odds = [torch.cat([each.classes, torch.zeros(5, 1)], dim=1).softmax(dim=1)[:, -1] for each in (real, fake)]
    by_hand = -(smooth * (1 - odds[0]).log() + (1 - smooth) * odds[0].log()).mean() - odds[1].log().mean()
    kplus1 = spelling.make("objective", f"kplus1:scale=2,smooth={smooth}", "")
    terms = kplus1.discriminator(None, real, fake)
    assert terms["gan"].item() == pytest.approx(2 * by_hand.item(), rel=1e-10)
    if smooth == 1:
        return
    logit = torch.tensor([[0.0]], requires_grad=True)  # of one class: the logit itself
    for _ in range(200):  # alone, it goes to where the odds of real are 9 to 1
        pictures = judged(classes=logit, labels=torch.tensor([-1]))
        (slope,) = torch.autograd.grad(kplus1.discriminator(None, pictures, fake)["gan"], logit)
        logit = (logit - 2 * slope).detach().requires_grad_()
    assert logit.sigmoid().item() == pytest.approx(0.9, abs=1e-5)


def test_feature_matching_equals_the_reference(composite):
    data = composite["feature_matching"]
    real, fake = tensor(data["f_real"]).requires_grad_(), tensor(data["f_fake"]).requires_grad_()
    for text, key in (("feature-matching", "l1_mean"), ("feature-matching:norm=l2", "l2_squared")):
        element = spelling.make("regulariser", text, "")
        assert element.needs_real
        assert element.discriminator(None, judged(features=real), judged(features=fake)) == {}
        (value,) = element.generator(None, judged(features=fake), judged(features=real)).values()
        assert value.item() == pytest.approx(data[key], rel=1e-10)
        gradients = torch.autograd.grad(value, (real, fake), allow_unused=True)
        assert gradients[0] is None
        assert gradients[1].abs().sum() > 0


@pytest.mark.parametrize(("negatives", "key"), [(1, "equal_weights"), (0.5, "half_on_negatives")])
def test_the_third_term_of_pairs_equals_the_reference(composite, logits, negatives, key):
    data, labels = composite["cgan_mismatch"], torch.tensor([0, 1, 2, 0])
    asked = []

    def judge(drawn):
        asked.append(drawn.labels)
        return [judged(tensor(data["mismatch_logits"]))]

    now = SimpleNamespace(
        judge=judge, chance=SimpleNamespace(rand=torch.rand), model=SimpleNamespace(shape=SimpleNamespace(classes=3))
    )
    objective = spelling.make("objective", f"gan-cls:negatives={negatives}", "")
    terms = objective.discriminator(now, judged(logits[0], labels=labels), judged(logits[1]))
    assert sum(terms.values()).item() == pytest.approx(data[f"d_loss_{key}"], rel=1e-10)
    assert objective.generator(now, judged(logits[1]), None)["gan"].item() == pytest.approx(data["g_loss"], rel=1e-10)
    assert not (asked[0] == labels).any()


def test_wrong_labels_are_the_others_equally():
    model = SimpleNamespace(shape=SimpleNamespace(classes=4))
    now = SimpleNamespace(model=model, chance=SimpleNamespace(rand=torch.rand))
    labels = torch.tensor([2, -1]).repeat(3000)
    wrong = spelling.make("objective", "gan-cls", "").others(now, labels)
    assert (wrong[1::2] == -1).all()
    assert torch.bincount(wrong[::2], minlength=4).tolist() == pytest.approx([1000, 1000, 0, 1000], abs=110)


def test_turns_equal_the_reference(composite, logits):
    data, hinge = composite["s3gan_rotation"], spelling.make("objective", "hinge", "")
    element = spelling.make("regulariser", f"rotation:real={data['beta_d']},fake={data['alpha_g']}", "")
    image = torch.arange(8.0).view(1, 2, 2, 2)
    pictures = Judged(image.expand(4, -1, -1, -1), torch.zeros(4), labels=torch.tensor([3, 0, 0, 0]))
    seen, said = [], []

    def now(key):
        def judge(drawn):
            seen.append(drawn)
            said.append(tensor(data[f"rot_logits_{key}"]).requires_grad_())
            return [judged(turns=said[-1])]

        return SimpleNamespace(judge=judge)

    value = element.discriminator(now("real"), pictures, None)["rotation"]
    assert value.item() == pytest.approx(data["ce_rot_real"], rel=1e-10)
    assert (hinge.d(*logits) + value).item() == pytest.approx(data["d_loss"], rel=1e-10)
    (slopes,) = torch.autograd.grad(value, said[0])
    assert slopes.argmin(dim=1).tolist() == data["rot_labels"]  # below 0 of the right turn alone
    value = element.generator(now("fake"), pictures, None)["rotation"]
    assert value.item() == pytest.approx(0.2 * data["ce_rot_fake"], rel=1e-10)
    assert (hinge.g(logits[1], None) + value).item() == pytest.approx(data["g_loss"], rel=1e-10)
    turned = seen[0].images
    assert turned.shape == (4, 2, 2, 2)  # one in four, in four turns
    assert [turned[k, 0].flatten().tolist() for k in range(4)] == [
        [0, 1, 2, 3],
        [1, 3, 0, 2],
        [3, 2, 1, 0],
        [2, 0, 3, 1],
    ]
    assert seen[0].labels.tolist() == [3] * 4


def test_only_squares_are_turned():
    rotation = spelling.make("regulariser", "rotation", "")
    rotation.adapt(SimpleNamespace(shape=SimpleNamespace(size=(16, 16))))
    with pytest.raises(ValueError, match="have 16x24, which are no squares; use --image-size 16"):
        rotation.adapt(SimpleNamespace(shape=SimpleNamespace(size=(16, 24))))
    with pytest.raises(ValueError, match="of=0 turns none"):
        spelling.make("regulariser", "rotation:of=0", "")


def make(**options):
    torch.manual_seed(0)
    return TwoPlayer(build(TwoPlayer.Options, TINY | options), synthetic_spec("labelled", 16))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"regularisers": "ac"}, r"--regularisers ac needs a generator .* --conditioning"),
        ({"regularisers": "ac", "conditioning": "none+ac"}, r"ac needs a generator that is told the class: --cond"),
        ({"regularisers": "ac", "conditioning": "concat+none"}, r"ac needs a discriminator that tells classes"),
        ({"objective": "kplus1"}, r"kplus1 needs a discriminator that tells classes: --conditioning with \+ac"),
        ({"objective": "gan-cls", "conditioning": "concat+ac"}, r"gan-cls needs a discriminator that is told the cl"),
        ({"regularisers": "rotation"}, r"rotation needs an --architecture whose discriminator tells rotations"),
        (
            {"objective": "kplus1", "conditioning": "concat+ac", "regularisers": "ac"},
            "--objective kplus1 and --regularisers ac both teach .* classes of real pictures; leave one of them out",
        ),
    ],
)
def test_losses_of_classes_say_what_they_miss(options, reason):
    with pytest.raises(ValueError, match=reason):
        make(**options)


@pytest.mark.parametrize(
    ("cls", "options", "reason"),
    [
        (IMPROVEDDCGAN, {"regularisers": "none"}, "^--objective kplus1:generator=none leaves the generator"),
        (IMPROVEDDCGAN, {"regularisers": "historical"}, "without a loss, .* --regularisers feature-matching"),
        (IMPROVEDDCGAN, {"regularisers": "ortho:of=gd"}, "leaves the generator without a loss"),
        (IMPROVEDDCGAN, {"regularisers": "virtual-norm"}, "add --regularisers feature-matching"),
        (GAN, {"conditioning": "concat+ac"}, r"^--conditioning concat\+ac lets .*; use --regularisers ac, or"),
        (GAN, {"conditioning": "none+ac"}, "nothing teaches it which; use --objective kplus1, or --cond"),
        (S2GANCO, {"regularisers": "ortho"}, "=true lets .*; use --regularisers predictor, or no predi"),
    ],
)
def test_who_is_taught_by_nothing_is_said_when_built(cls, options, reason):
    small = {"architecture": cls.small["architecture"]}
    with pytest.raises(ValueError, match=reason):
        cls(build(cls.Options, small | options), synthetic_spec("labelled", 32))


@pytest.mark.parametrize(
    "options",
    [
        {"conditioning": "concat+ac", "regularisers": "ac:fake=0"},
        {"conditioning": "none+ac", "objective": "kplus1:generator=none", "regularisers": "feature-matching"},
        {"conditioning": "concat+concat", "objective": "gan-cls"},
    ],
)
def test_losses_of_classes_reach_both_players(options):
    model = make(**options)
    batch, (phase,) = synthetic_batch(model.spec, 4, 0), model.phases()
    for player, terms in model.train_step(batch, i2i.Progress(phase, 0, 9)):
        net = model.get_submodule(player)
        gradients = torch.autograd.grad(sum(terms.values()), list(net.parameters()), allow_unused=True)
        reached = [g is not None and bool(g.any()) for g in gradients]
        assert sum(reached) >= len(reached) - 2, player  # what a head that is not asked has


@pytest.mark.parametrize("architecture", ["resnet:width=2", "dcgan:width=2,norm=layer"])
def test_classes_are_told_of_pictures_that_were_drawn_without_one(architecture):
    given = TINY | {"architecture": architecture, "conditioning": "none+ac", "objective": "kplus1"}
    model = TwoPlayer(build(TwoPlayer.Options, given), synthetic_spec("labelled", 32))
    now = Moment(model, synthetic_batch(model.spec, 4, 0), i2i.Progress(model.phases()[0], 0, 9))
    real, fake = now.judge(now.pictures, now.draw(grad=False))  # in one batch
    assert real.labels is now.pictures.labels
    assert fake.labels is None
    assert real.classes.shape == fake.classes.shape == (4, 3)


@pytest.mark.parametrize("architecture", ["dcgan:width=2", "mlp:width=2"])
def test_of_classes_and_fake_the_logit_is_what_was_taught(architecture):
    model = make(architecture=architecture, conditioning="none+ac", objective="kplus1", augment="ada")
    batch, (phase,) = synthetic_batch(model.spec, 4, 0), model.phases()
    says = model.discriminator.eval()(batch["image"])
    total = says.classes.exp().sum(dim=1)
    assert torch.allclose(says.logit.sigmoid(), total / (total + 1))  # D(x) = Z / (Z + 1)
    assert torch.equal(Moment(model, batch, i2i.Progress(phase, 0, 9)).critic(batch["image"]), says.logit)
    again = copy.deepcopy(model).discriminator
    again.classes.bias.data += 1
    assert torch.allclose(again(batch["image"]).logit, says.logit + 1)


def test_labels_of_drawn_pictures_are_drawn_not_copied():
    model = make(conditioning="concat+ac", regularisers="ac")
    batch = synthetic_batch(model.spec, 4, 0) | {"label": torch.zeros(4, dtype=torch.long)}
    drawn = []
    for step in range(50):
        now = Moment(model, batch, i2i.Progress(model.phases()[0], step, 50, run_step=step))
        drawn.append(now.draw(grad=False).labels)
    assert torch.bincount(torch.cat(drawn), minlength=3).tolist() == pytest.approx([66] * 3, abs=25)
