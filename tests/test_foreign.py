"""Weights of others: every honest format is read, and hostile, damaged or foreign files give one sentence."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pickle
import pickletools
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from i2i import foreign


def weights() -> OrderedDict[str, torch.Tensor]:
    torch.manual_seed(0)
    state = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()
    state._metadata = {"": {"version": 1}}  # as state_dict() leaves it
    return state


def refusal(path: Path) -> str:
    """The one sentence that reading gives."""
    with pytest.raises(ValueError, match=r".") as caught:
        foreign.read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    assert str(path) in text
    return text


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_both_formats_of_torch_are_read(tmp_path: Path, zipped: bool, kind: torch.dtype) -> None:
    state = weights()
    for key, tensor in state.items():
        state[key] = tensor.to(kind) if tensor.is_floating_point() else tensor
    torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    read = foreign.read(tmp_path / "x.pth")
    assert type(read) is dict
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) and read[key].dtype == state[key].dtype for key in state)


def test_other_honest_ways_of_keeping_weights(tmp_path: Path) -> None:
    state, path = weights(), tmp_path / "x.pth"
    parallel = {f"module.{key}": tensor for key, tensor in state.items()}
    frozen = nn.Conv2d(1, 1, 1).weight
    cases: list[Any] = [
        parallel,
        {"state_dict": state, "epoch": 7, "best": 0.5, "name": "x", "optimizer": {"lr": [0.1], "on": True}},
        {"state_dict": parallel},
        {"params": {"0.weight": torch.zeros(1)}, "params_ema": state},
        dict(state) | {"_metadata": {"": {"version": 1}}},
    ]
    for case in cases:
        for zipped in (True, False):
            torch.save(case, path, _use_new_zipfile_serialization=zipped)
            assert foreign.read(path).keys() == state.keys()
    torch.save({"a": frozen, "b": nn.Parameter(frozen.data.clone(), False)}, path)
    assert not foreign.read(path)["a"].requires_grad
    save_file(dict(state), tmp_path / "x.safetensors")
    assert torch.equal(foreign.read(tmp_path / "x.safetensors")["0.weight"], state["0.weight"])
    (tmp_path / "x.safetensors").rename(path)  # the content counts, not the name
    assert foreign.read(path).keys() == state.keys()


def test_networks_side_by_side_are_told_apart(tmp_path: Path) -> None:
    state, optimizer = weights(), {"state": {0: {"step": torch.ones(1)}}, "param_groups": [{"lr": 0.1}]}
    whole = {"g": state, "g_ema": {"a": torch.ones(1)}, "g_optim": optimizer, "mean": torch.zeros(2), "iter": 7}
    whole["args"] = argparse.Namespace(lr=0.1, path="photos", sizes=[4, 8])  # as training scripts keep their flags
    for zipped in (True, False):
        torch.save(whole, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
        read = foreign.read(tmp_path / "x.pth")
        assert read.keys() == {f"g.{key}" for key in state} | {"g_ema.a", "mean"}
        assert torch.equal(read["g_ema.a"], torch.ones(1))


def as_python_2_wrote(content: bytes) -> bytes:
    """An old file with byte strings for names, as Python 2 pickled them."""
    out, at = b"", 0
    for _ in range(5):
        operations = list(pickletools.genops(content[at:]))
        for (opcode, value, start), end in zip(operations, [o[2] for o in operations[1:]] + [None], strict=True):
            stop = at + (start + 1 if end is None else end or 0)
            text = value.encode() if opcode.name == "BINUNICODE" else b""
            out += b"U" + bytes([len(text)]) + text if text else content[at + (start or 0) : stop]
        at = stop
    return out + content[at:]


def test_files_of_python_2_are_read(tmp_path: Path) -> None:
    state, path = weights(), tmp_path / "x.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    path.write_bytes(as_python_2_wrote(path.read_bytes()))
    assert b"X\x08\x00\x00\x000.weight" not in path.read_bytes()
    read = foreign.read(path)
    assert all(torch.equal(read[key], state[key]) for key in state)


@pytest.mark.parametrize("zipped", [True, False])
def test_views_and_shared_memory_are_read(tmp_path: Path, zipped: bool) -> None:
    whole = torch.arange(24.0).view(4, 6)
    state = {"all": whole, "right": whole[:, 3:], "turned": whole.T, "one": whole[2, 2], "none": torch.zeros(0, 3)}
    torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    read = foreign.read(tmp_path / "x.pth")
    assert all(torch.equal(read[key], state[key]) for key in state)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_is_run(tmp_path: Path, trace: Path, zipped: bool) -> None:
    path = tmp_path / "x.pth"
    for hostile in (Bomb(trace), weights() | {"bomb": Bomb(trace)}, {"state_dict": weights(), "x": Bomb(trace)}):
        torch.save(hostile, path, _use_new_zipfile_serialization=zipped)
        said = refusal(path)
        assert f'"{os.system.__module__}.system"' in said
        assert "nothing of it was run" in said
    assert not trace.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles_are_not_run(tmp_path: Path, trace: Path, protocol: int) -> None:
    (tmp_path / "x.pth").write_bytes(pickle.dumps(Bomb(trace), protocol))
    said = refusal(tmp_path / "x.pth")
    assert "system" in said or "is no file of weights" in said  # protocols 0 and 1 are not even a pickle by their head
    for name, value in (("x.pth", {"a": 1}), ("y.pth", [1, 2]), ("z.pth", argparse.Namespace(a=1))):
        (tmp_path / name).write_bytes(pickle.dumps(value, protocol))
        refusal(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_modules_are_refused(tmp_path: Path, zipped: bool) -> None:
    torch.save(nn.Sequential(nn.Conv2d(1, 1, 1)), tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    said = refusal(tmp_path / "x.pth")
    assert '"torch.nn.modules.container.Sequential"' in said or "a whole program with its classes" in said
    assert "save net.state_dict() instead" in said


def test_programs_of_torchscript_are_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)), tmp_path / "x.pth")
    assert "holds a TorchScript program" in refusal(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([torch.zeros(1)], "holds a list, not a state dict of tensors"),
        (torch.zeros(1), "holds a Tensor, not a state dict"),
        ({"a": torch.zeros(1), "epoch": 3}, 'holds an int as "epoch", where a state dict has tensors alone'),
        ({"netG_A": {"a": [torch.zeros(1)]}}, 'holds a dict as "netG_A"'),
        ({"state_dict": {}}, "holds no tensor"),
        ({3: torch.zeros(1)}, "names a tensor '3'"),
        ({"a\x1b[2J": torch.zeros(1)}, "names a tensor"),
        ({"a": torch.zeros(1), "module.a": torch.zeros(1)}, 'holds "a" twice, with and without "module."'),
        ({"a": torch.tensor([0.0, float("nan"), float("inf")])}, '"a" holds 2 values that are NaN or infinite'),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, '"a" is a tensor of a kind that no known network has'),
        ({"a": torch.zeros(2, 2).to_sparse()}, 'holds "torch._utils._rebuild_sparse_tensor"'),
        ({"a": torch.zeros(1), "args": argparse.Namespace(lr=1)}, 'holds a Namespace as "args"'),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_no_state_dict_is_said(tmp_path: Path, value: Any, said: str, zipped: bool) -> None:
    torch.save(value, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    assert said in refusal(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; download it again"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "is a web page, not weights"),
        (b"\n  <html><head><title>Sign in</title>", "is a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7\nsize 12\n", "git lfs pull"),
        (b"\x1f\x8b\x08\x00abc", "is a packed archive; unpack it first"),
        (b"\x89PNG\r\n\x1a\n", "is no file of weights (.pth, .safetensors)"),
        (b"just some text", "is no file of weights"),
        (b"\x80", "is no file of weights"),
        (b"\x80\x02", "is damaged, cut short or no file of torch.save"),
        (b"PK\x03\x04", "is damaged, cut short or no file of torch.save"),
        (struct.pack("<Q", 2**60) + b"{}", "is damaged"),
        (struct.pack("<Q", 2) + b"{}", "holds no tensor"),
    ],
)
def test_what_is_no_file_of_weights_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    assert said in refusal(tmp_path / "x.pth")


def test_what_is_no_file_at_all_is_said(tmp_path: Path) -> None:
    assert f"there is no file {tmp_path / 'none.pth'}" in refusal(tmp_path / "none.pth")
    assert refusal(tmp_path) == f"{tmp_path} is a folder"
    (tmp_path / "b.pth").touch()
    assert refusal(tmp_path) == f"{tmp_path} is a folder; name the files in it that belong together: {tmp_path}/*.pth"
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    assert refusal(tmp_path / "pipe") == f"{tmp_path / 'pipe'} is no file"
    with tarfile.open(tmp_path / "old.pth", "w") as archive:
        archive.add(tmp_path / "b.pth", "storages")
    assert "is a tar archive; unpack it" in refusal(tmp_path / "old.pth")
    with zipfile.ZipFile(tmp_path / "many.pth", "w") as archive:
        archive.writestr("latest_net_G.pth", b"x")
    assert "is a zip archive without weights of its own; unpack it" in refusal(tmp_path / "many.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_files_cut_short_are_refused(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "x.pth"
    torch.save(weights(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for size in [*range(1, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        refusal(path)


def edited(path: Path, edit: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip anew with its members edited."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


class Claim:
    """Pickles as a tensor that claims what it does not have."""

    def __init__(self, count: int, shape: tuple[int, ...], key: str = "0") -> None:
        self.count, self.shape, self.key = count, shape, key


def claiming(value: Any, old: bool = False) -> bytes:
    """A pickle of claims, in torch's own words, or in those before version 0.4."""
    buffer = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return value[1] if isinstance(value, tuple) and value[:1] == ("persist",) else None

        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, Claim):
                place = ("storage", torch.FloatStorage, value.key, "cpu", value.count)
                storage = ("persist", (*place, None) if old else place)
                facts = storage, 0, value.shape, (1,) * len(value.shape)
                if old:
                    return torch._utils._rebuild_tensor, facts
                return torch._utils._rebuild_tensor_v2, (*facts, False, OrderedDict())
            return NotImplemented

    Pickler(buffer, 2).dump(value)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": Claim(10**12, (10**12,))}, 'its storage "0" should have 4,000,000,000,000 bytes'),
        ({"a": Claim(4, (10**6, 10**6))}, "a tensor claims 1,000,000,000,000 numbers where 4 are"),
        ({"a": Claim(4, (2,) * 17)}, "a tensor claims 17 dimensions"),
        ({"a": Claim(4, (-1, -4))}, "'-1' stands where a size should"),
        ({"a": Claim(4, (4,)), "b": Claim(5, (5,))}, 'its storage "0" has two sizes'),
        ({"a": Claim(4, (4,), "../../etc/passwd")}, 'its storage "../../etc/passwd" should have 16 bytes'),
        ({"a": Claim(10**6, (1,))}, 'its storage "0" should have 4,000,000 bytes'),
    ],
)
def test_zips_that_claim_more_than_they_have_are_refused(tmp_path: Path, value: Any, said: str) -> None:
    torch.save({"a": torch.zeros(4)}, tmp_path / "x.pth")
    pickled = claiming(value)
    path = edited(tmp_path / "x.pth", lambda members: members.update({"x/data.pkl": pickled}))
    text = refusal(path)
    assert said in text
    assert "is damaged or not to be trusted" in text


def test_many_views_of_one_memory_are_refused(tmp_path: Path) -> None:
    state = {"a": torch.zeros(10_000)}
    torch.save(state | {str(number): state["a"] for number in range(2)}, tmp_path / "x.pth")
    assert len(foreign.read(tmp_path / "x.pth")) == 3
    torch.save(state | {str(number): state["a"] for number in range(20)}, tmp_path / "x.pth")
    assert "its tensors claim 840,000 bytes" in refusal(tmp_path / "x.pth")


def test_honest_claims_are_believed(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(4)}, tmp_path / "x.pth")
    path = edited(tmp_path / "x.pth", lambda members: members.update({"x/data.pkl": claiming({"b": Claim(4, (4,))})}))
    assert foreign.read(path)["b"].tolist() == [0, 0, 0, 0]


def test_packed_zips_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1_000_000)}, tmp_path / "x.pth")
    path = edited(tmp_path / "x.pth", lambda members: None, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert "it is packed in a way that torch.save does not" in refusal(path)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(4)}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth", "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("x/data/0", b"12345678")
    assert "it is packed in a way that torch.save does not" in refusal(tmp_path / "x.pth")


def test_old_files_that_claim_more_than_they_have_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"

    def write(value: Any, numbers: bytes, old: bool = True) -> Path:
        head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
        pickles = [pickle.dumps(part, 2) for part in head] + [claiming(value, old), pickle.dumps(["0"], 2)]
        path.write_bytes(b"".join(pickles) + numbers)
        return path

    numbers = struct.pack("<q4f", 4, 1, 2, 3, 4)
    assert foreign.read(write({"a": Claim(4, (4,))}, numbers))["a"].tolist() == [1, 2, 3, 4]
    assert "its tensors need 4,000,000,000,008 bytes, and 24 are left" in refusal(
        write({"a": Claim(10**12, (4,))}, numbers)
    )
    assert "its tensors need 24 bytes, and 23 are left" in refusal(write({"a": Claim(4, (4,))}, numbers[:-1]))
    assert "a tensor claims 5 numbers where 4 are" in refusal(write({"a": Claim(4, (5,))}, numbers))
    assert refusal(write({"a": Claim(3, (3,))}, numbers))  # the numbers themselves say another length


def test_a_hostile_index_of_a_pickle_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"\x80\x02}r\xff\xff\xff\x7f.")  # an empty dict, remembered as number 2**31 - 1
    assert "is a pickle that holds no network" in refusal(tmp_path / "x.pth")
    (tmp_path / "x.pth").write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"\x80\x02}r\xff\xff\xff\x7f.")
    assert "it is a pickle, but not one of tensors" in refusal(tmp_path / "x.pth")


fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(data=st.data(), zipped=st.booleans())
def test_flipped_bytes_give_a_sentence_or_tensors(tmp_path: Path, data: st.DataObject, zipped: bool) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.arange(6.0), "b": torch.ones(2, 2)}, path, _use_new_zipfile_serialization=zipped)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        assert all(isinstance(tensor, torch.Tensor) for tensor in foreign.read(path).values())


def test_safetensors_that_lie_are_refused(tmp_path: Path) -> None:
    for facts in (
        {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
    ):
        header = json.dumps({"a": facts}).encode()
        (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        assert "is damaged" in refusal(tmp_path / "x.safetensors")
