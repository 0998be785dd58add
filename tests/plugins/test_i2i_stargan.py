"""StarGAN: six whole iterations of the reference, its traps, labels of both kinds, refusals."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from i2i_stargan.model import StarGAN

import i2i
from i2i import losses
from i2i.device import Engine, choose_precision, compile_networks
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import check_model

WEATHER = ("cloudy", "rain", "shine", "sunrise")
FIVE = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
EIGHT = ("angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
TINY = {"generator_width": 4, "discriminator_width": 4, "blocks": 1, "discriminator_layers": 3}
TERMS = {  # theirs: ours, where these are not alike; the weights are in ours
    "D/loss_cls": ("discriminator/classes", 1),
    "D/loss_gp": ("discriminator/penalty", 10),
    "G/loss_fake": ("generator/gan", 1),
    "G/loss_rec": ("generator/reconstruction", 10),
    "G/loss_cls": ("generator/classes", 1),
}


def spec_of(names=WEATHER, kind="classes", size=64, channels=3):
    extra = {"labels": kind}
    return i2i.DataSpec(names, {"image": channels}, (size, size), num_labels=len(names), extra=extra)


FACES = spec_of(FIVE, "attributes")
MOODS = spec_of(EIGHT)
BOTH = dataclasses.replace(FACES, domains=FIVE + EIGHT, num_labels=13, extra={}, parts=(FACES, MOODS))


def make(spec=None, **options):
    torch.manual_seed(0)
    return StarGAN(build(StarGAN.Options, TINY | options), spec or spec_of())


def batch(spec, count=4, seed=0, size=64):
    generator = torch.Generator().manual_seed(seed)
    pictures = {"image": torch.rand(count, 3, size, size, generator=generator) * 2 - 1}
    if spec.parts:
        part = seed % len(spec.parts)
        return batch(spec.parts[part], count, seed, size) | {"part": part}
    shape = (count, spec.num_labels) if spec.extra["labels"] == "attributes" else (count,)
    labels = torch.randint(2 if len(shape) == 2 else spec.num_labels, shape, generator=generator)
    return pictures | {"label": labels.float() if len(shape) == 2 else labels}


def train(model, batches, engine=None, optimizers=None, first=0):
    optimizers = optimizers or model.optimizers(model.phases()[0])
    logged = []
    for step, one in enumerate(batches, first):
        progress = i2i.Progress(model.phases()[0], step, 200, run_step=step)
        logged.append({k: v.item() for k, v in run_step(model, optimizers, one, progress, engine or Engine()).items()})
    return logged


def request(to=None, **fields):
    return StarGAN.Request(to=to, **fields)


# The reference's numbers.


@pytest.fixture
def fixed_draws(monkeypatch):
    """The files' chance: labels are permuted by turning the batch round, every picture is mixed with 0.3."""
    monkeypatch.setattr(i2i.Progress, "randperm", lambda self, n: torch.arange(n).flip(0))
    monkeypatch.setattr(i2i.Progress, "rand", lambda self, *shape: torch.full(shape, 0.3, dtype=torch.float64))


def golden_batch(name, s):
    offset = 0 if name == "celeba" else 300_000
    k = torch.arange(4 * 3 * 64 * 64, dtype=torch.float64)
    image = torch.sin(0.05 * (k + 1000 * s + offset)).view(4, 3, 64, 64)
    if name == "celeba":
        label = [[float(((b + s) * 7 + 3 * a) % 4 == 0) for a in range(5)] for b in range(4)]
        return {"image": image, "label": torch.tensor(label, dtype=torch.float64)}
    return {"image": image, "label": torch.tensor([(3 * b + s) % 8 for b in range(4)])}


@pytest.mark.parametrize(
    ("name", "spec"), [("celeba", FACES), ("rafd", MOODS), ("both", BOTH)], ids=["celeba", "rafd", "both"]
)
def test_six_iterations_equal_the_reference(golden, fixed_draws, name, spec):
    data = golden.load(f"training_stargan_{name}")
    config = data["config"]
    files = {f"6-{letter}.ckpt": golden.fill(data["networks"][letter]) for letter in "GD"}
    named = "+".join(f"{part.extra['labels']}:{','.join(part.domains)}" for part in (spec.parts or (spec,)))
    imported = StarGAN.import_weights(files, tuple(named.split(",")))
    assert imported.spec == spec
    options = {"n_critic": config["n_critic"], "lr": config["g_lr"], "betas": tuple(config["betas"])}
    options |= {f"{ours}_weight": float(config[f"lambda_{theirs}"]) for ours, theirs in WEIGHTS.items()}
    model = StarGAN(build(StarGAN.Options, dict(imported.options) | options), imported.spec).double()
    model.load_state_dict(imported.weights)

    names = ["celeba", "rafd"] if spec.parts else [name]
    batches = []
    for iteration in range(1, 7):
        for part, one in enumerate(names):
            late = len(names) > 1 and one == "rafd"  # whose first batch the reference's joint loop does not skip
            batches.append(golden_batch(one, iteration - late) | ({"part": part} if spec.parts else {}))
    logged = train(model, batches, Engine(precision="fp64"))
    assert len(logged) == len(data["steps"])
    for ours, step in zip(logged, data["steps"], strict=True):
        theirs = step["losses"]
        gan = theirs["D/loss_real"] + theirs["D/loss_fake"]
        assert ours.pop("discriminator/gan") == pytest.approx(gan, rel=1e-10, abs=1e-12)
        for loss, value in theirs.items():
            if loss in TERMS:
                term, weight = TERMS[loss]
                assert ours.pop(term) == pytest.approx(weight * value, rel=1e-10), (step["iteration"], loss)
        assert not ours, "terms that the reference does not have"
    for net, letter in ((model.generator, "G"), (model.discriminator, "D")):
        flat = torch.cat([p.detach().flatten() for p in net.parameters()])
        expected = data["final_parameter_sums"][letter]
        assert flat.sum().item() == pytest.approx(expected["sum"], abs=1e-6)
        assert flat.abs().sum().item() == pytest.approx(expected["abs"], abs=1e-6)


WEIGHTS = {"classification": "cls", "reconstruction": "rec", "penalty": "gp"}


@pytest.mark.parametrize(
    ("labels", "parts", "size", "generator", "discriminator"),
    [
        (5, (), 128, 8_430_528, 44_762_048),
        (8, (), 128, 8_439_936, 44_786_624),
        (5, (), 256, 8_430_528, 44_884_928),
        (13, (5, 8), 256, 8_461_888, 45_147_072),
    ],
)
def test_defaults_are_the_papers(labels, parts, size, generator, discriminator):
    names = tuple(f"label {n}" for n in range(labels))
    spec = spec_of(names, size=size)
    if parts:
        halves = spec_of(names[:5], "attributes", size), spec_of(names[5:], size=size)
        spec = dataclasses.replace(spec, parts=halves, extra={})
    with torch.device("meta"):
        model = StarGAN(StarGAN.Options(), spec)
    assert sum(p.numel() for p in model.generator.parameters()) == generator
    assert sum(p.numel() for p in model.discriminator.parameters()) == discriminator
    assert (model.size_multiple, model.eager, model.trains_jointly) == (4, ("discriminator",), True)
    o = model.options
    assert (o.lr, o.betas, o.n_critic) == (1e-4, (0.5, 0.999), 5)
    assert (o.classification_weight, o.reconstruction_weight, o.penalty_weight) == (1, 10, 10)
    assert model.run_defaults == {"batch_size": 16, "epochs": 200, "image_size": 128, "crop": "center"}


def test_first_weights_are_torchs():
    """The authors' code draws none of its own: uniform, to 1 / sqrt(fan in), with biases."""
    model = make(discriminator_width=32)
    weight, bias = model.discriminator.layers[1].conv.weight, model.discriminator.layers[1].conv.bias
    bound = (32 * 16) ** -0.5
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert 0 < bias.abs().max() <= bound


# The traps of the reference, one test each.


def test_evaluation_mode_changes_nothing():
    model = make()
    source, label = torch.rand(2, 3, 16, 16), torch.eye(4)[:2]
    with torch.no_grad():
        trained = model.train().generator(source, label)
        assert torch.equal(model.eval().generator(source, label), trained)
        alone = model.generator(source[:1], label[:1])
    assert torch.allclose(alone, trained[:1], atol=1e-6), "each picture has its own statistics"
    assert not [name for name in model.state_dict() if "running" in name or "tracked" in name]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_the_norm_is_instance_norm_in_every_layout(count, channels_last):
    from i2i_stargan.networks import AffineInstanceNorm

    torch.manual_seed(0)
    norm, images = AffineInstanceNorm(3).double(), torch.randn(count, 3, 4, 5, dtype=torch.float64)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    images.requires_grad_()
    theirs = torch.nn.InstanceNorm2d(3, affine=True, track_running_stats=True).double()
    theirs.load_state_dict(norm.state_dict(), strict=False)
    output = norm(images)
    assert torch.allclose(output, theirs(images.detach().contiguous()), atol=1e-12)
    assert not channels_last or count == 1 or output.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(norm, (images,))


def test_the_label_reaches_the_result():
    """Planes that reflection pads are constant, and an instance norm removes what is; zeros at the border stay."""
    model = make()
    source = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        one, other = (model.generator(source, torch.eye(4)[[n]]) for n in (0, 1))
        assert (one - other).abs().mean() > 1e-3
    assert {m.padding_mode for m in model.modules() if isinstance(m, torch.nn.Conv2d)} == {"zeros"}


def test_attributes_are_summed_and_classes_are_not():
    model, logits = make(FACES), torch.tensor([[2.0, -1.0, 0.0, 1.0, 3.0], [0.5, 0.5, -2.0, 0.0, 1.0]])
    (part,) = model.parts
    label = torch.tensor([[1.0, 0, 0, 1, 1], [0, 1, 0, 0, 0]])
    by_hand = sum(
        torch.log1p(torch.exp(-x if y else x)).item()
        for row, wanted in zip(logits, label, strict=True)
        for x, y in zip(row, wanted, strict=True)
    )
    assert part.loss(logits, label).item() == pytest.approx(by_hand / 2, rel=1e-6)  # 2 pictures; 5 attributes summed

    (part,) = make().parts
    label, logits = torch.tensor([2, 0]), logits[:, :4]
    softmax = torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)
    by_hand = -(softmax[0, 2].log() + softmax[1, 0].log()).item() / 2
    assert part.loss(logits, part.own(label)).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_penalty_is_of_the_summed_map():
    model = make(penalty_weight=1.0, classification_weight=0.0)
    one = batch(model.spec, 2)
    before = [p.detach().clone() for p in model.generator.parameters()]
    progress = i2i.Progress(model.phases()[0], 0, 10, run_step=0)
    updates = model.train_step(one, progress)
    _, terms = next(updates)

    again = i2i.Progress(model.phases()[0], 0, 10, run_step=0)
    order, share = again.randperm(2), again.rand(2).view(-1, 1, 1, 1)
    label = F.one_hot(one["label"], 4).float()[order]
    with torch.no_grad():
        fake = model.generator(one["image"], label)
    mixed = (share * one["image"] + (1 - share) * fake).requires_grad_()
    patches = model.discriminator(mixed)
    assert patches[0].numel() == 64
    (gradient,) = torch.autograd.grad(patches.sum(), mixed)
    by_hand = (gradient.square().sum(dim=(1, 2, 3)).sqrt() - 1).square().mean()
    assert terms["penalty"].item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert all(torch.equal(p, q) for p, q in zip(model.generator.parameters(), before, strict=True))


@pytest.mark.parametrize("size", [(32, 32), (20, 39)])  # both with layers that are matrix products, and odd sides
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_slope_is_autograds(size, channels_last):
    from i2i_stargan.networks import Discriminator

    torch.manual_seed(0)
    net = Discriminator(3, 2, size, width=4, layers=3).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    slope = net.slope(images)
    assert slope.shape == images.shape
    ours = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    theirs = losses.gradient_penalty(net, images, epsilon=0.0)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    names, parameters = zip(*net.named_parameters(), strict=True)
    gradients = (torch.autograd.grad(loss, parameters, allow_unused=True) for loss in (ours, theirs))
    for name, mine, other in zip(names, *gradients, strict=True):
        if name.endswith("bias") or name.startswith("classes"):
            assert mine is None, "nothing is computed for what a slope does not depend on"
            assert other is None or not other.any()
        else:
            assert torch.allclose(mine, other, rtol=1e-10), name
            assert mine.any()


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (40, 12)])
def test_a_deep_convolution_is_a_matrix_product(size):
    from i2i_stargan.networks import Halving

    torch.manual_seed(0)
    layer = Halving(3, 4).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(images, layer.weight, layer.bias, 2, 1)
    assert torch.allclose(layer(images), plain, atol=1e-12)
    gradient = torch.randn_like(plain)
    (back,) = torch.autograd.grad(plain, images, gradient)
    assert torch.allclose(layer.back(gradient, images.shape), back, atol=1e-12)


def test_the_learning_rate_falls_as_in_the_paper():
    (phase,) = make().phases()
    for step, factor in ((0, 1.0), (100_000, 1.0), (150_000, 0.5), (199_999, 1e-5)):
        assert phase.lr(step / 200_000) == pytest.approx(factor, abs=1e-12)


def test_the_coded_learning_rate_hardly_falls():
    """From iteration 101,000 on, each thousand takes a 100,000th of it: 1e-7 of 1e-4 in all."""
    (phase,) = make(schedule="code").phases()

    def coded(step):
        rate = 1e-4
        for iteration in range(1, step + 1):  # what the iterations before this one have taken
            if iteration % 1000 == 0 and iteration > 100_000:
                rate -= 1e-4 / 100_000
        return rate

    for step in (0, 100_999, 101_000, 101_001, 150_500, 199_999):
        assert 1e-4 * phase.lr(step / 200_000) == pytest.approx(coded(step), abs=1e-15)
    assert make(schedule="code", decay_start=1.0).phases()[0].lr(0.999) == 1


def test_nothing_is_computed_for_nothing():
    model = make(n_critic=2)
    calls = []
    model.generator.register_forward_hook(lambda *_: calls.append(("generator", torch.is_grad_enabled())))
    model.discriminator.layers[0].register_forward_hook(
        lambda *_: calls.append(("discriminator", torch.is_grad_enabled()))
    )
    train(model, [batch(model.spec)])
    assert calls == [("generator", False), ("discriminator", True), ("discriminator", False)]  # its own, the penalty's
    calls.clear()
    train(model, [batch(model.spec)], first=1)
    assert calls[3:] == [("generator", True), ("discriminator", True), ("generator", True)]
    assert all(p.grad is None for p in model.parameters())


def test_the_generator_learns_in_every_nth_step():
    logged = train(make(n_critic=3), [batch(spec_of(), seed=n) for n in range(7)])
    assert ["generator/gan" in terms for terms in logged] == [False, False, True] * 2 + [False]
    joint = make(BOTH, n_critic=2)
    logged = train(joint, [batch(BOTH, seed=n) for n in range(8)])
    assert ["generator/gan" in terms for terms in logged] == [False, False, True, True] * 2  # each data set's


def test_float16_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="fp16 overflows in the gradient penalty of this model"):
        choose_precision("fp16", torch.device("cuda"), make())


def test_compiling_leaves_what_is_penalised():
    assert compile_networks(make()) == ["generator"]


# Labels.


def test_the_mask_says_whose_labels_are_meant():
    from i2i_stargan import labels

    parts = make(BOTH).parts
    own = parts[0].own(torch.tensor([[1.0, 0, 0, 1, 0]]))
    assert labels.vector(own, parts[0], parts).tolist() == [[1, 0, 0, 1, 0] + [0] * 8 + [1, 0]]
    own = parts[1].own(torch.tensor([2]))
    assert labels.vector(own, parts[1], parts).tolist() == [[0] * 5 + [0, 0, 1, 0, 0, 0, 0, 0] + [0, 1]]
    logits = torch.arange(26.0).view(2, 13)
    assert parts[0].pick(logits).tolist() == logits[:, :5].tolist()
    assert parts[1].pick(logits).tolist() == logits[:, 5:].tolist()


def test_ranks_permute_the_labels_of_the_whole_batch(monkeypatch):
    from i2i_stargan import labels

    own, phase = torch.arange(12.0).view(6, 2), i2i.Phase("train")
    whole = labels.shuffled(own, i2i.Progress(phase, 3, 10, run_step=3))

    def gather(into, mine):
        for rank, tensor in enumerate(into):
            tensor.copy_(own[2 * rank : 2 * rank + 2])

    monkeypatch.setattr(torch.distributed, "all_gather", gather)
    shares = [
        labels.shuffled(own[2 * rank : 2 * rank + 2], i2i.Progress(phase, 3, 10, run_step=3, rank=rank, ranks=3))
        for rank in range(3)
    ]
    assert torch.equal(torch.cat(shares), whole)
    assert not torch.equal(whole, own)


def label_given(model, to, **fields):
    """The label that the generator gets for a request."""
    seen = []
    handle = model.generator.register_forward_hook(lambda net, inputs, output: seen.append(inputs[1]))
    with torch.inference_mode():
        model.translate({"source": torch.rand(1, 3, 64, 64)}, request(to, **fields))
    handle.remove()
    return [int(value) for value in seen[0][0]]


def test_a_class_is_asked_for_by_name():
    model = make()
    assert model.targets() == WEATHER
    assert not model.joins_targets
    assert label_given(model, "rain") == [0, 1, 0, 0]
    for to, error in (
        ("snow", 'knows no "snow"; it knows cloudy, rain, shine, sunrise'),
        ("rain,shine", "rain is a class, and a picture has one class: ask for it alone, --to rain"),
        ("not-rain", "rain is a class"),
        (None, "say what to translate to: to='cloudy'"),
    ):
        with pytest.raises(LookupError, match=error):
            label_given(model, to)
    with pytest.raises(LookupError, match="--has is for attributes"):
        label_given(model, "rain", has="shine")
    model.holds = lambda name: name != "generator"
    with pytest.raises(LookupError, match="a discriminator alone, which cannot translate"):
        label_given(model, "rain")


@pytest.mark.parametrize(
    ("to", "has", "label"),
    [
        ("Young", "none", [0, 0, 0, 0, 1]),
        ("Young", "Male", [0, 0, 0, 1, 1]),
        ("Black_Hair", "Blond_Hair,Young", [1, 0, 0, 0, 1]),  # a colour replaces the others
        ("Black_Hair,Young", "Brown_Hair,Male", [1, 0, 0, 1, 1]),
        ("not-Male", "Male,Young,Brown_Hair", [0, 0, 1, 0, 1]),
        ("Blond_Hair,not-Young", "black_hair,male,young", [0, 1, 0, 1, 0]),
        ("not-Black_Hair", "Black_Hair,Male", [0, 0, 0, 1, 0]),
        ("Male", "Male", [0, 0, 0, 1, 0]),
    ],
)
def test_attributes_are_switched_and_the_others_kept(to, has, label):
    model = make(FACES)
    assert model.targets() == FIVE
    assert model.joins_targets
    assert label_given(model, to, has=has) == label


def test_what_a_picture_has_is_judged():
    model = make(FACES)
    sought = torch.tensor([[-1.0, 2.0, -3.0, 4.0, -5.0]])
    model.discriminator.judge = lambda images, count=None: (torch.zeros(1, 1, 8, 8), sought)
    assert label_given(model, "Young") == [0, 1, 0, 1, 1]
    assert label_given(model, "Brown_Hair,not-Male") == [0, 0, 1, 0, 0]
    model.holds = lambda name: name != "discriminator"  # weights of a generator alone
    assert label_given(model, "Young") == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 64), (200, 72), (8, 12)])
def test_pictures_of_any_size_are_judged_as_trained(height, width):
    model = make(FACES)
    seen = []
    model.discriminator.layers.register_forward_hook(lambda net, inputs, output: seen.append(inputs[0]))
    source = torch.full((2, 3, height, width), 0.5)
    with torch.inference_mode():
        assert model.translate({"source": source}, request("Male")).shape == source.shape
    assert seen[0].shape == (2, 3, 64, 64)
    assert torch.allclose(seen[0], torch.tensor(0.5))


@pytest.mark.parametrize(
    ("to", "error"),
    [
        ("Bald", 'this model knows no "Bald"; it knows Black_Hair, Blond_Hair, Brown_Hair, Male, Young'),
        ("Black_Hair,Blond_Hair", "Black_Hair and Blond_Hair exclude each other; ask for one of them"),
        ("Young,not-Young", "Young cannot come and go at once"),
        ("", "say what to translate to"),
    ],
)
def test_what_attributes_cannot_be_asked(to, error):
    with pytest.raises(LookupError, match=error):
        label_given(make(FACES), to, has="none")


def test_unknown_attributes_that_pictures_are_said_to_have():
    with pytest.raises(LookupError, match='knows no "Old"; it knows Black_Hair'):
        label_given(make(FACES), "Young", has="Old")


def test_both_data_sets_can_be_asked_for():
    model = make(BOTH)
    assert model.joins_targets
    assert model.targets() == FIVE + EIGHT
    assert label_given(model, "happy") == [0] * 5 + [0, 0, 0, 0, 1, 0, 0, 0] + [0, 1]
    assert label_given(model, "Young", has="Male") == [0, 0, 0, 1, 1] + [0] * 8 + [1, 0]
    for to, error in (
        ("Young,happy", "happy is a class, and a picture has one class"),
        ("happy,Young", "happy is a class"),
        ("not-happy", "happy is a class"),
    ):
        with pytest.raises(LookupError, match=error):
            label_given(model, to)
    two = dataclasses.replace(BOTH, parts=(FACES, spec_of(("Bald", "Bangs"), "attributes")))
    with pytest.raises(LookupError, match="Young and Bald are of two data sets"):
        label_given(make(two), "Young,Bald", has="none")


def test_groups_that_exclude_each_other():
    spec = spec_of(("day", "night", "fog", "Gray_hair", "black_hair"), "attributes")
    groups = lambda exclusive: sorted(map(sorted, make(spec, exclusive=exclusive).parts[0].groups))  # noqa: E731
    assert groups("auto") == [[3, 4]]
    assert groups("none") == []
    assert groups("Day,night/fog,gray_hair") == [[0, 1], [2, 3]]
    assert label_given(make(spec, exclusive="day,night"), "night", has="day,fog") == [0, 1, 1, 0, 0]
    assert make(spec_of(("Black_Hair", "Young"), "attributes")).parts[0].groups == ()
    for exclusive, error in (
        ("day,dusk", '--exclusive names "dusk", and the attributes are day, night'),
        ("day", "group day; give two attributes"),
        ("day,night/", r"group \(empty\)"),
    ):
        with pytest.raises(ValueError, match=error):
            groups(exclusive)
    with pytest.raises(ValueError, match="classes, which exclude each other anyway"):
        make(exclusive="rain,shine")
    with pytest.raises(ValueError, match='names "happy", and the attributes are Black_Hair'):
        make(BOTH, exclusive="Male,happy")


def test_an_attribute_may_be_called_like_a_negation():
    spec = spec_of(("not-old", "Young"), "attributes")
    assert label_given(make(spec), "not-old", has="none") == [1, 0]
    assert label_given(make(spec), "not-not-old", has="not-old") == [0, 0]


# As a model of i2i.


@pytest.mark.parametrize(
    "spec",
    [spec_of(size=32), spec_of(FIVE, "attributes", size=32), spec_of(("one", "other"), size=32, channels=1), BOTH],
    ids=["classes", "attributes", "grey", "both"],
)
def test_keeps_the_contract(spec):
    check_model("stargan", spec=spec, **TINY)


@pytest.mark.parametrize(
    "options",
    [
        {"penalty_weight": 0.0},
        {"reconstruction_weight": 0.0, "n_critic": 1},
        {"blocks": 0, "discriminator_layers": 1, "schedule": "code", "n_critic": 1},
        {"discriminator_layers": 6, "betas": (0.0, 0.9), "n_critic": 1},
    ],
)
@pytest.mark.parametrize("spec", [spec_of(), FACES], ids=["classes", "attributes"])
def test_every_option_trains(spec, options):
    model = make(spec, **options)
    before = {name: p.clone() for name, p in model.named_parameters()}
    for logged in train(model, [batch(spec, 2, seed=n) for n in range(5)]):
        assert all(torch.tensor(v).isfinite() for v in logged.values())
        assert ("discriminator/penalty" in logged) == bool(model.options.penalty_weight)
    assert ("generator/reconstruction" in logged) == bool(model.options.reconstruction_weight)
    assert all(not torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_bf16_stays_near_float32():
    batches = [batch(FACES, 2, seed=n) for n in range(3)]
    exact, coarse = (train(make(FACES, n_critic=1), batches, Engine(precision=p)) for p in ("fp32", "bf16"))
    for step, step32 in zip(coarse, exact, strict=True):
        assert step == pytest.approx(step32, rel=0.05, abs=0.02)


def test_memory_layout_changes_nothing():
    batches = [batch(FACES, 3, seed=n) for n in range(3)]
    plain, last = (
        train(make(FACES, n_critic=2).double(), [*map(engine.move, batches)], engine)
        for engine in (Engine(precision="fp64", channels_last=False), Engine(precision="fp64", channels_last=True))
    )
    for one, other in zip(plain, last, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


def test_sheet_shows_every_domain():
    model = make(FACES).eval()
    source = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        (row,) = model.preview([({"source": source, "label": torch.tensor([[0.0, 1, 0, 1, 0]])}, request("Young"))])
        titles = ["source", "to Black_Hair", "to Blond_Hair", "to Brown_Hair", "Male flipped", "Young flipped"]
        assert list(row) == titles
        wanted = torch.tensor([[0.0, 1, 0, 0, 0]])
        assert torch.equal(row["Male flipped"], model.generator(source, wanted)[0])
        model = make(BOTH).eval()
        (row,) = model.preview([({"source": source, "label": torch.tensor([3]), "part": 1}, request("happy"))])
        assert list(row)[-2:] == ["to sad", "to surprised"]
        assert len(row) == 14


def test_refusals():
    with pytest.raises(ValueError, match="the data has the one class rain"):
        make(spec_of(("rain",)))
    with pytest.raises(ValueError, match="the data has no classes or attributes"):
        make(spec_of(()))
    too_small = r"image size 32 is too small for 6 halvings .* --image-size 64 or more, or --discriminator-layers 5"
    with pytest.raises(ValueError, match=too_small):
        make(spec_of(size=32), discriminator_layers=6)
    assert make(spec_of(("Bald",), "attributes")).targets() == ("Bald",)
