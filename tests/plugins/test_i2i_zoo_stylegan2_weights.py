"""StyleGAN2's published weights: both layouts in and out, what is told from shapes, what is refused."""

from __future__ import annotations

import argparse
import pickle

import pytest
import torch
from i2i_zoo import stylegan2_layouts as layouts
from i2i_zoo import stylegan2_weights as weights
from i2i_zoo.architectures.stylegan2 import StyleGAN2
from i2i_zoo.parts import Shape
from i2i_zoo.presets.style import STYLEGAN2
from torch import nn

from i2i import bundle, importing
from i2i.options import build

NAMES = {"G": "generator", "G_ema": "generator", "D": "discriminator"}


def written(layout, side=16, classes=0, **numbers):
    """Files of both networks and of an average, all different, in a layout."""
    told = "embed+projection" if classes else "none"
    architecture = StyleGAN2(**({"width": 8, "multiplier": 0.25, "mapping": 2} | numbers))
    shape, files = Shape(3, (side, side), 6, classes, told), {}
    for seed, (name, kind) in enumerate(NAMES.items()):
        torch.manual_seed(seed)
        net = getattr(architecture, kind)(shape)
        if kind == "generator":
            net.mapping.w_avg.normal_()
        files[f"{name}.pth"] = layouts.written(net, *layout(net))
    return files


def model_of(files, domains=()):
    found = weights.read(files, domains)
    model = STYLEGAN2(build(STYLEGAN2.Options, dict(found.options)), found.spec)
    missing, unexpected = model.load_state_dict(found.weights, strict=False)
    assert not unexpected
    held = {name.split(".")[0] for name in found.weights}
    assert not [name for name in missing if name.split(".")[0] in held], "a network is not whole"
    model.holds = lambda name: name in held
    return model, found


@pytest.mark.parametrize("name", ["nvlabs", "rosinality"])
def test_weights_go_back_as_they_came(name):
    layout = weights.LAYOUTS[name]
    files = written(layout)
    model, found = model_of(files)
    assert found.options["architecture"].startswith("stylegan2:width=8,multiplier=0.25,mapping=2")
    assert found.spec.image_size == (16, 16)
    assert found.found == ("StyleGAN2's generator and its discriminator: draws 16 pixels of 6 random numbers",)
    exported = model.export_weights()
    assert exported.keys() == {f"{layout}_{net}.pth" for layout in ("nvlabs",) for net in NAMES} | {
        f"rosinality_{net.lower()}.pth" for net in NAMES
    }
    for file, state in files.items():
        back = exported[f"nvlabs_{file}" if name == "nvlabs" else f"rosinality_{file.lower()}"]
        assert back.keys() == state.keys()
        assert all(torch.equal(back[key], state[key]) for key in state)


@torch.no_grad()
def test_one_layout_is_the_other():
    """A picture of weights that went from NVlabs' layout to rosinality's by reshaping alone, without a flip."""
    architecture, shape = StyleGAN2(width=8, mapping=2), Shape(3, (16, 16), 6)
    one, other = architecture.generator(shape).double(), architecture.generator(shape).double()
    state = layouts.written(one, *layouts.nvlabs(one))
    theirs = {
        "conv1.conv.weight": state["synthesis.b4.conv1.weight"][None],
        "convs.0.conv.weight": state["synthesis.b8.conv0.weight"][None],
        "to_rgb1.bias": state["synthesis.b4.torgb.bias"].view(1, 3, 1, 1),
        "conv1.noise.weight": state["synthesis.b4.conv1.noise_strength"].view(1),
        "input.input": state["synthesis.b4.const"][None],
    }
    theirs = layouts.written(one, *layouts.rosinality(one)) | theirs
    other.load_state_dict(layouts.read(other, *layouts.rosinality(other), "g", theirs), strict=False)
    z = torch.randn(2, 6, dtype=torch.float64)
    assert torch.equal(one(z), other(z))


def test_classes_and_plain_blocks_are_told_from_keys():
    files = written(layouts.nvlabs, classes=3, discriminator_blocks="plain")
    model, found = model_of(files, ("cat", "dog", "ship"))
    assert found.options["conditioning"] == "embed+projection"
    assert found.targets == found.spec.domains == ("cat", "dog", "ship")
    assert "discriminator_blocks=plain" in found.options["architecture"]
    assert model.export_weights().keys() == {f"nvlabs_{name}.pth" for name in NAMES}, "rosinality's has no classes"
    assert weights.read(files, ()).targets == ("0", "1", "2")
    with pytest.raises(ValueError, match="know 3 classes, and --domains names 1"):
        weights.read(files, ("cat",))


def test_one_file_of_several_networks():
    files = written(layouts.rosinality)
    mean = torch.arange(8.0)
    parts = {"G": "g", "G_ema": "g_ema", "D": "d"}
    whole = {f"{parts[name]}.{key}": v for name in NAMES for key, v in files[f"{name}.pth"].items()}
    model, _ = model_of({"550000.pt": whole | {"latent_avg": mean, "g_optim.state.0.step": torch.ones(())}})
    assert torch.equal(model.average.net.w_avg, mean)
    assert torch.equal(model.generator.w_avg, mean)
    assert not torch.equal(model.generator.const, model.average.net.const)


@torch.no_grad()
def test_a_mean_style_that_is_missing_is_taken_of_latents():
    model, _ = model_of({"g_ema.pt": written(layouts.rosinality)["G_ema.pth"]})
    w = model.generator.mapping(torch.randn(20_000, 6))
    assert torch.allclose(model.generator.w_avg, w.mean(dim=0), atol=6 * float(w.std()) / 4096**0.5)
    assert not model.holds("discriminator")


def test_weights_become_a_bundle_that_draws(tmp_path):
    for name, state in written(layouts.nvlabs).items():
        torch.save(state, tmp_path / name)
    model, manifest, notes = importing.understand("stylegan2", [tmp_path / name for name in ("G_ema.pth", "D.pth")], ())
    assert "draws 16 pixels" in notes[0]
    bundle.write(tmp_path / "bundle", model, manifest)
    (picture,) = bundle.load(tmp_path / "bundle").sample_images()
    assert picture.size == (16, 16)


def tree(state):
    """Modules that keep a state dict, as the authors' own do."""
    whole = nn.Module()
    for key, value in state.items():
        at = whole
        *path, leaf = key.split(".")
        for name in path:
            if name not in at._modules:
                at.add_module(name, nn.Module())
            at = at._modules[name]
        at.register_buffer(leaf, value.clone())
    return whole


def test_files_as_the_authors_publish_them_become_bundles_that_draw(tmp_path):
    state = written(layouts.nvlabs)
    nets = {name: tree(state[f"{name}.pth"]) for name in NAMES}
    (tmp_path / "network-snapshot.pkl").write_bytes(pickle.dumps(nets | {"training_set_kwargs": None}))
    theirs = {"G": "g", "G_ema": "g_ema", "D": "d"}
    whole = {theirs[name]: written(layouts.rosinality)[f"{name}.pth"] for name in NAMES}
    rest = {"args": argparse.Namespace(iter=800_000, path="photos"), "ada_aug_p": 0.5}
    torch.save(whole | rest, tmp_path / "550000.pt")
    seen = []
    for name in ("network-snapshot.pkl", "550000.pt"):
        model, manifest, notes = importing.understand("stylegan2", [tmp_path / name], ())
        assert "generator and its discriminator: draws 16 pixels" in notes[0]
        bundle.write(tmp_path / name.partition(".")[0], model, manifest)
        assert bundle.load(tmp_path / name.partition(".")[0]).sample_images()[0].size == (16, 16)
        seen.append(model)
    for attribute in ("generator", "discriminator", "average"):
        ours, other = (getattr(model, attribute).state_dict() for model in seen)
        same = [key for key in ours if not key.endswith(("w_avg", "fixed"))]  # which one layout has no place for
        assert all(torch.equal(ours[key], other[key]) for key in same)


def test_what_is_no_stylegan2_is_refused():
    files, other = written(layouts.nvlabs), written(layouts.rosinality)
    g, d = files["G.pth"], files["D.pth"]
    blurred = {key: torch.ones(4, 4) / 16 if key.endswith("b8.resample_filter") else v for key, v in g.items()}
    wide = g | {"synthesis.b8.conv1.weight": torch.ones(5, 5, 3, 3)}
    for given, words in (
        ({"a": {"x.weight": torch.ones(2)}}, "a holds neither a generator of StyleGAN2 nor a discriminator; it has x"),
        ({"a": d}, "a discriminator alone draws nothing; give a generator, too: G_ema.pth"),
        ({"a": g, "b": other["G.pth"]}, "a and b are the same network"),
        ({"a": g | {"synthesis.b4.extra": torch.ones(2)}}, "a holds synthesis.b4.extra"),
        ({"a": {k: v for k, v in g.items() if k != "synthesis.b8.torgb.bias"}}, "lacks synthesis.b8.torgb.bias"),
        ({"a": g | {"synthesis.b8.torgb.bias": torch.ones(4)}}, r"its synthesis.b8.torgb.bias is \(4,\), and \(3,\)"),
        ({"a": blurred}, r"filters with another synthesis.b8.resample_filter than \[1, 3, 3, 1\]"),
        ({"a": wide}, "a has layers of 8, 5, .* channels, which are none of StyleGAN2's"),
        ({"a": {k: v for k, v in g.items() if "fc0" not in k}}, "a is not whole: it has no mapping.fc0.weight"),
        ({"a": g | {"synthesis.b16384.x": torch.ones(1)}}, 'a holds "synthesis.b16384.x", which no network'),
    ):
        with pytest.raises(ValueError, match=words):
            weights.read(given, ())
