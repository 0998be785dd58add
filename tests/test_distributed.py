"""Two processes give what one process with the same global batch gives."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import i2i
from i2i import distributed, preparing, training
from i2i.spec import DataSpec
from i2i.testing import synthetic_batch

OPTIONS: dict[str, Any] = {
    "steps": 6,
    "image_size": 32,
    "batch_size": 4,
    "generator_width": 4,
    "blocks": 1,
    "discriminator_width": 4,
    "discriminator_layers": 1,
    "pool_size": 6,
    "checkpoint_every": "1h",
    "device": "cpu",
    "workers": 0,
    "threads": 1,
}


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    return subprocess.run(
        [*command, "-m", "i2i", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(("precision", "steps", "tolerance"), [("fp64", 6, 1e-9), ("fp32", 2, None)])
def test_two_ranks_train_as_one(
    domains: Path, tmp_path: Path, precision: str, steps: int, tolerance: float | None
) -> None:
    """In float32 only two steps: gradients that are zero but for rounding become whole steps under Adam, and an
    untrained network multiplies what they change by ten to a hundred at each further step."""
    options = OPTIONS | {"precision": precision, "steps": steps, "out": tmp_path}
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    result = torchrun("train", "cyclegan", str(domains), "--name=two", *flags)
    assert result.returncode == 0, result.stderr
    assert "2 on each of 2" in result.stderr
    assert result.stdout.splitlines() == [str(tmp_path / "two")]  # once, not once a process
    one = preparing.prepare("cyclegan", str(domains), options | {"name": "one"})
    training.start(one, quiet=True)

    single, double = i2i.load(one.folder), i2i.load(tmp_path / "two")
    if tolerance is not None:
        tensors = _weights(tmp_path / "two")
        for name, value in _weights(one.folder).items():
            torch.testing.assert_close(tensors[name], value, rtol=0, atol=tolerance, msg=name)
    kind = next(single.parameters()).dtype
    picture = {"source": synthetic_batch(DataSpec(channels={"x": 3}), 4, image_size=(32, 32))["x"].to(kind)}
    for target in ("day", "night"):
        request = type(single).Request(to=target)
        with torch.inference_mode():
            outputs = [model.translate(picture, request) for model in (single, double)]
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-4)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "checkpoints/last/weights.safetensors")


def test_a_batch_that_ranks_cannot_share_names_the_nearest(
    domains: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="--batch-size 6 cannot be shared by 4 processes; use --batch-size 8"):
        preparing.prepare("cyclegan", str(domains), OPTIONS | {"batch_size": 6, "out": tmp_path})


def test_alone_everything_is_itself() -> None:
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    assert (distributed.rank(), distributed.ranks()) == (0, 1)
    assert torch.equal(distributed.gather(value), value.detach())
    assert distributed.share("runs/x") == "runs/x"
    assert distributed.agree([True, False], torch.device("cpu")) == [True, False]
    assert torch.equal(distributed.average(value.detach()), value.detach())
