"""s2gan and its kin: what the labeller learns and finds, whose labels are used, and what the discriminator infers."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo import spelling
from i2i_zoo.layers.heads import Head
from i2i_zoo.layers.spectral import SPECTRAL
from i2i_zoo.methods.labeller import turned
from i2i_zoo.parts import Judged, Shape
from i2i_zoo.presets.few_labels import S2GAN, S2GANCO, S3GAN

import i2i
from i2i import checkpoint
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec

TINY = {"architecture": "biggan:width=2,shared=4", "latent": "normal:8", "n_critic": 1, "labeller_width": 2}
CLUSTERS = {"labeller": "cluster", "clusters": 5}
SPEC = synthetic_spec("labelled", 32)  # cat, dog, fox


def model(cls=S2GAN, spec=SPEC, **options):
    torch.manual_seed(0)
    own = {key: value for key, value in TINY.items() if cls is not S2GANCO or key != "labeller_width"}
    return cls(build(cls.Options, own | options), spec)


def steps(net, number, batch=None, step=0):
    phase = net.phases()[number]
    return net.train_step(batch or synthetic_batch(SPEC, 4), i2i.Progress(phase, step, 10))


# ---------------------------------------------------------------- clusters


def test_clusters_are_found_when_turns_are_learnt_and_kept_with_the_weights():
    net = model(**CLUSTERS)
    batches = [synthetic_batch(SPEC, 4, seed) for seed in range(5)]
    labeller, played = net.phases()
    with torch.no_grad():
        net.finish(played, batches)
        assert not net.labeller.centres.any()
        net.finish(labeller, batches)
        features = net.labeller.eval().features(torch.cat([batch["image"] for batch in batches]))
    assert net.labeller.middle.tolist() == pytest.approx(features.mean(dim=0).tolist(), abs=1e-6)
    assert net.labeller.centres.norm(dim=1).tolist() == pytest.approx([1] * 5, abs=1e-5)
    assert {"labeller.middle", "labeller.centres"} <= net.state_dict().keys()


def test_clusters_are_the_classes_whatever_the_data_says():
    for spec in (SPEC, synthetic_spec("images", 32), replace(SPEC, extra={"labels": "attributes"})):
        net = model(spec=spec, **CLUSTERS)
        assert net.spec == spec
        assert net.shape.classes == 5
        assert net.targets() == tuple(f"cluster-{number}" for number in range(1, 6))
        assert net.label(S2GAN.Request(to="cluster-4")) == 3
        titles = [title for row in net.grid(S2GAN.Request(samples=3)) for title, _ in row]
        assert all(title.startswith("cluster-") for title in titles)
        held_back = [{key: value for key, value in synthetic_batch(spec, 4).items() if key != "label"}]
        assert net.eval().diagnose(held_back, held_back).keys() == {
            f"taken for real, {which}" for which in ("training", "held-back", "drawn")
        }
    assert model(conditioning="none").targets() == ()


# ---------------------------------------------------------------- both phases


def test_the_labeller_comes_first_and_takes_its_part_of_the_run():
    net = model(labeller_part=0.2)
    labeller, played = net.phases()
    assert (labeller.name, played.name) == ("labeller", "gan")
    assert labeller.share / (labeller.share + played.share) == pytest.approx(0.2)
    assert [name for name, _ in steps(net, 0)] == ["labeller"]
    assert [name for name, _ in steps(net, 1)][:2] == ["discriminator", "generator"]
    assert net.optimizers(labeller).keys() == {"labeller"}
    assert net.optimizers(played).keys() == {"discriminator", "generator"}
    held = {id(p) for o in net.optimizers(played).values() for group in o.param_groups for p in group["params"]}
    assert not held & {id(p) for p in net.labeller.parameters()}


@pytest.mark.parametrize(("options", "wanted"), [({}, [1, 2, 2, 0]), (CLUSTERS, [4, 2, 2, 4])])
def test_the_discriminator_is_told_what_is_known_and_what_the_labeller_says(options, wanted):
    net = model(**options)
    inferred = torch.tensor([0, 2, 2, 1]) if not options else torch.tensor([4, 2, 2, 4])
    logits = F.one_hot(inferred, net.shape.classes).float()
    if options:
        net.labeller.labels = lambda features, batch: logits.argmax(dim=1)
    else:
        net.labeller.classes.register_forward_hook(lambda layer, inputs, output: logits)
    told = []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: told.append(inputs[1]))
    batch = synthetic_batch(SPEC, 4) | {"label": torch.tensor([1, -1, -1, 0])}
    _, terms = next(steps(net, 1, batch))
    assert told[0][:4].tolist() == wanted  # the real ones come first
    assert batch["label"].tolist() == [1, -1, -1, 0]
    sum(terms.values()).backward()
    assert all(p.grad is None for p in net.labeller.parameters())


@pytest.mark.parametrize("cls", [S2GAN, S3GAN])
@pytest.mark.parametrize("options", [{}, CLUSTERS])
def test_clusters_and_classes_keep_the_contract(cls, options):
    name = cls.__name__.lower()
    turns = ",turns=true" * (cls is S3GAN)
    check_model(name, batch_size=4, **TINY | {"architecture": TINY["architecture"] + turns} | options)


def run(net, optimizers, first, last, folder=None):
    """Train from one step to another over both phases of 3 steps each; make the phases' optimizers on the way."""
    for number in range(first, last):
        phase = net.phases()[number // 3]
        net.phase = phase.name
        if number % 3 == 0:
            before, optimizers = optimizers, net.optimizers(phase)
            checkpoint.carry_over(before, optimizers)
        progress = i2i.Progress(phase, number % 3, 3, run_step=number)
        batch = synthetic_batch(SPEC, 4, number) | {"label": torch.tensor([-1, 2, -1, 0])}
        run_step(net, optimizers, batch, progress, Engine())
        if number % 3 == 2:
            with torch.no_grad():
                net.finish(phase, (synthetic_batch(SPEC, 4, 10 + seed) for seed in range(3)))
    return optimizers


@pytest.mark.parametrize("options", [{}, CLUSTERS])
@pytest.mark.parametrize("stopped", [2, 3, 4])  # in the first phase, between both, in the second
def test_a_resumed_run_equals_an_unbroken_one(tmp_path, options, stopped):
    from i2i import bundle

    whole, cut = model(**options), model(**options)
    run(whole, {}, 0, 6)
    optimizers = run(cut, {}, 0, stopped)
    saved = checkpoint.save(tmp_path, cut, bundle.describe("s2gan", cut), optimizers, Engine())
    torch.manual_seed(9)
    resumed = S2GAN(cut.options, SPEC)
    bundle.read_weights(resumed, saved)
    state = checkpoint.read_state(saved)
    resumed.phase = state.phase
    again = resumed.optimizers(next(phase for phase in resumed.phases() if phase.name == state.phase))
    checkpoint.restore(state, resumed, again, Engine())
    run(resumed, again, stopped, 6)
    for (key, value), other in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(value, other), key


def test_a_sheet_says_what_real_pictures_are_taken_for():
    net = model().eval()
    examples = [(synthetic_batch(SPEC, 1, seed), None) for seed in range(3)]
    for number, title in enumerate(net.preview(examples)[-1]):
        said = net.labeller.label(examples[number][0] | {"label": torch.tensor([-1])})
        assert title == f"real picture {number + 1}: {SPEC.domains[said]}"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (synthetic_spec("images", 32), "learns of pictures with classes.* use --labeller cluster, which needs none"),
        (replace(SPEC, extra={"labels": "attributes"}), "pictures with classes.* use --labeller cluster"),
        (replace(SPEC, image_size=(32, 40)), "of 32x40 .* once they are turned .* use --image-size 32 without"),
    ],
)
def test_data_that_cannot_be_labelled_is_refused(spec, reason, monkeypatch):
    monkeypatch.setattr(S2GAN, "unlabelled", {})  # of pictures without classes the preset makes clusters
    with pytest.raises(ValueError, match=reason):
        model(spec=spec)


# ---------------------------------------------------------------- s2gan-co and s3gan


def test_a_predictor_takes_what_it_names_where_it_is_told_no_class():
    torch.manual_seed(0)
    head = Head(4, Shape(3, (32, 32), 8, 3, "shared+projection"), SPECTRAL, predictor=True).double().eval()
    features = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    named = head(features, features, None).classes.argmax(dim=1)
    known = torch.stack([named[0], (named[1] + 1) % 3, named[2]])
    told = torch.stack([torch.tensor(-1), known[1], torch.tensor(-1)])
    one, other = head(features, features, told).logit, head(features, features, known).logit
    assert torch.equal(one, other)
    named_otherwise = head(features, features, (known + 1) % 3).logit
    assert (one != named_otherwise).all()
    assert not torch.autograd.grad(one.sum(), head.classes.weight, allow_unused=True)[0]  # nothing learns through it


def test_a_predictor_learns_of_the_known_real_ones_alone():
    element = spelling.make("regulariser", "predictor:weight=0.5", "")
    logits = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, math.log(3)]])
    real = Judged(torch.zeros(3, 1), torch.zeros(3), labels=torch.tensor([1, -1, 1]), classes=logits)
    terms = element.discriminator(SimpleNamespace(), real, None)
    assert terms["classes"].item() == pytest.approx(0.5 * (math.log(2) + math.log(4 / 3)) / 2, rel=1e-6)
    assert element.generator(None, real, None) == {}


def test_the_co_trained_discriminator_is_told_no_more_than_is_known():
    net = model(S2GANCO, architecture="biggan:width=2,shared=4,predictor=true").eval()  # sigma stays as it is
    assert [phase.name for phase in net.phases()] == ["train"]
    told = []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: told.append(inputs[1]))
    batch = synthetic_batch(SPEC, 4) | {"label": torch.tensor([1, -1, -1, -1])}
    name, terms = next(steps(net, 0, batch))
    assert name == "discriminator"
    assert terms.keys() >= {"gan", "classes"}
    assert told[0][:4].tolist() == [1, -1, -1, -1]
    with torch.no_grad():
        alone = net.discriminator(batch["image"][:1], torch.tensor([1])).classes
    assert terms["classes"].item() == pytest.approx(F.cross_entropy(alone, torch.tensor([1])).item(), rel=1e-5)
    sum(terms.values()).backward()
    assert net.discriminator.head.classes.weight.grad.abs().sum() > 0


def test_a_predictor_needs_a_head_and_a_projection():
    with pytest.raises(ValueError, match="predictor:weight=1 needs a discriminator that tells classes"):
        model(S2GANCO, architecture="biggan:width=2,shared=4")
    with pytest.raises(ValueError, match="predictor:weight=1 needs a discriminator that is told the class"):
        model(S2GANCO, architecture="biggan:width=2,shared=4,predictor=true", conditioning="shared+ac")


def test_turns_are_told_of_a_quarter_of_the_batch_beside_the_upright():
    net = model(S3GAN, architecture="biggan:width=2,shared=4,turns=true")
    seen = []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    batch = synthetic_batch(SPEC, 8)
    played = steps(net, 1, batch)
    name, terms = next(played)
    assert name == "discriminator"
    assert [len(images) for images in seen] == [16, 8]  # upright, real and drawn; two real ones in four turns
    assert torch.equal(seen[1], turned(batch["image"][::4]))
    assert set(terms) == {"gan", "rotation"}
    name, terms = next(played)
    assert name == "generator"
    assert [len(images) for images in seen[2:]] == [8, 8]
    assert {"gan", "rotation"} <= set(terms)


def test_all_take_pictures_without_labels():
    assert all(cls.takes_unlabelled for cls in (S2GAN, S2GANCO, S3GAN))
