"""Bundles of published weights: whole and partial ones, and whatever a model's importer may get wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import i2i
from i2i import bundle, importing
from i2i.bundle import BadBundle
from i2i.plugins import registry
from i2i.testing import synthetic_spec


class Two(i2i.Model):
    """Two convolutions, there and back, of which files hold either; a switch for each thing an importer may do."""

    mistake = ""

    def __init__(self, options: i2i.Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.there = nn.Conv2d(3, 3, 1)
        self.back = nn.Conv2d(3, 3, 1)

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        return {"x": torch.optim.SGD(self.parameters(), 0.1)}

    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "x", {"l1": self.there(batch["a"]).abs().mean() + self.back(batch["b"]).abs().mean()}

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return (self.back if request.to == self.spec.domains[0] else self.there)(inputs["source"]).clamp(-1, 1)

    @classmethod
    def import_weights(cls, files: Any, domains: tuple[str, ...]) -> i2i.Imported:
        spec = i2i.DataSpec(domains=domains or ("left", "right"), channels={"a": 3, "b": 3})
        names = {name: Path(name).stem for name in files}
        weights = {f"{names[name]}.{key}": tensor for name, state in files.items() for key, tensor in state.items()}
        targets = [spec.domains[end == "there"] for end in names.values()]
        options = {"unknown": 1} if cls.mistake == "options" else {}
        return i2i.Imported(options, spec, weights, tuple(targets), tuple(f"{name}: one way" for name in files))

    def export_weights(self) -> dict[str, dict[str, torch.Tensor]]:
        nets = {"there": self.there, "back": self.back}
        return {f"{name}.pth": dict(net.state_dict()) for name, net in nets.items() if self.holds(name)}


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch, toys: Any) -> Iterator[None]:
    """Announce the model of this file, among the toys, which read no weights."""

    class Plugin:
        @staticmethod
        @i2i.hookimpl
        def models() -> list[i2i.ModelCard]:
            return [i2i.ModelCard("two", "model_of_test_importing:Two", "unpaired", "Test.")]

    module = type("Module", (), {"Two": Two})
    monkeypatch.setitem(__import__("sys").modules, "model_of_test_importing", module)  # type: ignore[arg-type]
    registry().manager.register(Plugin, name="test_importing")
    yield
    registry().manager.unregister(Plugin)


def published(folder: Path, *names: str, **more: torch.Tensor) -> list[Path]:
    """Files of convolutions."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        torch.manual_seed(number + 10)
        torch.save(nn.Conv2d(3, 3, 1).state_dict() | more, folder / f"{name}.pth")
    return [folder / f"{name}.pth" for name in names]


def bring(folder: Path, *names: str, domains: tuple[str, ...] = ()) -> tuple[Path, tuple[str, ...]]:
    model, manifest, found = importing.understand("two", published(folder, *names), domains)
    bundle.write(folder / "bundle", model, manifest)
    return folder / "bundle", found


def change(folder: Path, **values: Any) -> None:
    raw = json.loads((folder / "bundle.json").read_text()) | values
    (folder / "bundle.json").write_text(json.dumps(raw))


def test_a_whole_model_makes_a_whole_bundle(tmp_path: Path) -> None:
    folder, found = bring(tmp_path, "there", "back", domains=("warm", "cold"))
    assert found == ("there.pth: one way", "back.pth: one way")
    manifest = bundle.read_manifest(folder)
    assert (manifest.held, manifest.targets, manifest.step) == ((), ("cold", "warm"), 0)
    assert (manifest.data, manifest.phase) == ({"imported": ["there.pth", "back.pth"]}, "train")
    model = i2i.load(folder)
    assert model.holds("there")
    assert model.holds("back")
    for path in importing.export(model, tmp_path / "out"):
        state, again = (torch.load(place / path.name, weights_only=True) for place in (tmp_path, tmp_path / "out"))
        assert all(torch.equal(state[key], again[key]) for key in state.keys() | again.keys())


def test_a_part_of_a_model_makes_a_partial_bundle(tmp_path: Path) -> None:
    folder, found = bring(tmp_path, "there")
    assert found[1:] == ("not in the files, so fresh where training goes on from them: back",)
    assert load_file(folder / "weights.safetensors").keys() == {"there.weight", "there.bias"}
    manifest = bundle.read_manifest(folder)
    assert (manifest.held, manifest.targets) == (("there",), ("right",))
    assert bundle.is_whole(folder)
    first, second = i2i.load(folder), i2i.load(folder)
    assert torch.equal(first.back.weight, second.back.weight)  # what is not held is the same at each load
    assert (first.holds("there"), first.holds("back")) == (True, False)
    assert [path.name for path in importing.export(first, tmp_path / "out")] == ["there.pth"]
    assert not bundle.lacking(first, bundle.describe("two", first))


def test_targets_are_those_of_the_bundle(tmp_path: Path) -> None:
    from i2i.translation import make_request

    folder, _ = bring(tmp_path, "back")
    model = i2i.load(folder)
    assert model.targets() == ("left", "right")
    assert make_request(model, {}).to == "left"
    with pytest.raises(LookupError, match='there is no target "right"; this model translates to left'):
        make_request(model, {"to": "right"})
    model.manifest = None
    assert make_request(model, {"to": "right"}).to == "right"


def test_double_numbers_stay_and_halves_are_widened(tmp_path: Path) -> None:
    for kind, kept in ((torch.float64, torch.float64), (torch.float16, torch.float32)):
        (path,) = published(tmp_path, "there")
        state = {key: tensor.to(kind) for key, tensor in torch.load(path).items()}
        torch.save(state, path)
        model, manifest, found = importing.understand("two", [path], ())
        folder = tmp_path / str(kept)
        bundle.write(folder, model, manifest)
        loaded = i2i.load(folder)
        assert loaded.there.weight.dtype == kept
        assert torch.equal(loaded.there.weight, state["weight"].to(kept))
        assert ("there.pth: its numbers of fewer than 32 bits are widened to 32" in found) == (kind == torch.float16)


def test_files_of_one_name_are_told_by_their_folders(tmp_path: Path) -> None:
    paths = [*published(tmp_path / "x", "there"), *published(tmp_path / "y", "back")]
    (tmp_path / "y" / "back.pth").rename(tmp_path / "y" / "there.pth")
    assert list(importing._labelled([paths[0], tmp_path / "y" / "there.pth"])) == ["x/there.pth", "y/there.pth"]
    with pytest.raises(ValueError, match=r"there\.pth is named twice$"):
        importing.understand("two", [paths[0], Path(paths[0])], ())
    again = tmp_path / "x" / ".." / "x" / "there.pth"
    with pytest.raises(ValueError, match=r"x/\.\./x/there\.pth is named twice, once as .*x/there\.pth"):
        importing.understand("two", [paths[0], again], ())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("maps/latest_net_G_A.pth", "maps"),
        ("maps/200_net_G.pth", "maps"),
        ("maps/iter_5000_net_D.pth", "maps"),
        ("maps/200000-G.ckpt", "maps"),
        ("maps/horse2zebra.pth", "horse2zebra"),
        ("maps/monet.pth", "monet"),
    ],
)
def test_bundles_are_named_by_what_says_a_subject(path: str, name: str) -> None:
    assert importing.subject([Path(path)]) == name


def test_models_that_read_no_weights_are_refused(tmp_path: Path) -> None:
    paths = published(tmp_path, "there")
    with pytest.raises(LookupError, match=r'no model "toy-flat" reads published weights; these do: .*two'):
        importing.understand("toy-flat", paths, ())
    with pytest.raises(LookupError, match=r'no model "tow" reads published weights; did you mean "two"\? These do: '):
        importing.understand("tow", paths, ())
    assert "toy" not in importing.importers()
    toy = registry().model("toy")
    from i2i.plugins import load_class

    cls = load_class(toy)
    with pytest.raises(ValueError, match="Toy has no published layout to import"):
        cls.import_weights({}, ())
    with pytest.raises(ValueError, match="Toy has no published layout to export to"):
        cls(cls.Options(), synthetic_spec("paired", 16)).export_weights()


def test_files_of_a_model_that_cannot_be_built_say_so(tmp_path: Path) -> None:
    from i2i.networks import PatchDiscriminator, UNet, to_reference

    nets = {"G.pth": UNet(3, 3, 1, 7, "batch"), "D.pth": PatchDiscriminator(6, 1, 13, "batch")}
    for name, net in nets.items():
        torch.save(to_reference(net), tmp_path / name)
    said = "the files are of a Pix2Pix that cannot be built here: --discriminator-layers is 13; give a number from 1 to"
    with pytest.raises(ValueError, match=said):
        importing.understand("pix2pix", [tmp_path / name for name in nets], ())


def test_what_an_importer_gets_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"weight": torch.zeros(3, 3, 1, 1)}, tmp_path / "there.pth")
    with pytest.raises(ValueError, match=r'do not make a whole Two: "there\.bias" is missing or unknown'):
        importing.understand("two", [tmp_path / "there.pth"], ())
    (path,) = published(tmp_path, "there", extra=torch.zeros(1))
    with pytest.raises(ValueError, match=r'"there\.extra" is missing or unknown'):
        importing.understand("two", [path], ())
    torch.save({"weight": torch.zeros(3, 4, 1, 1), "bias": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r'"there\.weight" has the shape \(3, 4, 1, 1\), not \(3, 3, 1, 1\)'):
        importing.understand("two", [path], ())
    monkeypatch.setattr(Two, "mistake", "options")
    with pytest.raises(LookupError, match='unknown option "unknown"'):
        importing.understand("two", published(tmp_path, "there"), ())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"held": "there"}, 'its "held" is missing or of the wrong type'),
        ({"held": [3]}, "3 is no text that can be shown"),
        ({"held": ["there\x1b[2J"]}, "is no text that can be shown"),
        ({"held": ["nowhere"]}, 'it says it holds "nowhere", which the model does not have'),
        ({"held": ["there", "nowhere"]}, 'it says it holds "nowhere"'),
        ({"held": ["there", "back"]}, "back.bias is missing; 2 such names"),
        ({"held": ["back"]}, "back.bias is missing; 4 such names"),
        ({"held": []}, "back.bias is missing; 2 such names"),
    ],
)
def test_what_a_bundle_says_it_holds_is_not_believed(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    folder, _ = bring(tmp_path, "there")
    change(folder, **values)
    with pytest.raises(BadBundle) as caught:
        i2i.load(folder)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_part_s_weights_are_checked_as_a_whole_s_are(tmp_path: Path) -> None:
    folder, _ = bring(tmp_path, "there")

    def check(edit: Callable[[dict[str, torch.Tensor]], Any], said: str) -> None:
        good = (folder / "weights.safetensors").read_bytes()
        tensors = load_file(folder / "weights.safetensors")
        edit(tensors)
        save_file(tensors, folder / "weights.safetensors")
        with pytest.raises(BadBundle) as caught:
            i2i.load(folder)
        assert said in str(caught.value)
        (folder / "weights.safetensors").write_bytes(good)

    check(lambda t: t.pop("there.bias"), "there.bias is missing; 1 such names")
    check(lambda t: t.update({"back.bias": torch.zeros(3)}), "back.bias is unknown; 1 such names")
    check(lambda t: t.update({"there.bias": torch.zeros(4)}), "there.bias has shape (4,), its options make it (3,)")
    check(lambda t: t.update({"there.bias": torch.ones(3)}), "it is not the file that bundle.json describes")
    i2i.load(folder)


class Huge(Two):
    """One network that is held, and one of which a hostile description may say how large it is."""

    def __init__(self, options: i2i.Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.back = nn.Conv2d(spec.channels["a"], spec.channels["b"], 1)


def test_networks_that_are_not_held_may_not_be_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = bring(tmp_path, "there")
    monkeypatch.setitem(__import__("sys").modules, "model_of_test_importing", type("M", (), {"Two": Huge}))  # type: ignore[arg-type]
    spec = json.loads((folder / "bundle.json").read_text())["spec"]
    change(folder, spec=spec | {"channels": {"a": 20_000, "b": 20_000}})
    with pytest.raises(BadBundle, match="its options ask for a model far larger than its weights"):
        i2i.load(folder)
    change(folder, spec=spec | {"channels": {"a": 5, "b": 9}})
    assert i2i.load(folder).back.weight.shape == (9, 5, 1, 1)


def test_a_partial_bundle_is_no_checkpoint(tmp_path: Path) -> None:
    folder, _ = bring(tmp_path, "there")
    shutil.copytree(folder, tmp_path / "run" / "checkpoints" / "last")
    assert bundle.resolve(tmp_path / "run") == tmp_path / "run" / "checkpoints" / "last"
    assert i2i.load(tmp_path / "run").holds("there")
    model = Two(i2i.Options(), bundle.read_manifest(folder).spec)
    with pytest.raises(BadBundle, match="holds there alone; a run goes on from all of its networks"):
        bundle.read_weights(model, folder)


def test_exports_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = bring(tmp_path, "there", "back")
    model, out = i2i.load(folder), tmp_path / "out"

    def fail(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        importing.export(model, out)
    assert list(out.iterdir()) == []
    monkeypatch.undo()
    (out / "back.pth").touch()
    with pytest.raises(ValueError, match=r"back\.pth is there already; choose another folder with --out"):
        importing.export(model, out)
    assert [path.name for path in out.iterdir()] == ["back.pth"]
