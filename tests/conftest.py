"""What several test files share: the golden numbers and the rule that fills their tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)  # tests run side by side: threads of two processes on two cores wait for each other


class Golden:
    """Numbers of the reference implementations, and tensors filled by integer arithmetic alone."""

    def load(self, name: str) -> dict[str, Any]:
        return json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())

    def fill(self, rows: list[Any]) -> dict[str, Any]:
        """Make a reference state dict of rows [number, key, shape, kind]."""
        import torch

        state = {}
        for number, key, shape, kind in rows:
            if kind == "fixed":  # a blur's kernel: binomials, those that double summing to 4
                row = torch.tensor({3: [1, 2, 1], 4: [1, 3, 3, 1]}[shape[-1]], dtype=torch.float64)
                state[key] = (row.outer(row) / 16).expand(shape).clone()
                continue
            j = torch.arange(math.prod(shape), dtype=torch.int64)
            u = 2 * ((7919 * j * j + 104729 * j + 1299709 * number) % 1000003).double() / 1000003 - 1
            scale, offset = {"matrix": (math.sqrt(3 * shape[0] / len(j)), 0), "one_plus": (0.1, 1), "small": (0.1, 0)}[
                kind
            ]
            state[key] = (offset + scale * u).view(shape)
        return state

    def wave(self, shape: list[int]) -> Any:
        """Make the common input."""
        import torch

        return torch.sin(0.01 * torch.arange(math.prod(shape), dtype=torch.float64)).view(shape)

    def check(self, output: Any, expected: dict[str, Any], tolerance: float = 1e-9) -> None:
        assert list(output.shape) == expected["shape"]
        flat = output.flatten().double()
        figures = {
            "mean": flat.mean(),
            "std": flat.std(correction=0),
            "min": flat.min(),
            "max": flat.max(),
            "l1": flat.abs().mean(),
        }
        for name, value in figures.items():
            assert value.item() == pytest.approx(expected[name], abs=tolerance), name
        for index, value in expected["samples"]:
            assert flat[index].item() == pytest.approx(value, abs=tolerance), index


@pytest.fixture(scope="session")
def golden() -> Golden:
    return Golden()


@pytest.fixture
def toys() -> Iterator[Any]:
    """Register the toy models as a plugin, for one test."""
    import toys as module

    from i2i.plugins import registry

    manager = registry().manager
    manager.register(module, name="toys")
    yield module
    manager.unregister(module)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of 12 small pairs: source/ holds gradients, target/ their negatives."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    root = tmp_path / "pairs"
    for name in ("source", "target"):
        (root / name).mkdir(parents=True)
    for index in range(12):
        coarse = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((24, 20), Image.Resampling.BICUBIC)
        picture.save(root / "source" / f"{index:02}.png")
        Image.fromarray(255 - np.asarray(picture)).save(root / "target" / f"{index:02}.png")
    return root


@pytest.fixture(scope="session")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two domains, day and night, of 12 smooth 40x36 pictures each."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(4)
    root = tmp_path_factory.mktemp("domains") / "data"
    for domain in ("day", "night"):
        (root / domain).mkdir(parents=True)
        for index in range(12):
            coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
            coarse.resize((40, 36)).save(root / domain / f"{index}.png")
    return root


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test's caches, models and runs out of the user's."""
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "i2i-home"))
    for name in ("I2I_DATA", "I2I_MODELS", "I2I_OFFLINE", "I2I_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def filters() -> Iterator[Any]:
    """Register the models that need no training as a plugin, for one test."""
    import filters as module

    from i2i.plugins import registry

    manager = registry().manager
    manager.register(module, name="filters")
    yield module
    manager.unregister(module)
