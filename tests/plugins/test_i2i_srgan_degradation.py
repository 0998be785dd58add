"""What SRGAN makes small pictures with: exact where there is a formula, replayable, the same however ranks share it."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from i2i_srgan import degradation, kernels
from i2i_srgan.degradation import blurred_down, degrade

import i2i
from i2i import networks


def progress(step=0, **changes):
    return i2i.Progress(i2i.Phase("pretrain"), step, 10, run_step=step, **changes)


def smooth(count=2, channels=3, height=48, width=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 6, 8, generator=generator)
    return networks.bicubic_up(coarse, 8)[:, :, :height, :width].clamp(0, 1)


def made(large, kind="bicubic", scale=4, sigma=1.6, levels=0, now=None):
    return degrade(large, scale, kind, sigma, levels, now or progress())


def test_bicubic_is_matlabs_at_borders_too(golden):
    case = golden.load("sr_metrics")["case"]
    i, j, c = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (case["h"], case["w"], 3)), indexing="ij")
    image = 127.5 + 100 * torch.sin(0.4 + 0.21 * i + 0.33 * j + 0.9 * c) * torch.cos(0.13 * i - 0.17 * j + 0.4 * c)
    large = torch.floor(image + 0.5).permute(2, 0, 1)[None] / 255
    expected = torch.tensor(case["values"]["imresize_x0.25_channel0"], dtype=torch.float64) / 255
    torch.testing.assert_close(made(large)[0, 0], expected, rtol=0, atol=1e-7)
    rounded = made(large, levels=255)[0, 0] * 255
    torch.testing.assert_close(rounded, (expected * 255).round(), rtol=0, atol=1e-6)


def test_values_are_cut_and_rounded_to_the_steps_of_files():
    edge = torch.zeros(1, 1, 32, 32)
    edge[..., 14:] = 1  # bicubic overshoots on both sides
    assert networks.bicubic_down(edge, 4).amax() > 1.01
    small = made(edge)
    assert (small.amin(), small.amax()) == (0, 1)
    for levels in (255, 65535):
        steps = made(smooth(), levels=levels) * levels
        torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-2)
        assert (made(smooth(), levels=levels) - made(smooth())).abs().max() <= 0.5001 / levels


@pytest.mark.parametrize("times", [2, 3, 4, 8])
@pytest.mark.parametrize("sigma", [0.5, 1.6, 3.0])
def test_a_blur_is_the_gaussian_around_each_small_pixel(times, sigma):
    large = torch.rand(1, 2, 4 * times, 5 * times, dtype=torch.float64)
    small = blurred_down(large, times, sigma)
    assert small.shape == (1, 2, 4, 5)
    reach = math.ceil(3 * sigma)
    around = networks.mirrored(large, (99, 99), (99, 99))
    row, column = 3, 2  # one pixel, by the sum itself
    total, weights = torch.zeros(2, dtype=torch.float64), 0.0
    for y in range(-reach, times + reach):
        for x in range(-reach, times + reach):
            middle = (times - 1) / 2
            weight = math.exp(-0.5 * ((y - middle) ** 2 + (x - middle) ** 2) / sigma**2)
            total += weight * around[0, :, 99 + times * row + y, 99 + times * column + x]
            weights += weight
    torch.testing.assert_close(small[0, :, row, column], total / weights)


def test_a_blur_moves_nothing():
    ramp = torch.arange(64, dtype=torch.float64).expand(1, 1, 64, 64)
    small = blurred_down(ramp, 4, 1.6)[0, 0, 8, 4:-4]
    torch.testing.assert_close(small, 4 * torch.arange(16, dtype=torch.float64)[4:-4] + 1.5)
    assert blurred_down(torch.rand(1, 3, 9, 14), 4, 1.6).shape == (1, 3, 3, 4)


def test_blurs_are_filters_of_every_shape():
    draws = torch.rand(4000, kernels.DRAWS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    taps = kernels.blurs(draws, (0.2, 3.0))
    assert taps.shape == (4000, kernels.SIDE, kernels.SIDE)
    torch.testing.assert_close(taps.sum(dim=(1, 2)), torch.ones(4000, dtype=torch.float64))
    torch.testing.assert_close(taps, taps.flip(1, 2))  # each looks the same upside down: nothing moves
    round_ = (taps - taps.transpose(1, 2)).abs().amax(dim=(1, 2)) < 1e-12
    assert round_.double().mean().item() == pytest.approx(0.1 + 0.9 * (0.45 + 0.12 + 0.12), abs=0.03)
    rings = taps.amin(dim=(1, 2)) < -1e-6
    assert rings.double().mean().item() == pytest.approx(kernels.SINC, abs=0.02)


def test_a_round_gaussian_is_its_formula():
    draws = torch.tensor([[0.1, 0.5, 0.9, 0.3, 0.5, 0.5, 0.9]], dtype=torch.float64)
    place = torch.arange(-10, 11, dtype=torch.float64)
    expected = torch.exp(-0.5 * (place[:, None] ** 2 + place**2) / 1.6**2)
    torch.testing.assert_close(kernels.blurs(draws, (0.2, 3.0))[0], expected / expected.sum())
    stretched = torch.tensor([[0.5, 1.0, 0.0, 0.0, 0.5, 0.5, 0.9]], dtype=torch.float64)
    expected = torch.exp(-0.5 * ((place[:, None] / 0.2) ** 2 + (place / 3) ** 2))
    torch.testing.assert_close(kernels.blurs(stretched, (0.2, 3.0))[0], expected / expected.sum())


def test_a_sinc_cuts_high_frequencies_off():
    (taps,) = kernels.sincs(torch.tensor([0.4], dtype=torch.float64))
    cutoff = math.pi / 5 + 0.4 * (math.pi - math.pi / 5)
    place = torch.arange(-10, 11, dtype=torch.float64)
    response = lambda frequency: (taps * torch.cos(frequency * place)).sum().item()  # noqa: E731
    assert response(0.0) == pytest.approx(1)
    assert response(0.5 * cutoff) == pytest.approx(1, abs=0.1)
    assert response(min(math.pi, 1.6 * cutoff)) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_second_order_replays_and_varies(channels):
    large = smooth(4, channels)
    seen = []
    for step in range(6):  # batches are enlarged, shrunk or kept in between
        small = made(large, "second-order", now=progress(step))
        assert small.shape == (4, channels, 12, 16)
        assert small.isfinite().all()
        assert small.min() >= 0
        assert small.max() <= 1
        assert torch.equal(small, made(large, "second-order", now=progress(step)))
        seen.append(small)
    assert all((one - other).abs().mean() > 1e-3 for one, other in itertools.pairwise(seen))
    assert not torch.equal(seen[0], made(large, "second-order", now=progress(0, seed=1)))
    error = (torch.stack(seen) - made(large)).abs().mean().item()
    assert 0.01 < error < 0.3  # worn, and still the picture


def test_ranks_make_what_one_process_would():
    large = smooth(4)
    for step in range(3):
        whole = made(large, "second-order", now=progress(step))
        parts = [
            made(large[2 * rank : 2 * rank + 2], "second-order", now=progress(step, rank=rank, ranks=2))
            for rank in range(2)
        ]
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-5)


def test_noise_is_as_strong_as_it_is_drawn():
    flat = torch.full((64, 3, 32, 32), 0.25)
    how = dataclasses.replace(degradation.FIRST, gaussian=(20.0, 20.0), poisson=(2.0, 2.0))
    noise = degradation._noise(flat, how, progress())
    deviations = noise.std(dim=(1, 2, 3)) * 255
    gaussian, poisson = 20.0, 2.0 * math.sqrt(0.25 * 255)
    near = [min((gaussian, poisson), key=lambda wanted: abs(value - wanted)) for value in deviations.tolist()]
    assert deviations.tolist() == pytest.approx(near, rel=0.08)
    assert 20 < near.count(gaussian) < 44
    gray = (noise == noise[:, :1]).all(dim=(1, 2, 3)).sum()
    assert 13 < gray < 40


def test_nothing_is_learnt_from_degrading_and_autocast_changes_nothing():
    large = smooth().requires_grad_()
    for kind in degradation.KINDS:
        plain = made(large, kind)
        assert not plain.requires_grad
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(made(large, kind), plain)
        assert made(large.detach().double(), kind).dtype == torch.float64
