"""Checkpoints: two whole states are kept, a torn one is never read, and a failure loses nothing older."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import i2i
from i2i import bundle, checkpoint
from i2i.bundle import BadBundle
from i2i.device import Engine
from i2i.networks import ImagePool
from i2i.testing import synthetic_spec

pytestmark = pytest.mark.usefixtures("toys")


def make(seed: int = 0) -> i2i.Model:
    import toys

    torch.manual_seed(seed)
    return toys.Toy(toys.Toy.Options(), synthetic_spec("paired", 16))


def save(run: Path, step: int, model: i2i.Model | None = None, optimizers: Any = None) -> Path:
    model = model or make(step)
    manifest = bundle.describe("toy", model, step=step)
    return checkpoint.save(run, model, manifest, optimizers or {}, Engine())


def step_of(run: Path) -> int:
    return bundle.read_manifest(checkpoint.newest(run)).step


def steps(run: Path) -> dict[str, int]:
    """The step of every folder that is there, hidden ones included."""
    return {path.name: bundle.read_manifest(path).step for path in (run / "checkpoints").iterdir()}


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (0, 5, 9):
        assert save(tmp_path, step) == tmp_path / "checkpoints" / "last"
    assert steps(tmp_path) == {"last": 9, "previous": 5}
    assert step_of(tmp_path) == 9
    assert bundle.resolve(tmp_path).name == "last"


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match=r"holds no whole checkpoint; start again with: i2i train MODEL DATA --out"):
        checkpoint.newest(tmp_path)


class Killed(BaseException):
    """A kill at some moment."""


@pytest.mark.parametrize("moment", range(8))
def test_a_kill_at_any_rename_or_removal_leaves_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    for step in (1, 2):
        save(tmp_path, step)
    count = 0

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **keys: Any) -> Any:
            nonlocal count
            count += 1
            if count > moment:
                raise Killed
            return real(*args, **keys)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying(Path.rename))
        patch.setattr(shutil, "rmtree", dying(shutil.rmtree))
        patch.setattr(bundle, "sync_folder", dying(bundle.sync_folder))
        try:
            save(tmp_path, 3)
        except Killed:
            assert count > moment
    assert step_of(tmp_path) in (2, 3)
    i2i.load(tmp_path)
    save(tmp_path, 4)  # which clears up what the kill left
    assert steps(tmp_path).keys() == {"last", "previous"}
    assert step_of(tmp_path) == 4


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "resume.pt"])
@pytest.mark.parametrize("left", [None, 0, 0.5])
def test_a_torn_checkpoint_is_never_read(tmp_path: Path, name: str, left: float | None) -> None:
    for step in (3, 6):
        save(tmp_path, step)
    path = tmp_path / "checkpoints" / "last" / name
    if left is None:
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * left)])
    assert checkpoint.newest(tmp_path).name == "previous"
    assert checkpoint.read_state(checkpoint.newest(tmp_path)).step == 3


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    for step in (3, 6):
        save(tmp_path, step)
    path = tmp_path / "checkpoints" / "last" / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert step_of(tmp_path) == 3


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "checkpoints" / ".last.4242.writing"
    leftover.mkdir(parents=True)
    (leftover / "weights.safetensors").write_bytes(b"half")
    save(tmp_path, 1)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last"]


@pytest.mark.parametrize("writer", ["safetensors.torch.save_file", "torch.save", "os.fsync", "pathlib.Path.write_text"])
def test_a_full_disk_leaves_the_older_ones_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    for step in (3, 6):
        save(tmp_path, step)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*args: Any, **keys: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer, full)
        with pytest.raises(OSError, match="No space left on device"):
            save(tmp_path, 9)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert steps(tmp_path) == {"last": 6, "previous": 3}


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder should be")
    with pytest.raises(OSError, match=r"Not a directory|exists"):
        save(tmp_path / "run", 1)


def test_damaged_states_give_one_sentence(tmp_path: Path) -> None:
    folder = save(tmp_path, 1)
    path = folder / "resume.pt"
    for content in (b"", b"PK", b"\x80\x02}q\x00.", path.read_bytes()[:-30]):
        path.write_bytes(content)
        with pytest.raises(BadBundle, match=r"resume\.pt is damaged: ") as caught:
            checkpoint.read_state(folder)
        assert "\n" not in str(caught.value)
    torch.save({"step": 1}, path)
    with pytest.raises(BadBundle, match=r"resume\.pt is damaged: TypeError"):
        checkpoint.read_state(folder)
    path.unlink()
    with pytest.raises(BadBundle, match="it can translate but not be resumed"):
        checkpoint.read_state(folder)


def adam(*nets: nn.Module, lr: float = 0.1) -> torch.optim.Adam:
    return torch.optim.Adam([p for net in nets for p in net.parameters()], lr)


def descend(optimizer: torch.optim.Optimizer, net: nn.Module, times: int = 3) -> None:
    for _ in range(times):
        optimizer.zero_grad()
        net(torch.ones(1, 2)).square().sum().backward()
        optimizer.step()


def test_states_carry_over_where_name_and_parameters_are_the_same() -> None:
    torch.manual_seed(0)
    kept, grown, added = (nn.Linear(2, 2) for _ in range(3))
    old = {"kept": adam(kept), "grown": adam(grown), "gone": adam(added)}
    for optimizer, net in zip(old.values(), (kept, grown, added), strict=True):
        descend(optimizer, net)
    new = {"kept": adam(kept, lr=0.5), "grown": adam(grown, added), "new": adam(added)}
    checkpoint.carry_over(old, new)
    for key, value in old["kept"].state[kept.weight].items():
        assert torch.equal(new["kept"].state[kept.weight][key], value)
    assert new["kept"].param_groups[0]["lr"] == 0.5
    assert not new["grown"].state
    assert not new["new"].state


def test_a_state_takes_the_memory_layout_of_its_weights() -> None:
    here, there = nn.Parameter(torch.ones(3, 2, 2, 2)), nn.Parameter(torch.ones(3, 2, 2, 2))
    there.data = there.data.contiguous(memory_format=torch.channels_last)
    before, after = torch.optim.Adam([here], fused=True), torch.optim.Adam([there], fused=True)
    here.grad = torch.randn_like(here)
    before.step()
    checkpoint.load_optimizer(after, before.state_dict()["state"])
    for key in ("exp_avg", "exp_avg_sq"):
        assert torch.equal(after.state[there][key], before.state[here][key])
        assert after.state[there][key].stride() == there.stride()


class WithPool(i2i.Model):
    """A network and an image pool."""

    def __init__(self) -> None:
        super().__init__(i2i.Options(), synthetic_spec("images", 4))
        self.net = nn.Linear(2, 2)
        self.pool = ImagePool(5)

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        return {"net": adam(self.net)}

    def train_step(self, batch: Any, progress: Any) -> Any:
        raise NotImplementedError

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        raise NotImplementedError


def test_optimizers_pools_and_scalers_come_back_exactly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = WithPool()
    optimizers = model.optimizers(i2i.Phase("train"))
    descend(optimizers["net"], model.net)
    model.pool._stored = [torch.randn(3, 4, 4) for _ in range(3)]
    engine = Engine(precision="fp16")
    scaler = engine.scaler("net")
    assert scaler is not None
    scaler.load_state_dict(scaler.state_dict() | {"scale": 128.0, "_growth_tracker": 77})
    engine.count_skipped("net", skipped=True)
    place = checkpoint.save(tmp_path, model, bundle.describe("toy", model, step=3), optimizers, engine)

    torch.manual_seed(5)
    other = WithPool()
    again, new_engine = other.optimizers(i2i.Phase("train")), Engine(precision="fp16")
    bundle.read_weights(other, place)
    state = checkpoint.read_state(place)
    checkpoint.restore(state, other, again, new_engine)
    assert state.threads == torch.get_num_threads()
    descend(optimizers["net"], model.net)
    descend(again["net"], other.net)
    assert torch.equal(model.net.weight, other.net.weight)
    for one, two in zip(model.pool._stored, other.pool._stored, strict=True):
        assert torch.equal(one, two)
    assert new_engine.state() == engine.state()
    assert new_engine.skipped == {"net": 1}
    assert new_engine.scalers["net"].state_dict()["scale"] == 128.0


def test_a_state_of_an_unknown_optimizer_is_refused(tmp_path: Path) -> None:
    model = make()
    generator = model.optimizers(i2i.Phase("warmup"))["generator"]
    state = checkpoint.read_state(save(tmp_path, 1, model, {"gone": generator}))
    with pytest.raises(BadBundle, match='an optimizer "gone" that the model no longer makes'):
        checkpoint.restore(state, model, {}, Engine())
