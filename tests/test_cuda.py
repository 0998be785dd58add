"""What only a GPU shows: memory layout, exact repeatability, float16 with its scaler. Skipped without CUDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import i2i
from i2i import checkpoint, preparing, training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

OPTIONS: dict[str, Any] = {
    "steps": 8,
    "image_size": 32,
    "generator_width": 8,
    "blocks": 1,
    "discriminator_width": 8,
    "discriminator_layers": 1,
    "device": "cuda",
    "workers": 0,
    "checkpoint_every": "4",
}


def train(data: Path, name: str, **options: Any) -> Path:
    run = preparing.prepare("cyclegan", str(data), OPTIONS | {"out": data.parent / "runs", "name": name} | options)
    training.start(run, quiet=True)
    return run.folder


def test_deterministic_runs_are_equal_bit_for_bit(domains: Path) -> None:
    one, two = (i2i.load(train(domains, name, deterministic=True)).state_dict() for name in ("one", "two"))
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_trains_and_saves_what_resuming_needs(domains: Path, precision: str) -> None:
    folder = train(domains, precision, precision=precision)
    state = checkpoint.read_state(checkpoint.newest(folder))
    assert set(state.engine["scalers"]) == ({"generators", "discriminators"} if precision == "fp16" else set())
    for value in i2i.load(folder).state_dict().values():
        assert torch.isfinite(value).all()


def test_weights_and_batches_lie_channels_last(domains: Path) -> None:
    from i2i.device import Engine

    run = preparing.prepare("cyclegan", str(domains), OPTIONS)
    engine = Engine(torch.device("cuda"), "fp32")
    model = engine.place(training.make_model(run))
    weight = next(p for p in model.parameters() if p.dim() == 4 and p.shape[1] > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    batch = engine.move({"a": torch.rand(2, 3, 16, 16)})
    assert batch["a"].is_contiguous(memory_format=torch.channels_last)
