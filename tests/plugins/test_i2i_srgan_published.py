"""SRGAN's published weights: what is understood of them, in and out again, by command too; and runs that are killed."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import torch
from i2i_srgan import discriminator, generators
from i2i_srgan.model import SRGAN
from PIL import Image

import i2i
from i2i import bundle, cli, preparing, training
from i2i.options import build
from i2i.testing import synthetic_batch

MAKE = {
    "srresnet": lambda scale=4: generators.SRResNet(3, 8, 2, scale),
    "msrresnet": lambda scale=4: generators.MSRResNet(3, 8, 2, scale),
    "rrdb": lambda scale=4: generators.RRDBNet(3, 8, 2, 4, scale),
}


def state(kind, scale=4):
    torch.manual_seed(0)
    net = MAKE[kind](scale)
    for key, tensor in net.state_dict().items():
        if tensor.is_floating_point():  # norms too
            tensor.copy_(torch.rand_like(tensor) + 0.5 if "running_var" in key else 0.3 * torch.randn_like(tensor))
    return net.state_dict()


def old(weights):
    """An RRDBNet under the names that ESRGAN's own code had."""
    names = ((r"body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2."), (r"conv_body\.", "trunk_conv."))
    names += ((r"conv_up(\d)\.", r"upconv\1."), (r"conv_hr\.", "HRconv."))
    renamed = {}
    for key, tensor in weights.items():
        for pattern, name in names:
            key = re.sub(f"^{pattern}", name, key)
        renamed[key] = tensor
    assert "RRDB_trunk.1.RDB3.conv5.bias" in renamed
    return renamed


def imported(files):
    found = SRGAN.import_weights(files, ())
    model = SRGAN(build(SRGAN.Options, dict(found.options)), found.spec)
    missing, unexpected = model.load_state_dict(dict(found.weights), strict=False)
    assert not unexpected
    assert all(key.startswith("discriminator.") for key in missing)
    return model.eval(), found


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_generators_are_understood_and_enlarge_as_they_did(kind, scale):
    if (kind, scale) == ("rrdb", 3):
        return
    weights = state(kind, scale)
    model, found = imported({"it.pth": weights})
    wanted = {"generator": kind, "scale": scale, "width": 8, "blocks": 2, "content": "pixels"}
    assert found.options == wanted | ({"growth": 4} if kind == "rrdb" else {})
    assert found.spec.channels == {"image": 3}
    assert found.targets == ()
    assert f"that enlarges {scale} times, of 3 channels, width 8, 2 blocks" in found.found[0]
    theirs = MAKE[kind](scale)
    theirs.load_state_dict(weights)
    small = torch.rand(1, 3, 6, 4)
    with torch.no_grad():
        expected = theirs.eval()(small).clamp(0, 1) * 2 - 1
        torch.testing.assert_close(model.translate({"source": small * 2 - 1}, None), expected)
    again = next(iter(model.export_weights().values()))
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[key], value) for key, value in weights.items())


def test_old_names_of_an_rrdb_mean_the_same():
    weights = state("rrdb")
    model, found = imported({"RRDB_ESRGAN_x4.pth": old(weights)})
    assert found.options["generator"] == "rrdb"
    assert all(torch.equal(model.generator.state_dict()[key], value) for key, value in weights.items())


def test_a_discriminator_comes_along_and_says_its_size():
    torch.manual_seed(0)
    judge = discriminator.Discriminator(3, 2, (64, 64)).state_dict()
    weights = state("srresnet")
    counters = [key for key in weights if key.endswith("num_batches_tracked")]
    bare = {key: value for key, value in weights.items() if key not in counters}  # as PyTorch before 0.4.1 saved it
    model, found = imported({"d.pth": judge, "g.pth": bare})
    assert found.spec.image_size == (64, 64)
    assert found.options["discriminator_width"] == 2
    files = model.export_weights()
    assert list(files) == ["g_last.pth", "d_last.pth"]
    assert all(torch.equal(files["d_last.pth"][key], value) for key, value in judge.items())
    assert set(files["g_last.pth"]) == set(weights)


def test_files_that_do_not_fit_are_refused():
    judge = discriminator.Discriminator(1, 2, (32, 32)).state_dict()
    whole = state("msrresnet")
    for files, message in (
        ({"x.pth": {"a": torch.zeros(1)}}, "x.pth holds \"a\": neither SRGAN-PyTorch's networks nor BasicSR's"),
        ({"d.pth": judge}, "d.pth holds a discriminator; give one generator and, if you have it, its discriminator"),
        ({"a.pth": whole, "b.pth": whole}, "a.pth holds a msrresnet, b.pth holds a msrresnet; give one generator"),
        ({"g.pth": whole, "d.pth": judge}, "d.pth judges pictures of 1 channels, and the generator makes 3"),
        ({"g.pth": {k: v for k, v in whole.items() if k != "conv_hr.bias"}}, 'g.pth: "conv_hr.bias" is missing'),
        ({"g.pth": whole | {"extra": torch.zeros(1)}}, 'g.pth: "extra" has no place in this network'),
        ({"g.pth": whole | {"conv_hr.bias": torch.zeros(5)}}, r'"conv_hr.bias" is \(5,\), not \(8,\)'),
        (
            {"g.pth": state("rrdb") | {"conv_first.weight": torch.zeros(8, 48, 3, 3)}},
            "enlarges neither 2, 3, 4 nor 8 times",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            SRGAN.import_weights(files, ())


@pytest.mark.parametrize("kind", MAKE)
def test_odd_files_are_refused_before_networks_are_made_of_them(kind):
    whole = state(kind)
    trunk, first, last, up = {
        "srresnet": ("trunk", "conv1.0.weight", "conv3.weight", "upsampling.0.upsample_block.0.weight"),
        "msrresnet": ("body", "conv_first.weight", "conv_last.weight", "upconv1.weight"),
        "rrdb": ("body", "conv_first.weight", "conv_last.weight", "conv_up1.weight"),
    }[kind]
    many = {f"{trunk}.{number}.x": torch.zeros(1) for number in range(10_000)}
    for more, message in (
        ({f"{trunk}.100000000.x": torch.zeros(1)}, f'g.pth holds "{trunk}.100000000.x", which no network of SRGAN'),
        (many, f'g.pth holds "{trunk}.1000.x", which no network of SRGAN'),
        ({first: torch.zeros(0, 3, 3, 3)}, rf'g.pth is damaged: "{first}" has the shape \(0, 3, 3, 3\), without'),
        ({last: torch.zeros(0, 8, 3, 3)}, rf'g.pth is damaged: "{last}" has the shape \(0, 8, 3, 3\), without'),
        ({up: torch.tensor(1.0)}, f'g.pth: "{up}" is'),
        ({first: torch.zeros(1).expand(10**9, 3, 3, 3)}, "g.pth"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            SRGAN.import_weights({"g.pth": whole | more}, ())


def test_a_discriminators_size_is_told_or_refused():
    weights = state("srresnet")
    for size in ((32, 64), (16, 16)):
        judge = discriminator.Discriminator(3, 2, size).state_dict()
        with pytest.raises(ValueError, match=r"d.pth judges pictures that are no squares, or smaller than 32 pixels"):
            imported({"d.pth": judge, "g.pth": weights})
    for shape in ((), (1024,), (1024, 7), (1024, 0)):
        judge = discriminator.Discriminator(3, 2, (32, 32)).state_dict() | {"classifier.0.weight": torch.zeros(shape)}
        with pytest.raises(ValueError, match=r"^d\.pth"):
            SRGAN.import_weights({"d.pth": judge, "g.pth": weights}, ())
    judge = discriminator.Discriminator(3, 2, (78, 78)).state_dict()  # sides of three times a small picture's
    assert imported({"d.pth": judge, "g.pth": state("srresnet", 3)})[1].spec.image_size == (78, 78)


def test_what_is_added_elsewhere_cannot_be_exported():
    spec = i2i.DataSpec(channels={"image": 3}, image_size=(32, 32))
    model = SRGAN(
        build(
            SRGAN.Options, {"width": 4, "blocks": 1, "skip": "bicubic", "adversarial_share": 0, "generator": "srresnet"}
        ),
        spec,
    )
    with pytest.raises(ValueError, match=r"srresnet adds nothing to what .* adds the bicubic enlargement \(--skip\)"):
        model.export_weights()


def test_by_command_offline(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("I2I_OFFLINE", "1")
    torch.save({"state_dict": {f"module.{key}": value for key, value in state("msrresnet").items()}}, "esr.pth")
    Image.new("RGBA", (7, 5), (200, 40, 90, 255)).save("photo.png")

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            cli.main([*arguments])
        assert caught.value.code == 0, capsys.readouterr().err

    run("import", "esr.pth", "--as", "srgan", "--out", "it")
    assert "not in the files, so fresh where training goes on from them: discriminator" in capsys.readouterr().out
    run("translate", "--model", "it", "photo.png", "--out", "large")
    with Image.open("large/photo.png") as large:
        assert (large.size, large.mode) == ((28, 20), "RGBA")
    run("export-weights", "it", "--out", "back")
    back = torch.load("back/net_g_latest.pth", weights_only=True)
    assert all(torch.equal(value, back[key]) for key, value in state("msrresnet").items())
    assert not (tmp_path / "back" / "net_d_latest.pth").exists()


QUICK = {
    "width": 4,
    "blocks": 1,
    "discriminator_width": 2,
    "image_size": 32,
    "batch_size": 2,
    "steps": 9,
    "pretrain_share": 2,
    "adversarial_share": 1,
    "content": "pixels",
    "degradation": "second-order",
    "checkpoint_every": "1",
    "preview_every": "1000",
    "log_every": 1,
    "workers": 0,
    "threads": 1,
    "device": "cpu",
    "precision": "fp32",
}


def test_runs_go_on_bit_for_bit_in_every_phase_and_at_its_border(domains, tmp_path, monkeypatch):
    """A run is cut down at steps 2 (pre-training), 6 (its end) and 8, as a kill would leave it."""
    kept = {}
    save = training.checkpoint.save

    def keep(folder, model, manifest, *rest):
        place = save(folder, model, manifest, *rest)
        if manifest.step in (2, 6, 8) and manifest.step not in kept:
            kept[manifest.step] = shutil.copytree(folder, tmp_path / f"at-{manifest.step}" / folder.name)
        return place

    monkeypatch.setattr(training.checkpoint, "save", keep)
    whole = preparing.prepare("srgan", str(domains / "day"), QUICK | {"out": tmp_path / "runs", "name": "whole"})
    training.start(whole, quiet=True)
    weights = i2i.load(whole.folder).state_dict()
    lines = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    phases = [line["phase"] for line in lines if line["event"] == "step"]
    assert phases == ["pretrain"] * 6 + ["adversarial"] * 3
    assert 0 < whole.figures["psnr_y"] < 60
    assert sorted(kept) == [2, 6, 8]
    for step, folder in kept.items():
        run, opened, place = preparing.reopen(folder, None, None, None, {})
        assert opened.step == step
        training.start(run, opened, place, quiet=True)
        for key, value in i2i.load(folder).state_dict().items():
            assert torch.equal(value, weights[key]), f"{key} differs after a stop at step {step}"


def test_previews_show_bicubic_and_a_run_makes_pictures(domains, tmp_path):
    run = preparing.prepare("srgan", str(domains / "day"), QUICK | {"out": tmp_path, "name": "x", "steps": 3})
    training.start(run, quiet=True)
    with Image.open(tmp_path / "x" / "previews" / "step-00000003.png") as sheet:
        assert sheet.width > 4 * 96
    manifest = bundle.read_manifest(tmp_path / "x" / "checkpoints" / "last")
    assert (manifest.phase, manifest.options["scale"]) == ("adversarial", 4)
    assert i2i.load(tmp_path / "x").translate_image(Image.new("RGB", (9, 4))).size == (36, 16)


def test_training_goes_on_from_imported_weights(tmp_path, domains):
    model, found = imported({"g.pth": state("msrresnet")})
    bundle.write(tmp_path / "it", model, bundle.describe("srgan", model, held=("generator", "average")))
    options = {key: value for key, value in QUICK.items() if key not in ("width", "blocks")}
    run = preparing.prepare("srgan", str(domains / "day"), options | {"init": tmp_path / "it", "out": tmp_path})
    trained = training.make_model(run)
    assert (trained.options.generator, trained.options.width) == ("msrresnet", 8)
    batch = synthetic_batch(found.spec, 1)
    asked = trained.question(batch)
    trained.eval()
    with torch.no_grad():
        assert torch.equal(trained.translate(asked, None), model.translate(asked, None))
