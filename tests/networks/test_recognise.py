"""Architectures told from keys and shapes alone: all that the reference codes build, and what is none of them."""

from __future__ import annotations

import pytest
import torch

from i2i import networks
from i2i.networks.recognise import CLASSES


def told(net, **more):
    """What is recognised in a network's published weights."""
    state = networks.to_reference(net) | more
    return networks.recognise(state)


def meta(kind, *args, **options):
    with torch.device("meta"):
        return CLASSES[kind](*args, **options)


RESNETS = [
    {"width": 8, "blocks": 9},
    {"width": 64, "blocks": 6, "dropout": 0.5},
    {"blocks": 2, "norm": "batch", "padding": "zeros"},
    {"blocks": 2, "norm": "none", "padding": "zeros", "dropout": 0.5},
    {"blocks": 9, "downs": 4},
    {"blocks": 1, "downs": 3, "antialias": True, "upsample": "blur"},
    {"blocks": 3, "antialias": True},
    {"blocks": 3, "upsample": "blur", "norm": "batch", "dropout": 0.5},
    {"blocks": 0, "downs": 2},
    {"width": 1, "blocks": 1},
]


@pytest.mark.parametrize("options", RESNETS)
@pytest.mark.parametrize("channels", [(3, 3), (1, 4), (36, 2)])
def test_resnets(options, channels):
    found = told(meta("resnet", *channels, **options))
    assert found.kind == "resnet"
    assert (found.arguments["in_channels"], found.arguments["out_channels"]) == channels
    assert options.items() <= found.arguments.items()
    defaults = {"width": 64, "norm": "instance", "upsample": "transposed", "downs": 2, "antialias": False}
    assert {key: found.arguments[key] for key in defaults} == {key: options.get(key, defaults[key]) for key in defaults}
    assert bool(found.arguments.get("dropout")) == ("dropout" in options)
    assert found.arguments.get("padding", "reflect") == options.get("padding", "reflect")


@pytest.mark.parametrize("depth", [2, 3, 7, 8, 9])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_unets(depth, norm):
    found = told(meta("unet", 1, 2, width=6, depth=depth, norm=norm))
    wanted = {"in_channels": 1, "out_channels": 2, "width": 6, "depth": depth, "norm": norm}
    assert (found.kind, found.arguments) == ("unet", wanted)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("layers", [1, 3, 6])
@pytest.mark.parametrize("antialias", [False, True])
def test_patch_discriminators(norm, layers, antialias):
    found = told(meta("patch", 6, 16, layers, norm, antialias=antialias))
    wanted = {"in_channels": 6, "width": 16, "layers": layers, "norm": norm, "antialias": antialias}
    assert (found.kind, found.arguments) == ("patch", wanted)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_pixel_discriminators(norm):
    found = told(meta("pixel", 6, 16, norm))
    assert (found.kind, found.arguments) == ("pixel", {"in_channels": 6, "width": 16, "norm": norm})


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize(("scales", "layers", "norm"), [(1, 3, "instance"), (3, 2, "batch"), (2, 4, "instance")])
def test_multiscale_discriminators(features, scales, layers, norm):
    found = told(meta("multiscale", 39, 8, scales, layers, norm, features))
    wanted = {"in_channels": 39, "width": 8, "scales": scales, "layers": layers, "norm": norm, "features": features}
    assert (found.kind, found.arguments) == ("multiscale", wanted)


GOLDEN = {
    "resnet_9blocks": "a ResNet generator of 3 to 3 channels, width 8, 9 blocks, 2 halvings, instance norm",
    "resnet_9blocks_dropout_keys": "width 8, 9 blocks, 2 halvings, instance norm, dropout",
    "unet_256": "a U-Net of 3 to 3 channels, width 8, 8 halvings, batch norm",
    "unet_128": "7 halvings, batch norm",
    "unet_128_instance": "7 halvings, instance norm",
    "patchgan_basic_batch": "a patch discriminator of 6 channels, width 8, 3 halvings, batch norm",
    "patchgan_basic_instance": "3 halvings, instance norm",
    "pixel_d_batch": "a pixel discriminator of 6 channels, width 8, batch norm",
    "pix2pixhd_multiscale_d": "a multi-scale discriminator of",
    "pix2pixhd_multiscale_d_plain": "a multi-scale discriminator of",
    "cut_resnet_9blocks": "9 blocks, 2 halvings, instance norm, anti-aliased",
    "cut_patchgan_basic": "a patch discriminator of 3 channels, width 8, 3 halvings, instance norm, anti-aliased",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_references_own_keys(golden, name):
    data = golden.load(name)
    state = golden.fill(data["tensors"])
    found = networks.recognise(state)
    assert GOLDEN[name] in found.words
    net = found.build()
    assert sum(p.numel() for p in net.parameters()) == data["parameter_count"]
    assert found.renamed(state, "x.").keys() == {f"x.{key}" for key in net.state_dict()}
    parallel = {f"module.{key}": tensor for key, tensor in state.items()}
    assert networks.recognise(parallel) == found


def test_old_files_with_buffers_of_instance_norms_and_without_counters(golden):
    state = golden.fill(golden.load("resnet_9blocks")["tensors"])
    old = state | {f"model.{i}.running_mean": torch.ones(8) for i in (2, 5, 8, 20, 23)}
    old |= {f"model.{i}.conv_block.{j}.running_var": torch.ones(32) for i in range(10, 19) for j in (2, 6)}
    assert networks.recognise(old) == networks.recognise(state)
    net = networks.UNet(3, 3, 4, depth=4, norm="batch")
    published = networks.to_reference(net)
    early = {key: tensor for key, tensor in published.items() if not key.endswith("num_batches_tracked")}
    assert len(early) < len(published)
    assert networks.recognise(early) == networks.recognise(published)
    net.load_state_dict(networks.recognise(early).renamed(early))


def broken(edit):
    state = networks.to_reference(networks.ResNetGenerator(3, 3, 4, blocks=2))
    edit(state)
    return state


def drop(*keys):
    return lambda state: [state.pop(key) for key in keys]


def put(key, *shape):
    return lambda state: state.__setitem__(key, torch.zeros(*shape))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (drop("model.10.conv_block.5.bias"), 'but "model.10.conv_block.5.bias" is missing'),
        (drop("model.11.conv_block.1.weight"), 'but "model.11.conv_block.1.weight" is missing'),
        (put("model.99.conv_block.1.weight", 16, 16, 3, 3), 'but "model.12.conv_block.1.weight" is missing'),
        (put("model.7.bias", 3), r'but "model.7.bias" has the shape \(3,\), not \(16,\)'),
        (put("model.4.weight", 8, 4, 5, 5), r'but "model.4.weight" has the shape \(8, 4, 5, 5\), not \(8, 4, 3, 3\)'),
        (put("extra.weight", 1), 'but "extra.weight" has no place there'),
        (put("model.2.weight", 4), 'but "model.2.bias" is missing'),
        (put("model.1.weight", 4), '"model.1.weight" has the shape'),
        (lambda state: [state.pop(key) for key in list(state) if "model.1." not in key], "too few convolutions"),
        (lambda state: state.clear(), "it holds nothing, which no known"),
        (lambda state: [state.clear(), put("main.0.weight", 64, 8, 7, 7)(state)], 'it holds "main.0.weight", which no'),
        (lambda state: [state.clear(), put("model.model.0.weight", 4, 3, 4, 4)(state)], '"model.model.3.weight" is'),
        (lambda state: [state.clear(), put("net.0.weight", 4, 3, 1, 1)(state)], '"net.0.bias" is missing'),
        (lambda state: [state.clear(), put("scale0_layer0.0.weight", 4, 3, 4, 4)(state)], "cannot be built"),
        (
            lambda state: [state.clear(), put("layer1.0.weight", 4, 3, 4, 4)(state)],
            "numbers a scale 1, and holds fewer",
        ),
        (lambda state: [state.clear(), put("scale99999999_layer0.0.weight", 4, 3, 4, 4)(state)], "and holds fewer"),
    ],
)
def test_what_does_not_fit_is_named(edit, said):
    with pytest.raises(ValueError, match=said) as caught:
        networks.recognise(broken(edit))
    assert "\n" not in str(caught.value)


def test_another_blur_is_refused():
    net = networks.PatchDiscriminator(3, 4, antialias=True)
    state = networks.to_reference(net)
    assert torch.equal(state["model.2.filt"][1, 0] * 16, torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))
    state["model.2.filt"] = state["model.2.filt"] * 2
    with pytest.raises(ValueError, match=r'"model\.2\.filt" blurs in another way than this PatchDiscriminator'):
        networks.from_reference(net, state)
