"""StarGAN's published layout: the reference's numbers through the importer, what is understood, what is refused."""

from __future__ import annotations

import pytest
import torch
from i2i_stargan.model import StarGAN

from i2i.options import build

FIVE = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def imported(files, domains=()):
    """A model in float64 with the weights of files."""
    found = StarGAN.import_weights(files, domains)
    model = StarGAN(build(StarGAN.Options, dict(found.options)), found.spec).double()
    missing, unexpected = model.load_state_dict(found.weights, strict=False)
    assert not unexpected
    held = {name.split(".")[0] for name in found.weights}
    assert not [name for name in missing if name.split(".")[0] in held], "a network is not whole"
    return model, found


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def small(letter, spec=None, **options):
    """The authors' state dict of a small network."""
    from i2i import DataSpec

    torch.manual_seed(0)
    spec = spec or DataSpec(FIVE, {"image": 3}, (32, 32), num_labels=5, extra={"labels": "attributes"})
    options = {"generator_width": 4, "discriminator_width": 6, "blocks": 2, "discriminator_layers": 3} | options
    model = StarGAN(build(StarGAN.Options, options), spec)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model, {name: state for name, state in model.export_weights().items() if name[-6] in letter}


def test_the_generator_is_the_references(golden):
    data = golden.load("stargan_g")
    model, found = imported({"200000-G.ckpt": golden.fill(data["tensors"])})
    assert parameters(model.generator) == data["parameter_count"]
    assert found.targets == FIVE
    assert found.options["blocks"] == 2
    assert found.options["generator_width"] == 8
    for module in (model.train(), model.eval()):  # in either mode: the picture's own statistics
        with torch.no_grad():
            output = module.generator(golden.wave(data["inputs"][0]), torch.tensor([data["config"]["label"]]))
        golden.check(output, data["outputs"][0])


def test_evaluation_mode_is_not_what_the_reference_would_make_of_it(golden):
    """With the file's running statistics in place of each picture's own it would: that is the trap."""
    data = golden.load("stargan_g_evalmode")
    state = golden.fill(data["tensors"])
    model, _ = imported({"200000-G.ckpt": state})
    image, label = golden.wave(data["inputs"][0]), torch.tensor([data["config"]["label"]])
    with torch.no_grad():
        output = model.eval().generator(image, label)
    assert output.std().item() > 4 * data["outputs"][0]["std"]

    theirs = statistics_of(model, state)
    for norm, (mean, variance) in theirs.items():
        norm.forward = lambda x, norm=norm, mean=mean, variance=variance: torch.nn.functional.batch_norm(
            x, mean, variance, norm.weight, norm.bias, training=False
        )
    assert len(theirs) == 9
    with torch.no_grad():
        golden.check(model.generator(image, label), data["outputs"][0])


def statistics_of(model, state):
    """{norm: running mean and variance that the file has for it}."""
    from i2i_stargan.published import layers_of

    return {
        model.generator.get_submodule(ours): (state[f"{theirs}.running_mean"], state[f"{theirs}.running_var"])
        for theirs, ours in layers_of(model.generator).items()
        if ours.endswith(".norm")
    }


@pytest.mark.parametrize("name", ["stargan_d", "stargan_d_6"])
def test_the_discriminator_is_the_references(golden, name):
    data = golden.load(name)
    model, found = imported({"200000-D.ckpt": golden.fill(data["tensors"])})
    assert parameters(model.discriminator) == data["parameter_count"]
    assert found.targets == (), "no generator, no translation"
    assert found.spec.image_size == (64, 64)
    assert found.options["discriminator_layers"] == data["config"]["repeat_num"]
    with torch.no_grad():
        images = golden.wave(data["inputs"][0])
        patches, labels = model.discriminator.judge(images)
        assert torch.equal(model.discriminator(images), patches)
    golden.check(patches, data["outputs"][0])
    golden.check(labels, data["outputs"][1])


def test_weights_go_back_as_they_came(golden):
    generator = golden.fill(golden.load("stargan_g")["tensors"])
    discriminator = golden.fill(golden.load("stargan_d")["tensors"])
    model, _ = imported({"g": generator, "d": discriminator})
    exported = model.export_weights()
    assert list(exported) == ["200000-G.ckpt", "200000-D.ckpt"]
    back, norms = exported["200000-G.ckpt"], 0
    for name, value in generator.items():
        if name.endswith("running_mean"):
            norms += 1
            layer = name.removesuffix(".running_mean")
            assert back[name].tolist() == [0] * len(value)
            assert back[f"{layer}.running_var"].tolist() == [1] * len(value)
            assert back[f"{layer}.num_batches_tracked"].item() == 0
        elif not name.endswith("running_var"):
            assert torch.equal(back[name], value), name
    assert [name for name in back if not name.endswith("tracked")] == list(generator), "in the reference's order"
    assert len(back) == len(generator) + norms
    assert list(exported["200000-D.ckpt"]) == list(discriminator)
    assert all(torch.equal(exported["200000-D.ckpt"][name], value) for name, value in discriminator.items())

    again, _ = imported(exported)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in model.state_dict().items())


def test_the_authors_code_loads_what_is_exported():
    """Their layers, as `benchmarks/reference_stargan.py` has them, want every key and no other."""
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[2] / "benchmarks" / "reference_stargan.py"
    spec = importlib.util.spec_from_file_location("reference_stargan", path)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    model, files = small("GD")
    theirs = reference.StarGAN(width=4, blocks=2, layers=3, size=32)
    theirs.G.load_state_dict(files["200000-G.ckpt"])
    image, label = torch.rand(2, 3, 32, 32), torch.eye(5)[:2]
    with torch.no_grad():
        assert torch.allclose(theirs.G(image, label), model.generator(image, label), atol=1e-5)
    with pytest.raises(RuntimeError, match="size mismatch"):
        theirs.D.load_state_dict(files["200000-D.ckpt"])  # its width is 6 here


def test_files_are_named_by_the_step(monkeypatch):
    from types import SimpleNamespace

    model, _ = small("G")
    model.manifest = SimpleNamespace(step=1200, held=("generator",))
    assert list(model.export_weights()) == ["1200-G.ckpt"]


@pytest.mark.parametrize(
    ("labels", "domains", "names", "kind"),
    [
        (5, (), FIVE, "attributes"),
        (8, (), ("angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"), "classes"),
        (3, (), ("attribute_1", "attribute_2", "attribute_3"), "attributes"),
        (3, ("rain", "snow", "sun"), ("rain", "snow", "sun"), "classes"),
        (3, ("rain", "young", "sun"), ("rain", "young", "sun"), "attributes"),
        (3, ("attributes:tall", "thin", "loud"), ("tall", "thin", "loud"), "attributes"),
        (2, ("classes:Male", " Young"), ("Male", "Young"), "classes"),
    ],
)
def test_what_labels_are_called(labels, domains, names, kind):
    from i2i import DataSpec

    spec = DataSpec(tuple(map(str, range(labels))), {"image": 1}, (32, 32), num_labels=labels)
    _, files = small("G", spec)
    found = StarGAN.import_weights(files, domains)
    assert found.spec.domains == found.targets == names
    assert found.spec.extra == {"labels": kind}
    assert found.spec.num_labels == labels
    assert found.spec.channels == {"image": 1}
    told = " ".join(found.found)
    assert ("name them in order with --domains" in told) == (not domains)
    assert ("--has says which" in told) == (kind == "attributes")
    told = (
        f"200000-G.ckpt: StarGAN's generator, width 4, 2 residual blocks, pictures of 1 channel, a label of {labels} "
    )
    assert found.found[0].startswith(told)


def joint(first=2, second=3, size=32):
    from i2i import DataSpec

    names = tuple(f"name {n}" for n in range(first + second))
    parts = (
        DataSpec(names[:first], {"image": 3}, (size, size), num_labels=first, extra={"labels": "attributes"}),
        DataSpec(names[first:], {"image": 3}, (size, size), num_labels=second, extra={"labels": "classes"}),
    )
    return DataSpec(names, {"image": 3}, (size, size), num_labels=len(names), parts=parts)


@pytest.mark.parametrize("letters", ["GD", "G"])
def test_two_data_sets_in_one_model(letters):
    _, files = small(letters, joint())
    found = StarGAN.import_weights(files, ("Male", "Young+happy", "sad", "calm"))
    first, second = found.spec.parts
    assert (first.domains, first.extra) == (("Male", "Young"), {"labels": "attributes"})
    assert (second.domains, second.extra) == (("happy", "sad", "calm"), {"labels": "classes"})
    assert found.targets == ("Male", "Young", "happy", "sad", "calm")
    model, _ = imported(files, ("Male", "Young+happy", "sad", "calm"))
    assert model.generator.stem.conv.in_channels == 3 + 5 + 2


def test_the_papers_two_data_sets_need_no_names():
    _, files = small("GD", joint(5, 8))
    found = StarGAN.import_weights(files, ())
    assert [len(part.domains) for part in found.spec.parts] == [5, 8]
    assert found.targets[:5] == FIVE
    assert found.targets[-1] == "surprised"


def test_refusals():
    _, generator = small("G")
    _, discriminator = small("D")
    ((name, state),) = generator.items()

    def refuse(files, match, domains=()):
        with pytest.raises(ValueError, match=match):
            StarGAN.import_weights(files, domains)

    refuse({"x.pth": {"model.1.weight": torch.zeros(3)}}, "x.pth holds neither a StarGAN's generator nor its discrim")
    refuse({"x.pth": {}}, "x.pth holds neither")
    refuse({"a": state, "b": state}, "a and b are both generators; give one of each")
    refuse(generator, "have 5 labels, and 2 are named; name all 5", ("Male", "Young"))
    refuse(generator, "--domains names a twice", ("a", "a", "b", "c", "d"))
    refuse({name: state | {"main.99.weight": torch.zeros(3)}}, "holds main.99.weight, which has no place in a StarGAN")
    cut = {key: value for key, value in state.items() if key != "main.9.main.3.weight"}
    refuse({name: cut}, "is no whole StarGAN: it lacks main.9.main.3.weight")
    wrong = state | {"main.3.weight": torch.zeros(8, 4, 3, 3)}
    refuse({name: wrong}, r"its main.3.weight is \(8, 4, 3, 3\), and \(8, 4, 4, 4\) would fit the rest")
    flat = state | {"main.0.weight": torch.zeros(5)}
    refuse({name: flat}, "is no StarGAN's: it has no convolution main.0.weight")
    last = [key for key in state if key.endswith("weight")][-1]
    refuse({name: {key: value for key, value in state.items() if key != last}}, f"has no convolution {last}")
    no_label = state | {"main.0.weight": torch.zeros(4, 3, 7, 7)}
    refuse({name: no_label}, "takes 3 channels and gives 3: there is no room for labels")
    ((name, state),) = discriminator.items()
    refuse(
        {name: state | {f"main.{2 * n}.weight": torch.zeros(1) for n in range(5, 40)}}, "has 38 halvings; .* 1 to 12"
    )
    _, seven = small("D", joint(3, 4))
    refuse(generator | seven, "takes a label of 5 numbers and the discriminator tells 7: they are not one model's")
    _, both = small("GD", joint())
    refuse(
        both,
        r"of 2 data sets with 5 labels together, and nothing says whose is which; .*--domains attributes:Male,Young\+",
    )
    from i2i import DataSpec

    _, grey = small("D", DataSpec(FIVE, {"image": 1}, (32, 32), num_labels=5, extra={"labels": "attributes"}))
    refuse(generator | grey, "pictures with different numbers of channels")
    assert StarGAN.import_weights(generator | discriminator, ()).targets == FIVE
