"""VGG-19 against torchvision's own, and the ways its weights come in."""

from __future__ import annotations

import os

import pytest
import torch

from i2i import networks, pretrained
from i2i.networks import vgg

NUMBERS = {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu3_4": 17, "relu4_1": 20, "relu5_1": 29}
NUMBERS |= {"conv5_4": 34, "relu5_4": 35, "pool5": 36}


@pytest.fixture(scope="module")
def theirs():
    """torchvision's VGG-19, untrained, without its classifier."""
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    return make_layers(cfgs["E"]).eval()


@pytest.fixture(scope="module")
def file(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    state = {f"features.{key}": tensor for key, tensor in theirs.state_dict().items()}
    torch.save(state | {"classifier.0.weight": torch.zeros(1)}, path)
    return path


def test_layers_have_torchvisions_numbers():
    names = vgg.layer_names()
    assert len(names) == 37
    assert {name: names.index(name) for name in NUMBERS} == NUMBERS


@pytest.mark.parametrize("imagenet", [False, True])
def test_features_equal_torchvisions(theirs, file, imagenet):
    net = networks.VGGFeatures.pretrained(list(NUMBERS), file, imagenet=imagenet)
    images = torch.rand(2, 3, 36, 44) * 2 - 1
    x = images
    if imagenet:
        from torchvision.transforms.functional import normalize

        x = normalize((images + 1) / 2, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        for name, output in zip(NUMBERS, net(images), strict=True):
            expected = theirs[: NUMBERS[name] + 1](x)
            assert torch.allclose(output, expected, rtol=1e-5, atol=1e-6), name


def test_the_order_is_the_callers_and_the_network_ends_at_the_last(theirs, file):
    net = networks.VGGFeatures.pretrained(["conv2_1", "relu1_1"], file, imagenet=False)
    assert len(net.net.features) == 6
    images = torch.rand(1, 3, 8, 8)
    second, first = net(images)
    assert (first.shape, second.shape) == ((1, 64, 8, 8), (1, 128, 4, 4))
    assert second.min() < 0  # before its activation, which did not overwrite it
    with torch.device("meta"):
        whole = networks.VGGFeatures(["conv5_4"])
        assert sum(p.numel() for p in whole.parameters()) == 20_024_384
        assert whole(torch.empty(1, 3, 96, 96))[0].shape == (1, 512, 6, 6)


def test_conv_and_its_activation_can_both_be_asked_for(file):
    net = networks.VGGFeatures.pretrained(["relu1_2", "conv1_2"], file)
    after, before = net(torch.rand(1, 3, 8, 8))
    assert before.min() < 0
    assert torch.equal(after, before.relu())


def test_gray_is_taken_as_colour_and_gradients_reach_pictures(file):
    net = networks.VGGFeatures.pretrained(["relu2_1"], file, imagenet=False)
    gray = torch.rand(1, 1, 8, 8, requires_grad=True)
    (output,) = net(gray)
    assert torch.equal(output, net(gray.expand(-1, 3, -1, -1))[0])
    output.sum().backward()
    assert gray.grad.abs().sum() > 0
    assert not list(net.parameters())
    assert not net.state_dict()


def test_an_unknown_layer_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match=r'VGG-19 has no layer "relu5-1"; did you mean "relu5_1"'):
        networks.VGGFeatures(["relu5-1"])


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_files_that_are_none_are_refused_and_nothing_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.weight": Trap()}, tmp_path / "trap.pth")
    torch.save({"features.0.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "other.pth")
    torch.save([1], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "shell.pth").write_text("export A=1 B=2; C=/a/b\nD='--e 1 --f 2'\ncd /a\n")  # an IndexError of torch's
    (tmp_path / "empty.pth").write_bytes(b"")
    whole = (tmp_path / "other.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    for name, message in (
        ("trap", "holds more than tensors, or none; none of it was run"),
        ("other", r"features.0.weight must be \(64, 3, 3, 3\) and is \(64, 1, 3, 3\)"),
        ("list", "holds no state dict"),
        *((name, "(is damaged|holds more than tensors)") for name in ("text", "shell", "empty", "cut")),
    ):
        with pytest.raises(ValueError, match=message):
            networks.VGGFeatures.pretrained(["relu1_1"], tmp_path / f"{name}.pth")
    assert not (tmp_path / "trapped").exists()
    with pytest.raises(OSError, match=r"missing\.pth"):
        networks.VGGFeatures.pretrained(["relu1_1"], tmp_path / "missing.pth")


def test_the_download_is_torchvisions_file(monkeypatch, tmp_path):
    from torchvision.models import VGG19_Weights

    assert VGG19_Weights.IMAGENET1K_V1.url == vgg.URL
    asked = []
    monkeypatch.setattr(pretrained, "fetched", lambda source, *others: asked.append((source, others)) or tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert vgg.downloaded() == tmp_path
    ((source, others),) = asked
    assert (source.url, source.sha256, source.file) == (vgg.URL, "dcbb9e9d", "vgg19-dcbb9e9d.pth")
    assert others == (tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth",)
