"""The scripts that benchmarks time i2i against compute what i2i computes."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from i2i.device import Engine, fuse
from i2i.loop import run_step
from i2i.model import mix

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = sorted(path.stem.removeprefix("row_") for path in FOLDER.glob("row_*.py"))


@pytest.fixture
def common(monkeypatch):
    """The benchmarks' shared module; they lie in no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module("common")
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == FOLDER:
            del sys.modules[name]


def double(batch):
    return {k: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in batch.items()}


def test_every_reference_has_a_row(common):
    assert {"cyclegan", "pix2pix"} <= set(NAMES)
    assert common.rows() == NAMES == sorted(p.stem.removeprefix("reference_") for p in FOLDER.glob("reference_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_references_stand_alone(name):
    assert "i2i" not in (FOLDER / f"reference_{name}.py").read_text().partition('"""\n\nfrom')[2]


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_equal(common, name):
    row = common.find_row(name)
    torch.manual_seed(0)
    random.seed(0)
    reference = row.reference(device="cpu", **row.small)
    model = row.model(reference, row.small_size).double()
    for net in vars(reference).values():
        if isinstance(net, nn.Module):
            net.double()
    phase = model.phases()[row.phase]
    model.phase = phase.name
    optimizers = model.optimizers(phase)
    fuse(optimizers)
    seen = set()
    for step in range(max(4, row.steps + 1)):
        batch = double(row.batch(row.small_size, row.small_batch, step))
        torch.manual_seed(mix(0, step, 0))  # as run_step does: dropout draws the same
        theirs = row.optimize(reference, batch, step)
        ours = run_step(model, optimizers, batch, common.progress(step, phase), Engine(precision="fp64"))
        assert ours.keys() == {row.terms[loss] for loss in theirs}
        for loss, value in theirs.items():
            assert ours[row.terms[loss]].item() == pytest.approx(value.item(), rel=1e-8), (step, loss)
        seen |= theirs.keys()
    assert seen == set(row.terms)
