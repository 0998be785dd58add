"""completion: the reference's networks, losses and weights; phases and what they train; filling any picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from i2i_completion.masks import Window
from i2i_completion.model import Completion
from i2i_completion.networks import REACH, CompletionNetwork, ContextDiscriminator
from i2i_completion.published import CELEBA, discriminator_names, renamed
from PIL import Image
from torch import nn

import i2i
from i2i import bundle, checkpoint, loop, preparing, training
from i2i.device import Engine
from i2i.figures import Result
from i2i.loop import run_step
from i2i.model import evaluating
from i2i.options import build
from i2i.picture import Picture
from i2i.testing import check_model, synthetic_batch
from i2i.translation import make_request, translate_picture

SPEC = i2i.DataSpec(channels={"image": 3}, image_size=(32, 32))
TINY = {"generator_width": 4, "discriminator_width": 4}


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return Completion(build(Completion.Options, TINY | options), spec)


def fill(rows, case="B"):
    """A state dict of golden rows [key, shape, rule]."""
    state = {}
    for i, (key, shape, rule) in enumerate(rows):
        j = torch.arange(int(np.prod(shape)), dtype=torch.int64)
        u = 2 * ((3 * j * j + 7919 * j + 104729 * (i + 1)) % 10007).double() / 10006 - 1
        b = (np.sqrt(6 * shape[0] / len(j)) if len(shape) > 1 else 0.1) * u
        values = {"base": b, "one_plus": 1 + b, "zero": torch.zeros_like(b), "one": torch.ones_like(b)}[rule]
        state[key] = values.view(shape)
    return state


def check(output, expected):
    assert list(output.shape) == expected["shape"]
    flat = output.detach().flatten()
    figures = {"mean": flat.mean(), "std": flat.std(correction=0), "min": flat.min(), "max": flat.max()}
    for name, value in figures.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-7, abs=1e-9), name
    assert flat[expected["indices"]].tolist() == pytest.approx(expected["values"], rel=1e-7, abs=1e-9)


def train(model, steps, phase, precision="fp32", size=2):
    (found,) = [p for p in model.phases() if p.name == phase]
    optimizers, logged = model.optimizers(found), []
    for step in range(steps):
        progress = i2i.Progress(found, step, 200, run_step=step)
        engine = Engine(precision=precision, channels_last=precision != "fp64")
        batch = engine.move(synthetic_batch(model.spec, size, step))
        terms = run_step(model, optimizers, batch, progress, engine)
        logged.append({name: value.item() for name, value in terms.items()})
    return logged


def test_the_completion_network_is_the_references(golden):
    data = golden.load("glcic_completion_div8")
    found = Completion.import_weights({"model_cn": fill(data["tensors"])}, ())
    model = Completion(build(Completion.Options, dict(found.options)), found.spec).double()
    missing, unexpected = model.load_state_dict(dict(found.weights), strict=False)
    assert not unexpected
    assert all(key.startswith("discriminator.") for key in missing)

    count = torch.arange(3 * 96 * 128, dtype=torch.float64)
    image = (0.5 + 0.5 * torch.sin(0.01 * count)).view(1, 3, 96, 128)
    mask = torch.zeros(1, 1, 96, 128, dtype=torch.float64)
    mask[:, :, 24:56, 32:74] = 1
    model.mean.value = torch.tensor([0.45, 0.40, 0.35], dtype=torch.float64) * 2 - 1
    taps = {"conv6_out": model.completion.layers[5].conv, "conv10_dilation16_out": model.completion.layers[9].conv}
    taps["conv17_presigmoid"] = model.completion.head
    seen = {}
    for name, layer in taps.items():
        layer.register_forward_hook(lambda _, __, output, name=name: seen.update({name: output}))
    with evaluating(model):
        check(model._make(image * 2 - 1, mask), data["cases"]["B"]["output"])
    for name, output in seen.items():
        check(output, data["cases"]["B"][name])
    assert len(seen) == 3


@pytest.mark.parametrize(("name", "layers"), [("celeba", 5), ("places2", 6)])
def test_the_discriminator_is_the_references(golden, name, layers):
    data = golden.load(f"glcic_discriminator_div16_{name}")
    net = ContextDiscriminator(3, 32, (64, 64), 4, 5, layers).double().eval()
    state = renamed(fill(data["tensors"]), discriminator_names(False, 5, layers), "discriminator")
    net.load_state_dict({key.removeprefix("discriminator."): value for key, value in state.items()})
    seen = {}
    for tower in ("local", "whole"):
        getattr(net, tower).register_forward_hook(lambda _, __, output, name=tower: seen.update({name: output}))
    waves = [torch.sin(0.01 * torch.arange(2 * 3 * side * side, dtype=torch.float64)) for side in (32, 64)]
    logits = net((0.5 + 0.5 * waves[0]).view(2, 3, 32, 32), (0.5 - 0.5 * waves[1]).view(2, 3, 64, 64))
    check(logits.sigmoid(), data["cases"]["B"]["output"])
    check(seen["local"], data["cases"]["B"]["local_features"])
    check(seen["whole"], data["cases"]["B"]["global_features"])


def test_numbers_of_weights_are_those_of_both_codes():
    with torch.device("meta"):
        nets = [
            CompletionNetwork(3),
            CompletionNetwork(3, norm_first=True),
            ContextDiscriminator(3, 96, (160, 160)),
            ContextDiscriminator(3, 128, (256, 256), global_layers=6),
            ContextDiscriminator(3, 128, (256, 256), global_layers=6, norm_first=True),
        ]
    counts = [sum(p.numel() for p in net.parameters()) for net in nets]
    assert counts == [6_072_131, 6_069_155, 39_557_121, 45_063_681, 45_060_225]
    assert len(nets[0].state_dict()) == 114


class Told(nn.Module):
    """A network that answers what it was told."""

    signed = False

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)

    def forward(self, *inputs):
        return self.answers.pop(0)


@pytest.mark.parametrize("composite", [False, True])
def test_the_losses_of_each_phase_are_the_references(golden, monkeypatch, composite):
    case = golden.load("restoration_losses")["case"]
    wanted, probabilities = case["glcic"], case["probabilities"]
    count = torch.arange(2 * 3 * 64, dtype=torch.float64)
    real = (0.5 + 0.5 * torch.sin(0.2 + 0.13 * count)).view(2, 3, 8, 8)
    made = (0.5 + 0.5 * torch.sin(0.9 + 0.17 * count)).view(2, 3, 8, 8)
    mask = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    mask[:, :, 2:5, 3:7] = 1
    model = make(dataclasses.replace(SPEC, image_size=(8, 8)), composite=composite)
    monkeypatch.setattr(model.holes, "draw", lambda *_: (mask, Window(1, 2, 4, 4)))
    monkeypatch.setattr(model.holes, "draw_window", lambda *_: Window(0, 0, 4, 4))
    fake, true = (torch.tensor(probabilities[name], dtype=torch.float64).logit() for name in ("fake_c", "real_c"))
    steps = {}
    for phase in model.phases():
        model.completion, model.discriminator = Told(made), Told(fake, true, fake)
        updates = model.train_step({"image": real * 2 - 1}, i2i.Progress(phase, 0, 10))
        steps[phase.name] = {name: {term: value.item() for term, value in terms.items()} for name, terms in updates}
    assert steps["completion"] == {"completion": {"mse": pytest.approx(wanted["masked_mse_mean_over_all"], rel=1e-9)}}
    assert steps["discriminator"] == {"discriminator": {"gan": pytest.approx(wanted["phase2_D"], rel=1e-9)}}
    assert list(steps["joint"]) == ["discriminator", "completion"]  # in this order
    assert steps["joint"]["discriminator"]["gan"] == pytest.approx(wanted["phase3_D"], rel=1e-9)
    assert sum(steps["joint"]["completion"].values()) == pytest.approx(wanted["phase3_G"], rel=1e-9)


def test_adam_finds_the_discriminators_loss_in_the_size_it_had_before():
    for optimizer, scale in (("adam", 1.0), ("adadelta", 4e-4)):
        model = make(optimizer=optimizer)
        model.completion, answers = Told(torch.zeros(2, 3, 32, 32)), (torch.ones(2, 1), torch.zeros(2, 1))
        model.discriminator = Told(*answers)
        progress = i2i.Progress(model.phases()[2], 0, 10)
        _, terms = next(model.train_step(synthetic_batch(SPEC, 2), progress))
        expected = 0.5 * (np.log1p(np.e) + np.log(2))
        assert terms["gan"].item() == pytest.approx(scale * expected, rel=1e-5)


def test_l1_is_the_mean_over_holes():
    from i2i_completion.model import pixel_loss

    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    made = torch.full((1, 3, 4, 4), 0.75)
    assert pixel_loss(made, torch.full((1, 3, 4, 4), 0.5), mask, "l1").item() == pytest.approx(0.25)
    assert pixel_loss(made, torch.full((1, 3, 4, 4), 0.5), mask).item() == pytest.approx(0.0625 / 2)


def test_phases_are_the_references_by_default():
    model = make(dataclasses.replace(SPEC, image_size=(256, 256)))
    assert [(phase.name, phase.share) for phase in model.phases()] == [
        ("completion", 90),
        ("discriminator", 10),
        ("joint", 400),
    ]
    o = model.options
    assert (o.local_size, o.hole_sizes, o.local_layers, o.global_layers, o.gan_weight) == (128, (96, 128), 5, 6, 4e-4)
    optimizers = model.optimizers(model.phases()[2])
    assert set(optimizers) == {"completion", "discriminator"}
    assert {(type(each), each.param_groups[0]["lr"]) for each in optimizers.values()} == {(torch.optim.Adadelta, 1.0)}
    adam = make(optimizer="adam").optimizers(model.phases()[0])["completion"]
    assert (type(adam), adam.param_groups[0]["lr"]) == (torch.optim.Adam, 4e-4)
    assert [phase.name for phase in make(gan_weight=0.0).phases()] == ["completion"]
    assert {phase.lr(fraction) for phase in model.phases() for fraction in (0.0, 0.5, 0.999)} == {1.0}
    assert [phase.lr(0.75) for phase in make(decay_start=0.5).phases()] == [0.5] * 3


@pytest.mark.parametrize(
    ("phase", "trained"),
    [
        ("completion", {"completion"}),
        ("discriminator", {"discriminator"}),
        ("joint", {"completion", "discriminator"}),
    ],
)
def test_each_phase_trains_its_networks_and_leaves_no_gradient(phase, trained):
    model = make()
    before = {name: p.clone() for name, p in model.named_parameters()}
    train(model, 2, phase)
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert {name.partition(".")[0] for name in changed} == trained
    assert len(changed) == sum(name.partition(".")[0] in trained for name in before)
    assert all(p.grad is None for p in model.parameters())  # nothing of one update is left for the next


def test_the_discriminator_learns_from_its_own_update_alone():
    """Its weights after two joint steps are the same whether or not the completion network asks it for gradients."""
    models = [make(gan_weight=weight, optimizer="adam") for weight in (4e-4, 4e-4)]
    for model in models:
        for p in model.completion.parameters():
            p.requires_grad_(model is models[0])
    with_, without = models
    joint = with_.phases()[2]
    for model in models:
        optimizers = model.optimizers(joint)
        optimizers["completion"].param_groups[0]["lr"] = 0.0
        for step in range(2):
            batch, progress = synthetic_batch(SPEC, 2, step), i2i.Progress(joint, step, 10, run_step=step)
            if model is with_:
                run_step(model, optimizers, batch, progress, Engine())
                continue
            model.train()
            name, terms = next(model.train_step(batch, progress))
            optimizers[name].zero_grad()
            terms["gan"].backward()
            optimizers[name].step()
    for name, value in with_.discriminator.named_parameters():
        torch.testing.assert_close(value, dict(without.discriminator.named_parameters())[name], rtol=1e-5, atol=1e-7)


def test_the_completion_network_runs_once_a_step():
    model, calls = make(), []
    model.completion.register_forward_hook(lambda *_: calls.append("completion"))
    model.discriminator.register_forward_hook(lambda *_: calls.append("discriminator"))
    train(model, 1, "joint")
    assert calls == ["completion", *["discriminator"] * 3]


@pytest.mark.parametrize("composite", [False, True])
def test_what_is_judged_has_the_known_pixels_where_asked(monkeypatch, composite):
    model, judged, masks = make(composite=composite), [], []
    judge, draw = model._judge, model.holes.draw
    monkeypatch.setattr(model, "_judge", lambda pictures, window: judged.append(pictures) or judge(pictures, window))
    monkeypatch.setattr(model.holes, "draw", lambda *given: masks.append(draw(*given)) or masks[-1])
    train(model, 1, "discriminator")
    fake, real = judged
    known = (masks[0][0] == 0).expand_as(real)
    assert fake[known].equal(real[known]) == composite
    assert not fake[~known].equal(real[~known])


def test_bf16_stays_near_float32():
    exact, coarse = (train(make(), 2, "joint", precision) for precision in ("fp32", "bf16"))
    for step, step32 in zip(coarse, exact, strict=True):
        assert step == pytest.approx(step32, rel=0.05, abs=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"masks": "strokes", "optimizer": "adam", "composite": True, "pixel_loss": "l1"},
        {"norm": "before", "value_range": "signed", "holes": 3, "hole_sizes": (2, 8)},
        {"masks": "center", "gan_weight": 0.0},
    ],
)
def test_keeps_the_contract(options):
    check_model("completion", **(TINY | options))


@pytest.mark.parametrize("channels", [1, 5])
def test_keeps_the_contract_with_other_channels(channels):
    check_model("completion", spec=dataclasses.replace(SPEC, channels={"image": channels}), **TINY)


def test_the_mean_pixel_is_measured_once_and_kept(tmp_path):
    model = make()
    images = [torch.rand(3, 3, 8, 8) * 2 - 1 for _ in range(4)]
    model.start(model.phases()[0], ({"image": image} for image in images))
    expected = torch.cat(images).mean(dim=(0, 2, 3))
    torch.testing.assert_close(model.mean.value, expected)
    model.start(model.phases()[1], ({"image": image * 0} for image in images))
    torch.testing.assert_close(model.mean.value, expected)
    bundle.write(tmp_path / "bundle", model, bundle.describe("completion", model))
    loaded = bundle.load(tmp_path / "bundle")
    assert torch.equal(loaded.mean.value, model.mean.value)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:4, 3:5] = 1
    blank = loaded.blank(images[0][:1], mask)
    assert torch.equal(blank[0, :, 2:4, 3:5], model.mean.value.view(3, 1, 1).expand(3, 2, 2))
    assert torch.equal(blank[mask.expand_as(blank) == 0], images[0][:1][mask.expand_as(blank) == 0])


def test_what_lies_under_the_hole_is_not_looked_at():
    model = make()
    source, mask = synthetic_batch(SPEC, 1)["image"], torch.zeros(1, 1, 32, 32)
    mask[:, :, 8:20, 10:24] = 1
    with evaluating(model):
        filled = model.translate({"source": source, "mask": mask}, Completion.Request())
        other = model.translate({"source": source.masked_fill(mask.bool(), 0.7), "mask": mask}, i2i.Request())
    assert torch.equal(filled, other)
    known = mask.expand_as(source) == 0
    assert torch.equal(filled[known], source[known])
    assert not torch.equal(filled[~known], source[~known])


@pytest.mark.parametrize(
    ("rows", "columns", "seen"),
    [
        ((341, 350), (322, 331), (32, 32)),  # a small hole: as much as in training
        ((341, 361), (322, 331), (40, 32)),  # a larger one: twice its side
        ((0, 9), (651, 660), (32, 32)),  # at the border
        ((150, 480), (170, 500), (652, 652)),  # as far as what is there can matter
    ],
)
def test_of_a_large_photo_only_the_surroundings_of_the_hole_are_looked_at(rows, columns, seen):
    model = make(norm="before")
    train(model, 2, "completion")
    source, mask = torch.rand(1, 3, 700, 660) * 2 - 1, torch.zeros(1, 1, 700, 660)
    hole = (slice(None), slice(None), slice(*rows), slice(*columns))
    mask[hole] = 1
    sizes = []
    model.completion.register_forward_hook(lambda _, given, __: sizes.append(tuple(given[0].shape[2:])))
    with evaluating(model):
        part = model.translate({"source": source, "mask": mask}, i2i.Request())
        whole = model._shown(model._make(source, mask))
    assert sizes == [seen, (700, 660)]
    assert torch.equal(part * (1 - mask), source * (1 - mask))
    assert not torch.equal(part[hole], source[hole])
    if seen[0] >= rows[1] - rows[0] + 2 * REACH - 8:
        torch.testing.assert_close(part[hole], whole[hole], rtol=1e-4, atol=1e-5)


def test_a_small_hole_is_filled_as_in_a_crop_of_the_size_of_training():
    model = make()
    train(model, 2, "completion")
    source, mask = torch.rand(1, 3, 96, 128) * 2 - 1, torch.zeros(1, 1, 96, 128)
    mask[:, :, 50:60, 71:83] = 1
    crop = (slice(None), slice(None), slice(36, 68), slice(60, 92))
    with evaluating(model):
        filled = model.translate({"source": source, "mask": mask}, i2i.Request())
        alone = model.translate({"source": source[crop], "mask": mask[crop]}, i2i.Request())
    torch.testing.assert_close(filled[crop], alone)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (37, 50), (33, 64)])
@pytest.mark.parametrize("blend", ["none", "poisson"])
@pytest.mark.parametrize(("bands", "dtype"), [(3, np.uint8), (1, np.uint8), (3, np.uint16), (1, np.uint16)])
def test_pictures_of_any_size_and_depth_keep_what_is_known(size, blend, bands, dtype):
    model = make()
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (*size[::-1], bands)).astype(dtype)
    hole = np.zeros(size[::-1], np.uint8)
    hole[: size[1] // 2 + 1, size[0] // 3 :] = 1
    asked = make_request(model, {"blend": blend})
    made = translate_picture(model, Picture(pixels, None, "PNG"), asked, companions={"mask": hole[..., None]})
    assert (made.pixels.dtype, made.pixels.shape) == (dtype, pixels.shape)
    assert (made.pixels[hole == 0] == pixels[hole == 0]).all()
    assert (made.pixels[hole == 1] != pixels[hole == 1]).any()


def test_what_is_transparent_is_filled_and_the_result_is_opaque():
    photo = Image.new("RGBA", (45, 31), (200, 90, 30, 255))
    photo.paste((0, 0, 0, 0), (10, 10, 30, 20))
    filled = make().translate_image(photo)
    assert (filled.mode, filled.size) == ("RGB", (45, 31))
    assert filled.getpixel((0, 0)) == (200, 90, 30)
    assert filled.getpixel((20, 15)) != (0, 0, 0)
    mask = Image.new("L", (45, 31))
    mask.paste(255, (1, 1, 9, 9))
    assert make().translate_image(photo, mask=mask, blend="poisson").mode == "RGBA"  # keeps its alpha then


def test_requests_say_what_does_not_fit():
    with pytest.raises(ValueError, match="--samples 4 would write the same picture 4 times"):
        make_request(make(), {"samples": 4})
    with pytest.raises(ValueError, match="--blend is 'poison'; choose none or poisson"):
        make_request(make(), {"blend": "poison"})


def test_questions_are_the_same_each_time_and_hide_what_they_ask_for():
    model = make(hole_sizes=(6, 12))
    model.mean.value.copy_(torch.tensor([0.5, -0.5, 0.0]))
    images = synthetic_batch(SPEC, 2)["image"]
    one, again, other = (
        model.question({"image": i, "source": i}) for i in (images[:1], images[:1].clone(), images[1:])
    )
    assert torch.equal(one["mask"], again["mask"])
    assert not torch.equal(one["mask"], other["mask"])
    hidden = one["mask"].expand_as(one["source"]) == 1
    assert torch.equal(one["target"], images[:1])
    assert (one["source"][0, 1][one["mask"][0, 0] == 1] == -0.5).all()
    assert torch.equal(one["source"][~hidden], images[:1][~hidden])
    larger = F.interpolate(images[:1], (48, 64))
    assert model.question({"source": larger})["mask"].shape == (1, 1, 48, 64)
    with evaluating(model):
        (row,) = model.preview([(one, i2i.Request())])
    assert list(row) == ["with a hole", "filled", "original"]


def test_the_figure_is_the_error_inside_holes_in_per_cent():
    from i2i_completion.filling import masked_l1

    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    target = torch.zeros(1, 3, 4, 4)
    output = torch.full((3, 4, 4), 9.0)
    output[:, :, :2] = 0.5  # a quarter of the range, which is 2
    inputs = {"source": target, "mask": mask, "target": target}
    assert masked_l1([Result(inputs, None, output)]) == pytest.approx(25)
    assert masked_l1([]) is None
    card = next(c for c in __import__("i2i_completion").metrics() if c.name == Completion.metric)
    assert card.lower_is_better


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for index in range(12):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize((40, 36)).save(folder / f"{index}.png")
    return folder


RUN = {"steps": 10, "image_size": 16, "resize": 20, "batch_size": 2, "workers": 0, "device": "cpu", "log_every": 1}
RUN |= {"completion_share": 4, "discriminator_share": 2, "joint_share": 4, "precision": "fp32", "checkpoint_every": "2"}


@pytest.mark.parametrize("step", [3, 4, 5, 6, 9])
def test_a_run_killed_at_any_border_of_phases_goes_on_exactly(photos, tmp_path, monkeypatch, step):
    def start(name):
        run = preparing.prepare("completion", str(photos), TINY | RUN | {"out": tmp_path / "runs", "name": name})
        training.start(run, quiet=True)
        return run.folder

    whole = start("whole")

    def dying(model, optimizers, batch, progress, engine):
        if progress.run_step == step:
            raise KeyError("killed")
        return run_step(model, optimizers, batch, progress, engine)

    monkeypatch.setattr(loop, "run_step", dying)
    with pytest.raises(KeyError):
        start("killed")
    monkeypatch.setattr(loop, "run_step", run_step)
    run, state, place = preparing.reopen(tmp_path / "runs" / "killed", None, None, None, {})
    assert state.step == step - step % 2
    training.start(run, state, place, quiet=True)
    folders = (whole, run.folder)
    weights, resumed = (i2i.load(folder).state_dict() for folder in folders)
    assert all(torch.equal(value, resumed[name]) for name, value in weights.items())
    assert weights["mean.pictures"] > 0
    one, two = (checkpoint.read_state(checkpoint.newest(folder)).optimizers for folder in folders)
    assert one.keys() == two.keys() == {"completion", "discriminator"}
    for name, values in one.items():
        for number, entry in values.items():
            assert all(torch.equal(torch.as_tensor(v), torch.as_tensor(two[name][number][k])) for k, v in entry.items())


def test_a_run_measures_the_error_in_holes(photos, tmp_path):
    run = preparing.prepare("completion", str(photos), TINY | RUN | {"out": tmp_path / "runs", "name": "run"})
    training.start(run, quiet=True)
    assert 0 < run.figures["masked_l1"] < 100


@pytest.mark.parametrize(("masks", "height", "width"), [("boxes", 16, 24), ("strokes", 24, 16), ("center", 16, 28)])
def test_pictures_that_are_no_squares_are_learned_from_in_all_phases(photos, tmp_path, masks, height, width):
    options = TINY | RUN | {"image_size": height, "image_width": width, "resize": 36, "masks": masks}
    run = preparing.prepare("completion", str(photos), options | {"out": tmp_path / "runs", "name": "run"})
    training.start(run, quiet=True)
    assert 0 < run.figures["masked_l1"] < 100
    model = i2i.load(run.folder)
    whole, local = model.discriminator.whole, model.discriminator.local
    inputs = [(3, height, width), (3, 8, 8)]  # the window is half the short side
    shapes = [
        tower.layers(torch.zeros(1, *shape)).shape[1:] for tower, shape in zip((whole, local), inputs, strict=True)
    ]
    assert [tower.linear.in_features for tower in (whole, local)] == [int(np.prod(shape)) for shape in shapes]


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (32, {"local_size": 40}, "--local-size 40 is larger than the pictures; use --local-size 32 or less"),
        (32, {"hole_sizes": (8, 20)}, "--hole-sizes 8 20 must rise and lie within the window of --local-size 16"),
        (32, {"hole_sizes": (9, 8)}, "--hole-sizes 9 8 must rise"),
        (32, {"local_layers": 4}, "--local-layers 4 leaves a single pixel of 16; use --local-layers 3"),
        (32, {"global_layers": 8}, "--global-layers 8 leaves a single pixel of 32; use --global-layers 4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_with_what_does(size, options, message):
    with pytest.raises(ValueError, match=message):
        make(dataclasses.replace(SPEC, image_size=(size, size)), **options)


def test_a_wrong_folder_of_masks_stops_a_run_before_anything_is_written(photos, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, message in (("nothing", "there is no such folder"), ("empty", "there are no masks in it")):
        options = TINY | RUN | {"masks": str(tmp_path / folder), "out": str(tmp_path / "runs")}
        with pytest.raises(ValueError, match=message):
            i2i.train("completion", photos, **options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("options", [{}, {"norm": "before", "value_range": "signed"}])
def test_published_files_come_and_go_exactly(options):
    spec = dataclasses.replace(SPEC, image_size=(128, 128))
    model = make(spec, local_size=64, **options).double()
    train(model, 1, "joint", precision="fp64")
    model.mean.value.copy_(torch.tensor([0.1, -0.2, 0.3]) if not options else torch.zeros(3))
    files = model.export_weights()
    assert list(files) == (["glcic.pth"] if options else ["model_cn", "mpv", "model_cd"])
    found = Completion.import_weights(files, ())
    again = Completion(build(Completion.Options, dict(found.options)), found.spec).double()
    again.load_state_dict(dict(found.weights))
    for name, value in model.state_dict().items():
        if not name.startswith("mean."):
            assert torch.equal(value, again.state_dict()[name]), name
    torch.testing.assert_close(again.mean.value, model.mean.value)
    assert found.spec.image_size == (128, 128)
    assert again.options.local_size == 64
    assert again.mean.pictures  # is not measured anew where training goes on


def test_a_discriminator_that_their_code_cannot_read_is_left_out():
    assert list(make().export_weights()) == ["model_cn", "mpv"]
    for size in ((100, 100), (128, 192)):
        odd = make(dataclasses.replace(SPEC, image_size=size), local_size=64)
        assert list(odd.export_weights()) == ["model_cn", "mpv"]


def test_mmagics_discriminator_judges_the_whole_first():
    spec = dataclasses.replace(SPEC, image_size=(128, 128))
    model = make(spec, norm="before", value_range="signed")
    model.discriminator.head.weight.data = torch.arange(2 * 64.0).view(1, 128)
    state = model.export_weights()["glcic.pth"]
    assert state["disc.fc.weight"][0, :3].tolist() == [64, 65, 66]
    assert {"generator.encoder.enc1.conv.weight", "generator.dilation_neck.dilation_convs.0.bn.bias"} <= state.keys()
    assert {"generator.decoder.dec7.conv.bias", "disc.global_disc.conv1.bn.weight"} <= state.keys()
    assert "disc.local_disc.fc.linear.weight" in state
    assert "generator.encoder.enc1.conv.bias" not in state
    bare = {key.removeprefix("generator."): value for key, value in state.items() if key.startswith("generator.")}
    assert "completion.head.weight" in Completion.import_weights({"generator.pth": bare}, ()).weights


def test_mmagics_file_computes_what_mmagic_does():
    """Written down anew from its code: convolution, norm, ReLU; pictures in [-1, 1]; the whole before the window."""
    model = make(dataclasses.replace(SPEC, image_size=(128, 128)), norm="before", value_range="signed").double()
    train(model, 2, "joint", precision="fp64")
    state = model.eval().export_weights()["glcic.pth"]

    def module(x, name, **geometry):
        convolve = F.conv_transpose2d if state[f"{name}.conv.weight"].shape[2] == 4 else F.conv2d
        x = convolve(x, state[f"{name}.conv.weight"], **geometry)
        norm = [state[f"{name}.bn.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias")]
        return F.relu(F.batch_norm(x, *norm))

    images, mask = torch.rand(2, 3, 128, 128, dtype=torch.float64) * 2 - 1, torch.zeros(2, 1, 128, 128).double()
    mask[:, :, 20:70, 30:90] = 1
    model.mean.value.zero_()
    x = torch.cat([images * (1 - mask), mask], dim=1)
    for n, (padding, stride) in enumerate(((2, 1), (1, 2), (1, 1), (1, 2), (1, 1), (1, 1)), 1):
        x = module(x, f"generator.encoder.enc{n}", padding=padding, stride=stride)
    for n in range(4):
        x = module(x, f"generator.dilation_neck.dilation_convs.{n}", padding=2 ** (n + 1), dilation=2 ** (n + 1))
    for n, stride in enumerate((1, 1, 2, 1, 2, 1), 1):
        x = module(x, f"generator.decoder.dec{n}", padding=1, stride=stride)
    head = (state["generator.decoder.dec7.conv.weight"], state["generator.decoder.dec7.conv.bias"])
    expected = F.conv2d(x, *head, padding=1).clamp(-1, 1)
    torch.testing.assert_close(model._make(images, mask), expected)

    def tower(x, name):
        for n in range(1, 6):
            x = module(x, f"disc.{name}.conv{n}", padding=2, stride=2)
        return F.relu(F.linear(x.flatten(1), *(state[f"disc.{name}.fc.linear.{leaf}"] for leaf in ("weight", "bias"))))

    window = Window(10, 40, 64, 64)
    seen = torch.cat([tower(images, "global_disc"), tower(images[:, :, 10:74, 40:104], "local_disc")], dim=1)
    torch.testing.assert_close(
        model._judge(images, window), F.linear(seen, state["disc.fc.weight"], state["disc.fc.bias"])
    )


def test_a_published_network_alone_has_the_mean_it_was_trained_with():
    state = make().export_weights()["model_cn"]
    found = Completion.import_weights({"model_cn_step400000": state}, ())
    torch.testing.assert_close(found.weights["mean.value"], torch.tensor(CELEBA) * 2 - 1)
    assert any("that of CelebA is taken" in sentence for sentence in found.found)
    assert (found.spec.image_size, found.options["local_size"], found.targets) == ((160, 160), 96, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: {"model_cd": f["model_cd"]}, "these files hold no completion network; give model_cn"),
        (lambda f: {"x.pth": {"a.weight": torch.ones(1)}}, "x.pth is no network of GLCIC"),
        (
            lambda f: {"a": f["model_cn"], "b": f["model_cn"]},
            "two of these files hold a completion network; give those of one",
        ),
        (lambda f: f | {"mpv": {"mpv": torch.ones(1)}}, "the mean pixel has 1 channels, the network 3"),
        (
            lambda f: {"model_cn": {k: v for k, v in f["model_cn"].items() if k != "conv9.weight"}},
            'the completion network is not whole: "conv9.weight" is missing',
        ),
        (
            lambda f: {"model_cn": f["model_cn"] | {"conv18.weight": torch.ones(1)}},
            '"conv18.weight" is no weight of this',
        ),
    ],
)
def test_other_files_are_refused_in_a_sentence(change, message):
    files = make(dataclasses.replace(SPEC, image_size=(128, 128)), local_size=64).export_weights()
    with pytest.raises(ValueError, match=message):
        Completion.import_weights(change(files), ())


def test_layouts_that_nobody_has_are_not_written():
    with pytest.raises(ValueError, match="no published layout has --norm before with --value-range unit"):
        make(norm="before").export_weights()
