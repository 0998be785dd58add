"""InfoGAN: its bound equals the reference's, the recogniser is taught by both players, and requests sweep codes."""

from __future__ import annotations

import math

import pytest
import torch
from i2i_zoo.architectures import infogan
from i2i_zoo.codes import Codes
from i2i_zoo.latents import Seeded
from i2i_zoo.methods.infogan import InfoGAN
from i2i_zoo.objectives.information import Information, Recogniser
from i2i_zoo.parts import Shape

import i2i
from i2i.options import build
from i2i.sampling import draw_one, rows_of
from i2i.testing import synthetic_batch, synthetic_spec

SPEC = synthetic_spec("images", 8)


def model(**options):
    torch.manual_seed(0)
    given = {"architecture": "infogan:width=2", "latent": "codes:noise=3,categories=4,continuous=2"} | options
    return InfoGAN(build(InfoGAN.Options, given), SPEC)


def tensors(data, *keys):
    return [torch.tensor(data[key], dtype=torch.float64) for key in keys]


def test_the_bound_equals_the_reference(golden):
    data = golden.load("zoo_composite")["infogan"]
    guess, mean, log_variance, numbers = tensors(data, "cat_logits", "mu", "log_var", "cont_codes")
    information = Information(Codes(3, 2, 1, 2), 1.0, 1.0, learnt=True, squares=False)
    told = torch.nn.functional.one_hot(torch.tensor(data["cat_codes"]), 3).double()
    assert information.categorical(guess[:, None], told[:, None]).item() == pytest.approx(data["cat_nll"], rel=1e-12)
    bound = math.log(3) - information.categorical(guess[:, None], told[:, None])  # of 3 codes, each as often
    assert bound.item() == pytest.approx(data["mi_lower_bound_cat_plus_log3"], rel=1e-8, abs=1e-10)
    learnt = information.continuous(mean, log_variance, numbers).item()
    assert learnt == pytest.approx(data["gauss_nll_learned_var"], rel=1e-12)
    fixed = information.continuous(mean, torch.zeros_like(mean), numbers).item()
    assert fixed == pytest.approx(data["gauss_nll_unit_var"], rel=1e-12)
    squares = Information(Codes(3, 2, 1, 2), 1.0, 0.1, learnt=False, squares=True)
    off = squares.continuous(mean, torch.zeros_like(mean), numbers).item()
    assert off == pytest.approx(data["gauss_mse"], rel=1e-8, abs=1e-10)


def test_networks_have_the_published_numbers_of_weights():
    latent = Codes()
    with torch.device("meta"):
        nets = infogan.InfoGAN(), Shape(1, (28, 28), latent.size)
        generator, discriminator = nets[0].generator(nets[1]), nets[0].discriminator(nets[1])
        recogniser = Recogniser(1024, 12)
    counts = [sum(p.numel() for p in net.parameters()) for net in (generator, discriminator.body, discriminator.head)]
    assert latent.size == 74
    assert counts == [6_652_481, 6_558_144, 1_025]
    assert sum(p.numel() for p in recogniser.parameters()) == 133_004


def test_latents_are_noise_codes_and_numbers():
    latent = Codes(noise=3, categories=4, sets=2, continuous=1)
    noise, told, numbers = latent.split(latent.draw(Seeded(0), 4000))
    assert latent.size == 12
    assert (noise.shape, told.shape, numbers.shape) == ((4000, 3), (4000, 2, 4), (4000, 1))
    assert torch.equal(told.sum(dim=2), torch.ones(4000, 2))
    assert told.mean(dim=0).sub(0.25).abs().max() < 0.03
    assert noise.abs().max() <= 1
    assert numbers.abs().max() <= 1
    assert latent.truncated(Seeded(0), 50, 0.5)[:, :3].abs().max() <= 0.5


def test_the_recogniser_is_taught_by_both_and_trained_with_the_discriminator():
    net = model(information=2.0, learnt_variance=True)
    (phase,) = net.phases()
    steps = net.train_step(synthetic_batch(SPEC, 4), i2i.Progress(phase, 0, 10))
    name, terms = next(steps)
    assert name == "discriminator"
    assert set(terms) == {"gan", "categories", "numbers"}
    (terms["categories"] + terms["numbers"]).backward()
    assert all(p.grad is not None for p in net.recogniser.parameters())
    assert all(p.grad is None for p in net.generator.parameters())
    name, terms = next(steps)
    assert name == "generator"
    (terms["categories"] + terms["numbers"]).backward()
    assert all(p.grad is not None for p in net.generator.parameters())
    held = [{id(p) for g in each.param_groups for p in g["params"]} for each in net.optimizers(phase).values()]
    assert [all(id(p) in each for p in net.recogniser.parameters()) for each in held] == [True, False]


def test_what_is_recognised_is_the_latent_of_the_picture():
    net = model()
    steps = net.train_step(synthetic_batch(SPEC, 4), i2i.Progress(net.phases()[0], 0, 10))
    _, first = next(steps)
    latents = net.latent.draw(i2i.Progress(net.phases()[0], 0, 10), 4)  # the same draw again
    says = net.discriminator(net.generator(latents))
    guess = net.recogniser(says.features)
    expected = torch.nn.functional.cross_entropy(guess[:, :4], net.latent.split(latents)[1][:, 0].argmax(dim=1))
    assert first["categories"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_what_is_recognised_of_numbers_can_be_squares():
    values = {}
    for loss in ("likelihood", "squares"):
        net = model(continuous_information=0.1, continuous_loss=loss)
        _, terms = next(net.train_step(synthetic_batch(SPEC, 4), i2i.Progress(net.phases()[0], 0, 10)))
        values[loss] = terms["numbers"].item() / 0.1
    of_both = values["squares"] + math.log(2 * math.pi)  # 2 numbers, each 1/2 (log 2 pi + its square)
    assert values["likelihood"] == pytest.approx(of_both, rel=1e-5)
    with pytest.raises(ValueError, match="has no variance to learn; use --no-learnt-variance"):
        model(continuous_loss="squares", learnt_variance=True)


def test_a_request_sets_codes_and_leaves_the_noise():
    net = model().eval()
    plain, other = (net.drawn_latent(InfoGAN.Request(seed=5, code=code)) for code in (None, "1=2,3=-1.5"))
    assert torch.equal(plain[:, :3], other[:, :3])
    assert other[0, 3:].tolist() == [0, 0, 1, 0, plain[0, 7].item(), -1.5]


@pytest.mark.parametrize(
    ("code", "rows", "columns"),
    [
        ("3=-2..2", ["seed 4", "seed 5"], ["3=-2", "3=-1.5", "3=-1", "3=-0.5", "3=0", "3=0.5", "3=1", "3=1.5", "3=2"]),
        ("1=1..3", ["seed 4", "seed 5"], ["1=1", "1=2", "1=3"]),
        ("1=3,2=0.5", ["seed 4", "seed 5"], ["1=3,2=0.5"]),
        ("1=0..1,3=-1..1/3", ["seed 4"] * 2, ["1={},3=-1", "1={},3=0", "1={},3=1"]),
    ],
)
def test_codes_are_swept_into_a_grid(code, rows, columns):
    net = model().eval()
    grid = rows_of(net, InfoGAN.Request(seed=4, samples=2, code=code))
    titles = [[title for title, _ in row] for row in grid]
    assert titles == [[f"{seed}, " + column.format(number) for column in columns] for number, seed in enumerate(rows)]
    pictures = [draw_one(net, asked) for row in grid for _, asked in row]
    assert len({tuple(picture.flatten().tolist()) for picture in pictures}) == len(rows) * len(columns)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("3", "give a code and its value"),
        ("4=1", "codes are 1 to 3"),
        ("2=1,2=0", "each once"),
        ("1=0..4", "one of the categories 0 to 3"),
        ("1=0.5", "one of the categories 0 to 3"),
        ("1=0..99999999999999", "one of the categories 0 to 3"),
        ("3=-2..2/100000", "^--code 3=-2..2/100000 asks for 100,000 pictures in a row; give 100 at most$"),
        ("1=0..1,2=-1..1,3=-1..1", "sweeps more than rows and columns"),
    ],
)
def test_codes_that_are_none_are_refused(code, said):
    with pytest.raises(ValueError, match=said):
        rows_of(model().eval(), InfoGAN.Request(code=code))


def test_what_cannot_be_recognised_is_refused():
    with pytest.raises(ValueError, match="use --latent codes"):
        model(latent="normal:5")
    with pytest.raises(ValueError, match="sets or continuous above 0"):
        model(latent="codes:sets=0,continuous=0")
    with pytest.raises(ValueError, match="use --image-size 12"):
        InfoGAN(build(InfoGAN.Options, {"architecture": "infogan", "latent": "codes"}), synthetic_spec("images", 13))


def test_a_sheet_shows_the_first_code():
    rows = model().eval().preview([])
    assert [len(row) for row in rows] == [8, 0, 4]
