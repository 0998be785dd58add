"""Drawing with the zoo's models: by seed, class and truncation, with the average of the weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from i2i_zoo.model import TwoPlayer

from i2i.model import evaluating
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

LABELLED = synthetic_spec("labelled", 16)


def make(spec=LABELLED, **options):
    torch.manual_seed(0)
    tiny = {"architecture": "dcgan:width=2", "latent": "normal:4", "conditioning": "concat+concat"}
    return TwoPlayer(build(TwoPlayer.Options, tiny | options), spec)


def draw(model, **asked):
    with evaluating(model):
        return model.translate({}, model.Request(**asked))


def test_a_picture_is_its_seeds_alone():
    model = make(conditioning="none")
    first = draw(model, seed=3)
    torch.rand(7)
    assert first.shape == (1, 3, 16, 16)
    assert first.abs().max() <= 1
    assert torch.equal(first, draw(model, seed=3))
    assert not torch.equal(first, draw(model, seed=4))


def test_a_class_is_asked_for_by_its_name_or_drawn():
    model = make()
    assert model.targets() == ("cat", "dog", "fox")
    by_class = {name: draw(model, seed=1, to=name) for name in model.targets()}
    assert not torch.equal(by_class["cat"], by_class["dog"])
    latents = {model.drawn_latent(model.Request(seed=1, to=name)).sum().item() for name in ("cat", "dog", None)}
    assert len(latents) == 1  # a class is drawn with the same latent
    labels = [model.label(model.Request(seed=seed)) for seed in range(600)]
    assert torch.bincount(torch.tensor(labels)).tolist() == pytest.approx([200] * 3, abs=40)
    own = model.label(model.Request(seed=1))
    assert torch.equal(draw(model, seed=1), by_class[model.targets()[own]])


def test_a_sheet_says_which_classes_were_drawn():
    model = make()
    request = model.Request(seed=5, samples=10)
    rows = model.grid(request)
    assert [len(row) for row in rows] == [8, 2]
    for number, (title, one) in enumerate(one for row in rows for one in row):
        assert (one.seed, one.to) == (5 + number, model.targets()[model.label(model.Request(seed=5 + number))])
        assert title == f"{one.to}, seed {one.seed}"
    assert model.grid(dataclasses.replace(request, to="cat")) is None
    assert make(conditioning="none").grid(request) is None


def test_truncation_draws_from_the_middle():
    model = make(conditioning="none", latent="normal:100")
    sizes = [model.drawn_latent(model.Request(truncation=limit)).abs().max().item() for limit in (0.2, 0.7)]
    assert sizes[0] <= 0.2 < sizes[1] <= 0.7
    with pytest.raises(ValueError, match=r"^--truncation is for latents with a middle.*not for sphere; leave it out$"):
        draw(make(latent="sphere:4"), truncation=0.7)


def test_pictures_are_drawn_with_the_average():
    model = make(conditioning="none", average="constant:0.9")
    before = draw(model)
    with torch.no_grad():
        for weights in model.generator.parameters():
            weights.add_(1.0)
    assert torch.equal(before, draw(model))
    model.follow(4)
    assert not torch.equal(before, draw(model))


def test_previews_show_every_class_and_real_pictures():
    model = make()
    batch = synthetic_batch(LABELLED, 1, 0)
    with evaluating(model):
        rows = model.preview([(batch, model.Request())] * 3)
    assert [list(row) for row in rows] == [
        *([f"{name}, seed {seed}" for seed in range(4)] for name in ("cat", "dog", "fox")),
        ["real picture 1", "real picture 2", "real picture 3"],
    ]
    assert torch.equal(rows[-1]["real picture 1"], batch["image"][0])
    plain = make(conditioning="none")
    with evaluating(plain):
        assert [len(row) for row in plain.preview([])] == [8, 0]
