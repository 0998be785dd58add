"""Every network against the reference implementation's numbers, through the mapping of its keys."""

from __future__ import annotations

import pytest
import torch

from i2i import networks
from i2i.networks.reference import from_reference, layer_names, to_reference


def build(config):
    norm = config["norm"].split()[0]
    if config.get("antialias") and "ngf" in config:
        return networks.ResNetGenerator(
            config["input_nc"],
            config["output_nc"],
            config["ngf"],
            config["n_blocks"],
            norm,
            upsample="blur",
            antialias=True,
        )
    if "netG" in config and config["netG"].startswith("resnet"):
        blocks = int(config["netG"].removeprefix("resnet_").removesuffix("blocks"))
        return networks.ResNetGenerator(
            config["input_nc"], config["output_nc"], config["ngf"], blocks, norm, 0.5 * config["use_dropout"]
        )
    if "netG" in config:
        depth = {"unet_256": 8, "unet_128": 7}[config["netG"]]
        return networks.UNet(
            config["input_nc"], config["output_nc"], config["ngf"], depth, norm, 0.5 * config["use_dropout"]
        )
    if config.get("netD") == "pixel":
        return networks.PixelDiscriminator(config["input_nc"], config["ndf"], norm)
    if "num_D" in config:
        return networks.MultiScaleDiscriminator(
            config["input_nc"],
            config["ndf"],
            scales=config["num_D"],
            layers=config["n_layers_D"],
            norm=norm,
            features=config["getIntermFeat"],
        )
    return networks.PatchDiscriminator(
        config["input_nc"], config["ndf"], config["n_layers"], norm, antialias=config.get("antialias", False)
    )


def flatten(output):
    return [t for part in output for t in flatten(part)] if isinstance(output, list) else [output]


NAMES = [
    "resnet_9blocks",
    "resnet_9blocks_dropout_keys",
    "unet_256",
    "unet_256_batchstats",
    "unet_128",
    "unet_128_instance",
    "patchgan_basic_batch",
    "patchgan_basic_instance",
    "pixel_d_batch",
    "pix2pixhd_multiscale_d",
    "pix2pixhd_multiscale_d_plain",
    "cut_resnet_9blocks",
    "cut_patchgan_basic",
]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_the_reference(golden, name):
    data = golden.load(name)
    net = build(data["config"])
    assert sum(p.numel() for p in net.parameters()) == data["parameter_count"]
    net.load_state_dict(from_reference(net, golden.fill(data["tensors"])))
    net.train(data["mode"] == "train")
    with torch.no_grad():
        outputs32 = flatten(net(*(golden.wave(shape).float() for shape in data["inputs"])))
        net.load_state_dict(from_reference(net.double(), golden.fill(data["tensors"])))
        outputs = flatten(net(*(golden.wave(shape) for shape in data["inputs"])))
    assert len(outputs) == len(data["outputs"])
    for output, output32, expected in zip(outputs, outputs32, data["outputs"], strict=True):
        golden.check(output, expected)
        golden.check(output32, expected, tolerance=1e-4)


def test_to_reference_is_the_inverse(golden):
    for name in NAMES:
        data = golden.load(name)
        net = build(data["config"]).double()
        state = golden.fill(data["tensors"])
        net.load_state_dict(from_reference(net, state))
        renamed = {key: t for key, t in to_reference(net).items() if not key.endswith("num_batches_tracked")}
        assert renamed.keys() == state.keys()
        assert all(torch.equal(renamed[key], state[key]) for key in state)


def test_old_instance_norm_buffers_are_dropped(golden):
    data = golden.load("resnet_9blocks")
    net = build(data["config"])
    state = {f"module.{key}": tensor for key, tensor in golden.fill(data["tensors"]).items()}
    old = dict(state)
    norms = [f"model.{i}" for i in (2, 5, 8, 20, 23)]
    norms += [f"model.{i}.conv_block.{j}" for i in range(10, 19) for j in (2, 6)]
    for norm in norms:
        old |= {f"module.{norm}.running_mean": torch.ones(8), f"module.{norm}.running_var": torch.ones(8)}
        old |= {f"module.{norm}.num_batches_tracked": torch.tensor(7)}
    assert len(old) == len(state) + 69
    assert from_reference(net, old).keys() == from_reference(net, state).keys() == net.state_dict().keys()


def test_a_tensor_without_a_place_is_named(golden):
    state = golden.fill(golden.load("resnet_9blocks_dropout_keys")["tensors"])
    net = build(golden.load("resnet_9blocks")["config"])
    with pytest.raises(ValueError, match=r'"model\.10\.conv_block\.6\.bias" has no place in this ResNetGenerator'):
        from_reference(net, {k: v for k, v in state.items() if k.endswith("bias")})


def test_key_layouts_that_no_fixture_has():
    with torch.device("meta"):
        zeros = networks.ResNetGenerator(3, 3, blocks=6, dropout=0.5, padding="zeros", norm="batch")
        large = networks.ResNetGenerator(36, 3, downs=4)
    names = layer_names(zeros)
    assert names["model.10.conv_block.0"] == "blocks.0.first.conv"
    assert names["model.15.conv_block.4"] == "blocks.5.second.conv"
    assert names["model.15.conv_block.5"] == "blocks.5.second.norm"
    assert {theirs for theirs, ours in names.items() if ours in ("up.0.conv", "up.1.conv", "head.conv")} == {
        "model.16",
        "model.19",
        "model.23",
    }
    assert layer_names(large)["model.38"] == "head.conv"
    assert layer_names(large)["model.34"] == "up.3.conv"


def test_networks_without_a_counterpart_are_refused():
    with torch.device("meta"):
        net = networks.UNet(3, 3, depth=5, upsample="resize")
    with pytest.raises(
        ValueError, match="up-sample by transposed convolution only; weights of this network have no place"
    ):
        to_reference(net)
    with pytest.raises(ValueError, match="no counterpart of Linear"):
        to_reference(torch.nn.Linear(1, 1))
