"""The script that benchmarks time i2i against computes what i2i computes."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest
import torch

import i2i
from i2i.device import Engine, fuse
from i2i.loop import run_step

FOLDER = Path(__file__).parents[2] / "benchmarks"
TERMS = {
    "gan_A": "generators/gan_b",
    "gan_B": "generators/gan_a",
    "cycle_A": "generators/cycle_a",
    "cycle_B": "generators/cycle_b",
    "idt_A": "generators/identity_b",
    "idt_B": "generators/identity_a",
    "D_A": "discriminators/b",
    "D_B": "discriminators/a",
}


@pytest.fixture
def scripts(monkeypatch):
    """The benchmarks' modules, which lie in no package."""
    modules = {}
    for name in ("reference_cyclegan", "common"):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        modules[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, modules[name])
        spec.loader.exec_module(modules[name])
    return modules


def test_four_steps_are_equal(scripts):
    torch.manual_seed(0)
    random.seed(0)
    reference = scripts["reference_cyclegan"].CycleGAN(width=4, blocks=2)
    model = scripts["common"].make_model(32, reference, width=4, blocks=2).double()
    for net in (reference.G_A, reference.G_B, reference.D_A, reference.D_B):
        net.double()
    (phase,) = model.phases()
    optimizers = model.optimizers(phase)
    fuse(optimizers)
    for step in range(4):
        batch = {key: torch.rand(1, 3, 32, 32, dtype=torch.float64) * 2 - 1 for key in "ab"}
        theirs = reference.optimize(batch["a"], batch["b"])
        ours = run_step(model, optimizers, batch, i2i.Progress(phase, step, 4, run_step=step), Engine(precision="fp64"))
        assert ours.keys() == set(TERMS.values())
        for name, value in theirs.items():
            assert ours[TERMS[name]].item() == pytest.approx(value.item(), rel=1e-9), name
