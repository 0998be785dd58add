"""Bicubic resizing against MATLAB's numbers and its sums written down, at borders too, and to small sides."""

from __future__ import annotations

import pytest
import torch

from i2i import networks

# One small pixel of x0.25 takes 16 pixels: these and their mirror image.
KERNEL = [-0.00170898, -0.01098633, -0.01831055, -0.01196289, 0.02270508, 0.09741211, 0.18188477, 0.2409668]


def test_shrinking_and_enlarging_are_matlabs(golden):
    case = golden.load("sr_metrics")["case"]
    values = case["values"]
    i, j, c = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (case["h"], case["w"], 3)), indexing="ij")
    image = 127.5 + 100 * torch.sin(0.4 + 0.21 * i + 0.33 * j + 0.9 * c) * torch.cos(0.13 * i - 0.17 * j + 0.4 * c)
    image = torch.floor(image + 0.5).permute(2, 0, 1)[None]
    small = networks.bicubic_down(image, 4)
    assert list(small.permute(0, 2, 3, 1).shape[1:]) == values["imresize_x0.25_shape"]
    assert small.mean().item() == pytest.approx(values["imresize_x0.25_mean"], rel=1e-12)
    expected = torch.tensor(values["imresize_x0.25_channel0"], dtype=torch.float64)
    torch.testing.assert_close(small[0, 0], expected, rtol=0, atol=1e-5)  # the file has seven digits
    large = networks.bicubic_up(small, 4)
    assert large.shape == image.shape
    assert large.mean().item() == pytest.approx(values["imresize_x4_mean"], rel=1e-12)
    assert large.std(correction=0).item() == pytest.approx(values["imresize_x4_std"], rel=1e-12)
    expected = torch.tensor(values["imresize_x4_of_that_channel0_row0"], dtype=torch.float64)
    torch.testing.assert_close(large[0, 0, 0], expected, rtol=0, atol=1e-5)


def test_the_kernel_is_the_one_written_down():
    rows = torch.eye(64, dtype=torch.float64).view(64, 1, 1, 64)
    taps = networks.bicubic_down(rows, 4)[:, 0, 0, 7]
    assert taps[22:38].tolist() == pytest.approx([*KERNEL, *reversed(KERNEL)], abs=1e-8)
    assert taps[:22].abs().max() == taps[38:].abs().max() == 0


@pytest.mark.parametrize("times", [2, 3, 4, 8])
def test_a_border_is_mirrored_with_its_edge(times):
    image = torch.rand(1, 2, 6 * times, 5 * times, dtype=torch.float64)
    twice = torch.cat([image.flip(3), image, image.flip(3)], dim=3)
    twice = torch.cat([twice.flip(2), twice, twice.flip(2)], dim=2)
    inner = networks.bicubic_down(twice, times)[:, :, 6:12, 5:10]
    torch.testing.assert_close(networks.bicubic_down(image, times), inner)
    small = image[:, :, :6, :5]
    twice = twice[:, :, 6 * times - 6 : 6 * times + 12]
    around = torch.cat([small.flip(3), small, small.flip(3)], dim=3)
    around = torch.cat([around.flip(2), around, around.flip(2)], dim=2)
    inner = networks.bicubic_up(around, times)[:, :, 6 * times : 12 * times, 5 * times : 10 * times]
    torch.testing.assert_close(networks.bicubic_up(small, times), inner)


def cubic(x):
    x = x.abs()
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0))


def resized(line, times, side):
    """Resize (H,) to (side,) by MATLAB's sums, written down; `times` is 1/4 or 4."""
    width = max(1.0, 1 / times)
    made = []
    for place in range(side):
        centre = (place + 0.5) / times - 0.5
        taps = torch.arange(int(centre - 2 * width) - 2, int(centre + 2 * width) + 3)
        weights = cubic((taps - centre).double() / width)
        inside = taps % (2 * len(line))
        made.append((weights / weights.sum() * line[torch.minimum(inside, 2 * len(line) - 1 - inside)]).sum())
    return torch.stack(made)


@pytest.mark.parametrize("side", [1, 2, 3, 7, 9, 14, 33])
def test_any_side_is_resized_as_the_sums_say(side):
    line = torch.rand(side, dtype=torch.float64)
    small = networks.bicubic_down(line.expand(1, 1, side, side), 4)
    assert small.shape == (1, 1, -(-side // 4), -(-side // 4))
    torch.testing.assert_close(small[0, 0, 0], resized(line, 1 / 4, -(-side // 4)))
    large = networks.bicubic_up(line.view(1, 1, side, 1).expand(1, 1, side, side), 4)
    torch.testing.assert_close(large[0, 0, :, -1], resized(line, 4, 4 * side))


def test_one_pixel_stays_its_colour():
    pixel = torch.tensor([0.1, -0.7, 1.0]).view(1, 3, 1, 1)
    for made in (networks.bicubic_up(pixel, 4), networks.bicubic_down(pixel, 4)):
        torch.testing.assert_close(made, pixel.expand_as(made))


def test_it_computes_in_float32_or_better():
    image = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(networks.bicubic_down(image, 2), networks.bicubic_down(image.float(), 2))
        assert networks.bicubic_up(image.bfloat16(), 2).dtype == torch.float32
    assert networks.bicubic_down(image.double(), 2).dtype == torch.float64


def test_gradients_flow():
    image = torch.rand(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: networks.bicubic_down(x, 4), image)
    assert torch.autograd.gradcheck(lambda x: networks.bicubic_up(x, 2), image)


@pytest.mark.parametrize("times", [0, -1, 1.5])
def test_other_factors_are_refused(times):
    with pytest.raises(ValueError, match="give a whole number of at least 1"):
        networks.bicubic_down(torch.rand(1, 1, 8, 8), times)
