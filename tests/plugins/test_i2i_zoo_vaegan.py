"""VAE-GAN: its losses equal the reference's, the encoder gets no gradient of the objective, and who leads waits."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.architectures.vaegan import VAEGAN
from i2i_zoo.methods.vae import Code
from i2i_zoo.methods.vaegan import AutoencoderGAN
from i2i_zoo.parts import Judged, Shape

import i2i
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SPEC = synthetic_spec("images", 8)


def model(**options):
    torch.manual_seed(0)
    given = {"architecture": "vaegan:width=4", "objective": "vaegan", "latent": "normal:3"} | options
    return AutoencoderGAN(build(AutoencoderGAN.Options, given), SPEC)


def updates(net):
    return net.train_step(synthetic_batch(SPEC, 4), i2i.Progress(net.phases()[0], 0, 10))


def says(logit, **more):
    return Judged(torch.zeros(len(logit), 1), logit, **more)


@pytest.fixture
def reference(golden):
    return golden.load("zoo_composite")


class Given(torch.nn.Module):
    """An encoder that says one thing of all pictures."""

    def __init__(self, code):
        super().__init__()
        self.code = code

    def forward(self, images):
        return self.code


def tensors(data, *keys):
    return [torch.tensor(data[key], dtype=torch.float64) for key in keys]


@pytest.mark.parametrize("row", ["saturating", "nonsaturating"])
def test_the_losses_equal_the_reference(reference, monkeypatch, row):
    """All of a step, by its code, its features and its logits: the encoder's, the decoder's, the discriminator's."""
    data = reference["vaegan"]
    real, recon, sample = tensors(data, "logits_real", "logits_recon", "logits_sample")
    true, again = tensors(data, "dis_feat_real", "dis_feat_recon")
    judged = [says(real, features=true), says(torch.cat([recon, sample]), features=torch.cat([again, 9 * again]))]
    monkeypatch.setattr("i2i_zoo.moment.Moment.judge", lambda now, *drawn: judged)
    objective = f"vaegan:saturating={str(row == 'saturating').lower()}"
    net = model(objective=objective, feature_weight=data["gamma"], margin=0.0, latent="normal:2").double()
    net.encoder = Given(Code(*tensors(reference["vae_kl"], "mu", "log_var")))
    batch = {key: value.double() for key, value in synthetic_batch(SPEC, 4).items()}
    first, (player, terms) = net.train_step(batch, i2i.Progress(net.phases()[0], 0, 10))
    assert first["encoder"]["features"].item() == pytest.approx(data["feature_nll_unit_var"], rel=1e-12)
    assert sum(first["encoder"].values()).item() == pytest.approx(data["enc_loss"], rel=1e-12)
    assert sum(first["generator"].values()).item() == pytest.approx(data[f"dec_loss_{row}"], rel=1e-12)
    assert player == "discriminator"
    assert sum(terms.values()).item() == pytest.approx(data["d_loss"], rel=1e-12)


def test_the_losses_of_three_classes_equal_the_reference(reference):
    data = reference["vaegan_3class"]
    real, recon, sample = tensors(data, "logits_real", "logits_recon", "logits_sample")
    fake = torch.cat([recon, sample])
    objective = spelling.make("objective", "vaegan3", "")
    judged = says(real[:, 0], classes=real), says(fake[:, 0], classes=fake)
    assert objective.discriminator(None, *judged)["gan"].item() == pytest.approx(data["d_loss"], rel=1e-12)
    assert objective.generator(None, judged[1], None)["gan"].item() == pytest.approx(data["g_loss"], rel=1e-12)


@pytest.mark.parametrize("augment", ["noise:std=1", "ada:p=1,kimg=0"])
def test_the_distance_of_features_is_of_the_pictures_as_they_are(augment):
    """Augmented, a picture and its reconstruction would be so in different ways."""
    plain, augmented = (next(updates(model(margin=0.0, augment=asked))) for asked in ("none", augment))
    for player, term in (("encoder", "kl"), ("encoder", "features"), ("generator", "features")):
        assert torch.equal(augmented[player][term], plain[player][term])
    assert not torch.equal(augmented["generator"]["gan"], plain["generator"]["gan"])


def test_networks_have_the_published_numbers_of_weights():
    shape = Shape(3, (64, 64), 128)
    with torch.device("meta"):
        nets = [getattr(VAEGAN(), player)(shape) for player in ("generator", "encoder", "discriminator")]
    assert [sum(p.numel() for p in net.parameters()) for net in nets] == [4_693_155, 18_071_360, 10_953_857]


@pytest.mark.parametrize("objective", ["vaegan", "vaegan:saturating=true", "vaegan3", "hinge"])
def test_the_encoder_gets_no_gradient_of_the_objective(objective):
    net = model(objective=objective, architecture="vaegan:width=4,outputs=3", margin=0.0)
    terms = next(updates(net))
    for own in terms["encoder"].values():
        own.backward(retain_graph=True, inputs=list(net.encoder.parameters()))
    without = [p.grad.clone() for p in net.encoder.parameters()]
    assert any(grad.abs().sum() > 0 for grad in without)
    assert set(terms["encoder"]) == {"kl", "features"}  # nothing of the decoder's is among them
    assert set(terms["generator"]) == {"gan", "features"}
    sum(terms["generator"].values()).backward(inputs=list(net.generator.parameters()))
    for param, grad in zip(net.encoder.parameters(), without, strict=True):
        assert torch.equal(param.grad, grad)


def test_three_classes_are_measured_by_as_much(reference):
    net = model(objective="vaegan3", architecture="vaegan:width=4,outputs=3")
    nothing = says(torch.zeros(4), classes=torch.zeros(4, 3)), says(torch.zeros(8), classes=torch.zeros(8, 3))
    assert net.elements[0].costs(*nothing).tolist() == pytest.approx([0.6931472, 0.6931472])
    sure = torch.tensor([[9.0, 0.0, 0.0]]).expand(4, 3)
    assert net.balance(says(torch.zeros(4), classes=sure), nothing[1]) == (False, True)


@pytest.mark.parametrize(
    ("real", "fake", "margin", "who"),
    [
        (0.0, 0.0, 0.35, (True, True)),  # cross-entropies 0.69 and 0.69
        (3.0, 0.0, 0.35, (False, True)),  # 0.05: the discriminator is ahead
        (-1.5, 0.0, 0.35, (True, False)),  # 1.70: the decoder is
        (3.0, 3.0, 0.35, (True, True)),  # 0.05 and 3.05: neither would be
        (3.0, 0.0, 0.0, (True, True)),
    ],
)
def test_who_is_too_far_ahead_waits(real, fake, margin, who):
    net = model(margin=margin)
    assert net.balance(says(torch.full((4,), real)), says(torch.full((8,), fake))) == who


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ((True, True), [{"encoder", "generator"}, "discriminator"]),
        ((False, True), [{"encoder", "generator"}]),
        ((True, False), [{"encoder"}, "discriminator"]),
    ],
)
def test_a_step_leaves_out_who_waits(monkeypatch, who, names):
    net = model()
    monkeypatch.setattr(net, "balance", lambda real, fake: who)
    done = [set(update) if isinstance(update, dict) else update[0] for update in updates(net)]
    assert done == names


def test_the_discriminator_sees_what_the_decoder_had_drawn():
    net = model()
    steps = updates(net)
    next(steps)
    for p in net.generator.parameters():  # an update that would show
        p.data.zero_()
    _, terms = next(steps)
    again = model()
    following = updates(again)
    next(following)
    assert torch.equal(terms["gan"], next(following)[1]["gan"])


def test_the_variant_of_three_classes_trains():
    options = {"architecture": "vaegan:width=4,outputs=3", "objective": "vaegan3", "latent": "normal:3"}
    check_model("vaegan", image_size=16, batch_size=4, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"objective": "vaegan3"}, "vaegan3 needs a discriminator of three outputs: --architecture vaegan:outputs=3"),
        ({"architecture": "dcgan:width=2"}, "no encoder; use --architecture vaegan"),
        ({"architecture": "vaegan:outputs=2"}, "give 1 or 3"),
        ({"n_critic": 2}, "use --n-critic 1"),
        ({"latent": "uniform:3"}, "use --latent normal"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        model(**options)


def test_sides_are_halved_three_times():
    with pytest.raises(ValueError, match="use --image-size 32"):
        VAEGAN().check(Shape(1, (28, 28), 5))
    net = VAEGAN(4).generator(Shape(1, (16, 24), 5)).eval()
    assert net(torch.zeros(2, 5)).shape == (2, 1, 16, 24)
