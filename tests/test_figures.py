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


@pytest.fixture
def enlarged(golden):
    """The golden pair, and the source of a side: (results for that source, golden values)."""
    case = golden.load("sr_metrics")["case"]
    i, j, c = np.meshgrid(np.arange(case["h"]), np.arange(case["w"]), np.arange(3), indexing="ij")
    target = np.floor(
        127.5 + 100 * np.sin(0.4 + 0.21 * i + 0.33 * j + 0.9 * c) * np.cos(0.13 * i - 0.17 * j + 0.4 * c) + 0.5
    )
    output = np.clip(target + np.floor(12 * np.sin(0.9 * i + 1.7 * j) + 0.5), 0, 255)
    assert [*target[-1, -1], *output[0, 0]] == [*case["spot"]["A_last_last"], *case["spot"]["B_0_0"]]
    there, made = (torch.tensor(picture).permute(2, 0, 1) / 127.5 - 1 for picture in (target, output))

    def results(times: int = 4) -> list[Result]:
        source = torch.zeros(1, 3, case["h"] // times, case["w"] // times)
        return [Result({"source": source, "target": there[None]}, Request(), made)]

    return results, case["values"]


def test_figures_of_enlarged_pictures_are_golden(enlarged) -> None:
    results, values = enlarged
    assert figures.psnr_y(results(4)) == pytest.approx(values["psnr_y_crop4"], rel=1e-12)
    assert figures.psnr_y(results(1)) == pytest.approx(values["psnr_y_nocrop"], rel=1e-12)
    assert figures.ssim_y(results(4)) == pytest.approx(values["ssim_y_crop4"], rel=1e-9)
    assert figures.ssim_y(results(1)) == pytest.approx(values["ssim_y_nocrop"], rel=1e-9)


def test_enlarged_pictures_are_judged_one_by_one(enlarged) -> None:
    (pair,), values = enlarged[0](4), enlarged[1]
    same = Result(pair.inputs, Request(), pair.inputs["target"][0])
    assert figures.psnr_y([pair, same]) == pytest.approx((values["psnr_y_crop4"] + 100) / 2)
    assert figures.ssim_y([pair, same]) == pytest.approx((values["ssim_y_crop4"] + 1) / 2)
    beyond = Result(pair.inputs, Request(), same.output + 1e-4)  # written with 8 bits, that is the same
    assert figures.psnr_y([beyond]) == 100


def test_gray_is_judged_as_colour(enlarged) -> None:
    (pair,) = enlarged[0](4)
    gray = Result({key: value[:, :1] for key, value in pair.inputs.items()}, Request(), pair.output[:1])
    colour = Result(
        {key: v.expand(-1, 3, -1, -1) for key, v in gray.inputs.items()}, Request(), gray.output.expand(3, -1, -1)
    )
    for metric in (figures.psnr_y, figures.ssim_y):
        assert metric([gray]) == pytest.approx(metric([colour]), rel=1e-12)
    five = Result(
        {key: v.expand(-1, 5, -1, -1) for key, v in gray.inputs.items()}, Request(), gray.output.expand(5, -1, -1)
    )
    assert figures.psnr_y([five]) == pytest.approx(figures.psnr_y([gray]))


def test_pictures_that_are_all_border_have_no_figure() -> None:
    tiny = Result(
        {"source": torch.zeros(1, 3, 2, 2), "target": torch.zeros(1, 3, 8, 8)}, Request(), torch.zeros(3, 8, 8)
    )
    assert figures.psnr_y([tiny]) is figures.ssim_y([tiny]) is None
    small = Result(
        {"source": torch.zeros(1, 3, 4, 4), "target": torch.zeros(1, 3, 16, 16)}, Request(), torch.zeros(3, 16, 16)
    )
    assert (figures.psnr_y([small]), figures.ssim_y([small])) == (100, None)
    assert figures.psnr_y([Result({}, Request(), torch.zeros(3, 8, 8))]) is None


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
    assert figures.choose("", "captioned") == figures.choose("", "images") == ""
    assert figures.choose("psnr", "unpaired") == "psnr"
    with pytest.raises(LookupError, match=r'there is no metric "fid"; installed: .*\bpsnr, '):
        figures.choose("fid", "paired")


def test_any_size_and_channel_count_is_described() -> None:
    for shape in ((1, 5, 7), (3, 64, 64), (5, 200, 30)):
        assert np.isfinite(figures.describe(np.random.default_rng(0).uniform(-1, 1, shape))).all()


def test_results_that_are_no_numbers_have_no_figure() -> None:
    broken = Result({"target": torch.zeros(1, 3, 8, 8)}, Request(), torch.full((3, 8, 8), math.nan))
    assert figures.measure("psnr", [broken]) is None  # it was 100 dB
