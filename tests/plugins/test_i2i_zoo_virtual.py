"""Virtual batch norm and minibatch discrimination, around networks of any family."""

from __future__ import annotations

import pickle

import pytest
import torch
from i2i_zoo.layers.virtual import Comparing, Referenced, VirtualNorm
from i2i_zoo.model import TwoPlayer
from i2i_zoo.parts import Judged
from two_ranks import on_two_ranks

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec


def make(kind="images", **options):
    torch.manual_seed(0)
    defaults = {"architecture": "dcgan:width=2", "latent": "uniform:4", "regularisers": "virtual-norm:count=6"}
    return TwoPlayer(build(TwoPlayer.Options, defaults | options), synthetic_spec(kind, 16))


def by_hand(reference, picture, weight, bias):
    """One picture (C, H, W) by the formula, in whole numbers of pictures."""
    out = torch.empty_like(picture)
    n = len(reference)
    for channel, (own, others) in enumerate(zip(picture, reference.unbind(1), strict=True)):
        mean = own.mean() / (n + 1) + n / (n + 1) * others.mean()
        square = own.square().mean() / (n + 1) + n / (n + 1) * others.square().mean()
        out[channel] = weight[channel] * (own - mean) / (square - mean**2 + 1e-5).sqrt() + bias[channel]
    return out


def test_a_picture_is_normalised_by_the_reference_and_itself():
    torch.manual_seed(0)
    plain = torch.nn.BatchNorm2d(3).double()
    for weights in plain.parameters():
        torch.nn.init.normal_(weights)
    norm, x = VirtualNorm(plain, 5), torch.randn(7, 3, 4, 2, dtype=torch.float64)
    out = norm(x)
    for number in (5, 6):
        assert torch.allclose(out[number], by_hand(x[:5], x[number], plain.weight, plain.bias))
    assert torch.allclose(out[:5], torch.nn.BatchNorm2d.forward(plain.train(), x[:5]))
    flat = VirtualNorm(torch.nn.BatchNorm1d(3).double(), 5)
    assert torch.allclose(
        flat(x[..., 0, 0]), VirtualNorm(torch.nn.BatchNorm2d(3).double(), 5)(x[..., :1, :1])[..., 0, 0]
    )


@pytest.mark.parametrize("architecture", ["dcgan:width=2", "mlp:width=4", "sncnn:width=2", "resnet:width=2"])
def test_a_drawing_does_not_depend_on_the_others(architecture):
    side = 32 if "resnet" in architecture else 16
    torch.manual_seed(0)
    options = {"architecture": architecture, "latent": "uniform:4", "regularisers": "virtual-norm:count=6"}
    model = TwoPlayer(build(TwoPlayer.Options, options), synthetic_spec("images", side))
    model.generator.double()
    z = torch.rand(3, 4, dtype=torch.float64)
    together = model.generator.train()(z)
    assert torch.allclose(together[:1], model.generator(z[:1]))
    assert torch.allclose(together, model.generator.eval()(z))
    assert not torch.allclose(together[0], together[1])


def test_the_reference_is_of_the_latent_and_of_all_classes():
    model = make("labelled", conditioning="concat+concat", regularisers="virtual-norm:count=300")
    assert isinstance(model.generator, Referenced)
    assert model.generator.latents.min() < -0.9
    assert model.generator.latents.abs().max() <= 1
    assert torch.bincount(model.generator.labels).tolist() == pytest.approx([100] * 3, abs=25)
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again.generator.latents, model.generator.latents)
    assert "generator.latents" in model.state_dict()


def test_a_generator_without_batch_norm_is_refused():
    with pytest.raises(ValueError, match="is for generators with batch norm, and this one has none"):
        make(architecture="mlp:width=2,norm=none")
    with pytest.raises(ValueError, match="count=0 compares with nothing"):
        make(regularisers="virtual-norm:count=0")
    with pytest.raises(ValueError, match="kernels=0,size=5 sees nothing"):
        make(regularisers="minibatch-discrimination:kernels=0")
    with pytest.raises(ValueError, match="trained level by level; leave it out"):
        make(architecture="progan:width=4", regularisers="minibatch-discrimination")


class Flat(torch.nn.Module):
    """A discriminator whose features are the pixels."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(12, 1)

    def forward(self, images, labels=None):
        features = images.flatten(1)
        return Judged(images, self.head(features).flatten(), features=features)


def test_what_is_appended_to_the_features_is_a_further_term_of_the_logit():
    torch.manual_seed(0)
    net = Comparing(Flat(), 12, kernels=5, size=2)
    images = torch.randn(4, 3, 2, 2)
    appended = net.closeness(images.flatten(1))
    weights = torch.cat([net.net.head.weight, net.head.weight], dim=1)
    by_hand = torch.nn.functional.linear(appended, weights, net.net.head.bias).flatten()
    assert torch.allclose(net(images).logit, by_hand, atol=1e-6)
    assert appended[:, 12:].shape == (4, 5)


class Naming(Flat):
    """One that names five classes, by logits of which its own is the log of the sum of exponentials."""

    def __init__(self):
        super().__init__()
        self.classes = torch.nn.Linear(12, 5)

    def forward(self, images, labels=None):
        features = images.flatten(1)
        classes = self.classes(features)
        return Judged(images, classes.exp().sum(dim=1).log(), features=features, classes=classes)


def test_of_a_classifier_it_is_a_further_term_of_each_classs_logit():
    torch.manual_seed(0)
    net = Comparing(Naming(), 12, kernels=7, size=2, classes=5)
    images = torch.randn(4, 3, 2, 2)
    appended = net.closeness(images.flatten(1))
    weights = torch.cat([net.net.classes.weight, net.head.weight], dim=1)
    by_hand = torch.nn.functional.linear(appended, weights, net.net.classes.bias)
    says = net(images)
    assert torch.allclose(says.classes, by_hand, atol=1e-6)
    assert torch.allclose(says.logit, by_hand.exp().sum(dim=1).log(), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "outputs"),
    [
        ({"objective": "kplus1", "conditioning": "none+ac"}, 3),
        ({"objective": "kplus1", "architecture": "dcgan-ssl:width=2", "conditioning": "none+ac"}, 3),
        ({"regularisers": "ac", "architecture": "dcgan-ssl:width=2", "conditioning": "concat+ac"}, 3),
        ({"regularisers": "ac", "conditioning": "concat+ac"}, 1),  # which has a logit of its own
    ],
)
def test_closeness_goes_where_the_logit_comes_from(options, outputs):
    also = options.get("regularisers", "feature-matching") + "+minibatch-discrimination:kernels=4"
    model = make("labelled", **options | {"regularisers": also})
    assert model.discriminator.head.weight.shape == (outputs, 4)


def test_a_collapsed_batch_is_told():
    """Of a batch of one picture the others are all at distance 0; of a varied one none is."""
    torch.manual_seed(0)
    closeness = Comparing(Flat(), 12, kernels=5, size=2).closeness
    collapsed = closeness(torch.ones(6, 12))[:, 12:] - closeness.bias
    varied = closeness(100 * torch.randn(6, 12))[:, 12:] - closeness.bias
    assert torch.allclose(collapsed, torch.full((6, 5), 5.0))
    assert varied.max() < 0.1


def test_real_and_drawn_pictures_are_compared_apart():
    model = make(architecture="mlp:width=4", regularisers="minibatch-discrimination:kernels=3")
    assert not model.joint
    sizes = []
    model.discriminator.register_forward_pre_hook(lambda net, args: sizes.append(len(args[0])))
    list(model.train_step(synthetic_batch(model.spec, 4, 0), i2i.Progress(model.phases()[0], 0, 9)))
    assert sizes == [4, 4, 4]


@pytest.mark.parametrize("regularisers", ["virtual-norm:count=4", "minibatch-discrimination:kernels=4"])
def test_both_keep_the_contract(regularisers):
    check_model("dcgan", image_size=16, batch_size=4, architecture="dcgan:width=2", regularisers=regularisers)


def train(rank, ranks=2):
    """Train with both on a rank's share of each batch."""
    torch.manual_seed(0)
    spec = synthetic_spec("images", 16)
    options = {"architecture": "mlp:width=4", "latent": "normal:4", "objective": "hinge"}
    options["regularisers"] = "virtual-norm:count=5+minibatch-discrimination:kernels=3"
    model = TwoPlayer(build(TwoPlayer.Options, options), spec).double()
    (phase,) = model.phases()
    optimizers = model.optimizers(phase)
    for step in range(3):
        images = synthetic_batch(spec, 8, step)["image"][rank * 8 // ranks : (rank + 1) * 8 // ranks].double()
        progress = i2i.Progress(phase, step, 3, run_step=step, rank=rank, ranks=ranks)
        run_step(model, optimizers, {"image": images}, progress, Engine(precision="fp64"))
    return model.state_dict()


def test_two_processes_compute_what_one_does(tmp_path):
    alone, (one, two) = train(0, 1), on_two_ranks(train, tmp_path)
    for key, value in alone.items():
        assert torch.equal(one[key], two[key]), key
        assert torch.allclose(one[key], value, rtol=1e-7, atol=1e-9), key
