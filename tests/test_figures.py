"""Figures: PSNR by its closed form, textures told apart, each metric on results it can and cannot judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from i2i import figures
from i2i.figures import Result
from i2i.options import Request


def test_psnr_is_its_closed_form() -> None:
    target = torch.zeros(1, 3, 8, 8)
    results = [Result({"target": target}, Request(), torch.full((3, 8, 8), error)) for error in (0.1, 0.5)]
    expected = np.mean([20 * math.log10(2 / 0.1), 20 * math.log10(2 / 0.5)])
    assert figures.psnr(results) == pytest.approx(expected, rel=1e-6)
    assert figures.psnr([Result({"target": target}, Request(), target[0])]) == 100
    assert figures.psnr([Result({}, Request(), target[0])]) is None


def stripes(count: int, period: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(48) * 2 * np.pi / period)
    return [(0.8 * np.roll(wave, rng.integers(48)) + 0.1 * rng.standard_normal((3, 48, 48))) for _ in range(count)]


def results(coarse_to: list[np.ndarray], fine_to: list[np.ndarray]) -> list[Result]:
    """Results on real pictures of two domains, coarse and fine stripes, of what they were turned into."""
    rows = [(c, "fine", out) for c, out in zip(stripes(6, 16, 0), coarse_to, strict=True)]
    rows += [(f, "coarse", out) for f, out in zip(stripes(6, 4, 1), fine_to, strict=True)]
    return [Result({"source": torch.tensor(s)[None]}, Request(to=to), torch.tensor(out)) for s, to, out in rows]


def test_progress_is_0_for_no_change_and_1_for_real_pictures() -> None:
    coarse, fine = stripes(6, 16, 2), stripes(6, 4, 3)
    assert figures.domain_progress(results(fine, coarse)) == pytest.approx(1, abs=0.1)
    assert figures.domain_progress(results(coarse, fine)) == pytest.approx(0, abs=0.1)
    assert figures.domain_progress(results(fine, fine)) == pytest.approx(0.5, abs=0.1)
    untouched = results(stripes(6, 16, 0), stripes(6, 4, 1))
    assert figures.domain_progress(untouched) == 0


def test_domains_that_look_alike_give_no_figure() -> None:
    rows = [
        Result({"source": torch.tensor(s)[None]}, Request(to=to), torch.zeros(3, 48, 48))
        for to, seed in (("one", 0), ("other", 1))
        for s in stripes(6, 8, seed)
    ]
    assert figures.domain_progress(rows) is None  # it was a million times the distance between them


def test_one_direction_alone_cannot_be_judged() -> None:
    assert figures.domain_progress(results(stripes(6, 4, 2), stripes(6, 16, 3))[:6]) is None


def test_a_kind_has_its_metric_and_an_unknown_one_is_named() -> None:
    assert figures.choose("", "paired") == "psnr"
    assert figures.choose("", "unpaired") == "domain_progress"
    assert figures.choose("", "captioned") == ""
    assert figures.choose("psnr", "unpaired") == "psnr"
    with pytest.raises(LookupError, match='there is no metric "fid"; installed: psnr, domain_progress'):
        figures.choose("fid", "paired")


def test_any_size_and_channel_count_is_described() -> None:
    for shape in ((1, 5, 7), (3, 64, 64), (5, 200, 30)):
        assert np.isfinite(figures.describe(np.random.default_rng(0).uniform(-1, 1, shape))).all()


def test_results_that_are_no_numbers_have_no_figure() -> None:
    broken = Result({"target": torch.zeros(1, 3, 8, 8)}, Request(), torch.full((3, 8, 8), math.nan))
    assert figures.measure("psnr", [broken]) is None  # it was 100 dB
