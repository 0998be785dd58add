"""The variational autoencoder: its bound equals the reference's, and its graph is one."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo.methods.vae import Autoencoder, Code

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec


def model(**options):
    torch.manual_seed(0)
    return Autoencoder(
        build(Autoencoder.Options, {"latent": "normal:3", "width": 8} | options), synthetic_spec("images", 4)
    )


def step(net, batch):
    progress = i2i.Progress(net.phases()[0], 0, 10)
    ((name, terms),) = net.train_step(batch, progress)
    return name, terms


def test_the_distance_from_the_prior_equals_the_reference(golden):
    data = golden.load("zoo_composite")["vae_kl"]
    code = Code(*(torch.tensor(data[key], dtype=torch.float64) for key in ("mu", "log_var")))
    assert code.divergence().tolist() == pytest.approx(data["kl_per_sample"], rel=1e-12)
    assert code.divergence().mean().item() == pytest.approx(data["kl_mean"], rel=1e-12)


def test_networks_have_the_published_number_of_weights():
    spec = i2i.DataSpec(domains=(), channels={"image": 1}, image_size=(28, 28))
    with torch.device("meta"):
        net = Autoencoder(build(Autoencoder.Options, {"latent": "normal:20"}), spec)
    assert sum(p.numel() for p in net.parameters()) == 652_824


def test_a_code_is_drawn_by_its_mean_and_deviation():
    noise = torch.tensor([[1.0, -2.0]])
    code = Code(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, math.log(9)]]))
    assert code.draw(SimpleNamespace(randn=lambda *shape: noise)).tolist() == [[4.0, pytest.approx(-2.0)]]


def test_a_step_is_the_bound_per_picture():
    net, batch = model(kl_weight=3.0), synthetic_batch(synthetic_spec("images", 4), 5)
    name, terms = step(net, batch)
    code = net.encoder(batch["image"])
    z = code.draw(i2i.Progress(net.phases()[0], 0, 10))
    p, x = (net.generator(z) + 1) / 2, (batch["image"] + 1) / 2
    likelihood = (x * p.log() + (1 - x) * (1 - p).log()).sum() / 5
    assert name == "autoencoder"
    assert terms["reconstruction"].item() == pytest.approx(-likelihood.item(), rel=1e-5)
    assert terms["kl"].item() == pytest.approx(3 * code.divergence().mean().item(), rel=1e-6)
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_other_latents_are_refused():
    for latent in ("uniform:3", "sphere:3"):
        with pytest.raises(ValueError, match="use --latent normal"):
            model(latent=latent)


def test_its_sheet_shows_what_it_makes_of_real_pictures():
    net = model().eval()
    rows = net.preview([(synthetic_batch(synthetic_spec("images", 4), 1, seed), None) for seed in range(2)])
    assert list(rows[-1]) == ["reconstruction 1", "reconstruction 2"]
    assert list(rows[-2]) == ["real picture 1", "real picture 2"]
