"""StackGAN, StackGAN++ and GAN-CLS: who learns when, what is told apart, runs across the borders of phases."""

from __future__ import annotations

import dataclasses
import json
import warnings

import numpy as np
import pytest
import torch
from i2i_datasets import shapes
from i2i_stackgan import objectives
from i2i_stackgan.gan_cls import GANCLS
from i2i_stackgan.model import StackGAN
from i2i_stackgan.networks import beside
from i2i_stackgan.options import stairs
from i2i_stackgan.tree import StackGANTree
from PIL import Image
from torch import nn

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SMALL = {"encoder_width": 8, "text_size": 12, "noise_size": 5, "generator_width": 8, "discriminator_width": 4}
TINY = {
    "stackgan": SMALL | {"condition_size": 6, "blocks": 1},
    "stackgan-v2": SMALL | {"condition_size": 6, "blocks": 1},
    "gan-cls": SMALL | {"projection_size": 5},
}
CLASSES = {"stackgan": StackGAN, "stackgan-v2": StackGANTree, "gan-cls": GANCLS}
SAID = ["a red dog", "a red cat", "a brown dog"]


def spec_of(size=32, channels=3):
    words = tuple(sorted({word for caption in SAID for word in caption.split()}))
    return dataclasses.replace(synthetic_spec("captioned", size, channels), vocabulary=words)


def make(name, size=32, channels=3, **options):
    torch.manual_seed(0)
    cls = CLASSES[name]
    return cls(build(cls.Options, TINY[name] | options), spec_of(size, channels))


def batch_of(model, phase, captions=SAID):
    side = phase.image_size or round(model.spec.image_size[0] * phase.image_scale)
    return synthetic_batch(model.spec, len(captions), 1, (side, side)) | {"caption": list(captions)}


def train(model, phase, captions=SAID, step=0, model_optimizers=None):
    """One step of a phase; what it logged, and which tensors it changed."""
    model.phase = phase.name
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizers = model_optimizers or model.optimizers(phase)
    logged = run_step(model, optimizers, batch_of(model, phase, captions), i2i.Progress(phase, step, 10), Engine())
    changed = {name for name, value in model.state_dict().items() if not torch.equal(before[name], value)}
    return logged, changed


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("stackgan", {}),
        ("stackgan", {"stages": 1, "text_encoder": "chars", "lr_stairs": 2}),
        ("stackgan-v2", {"color_weight": 50.0}),
        ("stackgan-v2", {"branches": 1, "alone_weight": 0.0}),
        ("stackgan-v2", {"branches": 2}),
        ("gan-cls", {}),
        ("gan-cls", {"interpolation_weight": 0.0, "wrong_weight": 0.0}),
    ],
)
def test_contract(name, options):
    check_model(name, **TINY[name] | options)
    spec = dataclasses.replace(spec_of(channels=1))
    model = check_model(name, spec=spec, **TINY[name] | options)
    (picture,) = model.sample_images(text="a red dog")
    assert (picture.size, picture.mode) == ((32, 32), "L")


@pytest.mark.parametrize("size", [8, 16, 64])
def test_sizes_are_doublings_of_four(size):
    for name, smallest in (("stackgan", {"stages": 1}), ("stackgan-v2", {"branches": 1}), ("gan-cls", {})):
        model = make(name, size, **smallest)
        assert model.sample_images(text="a dog")[0].size == (size, size)


@pytest.mark.parametrize(
    ("name", "size", "options", "words"),
    [
        ("stackgan", 100, {"stages": 1}, "100 is not reached so; use --image-size 64 or 128"),
        ("stackgan", 250, {}, "250 is not reached so; use --image-size 128 or 256"),
        ("stackgan", 16, {}, "use --image-size 32 or 64"),
        ("stackgan", 256, {"stages": 1}, "up to 128 pixels, and here it would draw 256; use --image-size 64 or less"),
        ("stackgan", 32, {"generator_width": 3}, "cannot narrow 3 channels to a quarter; use --generator-width 4"),
        ("stackgan-v2", 96, {}, "96 is not reached so; use --image-size 64 or 128"),
        ("gan-cls", 4, {}, "4 is not reached so; use --image-size 8 or 16"),
    ],
)
def test_other_sizes_are_refused(name, size, options, words):
    with pytest.raises(ValueError, match=words):
        make(name, size, **options)


@pytest.mark.parametrize("name", ["stackgan", "stackgan-v2", "gan-cls"])
def test_squares_are_asked_for(name):
    model = make(name, 64)
    wide = dataclasses.replace(model.spec, image_size=(64, 128))
    with pytest.raises(ValueError, match="draws squares, and the size is 128x64; leave --image-width out"):
        type(model)(model.options, wide)


def test_phases_have_their_sizes_and_shares():
    model = make("stackgan", 64, stage2_batch_size=2, stage2_share=3.0, encoder_share=0.5, lr_stairs=4)
    encoder, first, second = model.phases()
    assert [phase.name for phase in (encoder, first, second)] == ["encoder", "stage1", "stage2"]
    assert [phase.image_scale for phase in (encoder, first, second)] == [0.25, 0.25, 1.0]
    assert [phase.share for phase in (encoder, first, second)] == [0.5, 1.0, 3.0]
    assert [phase.batch_size for phase in (encoder, first, second)] == [None, None, 2]
    assert [first.lr(fraction) for fraction in (0, 0.24, 0.25, 0.5, 0.99)] == [1, 1, 0.5, 0.25, 0.125]
    assert [phase.image_scale for phase in make("stackgan", 32, stages=1).phases()] == [1.0, 1.0]
    assert [phase.image_scale for phase in make("stackgan-v2", 64).phases()] == [0.25, 1.0]
    assert stairs(1)(0.99) == 1


def test_each_phase_teaches_its_own():
    """The encoder is frozen after its phase; in stage II stage I is, with the statistics of its norms."""
    model = make("stackgan")
    owners = {
        "encoder": {"texts"},
        "stage1": {"stage1", "discriminator1"},
        "stage2": {"stage2", "discriminator2"},
    }
    terms = {
        "encoder": {"encoder/find_sentence", "encoder/find_picture"},
        "stage1": {f"discriminator/{term}" for term in ("real", "wrong", "fake")} | {"generator/gan", "generator/kl"},
    }
    terms["stage2"] = terms["stage1"] | {"generator/alone"}
    for phase in model.phases():
        logged, changed = train(model, phase)
        assert {name.split(".")[0] for name in changed} == owners[phase.name]
        assert logged.keys() == terms[phase.name]
        named = {id(p): name for name, p in model.named_parameters()}
        trained = {named[id(p)] for o in model.optimizers(phase).values() for g in o.param_groups for p in g["params"]}
        assert {name.split(".")[0] for name in trained} == owners[phase.name]


@pytest.mark.parametrize("name", ["stackgan-v2", "gan-cls"])
def test_the_encoder_is_frozen_after_its_phase(name):
    model = make(name)
    first, second = model.phases()
    assert {n.split(".")[0] for n in train(model, first)[1]} == {"texts"}
    changed = {n.split(".")[0] for n in train(model, second)[1]}
    judges = {f"discriminator{number}" for number in (1, 2, 3)} | {"average"}
    assert changed == {"generator"} | (judges if name == "stackgan-v2" else {"discriminator"})


def test_the_wrong_sentence_is_another_one():
    assert objectives.others(["a", "b", "c"]) == [1, 2, 0]
    assert objectives.others(["a", "a", "b"]) == [2, 2, 0]
    assert objectives.others(["a", "a"]) == [None, None]
    assert objectives.others(["a"]) == [None]
    assert objectives.others(["A dog.", "a dog", "a cat"]) == [2, 2, 0], "dots and capitals make no other sentence"


@pytest.mark.parametrize("second", [False, True])
def test_stackgan_pairs_pictures_with_the_next_sentence(second, monkeypatch):
    """As the reference does: pictures 0 to N - 2 with sentences 1 to N - 1, one pass for features; means, detached."""
    model = make("stackgan")
    phase = model.phases()[2 if second else 1]
    model.phase = phase.name
    net = model.discriminator2 if second else model.discriminator1
    judged, seen = [], []
    judge, forward = net.judge, net.forward
    monkeypatch.setattr(net, "judge", lambda f, c: judged.append((f, c)) or judge(f, c))
    monkeypatch.setattr(net, "forward", lambda x: seen.append(x) or forward(x))
    model.train()
    updates = model.train_step(batch_of(model, phase), i2i.Progress(phase, 0, 10))
    name, terms = next(updates)
    (real, mu), (wrong, shifted), (fake, again) = judged
    assert name == "discriminator"
    assert len(seen) == 2
    assert torch.equal(wrong, real[:-1])
    assert torch.equal(shifted, mu[1:])
    assert torch.equal(mu, again)
    assert fake.shape == real.shape
    assert not mu.requires_grad
    assert not seen[1].requires_grad, "drawn pictures are shown without a way back"
    generator = model.stage2 if second else model.stage1
    with torch.no_grad():
        text = model.texts(SAID, torch.zeros(()))
        _, mean, _ = generator.condition(text, torch.zeros(3, 6))
    assert torch.allclose(mu, mean)
    assert (mu >= 0).all()
    assert terms.keys() == {"real", "wrong", "fake"}
    name, terms = next(updates)
    assert (name, len(seen)) == ("generator", 3)
    assert seen[2].requires_grad
    assert torch.equal(judged[3][1], mu)


def test_equal_sentences_make_no_wrong_pair():
    model = make("stackgan", stages=1)
    phase = model.phases()[1]
    assert "discriminator/wrong" not in train(model, phase, ["a dog"] * 3)[0]
    for name in ("stackgan-v2", "gan-cls"):
        other = make(name)
        logged, _ = train(other, other.phases()[1], ["a dog"] * 3)
        assert not [term for term in logged if "wrong" in term]


def test_the_tree_shows_another_picture_for_a_sentence(monkeypatch):
    model = make("stackgan-v2", branches=1)
    phase = model.phases()[1]
    judged = []
    judge = model.discriminator1.judge
    monkeypatch.setattr(model.discriminator1, "judge", lambda f, c: judged.append((f, c)) or judge(f, c))
    updates = model.train().train_step(batch_of(model, phase), i2i.Progress(phase, 0, 10))
    next(updates)
    (real, mu), (wrong, said), _ = judged
    assert torch.equal(wrong, real[[1, 2, 0]])
    assert torch.equal(said, mu)
    assert not mu.requires_grad
    next(updates)
    assert judged[3][1].requires_grad, "the generator's means learn through the discriminator, as in the reference"


def test_the_tree_is_shown_pictures_at_each_size(monkeypatch):
    model = make("stackgan-v2", 32)
    shown = {}
    for number, net in enumerate(model.discriminators.values()):
        forward = net.forward
        monkeypatch.setattr(net, "forward", lambda x, n=number, f=forward: shown.setdefault(n, []).append(x) or f(x))
    phase = model.phases()[1]
    batch = batch_of(model, phase)
    list(model.train().train_step(batch, i2i.Progress(phase, 0, 10)))
    for number, side in enumerate((8, 16, 32)):
        real, fake, _ = shown[number]
        assert real.shape == fake.shape == (3, 3, side, side)
        small = torch.nn.functional.avg_pool2d(batch["image"], 32 // side)
        assert (real - small).abs().mean() < 0.05


def test_gan_cls_draws_between_sentences(monkeypatch):
    """One pass of N + N/2 pictures; the discriminator sees the first N, the generator answers for all."""
    model = make("gan-cls")
    phase = model.phases()[1]
    said, drawn = [], []
    net = model.generator
    forward = net.forward
    monkeypatch.setattr(net, "forward", lambda z, t: said.append(t) or drawn.append(forward(z, t)) or drawn[-1])
    batch = batch_of(model, phase, [*SAID, "a cat"])
    steps = list(model.train().train_step(batch, i2i.Progress(phase, 0, 10)))
    (text,) = said
    assert text.shape == (6, 12)
    assert torch.allclose(text[4:], (text[:2] + text[2:4]) / 2)
    (_, judged), (_, terms) = steps
    assert judged.keys() == {"real", "wrong", "fake"}
    assert terms.keys() == {"gan", "interpolated"}
    with torch.no_grad():
        logits = model.discriminator.judge(model.discriminator(drawn[0]), model.discriminator.text(text))
        weights = torch.tensor([1.0] * 4 + [1.0] * 2)
        whole = (weights * nn.functional.softplus(-logits)).mean()
    assert sum(terms.values()).item() == pytest.approx(whole.item(), rel=1e-4)


def test_codes_are_joined_in_the_references_order():
    maps, code = torch.zeros(2, 3, 4, 4), torch.ones(2, 2)
    assert beside(maps, code)[0, :, 0, 0].tolist() == [0, 0, 0, 1, 1]
    assert beside(maps, code, first=True)[0, :, 0, 0].tolist() == [1, 1, 0, 0, 0]
    model, tree = make("stackgan"), make("stackgan-v2")
    vectors = []
    for net in (model.stage1, tree.generator):
        net.seed.register_forward_pre_hook(lambda module, inputs: vectors.append(inputs[0]))
        net(torch.zeros(2, 5), torch.ones(2, 6))
    assert vectors[0][0].tolist() == [0] * 5 + [1] * 6, "noise, condition"
    assert vectors[1][0].tolist() == [1] * 6 + [0] * 5, "condition, noise"


def test_the_tree_draws_with_the_average():
    model = make("stackgan-v2")
    drawn = model.eval().translate({"caption": SAID}, i2i.Request())
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.zero_()
    assert torch.equal(model.translate({"caption": SAID}, i2i.Request()), drawn)


def test_previews_show_captions_beside_pictures():
    image = torch.zeros(1, 3, 32, 32)
    examples = [({"image": image, "source": image, "caption": [c]}, i2i.Request(seed=n)) for n, c in enumerate(SAID)]
    columns = {
        "stackgan": {"stage1": ["the real picture"], "stage2": ["in stage I", "the real picture"]},
        "stackgan-v2": {"tree": ["at 16 pixels", "at 8 pixels", "the real picture"]},
        "gan-cls": {"gan": ["the real picture"]},
    }
    for name, by_phase in columns.items():
        model = make(name).eval()
        for phase, titles in by_phase.items():
            model.phase = phase
            rows = model.preview(examples)
            assert [list(row) for row in rows] == [[caption, *titles] for caption in SAID]
            side = 8 if (name, phase) == ("stackgan", "stage1") else 32
            assert rows[0][SAID[0]].shape == (3, side, side)
        model.phase = "encoder"
        assert [list(row) for row in model.preview(examples)] == [[caption, "taken for"] for caption in SAID]


@pytest.mark.parametrize("name", CLASSES)
def test_what_has_not_learnt_yet_is_said_once(name):
    model = make(name).eval()
    told = {phase.name: [] for phase in model.phases()}
    told["encoder"] = ["the run is still in its first phase, in which it learns to read, so nothing but noise is drawn"]
    if name == "stackgan":
        told["stage1"] = ["stage II has not learnt yet, so stage I's pictures are drawn, of 8 pixels"]
    for phase, notes in told.items():
        model.phase = phase
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.sample_images(2, text="a red dog")
        assert [str(each.message) for each in caught] == [
            f"{n}; go on with the run for more: i2i resume RUN" for n in notes
        ]


def test_a_batch_of_one_is_refused():
    for name in CLASSES:
        model = make(name)
        with pytest.raises(ValueError, match="and it holds 1; use --batch-size 2 or more"):
            train(model, model.phases()[0], SAID[:1])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve pictures of the colours' discs, with a sentence each."""
    root = tmp_path_factory.mktemp("set")
    rows = []
    for number in range(12):
        colour = list(shapes.COLOURS)[number % 4]
        pixels = shapes.draw(str(number), "large", colour, "circle", "black")
        Image.fromarray(pixels).save(root / f"{number}.png")
        rows.append(
            {"file": f"{number}.png", "split": "train" if number < 9 else "test", "caption": f"a {colour} disc"}
        )
    (root / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root


class Stop(Exception):
    """The process is killed here."""


@pytest.mark.parametrize("name", CLASSES)
def test_a_run_goes_on_across_the_borders_of_its_phases(name, pictures, tmp_path, monkeypatch):
    """Killed in the encoder's phase, right at a border and in the last phase, it ends as if it never was."""
    from i2i import loop

    options = {"steps": 9, "batch_size": 3, "image_size": 32, "encoder_share": 0.5, "workers": 0, "precision": "fp32"}
    options |= {"out": str(tmp_path), "checkpoint_every": "1", "preview_every": "100", "threads": 1} | TINY[name]
    whole = i2i.load(i2i.train(name, pictures, name="whole", **options))

    kills = iter([1, 2, 5, 8])
    step = loop.run_step

    def killed(model, optimizers, batch, progress, engine):
        if progress.run_step == killed.at:
            killed.at = next(kills, None)
            raise Stop
        return step(model, optimizers, batch, progress, engine)

    killed.at = next(kills)
    monkeypatch.setattr(loop, "run_step", killed)
    with pytest.raises(Stop):
        i2i.train(name, pictures, name="cut", **options)
    for _ in range(3):
        with pytest.raises(Stop):
            i2i.resume(tmp_path / "cut")
    again = i2i.load(i2i.resume(tmp_path / "cut"))
    assert killed.at is None
    assert again.phase == whole.phase == whole.phases()[-1].name
    for key, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_colours_are_drawn_as_they_are_asked_for(tmp_path):
    """From nothing, the encoder included: of 64 samples most have the colour that their sentence names."""
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, (split, words) in enumerate(shapes.combinations()):
        if split == "train" and words["size"] == "large":
            for copy in range(4):
                file = f"images/{number:03}-{copy}.png"
                Image.fromarray(shapes.draw(file, **words)).resize((32, 32), Image.Resampling.BOX).save(folder / file)
                rows.append({"file": file, "captions": shapes.captions(file, words)})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = i2i.train(
        "stackgan",
        folder,
        out=str(tmp_path),
        steps=450,
        batch_size=16,
        image_size=32,
        crop="none",
        flip=False,
        stages=1,
        generator_width=16,
        discriminator_width=16,
        noise_size=16,
        encoder_width=64,
        encoder_share=0.25,
        lr=2e-3,
        lr_stairs=3,
        kl_weight=0.5,
        threads=1,
        workers=0,
        precision="fp32",
    )
    model = i2i.load(run)
    hits = 0
    for number in range(64):
        colour, shape = list(shapes.COLOURS)[number % 4], shapes.SHAPES[number // 4 % 4]
        (picture,) = model.sample_images(text=f"a large {colour} {shape} on a black background", seed=number)
        hits += shapes.colour_of(np.asarray(picture)) == colour
    assert hits >= 0.6 * 64, f"{hits} of 64; by chance it would be 16"


def test_the_command_draws_what_it_is_told(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from i2i import bundle
    from i2i.cli import make_app

    monkeypatch.chdir(tmp_path)
    model = make("stackgan")
    bundle.write(tmp_path / "drawer", model, bundle.describe("stackgan", model))

    def run(*arguments):
        return CliRunner().invoke(make_app(), ["sample", "drawer", *arguments])

    result = run("--text", "a red dog", "-n", "3", "--seed", "5", "--out", "drawn")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        *(f"seed-00000{seed}.png" for seed in (5, 6, 7)),
        "sheet.png",
    ]
    with Image.open(tmp_path / "drawn" / "seed-000006.png") as opened:
        drawn = np.asarray(opened)
    (again,) = model.eval().sample_images(text="a red dog", seed=6)
    assert (drawn == np.asarray(again)).all()
    assert "the text is empty" in str(run("--text", " ").exception)
    assert "What the picture shall show" in run("--help").output
