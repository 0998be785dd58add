"""`i2i import` and `i2i export-weights`: what they say, where bundles go, and how they refuse."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import i2i
from i2i import cli
from i2i.networks import ResNetGenerator, to_reference

ENDS = ("weight", "bias")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, with the weights of one small generator."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(to_reference(ResNetGenerator(3, 3, 4, blocks=1)), tmp_path / "latest_net_G_A.pth")
    return tmp_path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def bring(*more: object, file: str = "latest_net_G_A.pth") -> int:
    return run("import", file, "--as", "cyclegan", *more)


def test_what_was_found_and_what_to_type_next_is_said(capsys: Any) -> None:
    assert bring("--domains", "summer,winter") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "latest_net_G_A.pth: a ResNet generator of 3 to 3 channels, width 4, 1 block, 2 halvings, instance norm; "
        "the generator from summer to winter",
        "one generator translates one way: to winter",
        "not in the files, so fresh where training goes on from them: b_to_a, discriminator_a, discriminator_b",
        f"Wrote the bundle runs/cyclegan-summer2winter ({size('runs/cyclegan-summer2winter')} MB)",
        "Translate with: i2i translate --model runs/cyclegan-summer2winter --to winter photos/",
        "Train on with:  i2i train cyclegan DATA --init runs/cyclegan-summer2winter",
    ]
    Image.new("RGB", (30, 20), "teal").save("photo.png")
    assert run("translate", "--model", "runs/cyclegan-summer2winter", "--to", "winter", "photo.png", "--quiet") == 0
    assert Path("photo-winter.png").is_file()


def test_a_bundle_that_cannot_translate_does_not_offer_to(capsys: Any) -> None:
    from i2i_stargan.networks import Discriminator
    from i2i_stargan.published import layers_of

    net = Discriminator(3, 2, (32, 32), 4, 3)
    state = net.state_dict()
    kept = {f"{theirs}.{leaf}": state.get(f"{ours}.{leaf}") for theirs, ours in layers_of(net).items() for leaf in ENDS}
    torch.save({key: tensor for key, tensor in kept.items() if tensor is not None}, "200000-D.ckpt")
    assert run("import", "200000-D.ckpt", "--as", "stargan", "--domains", "sun,rain", "--out", "judge") == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "not in the files, so fresh where training goes on from them: generator",
        f"Wrote the bundle judge ({size('judge')} MB)",
        "What translates is not in the files; training can begin with what is.",
        "Train on with:  i2i train stargan DATA --init judge",
    ]


def test_a_bundle_that_takes_no_pictures_is_drawn_of(capsys: Any) -> None:
    from i2i_stackgan import layouts
    from i2i_stackgan.networks import FirstGenerator

    net = FirstGenerator(3, 4, 12, 5, 6, 16)
    torch.save(layouts.written(net, layouts.stage1(4)), "netG_epoch_90.pth")
    assert run("import", "netG_epoch_90.pth", "--as", "stackgan", "--out", "the birds") == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"Wrote the bundle the birds ({size('the birds')} MB)",
        "Draw with:      i2i sample 'the birds' (its flags: i2i sample 'the birds' --help)",
        "Train on with:  i2i train stackgan DATA --init 'the birds'",
    ]
    assert run("sample", "the birds", "--help") == 0
    assert "--embedding" in capsys.readouterr().out


def size(folder: str) -> str:
    return f"{sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6:.1f}"


def test_results_for_programs(capsys: Any) -> None:
    assert bring("--json", "--out", "it") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts.keys() == {"bundle", "model", "targets", "found"}
    assert (facts["bundle"], facts["model"], facts["targets"]) == ("it", "cyclegan", ["b"])
    assert run("export-weights", "it", "--json") == 0
    assert json.loads(capsys.readouterr().out) == ["it-weights/latest_net_G_A.pth"]


def test_where_bundles_go(here: Path, capsys: Any) -> None:
    name = f"cyclegan-{here.name}"  # the file's name says no subject, so its folder's does
    for wanted in (f"runs/{name}", f"runs/{name}-2"):
        assert bring() == 0
        assert Path(wanted, "bundle.json").is_file()
    for words, wanted in (
        (("--name", "mine"), "runs/mine"),
        (("--out", "new/place"), "new/place"),
        (("--out", "runs"), f"runs/{name}-3"),
        (("--out", "runs", "--name", "ours"), "runs/ours"),
        (("--out", "other", "--name", "x"), "other/x"),
    ):
        assert bring(*words) == 0
        assert Path(wanted, "bundle.json").is_file()
        assert f"Wrote the bundle {wanted} " in capsys.readouterr().out
    for words, said in (
        (("--name", "mine"), "runs/mine is there already; choose another --name"),
        (("--name", "../x"), "--name ../x is no folder name; use --out for the place"),
        (("--out", "new/place"), "new/place is there already; choose another --out"),
        (("--out", "latest_net_G_A.pth"), "latest_net_G_A.pth is there already; choose another --out"),
    ):
        assert bring(*words) == 2
        assert said in capsys.readouterr().err


def test_the_models_that_can_are_listed(capsys: Any) -> None:
    for words in (("import",), ("import", "latest_net_G_A.pth"), ("import", "--as", "cyclegan")):
        assert run(*words) == 2
        said = capsys.readouterr().err
        assert "i2i import FILE... --as MODEL" in said
        assert "cyclegan" in said.partition("models that read published weights: ")[2]
    assert run("import", "latest_net_G_A.pth", "--as", "cyclegen") == 2
    assert 'No model "cyclegen" reads published weights; did you mean "cyclegan"?' in capsys.readouterr().err


def test_hostile_files_are_refused_and_leave_nothing(here: Path, capsys: Any) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {here / 'executed'}",)

    for number, legacy in enumerate((False, True)):
        torch.save({"a": Bomb()}, f"{number}.pth", _use_new_zipfile_serialization=not legacy)
    Path("2.pth").write_bytes(pickle.dumps(Bomb()))
    for number in range(3):
        assert bring(file=f"{number}.pth") == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert f'{number}.pth holds "{os.system.__module__}.system", and weights are tensors alone' in err
    assert not (here / "executed").exists()
    assert not Path("runs").exists()


def test_other_bad_files_are_refused(capsys: Any) -> None:
    assert bring(file="none.pth") == 2
    assert "There is no file none.pth" in capsys.readouterr().err
    Path("page.pth").write_text("<!DOCTYPE html><html></html>")
    assert bring(file="page.pth") == 2
    assert "page.pth is a web page, not weights" in capsys.readouterr().err
    torch.save({"a": torch.zeros(1)}, "other.pth")
    assert bring(file="other.pth") == 2
    assert 'other.pth: it holds "a", which no known generator or discriminator does' in capsys.readouterr().err
    assert not Path("runs").exists()


def test_safetensors_of_the_same_keys_are_taken(capsys: Any) -> None:
    state = torch.load("latest_net_G_A.pth")
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, "horse2zebra.safetensors")
    assert bring(file="horse2zebra.safetensors") == 0
    assert i2i.load("runs/cyclegan-horse2zebra").holds("a_to_b")


def test_exports_say_their_files(capsys: Any) -> None:
    assert bring("--name", "mine") == 0
    capsys.readouterr()
    assert run("export-weights", "mine", "--out", "there") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("there/latest_net_G_A.pth (0.")
    assert out[1] == "Wrote 1 file of bare state dicts: torch.load('there/latest_net_G_A.pth') reads it"
    first, again = torch.load("latest_net_G_A.pth"), torch.load("there/latest_net_G_A.pth")
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert run("export-weights", "mine", "--out", "there") == 2
    assert "there/latest_net_G_A.pth is there already; choose another folder with --out" in capsys.readouterr().err
    assert run("export-weights", "nothing") == 2
    assert 'There is no run, bundle or model "nothing"' in capsys.readouterr().err
