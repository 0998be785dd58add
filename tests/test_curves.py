import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i import curves
from i2i.curves import Chart, Curve


def test_terms_are_gathered_by_optimizer_in_their_order():
    entries = [
        {"step": 10, "terms": {"generators/gan": 1.0, "discriminators/a": 2.0, "drift": 3.0}},
        {"step": 20, "terms": {"generators/gan": "nan", "generators/cycle": 4.0, "discriminators/a": 5.0}},
        {"step": 30},
    ]
    charts = curves.charts(entries)
    assert [chart.title for chart in charts] == ["generators", "discriminators", "logged"]
    gan, cycle = charts[0].curves
    assert (gan.name, gan.steps, gan.values[0]) == ("gan", [10, 20], 1.0)
    assert math.isnan(gan.values[1])
    assert (cycle.steps, cycle.values) == ([20], [4.0])


def test_phases_begin_where_they_were_first_logged():
    entries = [{"step": 1, "phase": "coarse"}, {"step": 2, "phase": "coarse"}, {"step": 5, "phase": "fine"}]
    assert curves.phases(entries) == [(1, "coarse"), (5, "fine")]


def test_smoothing_of_a_short_curve_changes_nothing_and_of_a_long_one_averages():
    assert Curve("a", [1, 2, 3], [3.0, 1.0, 2.0]).smooth() == [3.0, 1.0, 2.0]
    values = [1.0, 3.0] * 200
    smooth = Curve("a", list(range(400)), values).smooth()
    assert smooth[0] == 1.0
    assert smooth[-1] == pytest.approx(2.0, abs=0.1)
    # A second computation: weights 0.9^k, normalised.
    weights = [0.9**k for k in range(5)]
    assert smooth[4] == pytest.approx(sum(w * v for w, v in zip(weights, values[4::-1], strict=False)) / sum(weights))


def test_values_that_are_not_finite_break_the_line_and_leave_the_mean():
    curve = Curve("a", [1, 2, 3, 4], [1.0, math.nan, math.inf, 2.0])
    assert curves.runs(curve.steps, curve.values) == [[(1, 1.0)], [(4, 2.0)]]
    assert curve.smooth() == [1.0, 1.0, 1.0, 2.0]
    assert math.isnan(Curve("a", [1], [math.nan]).smooth()[0])


def test_the_chart_draws_points_where_their_values_are():
    chart = Chart("generators", [Curve("gan", [0, 50, 100], [-5.0, 0.0, 5.0])])
    low, high = chart.range()
    assert (low, high) == (pytest.approx(-5.4), pytest.approx(5.4))
    middle = (curves.TOP + curves.BOTTOM) / 2
    assert f"{(curves.LEFT + curves.RIGHT) / 2:.1f},{middle:.1f}" in chart.html()


def test_the_chart_shows_the_zero_of_a_falling_loss_and_survives_any_values():
    assert Chart("", [Curve("a", [1, 2], [0.1, 5.0])]).range()[0] == 0.0
    assert Chart("", [Curve("a", [1], [math.nan])]).range() == (0.0, 1.0)
    for values in ([2.0], [0.0], [-3.0, -3.0], [math.nan, 1.0], [math.inf]):
        assert "<svg" in Chart("t", [Curve("a", list(range(len(values))), values)]).html([(0, "p")])


def test_a_run_of_few_steps_names_each_once():
    drawn = Chart("t", [Curve("a", [1, 2, 3], [1.0, 2.0, 3.0])]).html()
    assert re.findall(r'text-anchor="middle">(.*?)<', drawn) == ["1", "2", "3"]


def test_data_for_the_page_are_the_logged_values():
    steps = list(range(1, 5001))
    data = Chart("g", [Curve("a", steps, [1 / step for step in steps]), Curve("b", [7], [math.nan])]).data()
    a, b = data["terms"]
    assert len(a["steps"]) == curves.POINTS
    assert (a["steps"][0], a["steps"][-1]) == (1, 5000)
    assert all(value == pytest.approx(1 / step, rel=1e-5) for step, value in zip(a["steps"], a["values"], strict=True))
    assert b["values"] == ["nan"]
    assert (data["first"], data["last"]) == (1, 5000)


@given(st.integers(0, 3000), st.integers(2, 600))
def test_picks_are_spread_with_both_ends(count, most):
    picked = curves.picks(count, most)
    assert len(picked) == min(count, most)
    assert picked == sorted(set(picked))
    if count:
        assert (picked[0], picked[-1]) == (0, count - 1)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_inside(low, extent):
    high = low + extent
    marks = curves.ticks(low, high)
    assert len(marks) <= 8
    assert all(low - 1e-6 * (abs(low) + extent) <= mark <= high + 1e-6 * (abs(high) + extent) for mark in marks)


def test_ticks_are_round():
    assert curves.ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert curves.ticks(0.03, 0.41) == [0.1, 0.2, 0.3, 0.4]
    assert curves.ticks(3, 3) == [3]


def test_more_terms_than_colours_are_told_apart_in_line_and_legend():
    drawn = Chart("t", [Curve(f"term {i}", [1, 2], [1.0, 2.0]) for i in range(curves.COLOURS + 1)]).html()
    assert drawn.count('<polyline class="smooth"') == curves.COLOURS + 1
    assert drawn.count('class="dashed"') == 1
    assert len(re.findall(r'<polyline class="smooth"[^>]*stroke-dasharray', drawn)) == 1
