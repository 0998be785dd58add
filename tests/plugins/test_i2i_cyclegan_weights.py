"""Published CycleGAN and CUT weights: through the command into bundles that compute what the authors' code does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from i2i_cyclegan.model import CycleGAN
from i2i_cyclegan.published import understand
from PIL import Image
from typer.testing import CliRunner

import i2i
from i2i import importing, networks
from i2i.bundle import read_manifest
from i2i.cli import make_app

ROWS = {"a_to_b": "G_A", "b_to_a": "G_B", "discriminator_a": "D_B", "discriminator_b": "D_A"}
GENERATORS = [
    "resnet_9blocks",
    "resnet_9blocks_dropout_keys",
    "unet_256",
    "unet_256_batchstats",
    "unet_128",
    "unet_128_instance",
    "cut_resnet_9blocks",
]
DISCRIMINATORS = ["patchgan_basic_batch", "patchgan_basic_instance", "pixel_d_batch", "cut_patchgan_basic"]


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words, code=0):
        result = CliRunner().invoke(make_app(), list(map(str, words)))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def generator(source=3, target=3, norm="instance", seed=0, **options):
    torch.manual_seed(seed)
    net = networks.ResNetGenerator(source, target, 4, 2, norm, **options)
    return networks.to_reference(networks.initialise(net, gain=0.3))


def discriminator(channels=3, norm="instance", **options):
    return networks.to_reference(networks.PatchDiscriminator(channels, 4, 2, norm, **options))


def save(name, state, **options):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, name, **options)
    return name


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", GENERATORS)
def test_generators_compute_what_the_reference_does(golden, cli, name, zipped):
    data = golden.load(name)
    state = golden.fill(data["tensors"])
    save("latest_net_G_A.pth", state, _use_new_zipfile_serialization=zipped)
    cli("import", "latest_net_G_A.pth", "--as", "cyclegan", "--domains", "summer,winter", "--out", "bundle")
    model = i2i.load("bundle")
    model.train(data["mode"] == "train")
    with torch.no_grad():
        output = model.a_to_b(golden.wave(data["inputs"][0]))
    assert output.dtype == torch.float64
    golden.check(output, data["outputs"][0])

    cli("export-weights", "bundle", "--out", "again")
    assert [path.name for path in Path("again").iterdir()] == ["latest_net_G_A.pth"]
    again = torch.load("again/latest_net_G_A.pth", weights_only=True)
    assert same({key: again[key] for key in state}, state)
    assert all(key.endswith("num_batches_tracked") for key in again.keys() - state.keys())


def test_files_of_2017_compute_what_the_reference_does(golden, cli):
    data = golden.load("resnet_9blocks")
    state = golden.fill(data["tensors"])
    norms = [f"model.{i}" for i in (2, 5, 8, 20, 23)]
    norms += [f"model.{i}.conv_block.{j}" for i in range(10, 19) for j in (2, 6)]
    old = {f"module.{key}": tensor for key, tensor in state.items()}
    old |= {f"module.{norm}.running_mean": torch.full((32,), 9.0) for norm in norms}
    old |= {f"module.{norm}.running_var": torch.full((32,), 9.0) for norm in norms}
    assert len(old) == len(state) + 46
    save("horse2zebra.pth", old, _use_new_zipfile_serialization=False)
    cli("import", "horse2zebra.pth", "--as", "cyclegan", "--out", "bundle")
    with torch.no_grad():
        golden.check(i2i.load("bundle").a_to_b(golden.wave(data["inputs"][0])), data["outputs"][0])


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators_compute_what_the_reference_does(golden, cli, name):
    data = golden.load(name)
    state, config = golden.fill(data["tensors"]), data["config"]
    norm, channels = config["norm"].split()[0], config["input_nc"]
    maker = {key: tensor.double() for key, tensor in generator(3, channels, norm, antialias="cut" in name).items()}
    save("latest_net_G_A.pth", maker)
    save("latest_net_D_A.pth", state)
    cli("import", "latest_net_D_A.pth", "latest_net_G_A.pth", "--as", "cyclegan", "--out", "bundle")
    model = i2i.load("bundle").train(data["mode"] == "train")
    with torch.no_grad():
        golden.check(model.discriminator_b(golden.wave(data["inputs"][0])), data["outputs"][0])
    cli("export-weights", "bundle", "--out", "again")
    again = torch.load("again/latest_net_D_A.pth", weights_only=True)
    assert same({key: again[key] for key in state}, state)


@pytest.mark.parametrize("name", ["training_cyclegan", "training_cyclegan_noidt"])
def test_a_whole_training_state_goes_in_and_out(golden, cli, name):
    data = golden.load(name)
    states = {theirs: golden.fill(rows) for theirs, rows in data["networks"].items()}
    files = [save(f"checkpoints/maps/latest_net_{theirs}.pth", state) for theirs, state in states.items()]
    said = cli("import", *files, "--as", "cyclegan")
    assert "Wrote the bundle runs/cyclegan-maps (" in said
    manifest = read_manifest(Path("runs/cyclegan-maps"))
    assert (manifest.held, manifest.targets) == ((), ("a", "b"))
    model = i2i.load("runs/cyclegan-maps")
    for ours, theirs in ROWS.items():
        assert same(networks.to_reference(getattr(model, ours)), states[theirs])
    written = cli("export-weights", "runs/cyclegan-maps")
    assert "Wrote 4 files" in written
    for theirs, state in states.items():
        assert same(torch.load(f"cyclegan-maps-weights/latest_net_{theirs}.pth", weights_only=True), state)
    with pytest.raises(ValueError, match="is there already; choose another folder with --out"):
        cli("export-weights", "runs/cyclegan-maps")


def test_two_files_make_a_bundle_of_two_ways(cli):
    first, second = generator(seed=1), generator(seed=2)
    save("latest_net_G_A.pth", first)
    save("latest_net_G_B.pth", second)
    said = cli("import", "latest_net_G_B.pth", "latest_net_G_A.pth", "--as", "cyclegan", "--domains", "summer,winter")
    resnet = "a ResNet generator of 3 to 3 channels, width 4, 2 blocks, 2 halvings, instance norm"
    assert said.splitlines()[:4] == [
        f"latest_net_G_A.pth: {resnet}; the generator from summer to winter",
        f"latest_net_G_B.pth: {resnet}; the generator from winter to summer",
        "not in the files, so fresh where training goes on from them: discriminator_a, discriminator_b",
        "Wrote the bundle runs/cyclegan-summer2winter (0.1 MB)",
    ]
    assert "i2i translate --model runs/cyclegan-summer2winter --to summer photos/" in said
    assert "i2i train cyclegan DATA --init runs/cyclegan-summer2winter" in said
    manifest = read_manifest(Path("runs/cyclegan-summer2winter"))
    assert (manifest.targets, manifest.held) == (("summer", "winter"), ("a_to_b", "b_to_a"))
    model = i2i.load("runs/cyclegan-summer2winter")
    source = torch.rand(1, 3, 16, 16)
    for to, state in (("winter", first), ("summer", second)):
        net = networks.ResNetGenerator(3, 3, 4, 2)
        net.load_state_dict(networks.from_reference(net, state))
        with torch.no_grad():
            assert torch.equal(model.translate({"source": source}, CycleGAN.Request(to=to)), net(source))


@pytest.mark.parametrize(
    ("name", "domains", "targets", "spec"),
    [
        ("latest_net_G.pth", ("horse", "zebra"), ("zebra",), ("horse", "zebra")),
        ("latest_net_G_B.pth", ("horse", "zebra"), ("horse",), ("horse", "zebra")),
        ("horse2zebra.pth", (), ("zebra",), ("horse", "zebra")),
        ("cityscapes_photo2label.pth", (), ("label",), ("photo", "label")),
        ("summer2winter_yosemite.pth", (), ("winter",), ("summer", "winter")),
        ("winter2summer_yosemite.pth", ("summer", "winter"), ("summer",), ("summer", "winter")),
        ("winter2summer_yosemite.pth", ("warm", "cold"), ("cold",), ("warm", "cold")),
        ("netG_A2B.pth", (), ("b",), ("a", "b")),
        ("netG_B2A.pth", (), ("a",), ("a", "b")),
        ("whatever.pth", (), ("b",), ("a", "b")),
    ],
)
def test_one_file_leads_one_way(name, domains, targets, spec):
    imported = understand({name: generator()}, domains)
    assert (imported.targets, imported.spec.domains) == (targets, spec)
    assert f"one generator translates one way: to {targets[0]}" in imported.found
    assert any("--domains" in note for note in imported.found) == (not domains)
    role = "a_to_b" if targets[0] == spec[1] else "b_to_a"
    assert {key.partition(".")[0] for key in imported.weights} == {role}


def test_two_published_files_of_one_way_each(cli):
    save("there/latest_net_G.pth", generator(seed=1))
    save("back/latest_net_G.pth", generator(seed=2))
    with pytest.raises(ValueError, match=r"there/latest_net_G.pth and back/latest_net_G.pth would both be the gener"):
        cli("import", "there/latest_net_G.pth", "back/latest_net_G.pth", "--as", "cyclegan")
    imported = understand({"horse2zebra.pth": generator(), "zebra2horse.pth": generator()}, ())
    assert imported.targets == ("horse", "zebra")


def test_the_discriminators_judge_what_the_generator_of_their_letter_makes():
    files = {
        f"latest_net_{name}.pth": generator(1, 3) if name[0] == "G" else discriminator(3) for name in ("G_A", "D_A")
    }
    imported = understand(files, ())
    assert {key.partition(".")[0] for key in imported.weights} == {"a_to_b", "discriminator_b"}
    assert imported.spec.channels == {"a": 1, "b": 3}
    assert imported.options["identity_weight"] == 0
    with pytest.raises(ValueError, match=r"latest_net_G_A.pth has 1 channels where latest_net_D_B.pth has 3"):
        understand({"latest_net_G_A.pth": generator(1, 3), "latest_net_D_B.pth": discriminator(3)}, ())
    assert set(understand({"latest_net_G.pth": generator(), "latest_net_D.pth": discriminator()}, ()).weights) >= {
        "discriminator_b.layers.0.conv.weight"
    }


def test_options_are_those_of_the_files():
    options = understand(
        {
            "latest_net_G_A.pth": generator(norm="batch", dropout=0.5, padding="zeros"),
            "latest_net_D_A.pth": discriminator(norm="batch"),
        },
        (),
    ).options
    assert options == {
        "generator": "resnet",
        "generator_width": 4,
        "blocks": 2,
        "dropout": 0.5,
        "padding": "zeros",
        "upsample": "transposed",
        "norm": "batch",
        "antialias": False,
        "discriminator": "patch",
        "discriminator_width": 4,
        "discriminator_layers": 2,
    }


def test_projection_heads_of_cut_are_left_out():
    heads = {"mlp_0.0.weight": torch.zeros(4, 3), "mlp_0.0.bias": torch.zeros(4)}
    cut = generator(antialias=True, upsample="blur")
    imported = understand({"latest_net_F.pth": heads, "latest_net_G.pth": cut}, ())
    assert "latest_net_F.pth: the projection heads of CUT, which its training alone needs; left out" in imported.found
    assert (imported.options["antialias"], imported.options["upsample"]) == (True, "blur")
    with pytest.raises(ValueError, match=r"there is no generator in latest_net_F\.pth; name"):
        understand({"latest_net_F.pth": heads}, ())


@pytest.mark.parametrize(
    ("files", "domains", "said"),
    [
        ({"D_A.pth": discriminator()}, (), "there is no generator in D_A.pth"),
        ({"G_A.pth": generator()}, ("x",), "cyclegan has two domains, --domains names x; give SOURCE,TARGET"),
        ({"G_A.pth": generator()}, ("x", "x"), "the two domains are both called x"),
        (
            {"G_A.pth": generator(), "G_B.pth": generator(norm="batch")},
            (),
            r"G_A.pth and G_B.pth differ in norm \(instance, batch\), so they are not of one model",
        ),
        (
            {"G_A.pth": generator(), "D_A.pth": discriminator(antialias=True)},
            (),
            r"G_A.pth and D_A.pth differ in antialias \(False, True\)",
        ),
        ({"G_A.pth": generator(downs=4)}, (), "4 halvings, instance norm; a CycleGAN has none such, pix2pixHD has"),
        ({"G_A.pth": {"main.0.weight": torch.zeros(1)}}, (), 'G_A.pth: it holds "main.0.weight", which no known'),
        ({"a.pth": generator(), "b.pth": generator()}, (), "a.pth and b.pth would both be the generator from a to b"),
        ({"G_A.pth": generator(1, 3), "G_B.pth": generator(1, 3)}, (), "has 3 channels where G_B.pth has 1"),
    ],
)
def test_what_does_not_make_a_model_is_said(files, domains, said):
    with pytest.raises(ValueError, match=said) as caught:
        understand(files, domains)
    assert "\n" not in str(caught.value)


def test_a_picture_is_translated_one_way_only(cli, monkeypatch):
    save("horse2zebra.pth", generator())
    cli("import", "horse2zebra.pth", "--as", "cyclegan")
    Image.new("RGB", (37, 21), (200, 100, 50)).save("horse.png")
    assert "Wrote 1 of 1 picture" in cli("translate", "--to", "zebra", "horse.png", "--quiet")
    with Image.open("horse-zebra.png") as result:
        assert (result.size, result.mode) == ((37, 21), "RGB")
    model = i2i.load("runs/cyclegan-horse2zebra")
    with Image.open("horse.png") as picture, Image.open("horse-zebra.png") as result:
        assert model.translate_image(picture).tobytes() == result.tobytes()
        with pytest.raises(LookupError, match='there is no target "horse"; this model translates to zebra'):
            model.translate_image(picture, to="horse")
    with pytest.raises(LookupError, match="horse"):
        cli("translate", "--to", "horse", "horse.png")


def test_training_goes_on_from_a_part_of_a_model(cli, domains, capsys):
    save("latest_net_G_A.pth", generator(seed=5))
    cli("import", "latest_net_G_A.pth", "--as", "cyclegan", "--out", "part")
    small = {"steps": 1, "image_size": 32, "device": "cpu", "workers": 0, "discriminator_width": 4, "lr": 0.0}
    run = i2i.train("cyclegan", domains, init="part", name="on", **small)
    said = capsys.readouterr()
    assert "not in them, so fresh: b_to_a, discriminator_a, discriminator_b" in said.out + said.err
    trained = i2i.load(run)
    assert trained.manifest.held == ()
    assert same(trained.a_to_b.state_dict(), i2i.load("part").a_to_b.state_dict())
    assert trained.options.generator_width == 4
    cli("export-weights", run, "--out", "all")
    assert len(list(Path("all").iterdir())) == 4


def test_what_the_layout_cannot_hold_is_not_exported(tmp_path):
    spec = i2i.DataSpec(domains=("a", "b"), channels={"a": 3, "b": 3}, image_size=(64, 64))
    with torch.device("meta"):
        model = CycleGAN(CycleGAN.Options(upsample="resize", blocks=1), spec)
    with pytest.raises(ValueError, match="the reference codes up-sample by transposed convolution or a blur"):
        importing.export(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
