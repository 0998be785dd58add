"""What the zoo's benchmark measures with, on cases whose figures are known."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Imports a file of the benchmarks; they lie in no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == FOLDER:
            del sys.modules[name]


def test_frechet_distance_of_known_covariances(part):
    frechet = part("zoo_digits").frechet
    signs = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    near, far = signs * [1.0, 2.0], signs * [3.0, 5.0] + [2.0, -1.0]
    unbiased = 4 / 3  # the variance of signs, over one less than their number
    assert frechet(near, far) == pytest.approx(5 + unbiased * (2**2 + 3**2))  # of diagonal ones: differences of roots
    assert frechet(near, near) == pytest.approx(0, abs=1e-9)


def test_scores_of_sure_and_of_equal_classes(part):
    zoo_digits = part("zoo_digits")

    class Sure(torch.nn.Module):
        def forward(self, images):
            return 100 * torch.nn.functional.one_hot(images[:, 0, 0, 0].long(), 10).float()

    each = torch.arange(10.0).view(10, 1, 1, 1)
    assert zoo_digits.score(Sure(), each) == pytest.approx(10, rel=1e-6)
    assert zoo_digits.score(Sure(), torch.full((10, 1, 1, 1), 3.0)) == pytest.approx(1, rel=1e-6)


def test_independent_pixels_keep_their_marginals_alone(part):
    images = torch.rand(50, 1, 1, 1).expand(-1, 1, 4, 4)  # all pixels of a picture are one
    mixed = part("zoo_digits").independent(images)
    assert torch.equal(mixed.sort(dim=0).values, images.sort(dim=0).values)
    assert (mixed.flatten(1).std(dim=1) > 0).float().mean() > 0.9


def test_a_step_takes_the_mean_over_phases_without_their_first(part):
    ends = [("a", 0.0), ("a", 9.0), ("a", 10.0), ("a", 11.0), ("b", 20.0), ("b", 22.0)]
    assert part("zoo_digits").mean_step(ends) == pytest.approx((3 * 1.0 + 2 * 2.0) / 5)


def test_modes_are_covered_where_enough_points_are_good(part):
    toys = part("zoo_toys")
    toy = toys.TOYS["ring"]
    whole = toy.draw(2000, torch.Generator().manual_seed(0))["image"]
    assert toy.judge(whole)[0] == 8
    assert toy.judge(whole)[1] == pytest.approx(1 - np.exp(-(toys.RADIUS**2) / 2), abs=0.01)  # of a normal in the plane
    modes = torch.cat([toy.modes[:2].repeat(500, 1), torch.zeros(1000, 2)])
    assert toy.judge(modes[:, :, None, None]) == (2, 0.5)


def test_ranks_and_distances(part):
    toys = part("zoo_toys")
    assert toys.ranked([1, 2, 3], [10, 100, 1000]) == pytest.approx(1)
    assert toys.ranked([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    points = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    moved = toys.sliced(points, points + torch.tensor([3.0, 4.0]))
    assert moved == pytest.approx(5 * 2 / np.pi, rel=1e-4)  # of a shift by 5: the mean of |cos| over directions


def test_points_are_trained_by_the_presets_own_step(part):
    points = part("zoo_toys").Points("wgan", part("zoo_toys").TOYS["grid"], 0, n_critic=3)
    seen = [sorted(points.step(0.0)) for _ in range(6)]
    assert seen == [["discriminator/gan"]] * 2 + [["discriminator/gan", "generator/gan"]] + seen[:3]
    assert max(float(p.detach().abs().max()) for p in points.model.discriminator.parameters()) <= 0.01
    with pytest.raises(ValueError, match="--conditioning"):
        part("zoo_toys").check("biggan")


def test_pictures_drawn_together_are_those_drawn_alone(part, monkeypatch):
    drawing = part("zoo_drawing")
    model = part("zoo_toys").on_points("wgan-gp", part("zoo_toys").TOYS["ring"], 0)
    said = []
    together = drawing.drawn(model, 5, said.append)
    monkeypatch.setattr(drawing, "CLOSE", -1.0)
    alone = drawing.drawn(model, 5, said.append)
    assert len(said) == 1
    assert torch.allclose(together, alone, atol=1e-6)


def test_presets_of_classes_are_told_modes(part):
    toys = part("zoo_toys")
    points = toys.Points("cgan", toys.TOYS["ring"], 0, batch=8)
    points.step(0.0)
    assert len(points.model.targets()) == 8
    assert part("zoo_drawing").drawn(points.model, 12).shape == (12, 2, 1, 1)


def test_rows_are_measured_once_and_errors_again(part, tmp_path):
    zoo = part("zoo")
    path, calls = tmp_path / "rows.jsonl", []

    def fail():
        calls.append(0)
        raise ValueError("no")

    rows = zoo.Rows(path, again=False)
    rows.measure(["digits", "one"], lambda: {"x": 1})
    rows.measure(["digits", "one"], fail)
    rows.measure(["digits", "two"], fail)
    rows.measure(["digits", "two"], fail)
    assert len(calls) == 1
    with path.open("a") as file:
        file.write('{"key": ["digits", "thr')  # killed within a line
    assert [row.get("error") for row in rows.read()] == [None, "ValueError: no"]
    zoo.Rows(path, again=True).measure(["digits", "two"], lambda: {"x": 2})
    assert {row["key"][1]: row.get("x") for row in rows.read()} == {"one": 1, "two": 2}


def test_tables_put_the_best_first_and_name_what_failed(part):
    def digits(name, share):
        found = {"side": 32, "frechet": 100 * share, "share": share, "score": 5.0, "steps": 9, "planned": 9}
        return {"key": ["digits", name, 180, 0], "trained": 180.0, "passed": share <= 1 / 3} | found

    rows = [
        digits("worse", 0.5),
        digits("better", 0.25),
        {"key": ["digits", "broken", 180, 0], "error": "Stopped: a loss is no number"},
        *({"key": ["toys", "better", "ring", 45, n], "modes": n, "good": 0.5, "steps": 1000 + n} for n in (8, 2, 6)),
    ]
    text = part("zoo_table").tables(json.loads(json.dumps(rows)))
    assert text.index("| better | 32 | 25.0 | 0.250") < text.index("| worse | 32 | 50.0 | 0.500")
    assert "digits broken 180 0 ended in Stopped" in text
    assert "| better | 6, 50% | - | 1,006 | 3 |" in text
    assert "| 1 | better (25.0) | better |" in text
