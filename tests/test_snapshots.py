"""Pickles of whole networks are read as tensors, with nothing of them looked up or run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from i2i import foreign


class Published:
    """Pickles a module as NVlabs' `torch_utils.persistence` does: a function's name, with the source and the state."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __reduce__(self) -> Any:
        state = dict(vars(self.module))
        state["_modules"] = OrderedDict((name, Published(child)) for name, child in state["_modules"].items())
        told = {"type": "class", "version": 6, "module_src": "import os", "class_name": "Net", "state": state}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (told,)


@pytest.fixture
def theirs() -> Iterator[Any]:
    """The modules that such files name, there while one is written."""
    package, module, other = (types.ModuleType(name) for name in ("torch_utils", "torch_utils.persistence", "dnnlib"))

    def _reconstruct_persistent_obj(meta: Any) -> None:
        raise AssertionError("run")

    class EasyDict(dict[str, Any]):
        pass

    _reconstruct_persistent_obj.__module__, _reconstruct_persistent_obj.__qualname__ = (
        module.__name__,
        ("_reconstruct_persistent_obj"),
    )
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib", "EasyDict"
    module._reconstruct_persistent_obj, other.EasyDict = _reconstruct_persistent_obj, EasyDict  # type: ignore[attr-defined]
    sys.modules |= {each.__name__: each for each in (package, module, other)}
    yield other
    for name in ("torch_utils", "torch_utils.persistence", "dnnlib"):
        sys.modules.pop(name, None)


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    whole = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Linear(2, 5)))
    whole.register_buffer("turned", torch.arange(6.0).view(2, 3).T)
    whole.register_buffer("none", None)
    return whole.half() if seed == 1 else whole


def forget() -> None:
    for name in ("torch_utils", "torch_utils.persistence", "dnnlib"):
        del sys.modules[name]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_whole_networks_become_state_dicts(tmp_path: Path, theirs: Any, protocol: int) -> None:
    nets = {"G": net(0), "G_ema": net(1), "D": net(2)}
    others = {"training_set_kwargs": theirs.EasyDict(xflip=True, sizes=[1, 2], names={"a"}), "augment_pipe": None}
    content = {name: Published(each) for name, each in nets.items()} | others
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol))
    forget()
    read = foreign.read(tmp_path / "x.pkl")
    wanted = {f"{name}.{key}": value for name, each in nets.items() for key, value in each.state_dict().items()}
    assert read.keys() == wanted.keys()
    assert all(torch.equal(read[key], value) and read[key].dtype == value.dtype for key, value in wanted.items())
    assert "torch_utils" not in sys.modules


def test_a_plain_module_is_read_as_well(tmp_path: Path) -> None:
    whole = net(0)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(whole))
    read = foreign.read(tmp_path / "x.pkl")
    assert all(torch.equal(read[f"Sequential.{key}"], value) for key, value in whole.state_dict().items())


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


def test_what_would_run_beside_a_network_does_not(tmp_path: Path) -> None:
    path, trace = tmp_path / "x.pkl", tmp_path / "executed"
    path.write_bytes(pickle.dumps({"G": net(0), "x": Bomb(trace), Bomb(trace): 1}))
    assert foreign.read(path).keys() == {f"G.{key}" for key in net(0).state_dict()}
    path.write_bytes(pickle.dumps({"x": Bomb(trace)}))
    with pytest.raises(ValueError, match=r'holds "posix.system", and weights are tensors alone: nothing of it was run'):
        foreign.read(path)
    assert not trace.exists()


class Call:
    """Pickles as a call of a function that is named."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.called = function, args

    def __reduce__(self) -> Any:
        return self.called


def stored(numbers: torch.Tensor) -> bytes:
    """A storage as pickle writes it: in torch.save's old format."""
    buffer = io.BytesIO()
    typed = torch.storage.TypedStorage(wrap_storage=numbers.untyped_storage(), dtype=numbers.dtype, _internal=True)
    torch.save(typed, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def holding(**buffers: Any) -> nn.Module:
    whole = nn.Module()
    whole.__dict__["_buffers"] = buffers
    return whole


def test_tensors_that_claim_more_than_there_is_are_refused(tmp_path: Path) -> None:
    path, content = tmp_path / "x.pkl", stored(torch.arange(4.0))
    load, build = torch.storage._load_from_bytes, torch._utils._rebuild_tensor_v2

    def said(*facts: Any, of: bytes = content) -> str:
        tensor = Call(build, Call(load, of), *facts, False, OrderedDict())
        path.write_bytes(pickle.dumps({"G": holding(a=tensor)}))
        with pytest.raises(ValueError, match=r".") as caught:
            foreign.read(path)
        return str(caught.value)

    tensor = Call(build, Call(load, content), 1, (3,), (1,), False, OrderedDict())
    path.write_bytes(pickle.dumps({"G": holding(a=tensor)}))
    assert foreign.read(path)["G.a"].tolist() == [1, 2, 3]
    for facts in ((2, (3,), (1,)), (0, (2,), (4,)), (0, (10**6, 10**6), (0, 0)), (0, (5,), (0,))):
        assert "a tensor reaches beyond the 4 numbers that are there" in said(*facts)
    assert "'-1' stands where a size should" in said(-1, (1,), (1,))
    assert "no shape" in said(0, (1, 1), (1,))
    assert "its tensors need 24 bytes, and 23 are left" in said(0, (4,), (1,), of=content[:-1])
    many = pickle.dumps({"G": holding(**{str(n): Call(build, Call(load, content), 0, (4,), (1,)) for n in range(99)})})
    path.write_bytes(many)
    with pytest.raises(ValueError, match="its tensors are larger than all of it"):
        foreign.read(path)


def test_networks_without_end_are_refused(tmp_path: Path) -> None:
    knot = nn.Module()
    knot.__dict__["_modules"] = {"a": knot, "b": knot}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"G": knot}))
    with pytest.raises(ValueError, match="its networks have no end"):
        foreign.read(tmp_path / "x.pkl")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), protocol=st.integers(2, 5))
def test_flipped_bytes_give_a_sentence_or_tensors(tmp_path: Path, data: st.DataObject, protocol: int) -> None:
    content = bytearray(pickle.dumps({"G": net(0)}, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.pkl").write_bytes(content)
    with contextlib.suppress(ValueError):
        assert all(isinstance(tensor, torch.Tensor) for tensor in foreign.read(tmp_path / "x.pkl").values())
