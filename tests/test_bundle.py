"""Bundles: exact round trips, and one sentence for whatever damaged, foreign or hostile folder is met."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
import resource
import shutil
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

import i2i
from i2i import bundle
from i2i.bundle import BadBundle
from i2i.plugins import registry
from i2i.testing import synthetic_spec

pytestmark = pytest.mark.usefixtures("toys")


def make(**options: Any) -> i2i.Model:
    import toys

    torch.manual_seed(1)
    return toys.Toy(toys.Toy.Options(**options), synthetic_spec("paired", 16))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A whole bundle, with a resume.pt."""
    model = make(dropout=0.1)
    bundle.write(tmp_path / "fox", model, bundle.describe("toy", model, step=7), {"step": 7})
    return tmp_path / "fox"


def change(folder: Path, **values: Any) -> Path:
    """Rewrite keys of bundle.json; None takes one out."""
    path = folder / "bundle.json"
    raw = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in raw.items() if value is not None}))
    return folder


def change_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], Any]) -> Path:
    """Rewrite weights.safetensors."""
    tensors = load_file(folder / "weights.safetensors")
    edit(tensors)
    save_file(tensors, folder / "weights.safetensors")
    return folder


def refusal(folder: Path | str, kind: type[Exception] = BadBundle) -> str:
    """The one sentence that loading gives."""
    with pytest.raises(kind) as caught:
        i2i.load(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_round_trip_is_exact(tmp_path: Path, dtype: torch.dtype) -> None:
    model = make(width=3, dropout=0.5).to(dtype)
    bundle.write(tmp_path / "b", model, bundle.describe("toy", model, step=12))
    before = torch.get_rng_state()
    loaded = i2i.load(tmp_path / "b")
    assert torch.equal(before, torch.get_rng_state())  # the caller's chance is untouched
    assert not loaded.training
    assert (loaded.options, loaded.spec) == (model.options, model.spec)
    assert loaded.manifest is not None
    assert loaded.manifest.step == 12
    assert model.state_dict().keys() == loaded.state_dict().keys()
    for name, value in model.state_dict().items():
        other = loaded.state_dict()[name]
        assert other.dtype == dtype
        assert torch.equal(value, other)


def test_files_may_be_read_by_whoever_may_read_the_folder(saved: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in saved.iterdir()}
    assert modes.keys() == {"bundle.json", "weights.safetensors", "resume.pt"}
    assert len(set(modes.values())) == 1


def test_what_only_resuming_needs_is_not_in_the_weights(saved: Path) -> None:
    assert load_file(saved / "weights.safetensors").keys() == make().state_dict().keys()
    (saved / "resume.pt").unlink()
    i2i.load(saved)


class Shared(i2i.Model):
    """One convolution under two names, a view of a memory that another buffer has, and an empty buffer."""

    def __init__(self, options: i2i.Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.first = nn.Conv2d(3, 3, 1)
        self.again = nn.ModuleList([self.first])
        numbers = torch.arange(6.0)
        self.register_buffer("low", numbers[:3])
        self.register_buffer("high", numbers[3:])
        self.register_buffer("none", torch.zeros(0))

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        return {"x": torch.optim.SGD(self.parameters(), 0.1)}

    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "x", {"l1": self.first(batch["image"]).abs().mean()}

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return self.first(inputs["source"]).clamp(-1, 1)


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, type], None]]:
    """Announce model classes of this file by a name."""
    cards: list[i2i.ModelCard] = []

    class Plugin:
        @staticmethod
        @i2i.hookimpl
        def models() -> list[i2i.ModelCard]:
            return cards

    def add(name: str, cls: type) -> None:
        monkeypatch.setitem(__import__("sys").modules, "models_of_test_bundle", cls)
        cards.append(i2i.ModelCard(name, f"models_of_test_bundle:{cls.__name__}", "images", "Test."))
        setattr(cls, cls.__name__, cls)

    registry().manager.register(Plugin, name="test_bundle")
    yield add
    registry().manager.unregister(Plugin)


def test_shared_modules_are_stored_once(tmp_path: Path, announce: Callable[[str, type], None]) -> None:
    announce("shared", Shared)
    model = Shared(i2i.Options(), synthetic_spec("images", 16))
    bundle.write(tmp_path / "b", model, bundle.describe("shared", model))
    stored = load_file(tmp_path / "b" / "weights.safetensors")
    assert stored.keys() == {"first.weight", "first.bias", "low", "high", "none"}
    loaded = i2i.load(tmp_path / "b")
    assert isinstance(loaded, Shared)
    assert loaded.again[0] is loaded.first
    assert torch.equal(loaded.first.weight, model.first.weight)
    assert (loaded.low.tolist(), loaded.high.tolist()) == ([0, 1, 2], [3, 4, 5])


def test_resolve_takes_a_run_s_best_then_last_then_previous(tmp_path: Path, saved: Path) -> None:
    run = tmp_path / "run"
    for name in ("previous", "last", "best"):
        shutil.copytree(saved, run / "checkpoints" / name)
        assert bundle.resolve(run) == run / "checkpoints" / name
        assert bundle.resolve(run / "checkpoints") == run / "checkpoints" / name
    link = tmp_path / "link"
    link.symlink_to(run)
    assert i2i.load(link).manifest == i2i.load(run / "checkpoints" / "best").manifest


def test_a_run_s_torn_checkpoint_names_the_whole_one_before_it(tmp_path: Path, saved: Path) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    for name in ("previous", "last"):
        shutil.copytree(saved, checkpoints / name)
    (checkpoints / "last" / "weights.safetensors").write_bytes(b"torn")
    for path in (tmp_path / "run", checkpoints / "last"):
        assert refusal(path).endswith(f"; {checkpoints / 'previous'} is whole: use that")
        assert "from its source" not in refusal(path)
    (tmp_path / "run/run.json").touch()
    assert refusal(tmp_path / "run").endswith(f"use that, or go on from it with: i2i resume {tmp_path / 'run'}")
    shutil.copytree(checkpoints / "last", checkpoints / "best")
    assert "best/weights.safetensors is damaged" in refusal(tmp_path / "run")
    assert f"; {checkpoints / 'previous'} is whole: use that" in refusal(tmp_path / "run")
    (checkpoints / "previous" / "resume.pt").unlink()
    assert "is whole" not in refusal(tmp_path / "run")
    assert refusal(tmp_path / "run").endswith("take the bundle from its source again")


def test_what_is_no_bundle_is_said(tmp_path: Path, saved: Path) -> None:
    assert f"there is no bundle or run at {tmp_path}/none; i2i runs lists" in refusal(tmp_path / "none")
    assert "is neither a bundle nor a run: it holds no bundle.json" in refusal(tmp_path)
    weights = saved / "weights.safetensors"
    assert refusal(weights) == f"{weights} is a file, and a bundle is a folder; give the whole of it: {saved}"
    assert "there is no bundle" in refusal("a\0b")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert str(loop) in refusal(loop)
    with pytest.raises(BadBundle, match=r"is not a bundle: it holds no bundle\.json"):
        bundle.read_manifest(tmp_path)
    with pytest.raises(BadBundle, match=r"is not a bundle: it holds no bundle\.json"):
        bundle.read_manifest(weights)


def test_a_half_copied_bundle_is_said(saved: Path) -> None:
    (saved / "weights.safetensors").unlink()
    assert "fox holds no weights.safetensors; copy the whole folder, not a part of it" in refusal(saved)
    (saved / "weights.safetensors").mkdir()
    assert "weights.safetensors is no file" in refusal(saved)
    (saved / "bundle.json").unlink()
    os.mkfifo(saved / "bundle.json")  # reading it would wait for ever
    with pytest.raises(BadBundle, match=r"bundle\.json is no file"):
        bundle.read_manifest(saved)


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors"])
def test_what_may_not_be_read_is_said(saved: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = Path.exists

    def exists(path: Path) -> bool:
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "exists", exists)
    assert refusal(saved) == f"{saved / name} cannot be read: Permission denied"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": 99}, "has format 99, this i2i reads up to 1; update with: pip install -U i2i-translate"),
        ({"format": True}, "it names no format"),
        ({"format": 0}, "it names no format"),
        ({"format": "1"}, "it names no format"),
        ({"model": None}, 'its "model" is missing or of the wrong type'),
        ({"model": ["toy"]}, 'its "model" is missing'),
        ({"model": "toy\x1b[2J"}, "is no text that can be shown"),
        ({"options": []}, 'its "options" is missing'),
        ({"options": {"width": "wide"}}, "--width is 'wide'; give a whole number"),
        ({"options": {"width": 4.5}}, "--width is 4.5; give a whole number"),
        ({"options": {"widht": 4}}, 'unknown option "widht"; did you mean "width"?'),
        ({"options": {"width": 10**9}}, "--width is 1000000000; give a number from 1 to 1024"),
        ({"options": {"lr": float("nan")}}, "--lr is nan; give a finite number"),
        ({"spec": None}, 'its "spec" is missing'),
        ({"spec": {}}, "the data specification is damaged (KeyError: 'image_size')"),
        ({"step": -1}, 'its "step" is negative'),
        ({"step": True}, 'its "step" is missing or of the wrong type'),
        ({"targets": "warm"}, 'its "targets" is missing or of the wrong type'),
        ({"targets": [3]}, "3 is no text that can be shown"),
        ({"inputs": "source"}, 'its "inputs" is missing or of the wrong type'),
        ({"inputs": ["a\x1b[2J"]}, "is no text that can be shown"),
        ({"request": [3]}, 'its "request" is no list of options'),
        ({"figures": {"fid": "low"}}, 'its "figures" are not all numbers'),
        ({"files": {"../x": {"bytes": 1, "sha256": ""}}}, "it names the file '../x', which lies outside"),
        ({"files": {"/etc/passwd": {"bytes": 1, "sha256": ""}}}, "which lies outside"),
        ({"files": {"..": {"bytes": 1, "sha256": ""}}}, "which lies outside"),
        ({"files": {"C:\\x": {"bytes": 1, "sha256": ""}}}, "which lies outside"),
        ({"files": {"a\0": {"bytes": 1, "sha256": ""}}}, "which lies outside"),
        ({"files": {"weights.safetensors": 3}}, "it does not say what weights.safetensors should be"),
    ],
)
def test_odd_descriptions_are_refused(saved: Path, values: dict[str, Any], said: str) -> None:
    assert said in refusal(change(saved, **values))


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": [0, 16]},
        {"image_size": [1e999, 16]},
        {"image_size": "ab"},
        {"channels": {"source": -1, "target": 3}},
        {"channels": {"source": 10**20, "target": 3}},
        {"channels": [3]},
        {"value_range": [1, 1]},
        {"value_range": [float("nan"), 1]},
        {"value_range": [0, 1e999]},
        {"num_labels": -2},
        {"depth": None},
        {"vocabulary": 5},
    ],
)
def test_odd_data_specifications_are_refused(saved: Path, values: dict[str, Any]) -> None:
    spec = json.loads((saved / "bundle.json").read_text())["spec"]
    assert "the data specification is damaged" in refusal(change(saved, spec=spec | values))


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", "[" * 100_000, '{"format":' * 50_000, "9" * 10_000, '{"format": ' + "9" * 5000, "\ufeff{}"],
)
def test_what_is_no_json_is_refused(saved: Path, text: str) -> None:
    (saved / "bundle.json").write_text(text, encoding="utf-8")
    assert "bundle.json is damaged" in refusal(saved)


def test_bytes_that_are_no_text_and_giant_descriptions_are_refused(saved: Path) -> None:
    (saved / "bundle.json").write_bytes(b"\xff\xfe\x00")
    assert "bundle.json is damaged" in refusal(saved)
    with (saved / "bundle.json").open("wb") as file:
        file.truncate(10**12)  # sparse
    assert "1,000,000,000,000 bytes is no bundle description" in refusal(saved)


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


def test_loading_executes_nothing(saved: Path, tmp_path: Path) -> None:
    from i2i import checkpoint

    trace = tmp_path / "executed"
    for name in ("weights.safetensors", "resume.pt"):
        (saved / name).write_bytes(pickle.dumps(Bomb(trace)))
    assert "weights.safetensors is damaged" in refusal(saved)
    with pytest.raises(BadBundle, match=r"resume\.pt is damaged"):
        checkpoint.read_state(saved)
    torch.save({"step": Bomb(trace)}, saved / "resume.pt")
    torch.save({"step": Bomb(trace)}, saved / "weights.safetensors")
    assert "weights.safetensors is damaged" in refusal(saved)
    with pytest.raises(BadBundle, match=r"resume\.pt is damaged: it holds more than numbers") as caught:
        checkpoint.read_state(saved)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


@pytest.mark.parametrize("size", [0, 4, 8, 60, -1])
def test_truncated_weights_are_refused(saved: Path, size: int) -> None:
    path = saved / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert f"{path} is damaged" in refusal(saved)
    assert refusal(saved).endswith("take the bundle from its source again")


@pytest.mark.parametrize(
    "header",
    [
        {"generator.0.weight": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4 * 10**18]}},
        {"generator.0.weight": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
        {"generator.0.weight": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}},
        {"generator.0.weight": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"generator.0.weight": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}},
    ],
)
def test_headers_that_lie_are_refused(saved: Path, header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    (saved / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))
    assert "weights.safetensors is damaged" in refusal(saved)
    (saved / "weights.safetensors").write_bytes(struct.pack("<Q", 2**63) + text)
    assert "weights.safetensors is damaged" in refusal(saved)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    def check(edit: Callable[[dict[str, torch.Tensor]], Any], said: str) -> None:
        good = (saved / "weights.safetensors").read_bytes()
        assert said in refusal(change_weights(saved, edit))
        (saved / "weights.safetensors").write_bytes(good)

    check(lambda t: t.pop("critic.bias"), "does not fit the model (critic.bias is missing; 1 such names)")
    check(lambda t: t.update(extra=torch.zeros(1)), "does not fit the model (extra is unknown; 1 such names)")
    check(
        lambda t: t.update({"critic.bias": torch.zeros(2)}),
        "does not fit the model: critic.bias has shape (2,), its options make it (1,)",
    )
    check(
        lambda t: t.update({"critic.bias": torch.zeros(1, dtype=torch.int64)}),
        "does not fit the model: critic.bias has the type I64, not torch.float32",
    )
    check(lambda t: t["critic.bias"].add_(1), "is damaged: it is not the file that bundle.json describes")
    assert "critic.weight has shape" not in str(i2i.load(saved))


class Giant(i2i.Model):
    """Asks for as much as its options say, in one of several ways."""

    from dataclasses import dataclass

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        width: int = i2i.option(2, help="Channels.")
        blocks: int = i2i.option(1, help="Layers.")
        way: str = i2i.option("layers", help="What is made: layers, buffers, or layers that need real memory.")

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        if options.way == "real":
            torch.ones(1).item()  # fails on the meta device
        self.layers = nn.ModuleList()
        for number in range(options.blocks):
            if options.way == "buffers":
                self.register_buffer(f"b{number}", torch.zeros(1))
            else:
                self.layers.append(nn.Conv2d(options.width, options.width, 1))

    optimizers = Shared.optimizers
    train_step = Shared.train_step
    translate = Shared.translate


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    "options",
    [
        {"width": 10**9},
        {"width": 10**5},
        {"blocks": 10**9},
        {"width": 0, "blocks": 10**9},
        {"blocks": 10**9, "way": "buffers"},
        {"blocks": 10**9, "way": "real"},
        {"width": 10**5, "blocks": 2, "way": "real"},
    ],
)
def test_options_that_ask_for_a_giant_are_refused_before_memory_is_taken(
    tmp_path: Path, announce: Callable[[str, type], None], options: dict[str, Any]
) -> None:
    announce("giant", Giant)
    model = Giant(Giant.Options(), synthetic_spec("images", 16))
    bundle.write(tmp_path / "b", model, bundle.describe("giant", model))
    change(tmp_path / "b", options=options)
    assert "its options ask for a model far larger than its weights" in refusal(tmp_path / "b")
    assert torch.is_grad_enabled()  # however deep in an initialisation it was stopped


def test_a_model_may_need_more_than_its_bundle_holds(tmp_path: Path, announce: Callable[[str, type], None]) -> None:
    class Frozen(Giant):
        def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
            super().__init__(options, spec)
            teacher = nn.Linear(10_000, 5_100)  # 204 MB, more than is taken on trust
            self.teacher = i2i.networks.Frozen(teacher)

    announce("frozen", Frozen)
    model = Frozen(Frozen.Options(), synthetic_spec("images", 16))
    bundle.write(tmp_path / "b", model, bundle.describe("frozen", model))
    assert isinstance(i2i.load(tmp_path / "b"), Frozen)


def test_options_that_ask_for_another_size_take_no_memory(
    tmp_path: Path, announce: Callable[[str, type], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    announce("giant", Giant)
    model = Giant(Giant.Options(), synthetic_spec("images", 16))
    bundle.write(tmp_path / "b", model, bundle.describe("giant", model))
    change(tmp_path / "b", options={"width": 30_000})  # 3.6 GB, which a laptop may not have
    made = []
    real = nn.Conv2d.reset_parameters
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", lambda self: (made.append(self.weight.device.type), real(self)))
    assert "layers.0.bias has shape (2,), its options make it (30000,)" in refusal(tmp_path / "b")
    assert set(made) == {"meta"}


def test_options_that_make_no_model_are_refused(saved: Path) -> None:
    spec = json.loads((saved / "bundle.json").read_text())["spec"]
    text = refusal(change(saved, spec=spec | {"channels": {"image": 3}}))
    assert text == f"{saved}: its options do not make a toy: KeyError: 'source'"


def test_a_missing_plugin_says_which_to_install(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from i2i.plugins import Plugin

    facts = {"model": "swirl", "plugin": "swirl", "distribution": "i2i-swirl", "version": "0.3"}
    change(saved, **facts)
    needs = f'{saved} needs the model "swirl" of i2i-swirl 0.3'
    assert refusal(saved, LookupError) == f"{needs}, which is not installed; install it with: pip install i2i-swirl"

    def installed(**values: Any) -> None:
        monkeypatch.setattr(registry(), "plugins", [Plugin("swirl", "i2i_swirl", "i2i-swirl", "0.5", **values)])

    installed(problem="needs i2i >= 0.6")
    assert "of i2i-swirl 0.5, which did not load: needs i2i >= 0.6" in refusal(saved, LookupError)
    installed(disabled=True)
    assert 'needs the plugin "swirl", which I2I_DISABLE_PLUGINS switches off' in refusal(saved, LookupError)
    installed()
    assert "which i2i-swirl 0.5 no longer has; go back with: pip install i2i-swirl==0.3" in refusal(saved, LookupError)

    change(saved, distribution="--index-url=http://evil x", plugin="other")
    assert "pip install" not in refusal(saved, LookupError)
    change(saved, distribution="", version="")
    assert refusal(saved, LookupError).endswith("of an unknown plugin, which is not installed")


def test_a_device_that_is_not_there_is_said(saved: Path) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="this machine has no usable cuda device; use --device cpu"):
            i2i.load(saved, device="cuda")


fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def corrupt(good: bytes, data: st.DataObject) -> bytes:
    start = data.draw(st.integers(0, len(good)))
    how = data.draw(st.sampled_from(["flip", "cut", "insert", "drop"]))
    if how == "cut":
        return good[:start]
    if how == "insert":
        return good[:start] + data.draw(st.binary(min_size=1, max_size=9)) + good[start:]
    length = data.draw(st.integers(1, 8))
    middle = b"" if how == "drop" else bytes(byte ^ data.draw(st.integers(1, 255)) for byte in good[start:][:length])
    return good[:start] + middle + good[start + length :]


@fuzz
@given(name=st.sampled_from(["bundle.json", "weights.safetensors"]), data=st.data())
def test_random_corruption_gives_a_sentence_or_the_model(saved: Path, name: str, data: st.DataObject) -> None:
    path = saved / name
    good = path.read_bytes()
    path.write_bytes(corrupt(good, data))
    try:
        i2i.load(saved)
        bundle.is_whole(saved)
    except (BadBundle, LookupError) as error:
        assert not isinstance(error, KeyError)  # noqa: PT017 - success is fine as well
    finally:
        path.write_bytes(good)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@fuzz
@given(key=st.sampled_from(sorted(bundle.Manifest.__dataclass_fields__)), value=json_values)
def test_random_values_give_a_sentence_or_the_model(saved: Path, key: str, value: Any) -> None:
    good = (saved / "bundle.json").read_text()
    change(saved, **{key: value})
    try:
        i2i.load(saved)
    except (BadBundle, LookupError) as error:
        assert not isinstance(error, KeyError)  # noqa: PT017 - success is fine as well
    finally:
        (saved / "bundle.json").write_text(good)


def test_a_taken_place_is_never_overwritten(saved: Path) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    model = make()
    with pytest.raises(FileExistsError, match="fox is there already; choose another place"):
        bundle.write(saved, model, bundle.describe("toy", model))
    assert before == {path.name: path.read_bytes() for path in saved.iterdir()}


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize(("width", "resume"), [(200, {}), (4, {"numbers": torch.zeros(9000)})])
def test_a_disk_that_takes_no_more_is_an_error_of_the_system(tmp_path: Path, width: int, resume: Any) -> None:
    model = make(width=width)
    manifest = bundle.describe("toy", model)
    with pytest.raises(OSError, match="File too large") as caught, files_of_at_most(20_000):
        bundle.write(tmp_path / "b", model, manifest, resume)
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
