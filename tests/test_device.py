"""Devices and precision: what is chosen, what is refused, and float16's scalers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from i2i import device as devices
from i2i.device import Engine, choose_device, choose_precision, compile_networks, fuse, has_bf16
from i2i.networks import normalisation

CPU = torch.device("cpu")


def there(monkeypatch: pytest.MonkeyPatch, cuda: bool = False, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(False, False, "cpu"), (True, True, "cuda"), (False, True, "mps")])
def test_auto_takes_the_fastest(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str) -> None:
    there(monkeypatch, cuda, mps)
    assert choose_device("auto").type == chosen
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("name", "cuda", "mps", "said"),
    [
        ("cuda", False, False, "--device cuda: this machine has no usable cuda device; use --device cpu"),
        ("mps", True, False, "--device mps: this machine has no usable mps device; use --device cpu or cuda"),
        ("cuda", False, True, "--device cuda: this machine has no usable cuda device; use --device cpu or mps"),
    ],
)
def test_a_device_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, cuda: bool, mps: bool, said: str
) -> None:
    there(monkeypatch, cuda, mps)
    with pytest.raises(ValueError, match="no usable") as caught:
        choose_device(name)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("capability", "pays", "hardware", "precision"),
    [
        ({"avx512_bf16": True}, True, True, "bf16"),
        ({"amx_bf16": True}, True, True, "bf16"),
        ({"avx512_bf16": True}, False, True, "fp32"),
        ({"avx2": True}, True, False, "fp32"),
        ({}, True, False, "fp32"),
    ],
)
def test_auto_takes_bf16_only_where_the_hardware_has_it_and_it_pays(
    monkeypatch: pytest.MonkeyPatch, capability: dict[str, bool], pays: bool, hardware: bool, precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capability)
    monkeypatch.setattr(devices, "bf16_pays", lambda: pays)
    assert has_bf16(CPU) == hardware
    assert choose_precision("auto", CPU, SimpleNamespace(eager=())) == precision  # type: ignore[arg-type]
    assert not has_bf16(torch.device("mps"))


@pytest.mark.parametrize("slow", [torch.float32, torch.bfloat16])
def test_whether_bf16_pays_is_told_by_the_least_of_single_threaded_turns(
    monkeypatch: pytest.MonkeyPatch, slow: torch.dtype
) -> None:
    """A busy machine must not decide it: every second turn of a kind is held up here, and the kinds take turns."""
    turns: list[tuple[torch.dtype, int]] = []
    now, threads = 0.0, torch.get_num_threads()

    def convolve(net: nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
        nonlocal now
        now += (2e-3 if images.dtype == slow else 1e-3) + (len(turns) // 2 % 2) * 0.1
        turns.append((images.dtype, torch.get_num_threads()))
        return images * net.weight.sum()

    monkeypatch.setattr(nn.Conv2d, "forward", convolve)
    monkeypatch.setattr(devices.time, "perf_counter", lambda: now)
    assert devices.bf16_pays.__wrapped__() == (slow == torch.float32)
    assert turns == [(kind, 1) for kind in (torch.float32, torch.bfloat16)] * 8
    assert torch.get_num_threads() == threads


def test_fp16_is_refused_where_it_cannot_work() -> None:
    plain: Any = SimpleNamespace(eager=())
    penalised: Any = SimpleNamespace(eager=("judge_a", "judge_b"))
    with pytest.raises(ValueError, match="fp16 needs a CUDA device, this is cpu; use --precision auto"):
        choose_precision("fp16", CPU, plain)
    with pytest.raises(
        ValueError, match=r"gradient penalty of this model \(judge_a, judge_b is .*use --precision bf16"
    ):
        choose_precision("fp16", torch.device("cuda"), penalised)
    assert choose_precision("fp16", torch.device("cuda"), plain) == "fp16"
    assert choose_precision("fp64", CPU, penalised) == "fp64"


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp64"])
def test_a_scaler_is_for_fp16_alone(precision: str) -> None:
    assert Engine(precision=precision).scaler("x") is None
    assert Engine(precision=precision).state() == {"scalers": {}, "skipped": {}, "overflows": 0}


def test_each_optimizer_has_a_scaler_of_its_own() -> None:
    engine = Engine(precision="fp16")
    assert engine.scaler("a") is engine.scaler("a")
    assert engine.scaler("a") is not engine.scaler("b")


def test_scalers_and_counts_come_back() -> None:
    engine = Engine(precision="fp16")
    for name, scale in (("a", 8.0), ("b", 4096.0)):
        scaler = engine.scaler(name)
        assert scaler is not None
        scaler.load_state_dict(scaler.state_dict() | {"scale": scale, "_growth_tracker": 3})
    engine.count_skipped("a", skipped=True)
    other = Engine(precision="fp16")
    other.load_state(engine.state())
    assert other.state() == engine.state()
    assert other.skipped == {"a": 1}
    changed = Engine(precision="bf16")  # a run may go on in another arithmetic
    changed.load_state(engine.state())
    assert changed.scalers == {}


def test_an_overflow_is_skipped_and_counted() -> None:
    from i2i.loop import update

    weight = nn.Parameter(torch.ones(()))
    engine, optimizers = Engine(precision="fp16"), {"net": torch.optim.SGD([weight], 0.1)}
    scaler = engine.scaler("net")
    assert scaler is not None
    before = scaler.get_scale()
    update({"net": {"loss": weight * float("inf")}}, optimizers, engine)
    assert weight.item() == 1
    assert (engine.skipped, scaler.get_scale()) == ({"net": 1}, before / 2)
    update({"net": {"loss": weight * 2.0}}, optimizers, engine)
    assert weight.item() == pytest.approx(0.8)
    assert engine.skipped == {"net": 0}


def test_ten_overflows_in_a_row_stop_the_run() -> None:
    engine = Engine(precision="fp16")
    for _ in range(9):
        engine.count_skipped("net", skipped=True)
    engine.count_skipped("net", skipped=False)
    for number in range(9):
        assert engine.count_skipped("net", skipped=True) == number + 1
    engine.count_skipped("other", skipped=True)
    with pytest.raises(FloatingPointError) as caught:
        engine.count_skipped("net", skipped=True)
    assert str(caught.value) == ("10 float16 updates of net in a row overflowed; use --precision bf16 or a lower --lr")
    assert devices.MAX_SKIPPED == 10


def test_batches_take_the_precision_s_type() -> None:
    batch = {"a": torch.zeros(1, 3, 2, 2), "label": torch.zeros(1, dtype=torch.int64), "caption": ["x"]}
    moved = Engine(precision="fp64").move(batch)
    assert (moved["a"].dtype, moved["label"].dtype, moved["caption"]) == (torch.float64, torch.int64, ["x"])
    assert Engine().move(batch)["a"].dtype == torch.float32


@pytest.mark.parametrize(
    ("device", "precision", "norm", "fast"),
    [
        (CPU, "fp32", normalisation("instance", 3), True),
        (CPU, "bf16", nn.BatchNorm2d(3), True),
        (CPU, "bf16", nn.InstanceNorm2d(3), False),  # torch's own has a wrong gradient there
        (CPU, "fp64", nn.BatchNorm2d(3), False),
        (torch.device("meta"), "fp32", nn.BatchNorm2d(3), False),
    ],
)
def test_pictures_lie_channels_last_where_that_is_faster(
    device: torch.device, precision: str, norm: Any, fast: bool
) -> None:
    engine = Engine(device, precision)
    engine.place(nn.Sequential(norm))  # type: ignore[arg-type]
    picture = engine.move({"a": torch.zeros(1, 3, 2, 2)})["a"]
    assert picture.is_contiguous(memory_format=torch.channels_last if fast else torch.contiguous_format)


def test_autocast_follows_the_precision() -> None:
    net, images = nn.Linear(2, 2), torch.ones(1, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with Engine(precision=precision).autocast():
            assert net(images).dtype == dtype


def test_fusing_leaves_a_plugin_s_choice_alone() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizers: dict[str, torch.optim.Optimizer] = {
        "open": torch.optim.Adam([weight]),
        "chosen": torch.optim.Adam([weight], foreach=False),
        "unfusable": torch.optim.RMSprop([weight]),
    }
    fuse(optimizers)
    assert [bool(o.param_groups[0].get("fused")) for o in optimizers.values()] == [True, False, False]


def test_compiling_keeps_names_and_leaves_eager_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self))
    model: Any = nn.Module()
    model.net, model.critic, model.pool = nn.Linear(1, 1), nn.Linear(1, 1), nn.Identity()
    model.eager = ("critic",)
    names = list(model.state_dict())
    assert compile_networks(model) == ["net"]
    assert compiled == [model.net]
    assert list(model.state_dict()) == names
