"""What is asked of a preset beside its own parts: a plus adds, anything else takes their place, and says so."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings
from pathlib import Path

import i2i_zoo
import numpy as np
import pytest
from i2i_zoo import cards, spelling
from i2i_zoo.presets.large import BIGGAN
from i2i_zoo.presets.style import PROGAN, STYLEGAN
from PIL import Image

import i2i
from i2i.commands import models
from i2i.options import build
from i2i.plugins import load_class, registry
from i2i.preparing import layers, prepare
from i2i.testing import synthetic_spec
from i2i.training import make_model

TINY_GROWN = {"architecture": "progan:width=4", "latent": "sphere:8"}


@pytest.mark.parametrize(
    ("value", "below", "result"),
    [
        ("clip", "ortho", "clip"),
        ("none", "ortho", "none"),
        ("+clip", "none", "clip"),
        ("+clip", "ortho:weight=1e-4", "ortho:weight=1e-4+clip"),
        ("+clip + historical", "ortho", "ortho+clip+historical"),
        ("+ortho:weight=1", "ortho:weight=1e-4+rotation:of=2", "rotation:of=2+ortho:weight=1"),
        ("+clip", "+ortho", "+ortho+clip"),  # a flag over a file
    ],
)
def test_a_plus_adds_to_what_is_below(value, below, result):
    assert spelling.over(value, below) == result


def test_options_add_to_the_presets_own():
    def regularisers(text):
        return build(BIGGAN.Options, {"regularisers": text}).regularisers

    assert regularisers("+clip") == "ortho:weight=1e-4+clip"
    assert regularisers("clip") == "clip"
    assert build(BIGGAN.Options, {"gradient_penalty": "+r1"}).gradient_penalty == "r1"
    again = build(BIGGAN.Options, {"regularisers": regularisers("+clip")})  # as a run's folder holds it
    assert again.regularisers == "ortho:weight=1e-4+clip"


def test_a_plus_adds_to_the_small_setting_and_to_the_file(tmp_path):
    card = registry().model("stylegan")
    given = {"small": True, "gradient_penalty": "+r2"}
    _, options, _ = layers(card, load_class(card), given, None)
    assert options.gradient_penalty == f"{STYLEGAN.small['gradient_penalty']}+r2"
    config = tmp_path / "run.toml"
    config.write_text('gradient_penalty = "+r2"\nregularisers = "clip"\n')
    flags = {"gradient_penalty": "+drift", "regularisers": "+path-length"}
    _, options, _ = layers(card, load_class(card), flags, config)
    assert options.gradient_penalty == "r1:gamma=10+r2+drift"
    assert options.regularisers == "clip+path-length"


def biggan(**options):
    small = {"architecture": "biggan:width=2", "latent": "normal:8"}
    return BIGGAN(build(BIGGAN.Options, small | options), synthetic_spec("labelled", 32))


def test_what_takes_the_place_of_a_part_says_so_before_training():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kept in ("ortho:weight=1e-4", "+historical", "historical+ortho:weight=1", "none"):
            biggan(regularisers=kept).check_training()
        model = biggan(regularisers="historical")  # what only draws is not asked
    with pytest.warns(UserWarning, match="^--regularisers historical takes the place of ortho:weight=1e-4; --regular"):
        model.check_training()
    penalised = PROGAN(build(PROGAN.Options, TINY_GROWN | {"gradient_penalty": "gp"}), synthetic_spec("images", 8))
    with pytest.warns(UserWarning, match="place of drift:weight=0.001; --gradient-penalty [+]gp would be added to it$"):
        penalised.check_training()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    draw = np.random.default_rng(0)
    for number in range(6):
        pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")
    return str(tmp_path / "pictures")


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"batch_size": 6}, "4 or 8"),
        ({"batch_size": 3, "generator_draws": 2}, "4 or 8"),
        ({"batch_size": 10, "architecture": "progan:width=4,group=8"}, "8 or 16"),
    ],
)
def test_batches_that_groups_do_not_fill_are_refused_before_anything_is_written(tmp_path, folder, options, near):
    given = TINY_GROWN | {"image_size": 8, "steps": 20, "device": "cpu", "workers": 0} | options
    with pytest.raises(ValueError, match=f"do not make whole groups; use --batch-size {near}$"):
        i2i.train("progan", folder, name="refused", out=str(tmp_path / "runs"), **given)
    assert not (tmp_path / "runs").exists()


ZEROS = {("biggan", "attention"), ("biggan-deep", "attention"), ("resnet", "attention")}  # which is: nowhere


@pytest.mark.parametrize("name", [part.name for part in cards.parts() if part.axis == "architecture"])
def test_no_architecture_has_less_than_one_of_what_it_needs(name):
    counted = re.findall(r"(\w+)=(\d+)[,)|]", spelling.Known("architecture")[name])  # 0.5 and 1e-05 are no counts
    assert counted
    for key, usual in counted:
        part = f"{name}:{key}="
        if type(getattr(spelling.make("architecture", f"{part}{usual}", "--architecture"), key)) is float:
            continue
        if (name, key) in ZEROS:
            spelling.make("architecture", f"{part}0", "--architecture")
            continue
        for number in (0, -2):
            told = f"--architecture {part}{number}: {key} is {number}; give 1 or more"
            with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
                spelling.make("architecture", f"{part}{number}", "--architecture")


def test_networks_of_nothing_are_refused_before_anything_is_written(tmp_path, folder):
    given = {"architecture": "dcgan:width=0", "image_size": 16, "steps": 20, "device": "cpu", "workers": 0}
    with pytest.raises(ValueError, match=r"^--architecture dcgan:width=0: width is 0; give 1 or more$"):
        i2i.train("dcgan", folder, name="refused", out=str(tmp_path / "runs"), **given)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("options", [{"batch_size": 8}, {"batch_size": 3}, {"batch_size": 3, "architecture": "dcgan"}])
def test_batches_that_groups_fill_are_not_refused(folder, options):
    run = prepare("progan", folder, TINY_GROWN | {"image_size": 8, "steps": 20} | options)
    assert run.stretches(make_model(run))[0].batch_size == options["batch_size"]


ADAPTING = {"lapgan": ("conditioning", "none"), "s2gan": ("labeller", "cluster"), "s3gan": ("labeller", "cluster")}


@pytest.mark.parametrize("name", ADAPTING)
def test_what_needs_classes_suits_pictures_without(name):
    card, (option, value) = registry().model(name), ADAPTING[name]
    cls = load_class(card)
    tiny = {"architecture": cls.small["architecture"], "latent": cls.Options.latent}
    tiny |= {key: cls.small[key] for key in ("coarsest", "labeller_width") if key in cls.small}
    attributes = synthetic_spec("labelled", 32)
    attributes = dataclasses.replace(attributes, extra={"labels": "attributes"})
    for spec, adapts in (
        (synthetic_spec("labelled", 32), False),
        (synthetic_spec("images", 32), True),
        (attributes, 1),
    ):
        model = cls(build(cls.Options, tiny), spec)
        assert (getattr(model.options, option) == value) == adapts
        again = cls(model.options, spec)  # as its bundle is loaded
        assert again.options == model.options
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.check_training()
        said = f"these pictures have no classes, so this is --{option} {value}"
        assert [str(one.message) for one in told] == [said] * adapts


@pytest.mark.parametrize("name", [card.name for card in cards.models() if "images" in card.kinds])
def test_a_model_of_pictures_without_classes_can_be_built_of_them(name):
    card = registry().model(name)
    cls = load_class(card)
    own = {key: value for key, value in cls.small.items() if hasattr(cls.Options, key)}
    side = cls.small.get("image_size", cls.run_defaults["image_size"])
    model = cls(build(cls.Options, own), synthetic_spec("images", side))
    assert getattr(model.options, "conditioning", "none") == "none" or model.options.labeller == "cluster"


AXES = {  # of an option: what it names
    "latent": "latent",
    "lr_curve": "curve",
    "average": "average",
    "architecture": "architecture",
    "objective": "objective",
    "gradient_penalty": "penalty",
    "regularisers": "regulariser",
    "augment": "augmentation",
}


def test_a_models_page_shows_all_parts_with_their_numbers(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    card = registry().model("dcgan")
    found = json.loads(json.dumps(models.facts(card)))["choices"]
    assert {option: list(names) for option, names in found.items()} == {
        option: sorted(part.name for part in cards.parts() if part.axis == axis) for option, axis in AXES.items()
    }
    assert found["gradient_penalty"]["gp"] == (
        "Slopes between real and drawn pictures to 1. (weight=10, sides=two|one|zero, root=0, every=1)"
    )
    assert found["regularisers"]["singular-clamp"].endswith("(bound=none, ratio=2)")
    assert found["latent"]["codes"].startswith("Noise, with ")
    assert found["objective"]["hinge"] == "Logits beyond 1 and -1 are left alone."
    lines = [" ".join(line.split()) for line in models.page(card).splitlines()]
    assert "What --objective may name" in lines
    assert "lsgan Squared distances of logits from codes. (a=0, b=1, c=1, scale=0.5)" in lines


def test_what_cannot_be_loaded_says_so_on_the_page(monkeypatch):
    lost = i2i_zoo.Part("objective", "lost", "nowhere_of_tests:Lost", "It is lost.")
    monkeypatch.setattr(spelling, "parts", lambda: {("objective", "lost"): lost})
    (said,) = spelling.Known("objective").values()
    assert said == "It is lost. It cannot be loaded: ModuleNotFoundError: No module named 'nowhere_of_tests'"


@pytest.mark.parametrize("axis", AXES.values())
def test_the_readme_names_every_part(axis):
    table = Path(i2i_zoo.__file__).with_name("README.md").read_text().partition("### What there is to choose")[2]
    (row,) = (line for line in table.splitlines() if line.startswith(f"| `--{flag_of(axis)}`"))
    named = {text.partition(":")[0] for text in re.findall("`([^`]+)`", row.partition("|")[2].partition("|")[2])}
    assert named == {part.name for part in cards.parts() if part.axis == axis}


def flag_of(axis):
    (option,) = (option for option, named in AXES.items() if named == axis)
    return option.replace("_", "-")
