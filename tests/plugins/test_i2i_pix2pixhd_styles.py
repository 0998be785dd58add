"""pix2pixHD: label and instance maps, features and their clusters, edits, and published weights that do not fit."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings

import numpy as np
import pytest
import torch
from i2i_pix2pixhd import maps, perception
from i2i_pix2pixhd.model import Pix2PixHD
from i2i_pix2pixhd.styles import Styles, collect

import i2i
from i2i import networks
from i2i.options import build

CHANNELS = {"label": 1, "instance": 1, "target": 3}
SPEC = i2i.DataSpec(domains=("label", "photo"), channels=CHANNELS, image_size=(32, 32), num_labels=3)
TINY = {
    **{"generator_width": 4, "downs": 1, "blocks": 1, "enhancer_blocks": 1, "discriminator_width": 4},
    **{"discriminator_layers": 1, "encoder_width": 4, "encoder_downs": 1, "generator": "global", "vgg": "off"},
}


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return Pix2PixHD(build(Pix2PixHD.Options, TINY | options), spec).eval()


def inputs():
    """Left label 1, two instances above each other; right label 2, one instance; all else 0."""
    label = torch.zeros(1, 1, 32, 32, dtype=torch.int64)
    label[..., :32, :8], label[..., 16:] = 1, 2
    instance = torch.zeros_like(label)
    instance[..., :16, :8], instance[..., 16:, :8], instance[..., 16:] = 7, 8, 9
    return {"label": label, "instance": instance}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_one_hot_is_of_the_type_and_layout_asked_for(layout):
    labels = torch.tensor([[[[0, 2], [1, 1]]]])
    marked = torch.tensor([[[[True, False], [False, True]]]])
    plain, both = (maps.one_hot(labels, 3, mark, torch.bfloat16, layout) for mark in (None, marked))
    for made in (plain, both):
        assert made.dtype == torch.bfloat16
        assert made.is_contiguous(memory_format=layout)
        assert made[0, :3].argmax(0).tolist() == [[0, 2], [1, 1]]
        assert made[0, :3].sum() == 4
    assert both[:, 3:].equal(marked.bfloat16())
    assert plain.shape == (1, 3, 2, 2)
    assert maps.layout_of(plain) == layout


def test_edges_mark_both_sides():
    instances = torch.tensor([[[[1, 1, 2], [1, 1, 2], [3, 3, 3]]]])
    assert maps.edges(instances)[0, 0].int().tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 1]]
    assert not maps.edges(torch.full((1, 1, 3, 3), 4)).any()
    assert not maps.edges(torch.zeros(1, 1, 1, 1, dtype=torch.int64)).any()


def test_means_are_taken_within_each_region_of_each_picture():
    features = torch.arange(16.0).view(2, 2, 2, 2)
    found = torch.tensor([[[[5, 5], [9, 5]]], [[[5, 5], [5, 5]]]])
    numbers, means, sizes, place = maps.region_means(features, found)
    assert numbers.tolist() == [5, 9, 5]
    assert sizes.tolist() == [3, 1, 4]
    assert torch.allclose(means, torch.tensor([[(0 + 1 + 3) / 3, (4 + 5 + 7) / 3], [2, 6], [9.5, 13.5]]))
    painted = maps.paint(means, place)
    assert painted[0, :, 1, 0].tolist() == [2, 6]
    assert painted[1, :, 0, 1].tolist() == [9.5, 13.5]


def test_the_gradient_of_means_is_right():
    torch.manual_seed(0)
    found = torch.randint(3, (2, 1, 3, 4))

    def painted(features):
        _, means, _, place = maps.region_means(features, found)
        return maps.paint(means, place)

    features = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(painted, (features,))
    assert torch.allclose(painted(painted(features)), painted(features))


def test_many_small_numbers_add_up_in_bfloat16():
    features = torch.full((1, 1, 256, 256), 0.1, dtype=torch.bfloat16)
    _, means, _, _ = maps.region_means(features, torch.zeros(1, 1, 256, 256, dtype=torch.int64))
    assert means.item() == pytest.approx(float(features[0, 0, 0, 0]), rel=1e-5)


def test_regions_are_instances_told_apart_by_label():
    seen = inputs()
    found = make(features="instance").conditions.regions(seen)
    assert found.unique().tolist() == [0 * 3 + 0, 7 * 3 + 1, 8 * 3 + 1, 9 * 3 + 2]
    assert make(features="label").conditions.regions(seen).equal(seen["label"])
    del seen["instance"]
    assert make(features="instance").conditions.regions(seen).equal(seen["label"])


def test_known_clusters_are_found():
    rng = np.random.default_rng(0)
    centres = {0: [(-0.8, 0.1), (0.5, 0.5)], 2: [(0.0, 0.0)]}
    labels, features = [], []
    for label, places in centres.items():
        for place in places:
            labels += [label] * 40
            features.append(np.array(place) + rng.normal(0, 0.01, (40, 2)))
    labels, features = np.array(labels), np.concatenate(features)
    shares = np.full(len(labels), 0.6)
    styles = Styles(3, 2, 2)
    styles.fit(labels, features, shares)
    assert styles.counts.tolist() == [2, 0, 2]
    found = styles.centres[0].numpy()
    assert np.allclose(found[found[:, 0].argsort()], centres[0], atol=0.01)
    assert np.allclose(styles.centres[2].mean(0).numpy(), 0, atol=0.01)

    # Small regions are left out where there are larger ones, and fewer features than clusters are clusters themselves.
    styles.fit(
        np.array([0, 0, 0, 1, 1]),
        np.array([[0.5, 0], [0.25, 0], [9, 9], [0.1, 0], [0.1, 0]]),
        np.array([1, 1, 0.5, 0.1, 0.1]),
    )
    assert styles.counts.tolist() == [2, 1, 0]
    assert sorted(styles.centres[0, :, 0].tolist()) == [0.25, 0.5]
    assert styles.centres[1, 0].tolist() == pytest.approx([0.1, 0])


def test_features_are_collected_by_label_with_their_share():
    features = torch.zeros(1, 1, 32, 32)
    features[..., 16:] = 0.5
    found = torch.zeros(1, 1, 32, 32, dtype=torch.int64)
    found[..., 16:], found[..., :1, :1] = 3 * 4 + 2, 3 * 5 + 1
    labels, vectors, shares = collect(iter([(features, found)]), 3)
    assert labels.tolist() == [0, 2, 1]
    assert vectors.ravel().tolist() == [0, 0.5, 0]
    assert shares.tolist() == [(512 - 1) / 32, 512 / 32, 1 / 32]


def test_clusters_are_made_after_the_global_phase_alone():
    model = make(generator="local", features="instance", clusters=4)
    batch = inputs() | {"target": torch.rand(1, 3, 32, 32) * 2 - 1}
    global_phase, enhancer, _ = model.phases()
    with torch.no_grad():
        model.finish(enhancer, iter([batch]))
        assert not model.styles.counts.any()
        model.finish(global_phase, iter([batch] * 3))
        own = model._own_features(batch, "global")
    assert model.styles.counts.tolist() == [1, 2, 1]
    expected = {tuple(own[0, :, y, x].tolist()) for y, x in ((0, 0), (31, 0))}
    for centre in model.styles.centres[1, :2].tolist():
        assert any(centre == pytest.approx(list(one), abs=1e-6) for one in expected)


def styled(**options):
    model = make(features="instance", clusters=4, feature_channels=1, **options)
    model.styles.centres[:] = torch.arange(12.0).view(3, 4, 1) / 12
    model.styles.counts[:] = torch.tensor([1, 4, 4])
    return model


def painted(model, seen=None, **request):
    """What is painted over the three instances: ids 7, 8 and 9."""
    shown = {}
    model._generate = lambda told, features, phase: shown.setdefault("f", features)[:, :1].expand(-1, 3, -1, -1)
    model.translate(seen or inputs(), Pix2PixHD.Request(**request))
    where = {7: (0, 0), 8: (31, 0), 9: (0, 31)}
    return {number: round(shown["f"][0, 0, y, x].item() * 12) for number, (y, x) in where.items()}


def test_styles_are_drawn_by_seed_or_chosen():
    model = styled()
    drawn = [painted(model, seed=seed) for seed in range(12)]
    assert drawn == [painted(model, seed=seed) for seed in range(12)]
    for number, first in ((7, 4), (8, 4), (9, 8)):
        assert {one[number] for one in drawn} == {first, first + 1, first + 2, first + 3}
    assert any(one[7] != one[8] for one in drawn)
    chosen = painted(model, style="1=2", seed=3)
    assert (chosen[7], chosen[8], chosen[9]) == (6, 6, drawn[3][9])
    assert painted(model, style="1=2,2=0", object_style="8=3") == {7: 6, 8: 7, 9: 8}


def test_others_keep_their_style_when_one_is_taken_away():
    model = styled()
    for seed in range(6):
        before, seen = painted(model, seed=seed), inputs()
        seen["instance"][seen["instance"] == 7] = 0
        after = painted(model, seen, seed=seed)
        assert (after[8], after[9]) == (before[8], before[9])


def test_styles_that_are_not_there_are_refused():
    with pytest.raises(LookupError, match=r"style 4 is outside 0-3, those of label 1; give one of these"):
        painted(styled(), style="1=4")
    model = styled()
    model.styles.counts[2] = 0
    with pytest.raises(LookupError, match="label 2 has no styles: training saw none of it"):
        painted(model, style="2=0")
    assert painted(model)[9] == 8
    with pytest.raises(LookupError, match="this model knows no styles: it was trained without --features"):
        make().translate(inputs(), Pix2PixHD.Request(style="1=0"))


def test_labels_are_exchanged_at_once():
    model, seen = make(), inputs()
    told = {}
    model._generate = lambda x, features, phase: told.setdefault("x", x)[:, :3]
    model.translate(seen, Pix2PixHD.Request(edit="1=2, 2=0"))
    assert told["x"][0, :3].argmax(0)[0].tolist() == [2] * 8 + [0] * 24
    assert seen["label"].unique().tolist() == [0, 1, 2]
    for edit, message in (("1=3", "names label 3, which is outside 0-2"), ("9=1", "names label 9")):
        with pytest.raises(LookupError, match=f"--edit {message}"):
            model.translate(seen, Pix2PixHD.Request(edit=edit))
    for field, text in (
        ("edit", "9"),
        ("style", "a=1"),
        ("object_style", "1=-2"),
        ("edit", "1=2=3"),
        ("edit", "²=1"),
    ):
        with pytest.raises(LookupError, match=r"give pairs of whole numbers, as in --.* 9=3,4=0"):
            Pix2PixHD.Request(**{field: text})
    pictures = make(dataclasses.replace(SPEC, channels={"source": 3, "target": 3}, num_labels=0))
    with pytest.raises(LookupError, match="this model was trained on pictures and knows no labels; leave --edit out"):
        pictures.translate({"source": torch.zeros(1, 3, 32, 32)}, Pix2PixHD.Request(edit="1=2"))


def test_without_an_instance_map_things_end_where_labels_do():
    model, seen = make(), inputs()
    whole = model.conditions.told(seen, torch.float32, torch.contiguous_format)
    del seen["instance"]
    told = model.conditions.told(seen, torch.float32, torch.contiguous_format)
    assert told[:, 3:].equal(maps.edges(seen["label"]).float())
    assert not told.equal(whole)
    assert set(model.companions) == {"instance"}
    assert make(instances=False).companions == {}
    assert set(make(instances=False, features="instance").companions) == {"instance"}
    bare = make(dataclasses.replace(SPEC, channels={"label": 1, "target": 3}))
    assert bare.conditions.channels == 3
    assert bare.companions == {}


def test_the_coarse_model_draws_at_half_size_until_the_enhancer_comes():
    model = make(generator="local", features="instance")
    seen = []
    model.coarse.register_forward_hook(lambda net, images, _: seen.append(tuple(images[0].shape[2:])))
    with torch.inference_mode():
        for phase in ("global", "joint"):
            model.phase = phase
            example = inputs() | {"target": torch.rand(1, 3, 32, 32)}
            (row,) = model.preview([(example, i2i.Request(seed=1))])
            assert list(row) == ["label map", "translated", "in the target's style", "target"]
            assert {tuple(image.shape) for image in row.values()} == {(3, 32, 32)}
    assert set(seen) == {(16, 16)}


def test_labels_are_shown_in_colours_of_their_own():
    shown = maps.colours(torch.arange(36).view(1, 1, 6, 6))[0].flatten(1).T
    assert len({tuple(colour) for colour in shown.tolist()}) == 36
    assert shown[0].tolist() == [-1, -1, -1]
    assert (shown.min(), shown.max() <= 1) == (-1, True)


def vgg_file(path):
    torch.manual_seed(0)
    torch.save(networks.VGGFeatures(["relu5_1"]).state_dict(), path)
    return path


def test_the_perceptual_loss_is_the_references(tmp_path):
    vgg = perception.load(str(vgg_file(tmp_path / "vgg.pth")), 3, 16)
    fake, real = (torch.rand(1, 3, 32, 32) * 2 - 1 for _ in range(2))
    expected, x, y = 0, fake, real
    layers = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1}
    with torch.no_grad():
        for index, layer in enumerate(vgg.net.features):
            x, y = layer(x), layer(y)
            expected += layers.get(index, 0) * (x - y).abs().mean()
    assert perception.compare(vgg, fake, real).item() == pytest.approx(expected.item(), rel=1e-5)

    model = make(vgg=str(tmp_path / "vgg.pth"))
    (phase,) = model.phases()
    assert "vgg" not in {name.partition(".")[0] for name in model.state_dict()}
    model.optimizers(phase)
    terms = dict(model.train_step(inputs() | {"target": real}, i2i.Progress(phase, 0, 1)))
    assert list(terms["generator"]) == ["gan", "features", "vgg"]
    assert not any(key.startswith("vgg") for key in model.state_dict())
    assert make(vgg_weight=0.0, vgg="download").optimizers(phase)


def test_a_file_of_weights_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Pix2PixHD.Options(vgg="vgg.pth").vgg == str(tmp_path / "vgg.pth")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert Pix2PixHD.Options(vgg="~/vgg.pth").vgg == str(tmp_path / "me" / "vgg.pth")
    assert [Pix2PixHD.Options(vgg=word).vgg for word in ("download", "off")] == ["download", "off"]


def test_training_goes_on_without_weights_that_cannot_be_had(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("I2I_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = make(vgg="download")
    model.optimizers(model.phases()[0])
    assert model.vgg is None
    warning = capsys.readouterr().err
    assert warning.startswith("Warning: the perceptual loss is off (vgg19-dcbb9e9d.pth is not here, and I2I_OFFLINE")
    assert "--vgg FILE, or --vgg off" in warning
    model.optimizers(model.phases()[0])
    assert not capsys.readouterr().err  # said once, not in each phase
    deep = make(dataclasses.replace(SPEC, channels=CHANNELS | {"target": 5}), vgg="download")
    deep.optimizers(deep.phases()[0])
    assert "takes gray and colour, and the pictures have 5 channels" in capsys.readouterr().err
    small = make(dataclasses.replace(SPEC, image_size=(16, 32)), generator="local", vgg=str(tmp_path / "vgg.pth"))
    small.check_training()
    assert "takes pictures of 16 pixels and more, and some are of 8). Results" in capsys.readouterr().err


def test_weights_go_out_and_in_again(tmp_path):
    options = {"features": "instance", "scales": 3, "downs": 2, "blocks": 2, "feature_weight": 0.0, "encoder_downs": 2}
    spec = dataclasses.replace(SPEC, num_labels=7, image_size=(64, 64))
    for generator in ("global", "local"):
        model = make(spec, generator=generator, **options)
        model.phase = model.phases()[-1].name
        files = model.export_weights()
        assert list(files) == ["latest_net_G.pth", "latest_net_D.pth", "latest_net_E.pth"]
        found = Pix2PixHD.import_weights(files, ("map", "street"))
        again = Pix2PixHD(build(Pix2PixHD.Options, found.options), found.spec)
        assert (found.spec.num_labels, found.spec.domains, found.targets) == (7, ("map", "street"), ("street",))
        own = model.state_dict()
        held = {key: value for key, value in again.state_dict().items() if key in found.weights}
        assert held.keys() == {
            k for k in own if not k.startswith("styles") and not (generator == "local" and k.startswith("head"))
        }
        again.load_state_dict(found.weights, strict=False)
        assert all(torch.equal(own[key], again.state_dict()[key]) for key in held)
        for name, state in again.export_weights().items():
            assert state.keys() == files[name].keys()
            assert all(torch.equal(state[key], files[name][key]) for key in state)
        assert len(found.found) == (5 if generator == "local" else 4)


def test_a_coarse_model_goes_out_as_a_global_one():
    model = make(generator="local", downs=2)
    model.phase = "global"
    found = Pix2PixHD.import_weights(model.export_weights(), ())
    assert found.options["generator"] == "global"
    with pytest.raises(ValueError, match="not by --upsample resize"):
        make(upsample="resize").export_weights()


@pytest.mark.parametrize(
    ("seen", "spec"),
    [
        (36, ({"label": 1, "instance": 1, "target": 3}, 35)),
        (3, ({"source": 3, "target": 3}, 0)),
        (4, ({"source": 3, "instance": 1, "target": 3}, 0)),
        (1, ({"source": 1, "target": 3}, 0)),
    ],
)
def test_what_goes_in_is_told_by_the_number_of_channels(seen, spec):
    channels, labels = spec
    data = i2i.DataSpec(domains=("label", "photo"), channels=channels, image_size=(64, 64), num_labels=labels)
    model = make(data)
    assert model.conditions.channels == seen
    files = model.export_weights()
    alone = Pix2PixHD.import_weights({"latest_net_G.pth": files["latest_net_G.pth"]}, ())
    both = Pix2PixHD.import_weights(files, ())
    for found in (alone, both):
        assert (dict(found.spec.channels), found.spec.num_labels) == (channels, labels)
    Pix2PixHD(build(Pix2PixHD.Options, alone.options), alone.spec).load_state_dict(alone.weights, strict=False)
    few = Pix2PixHD.import_weights(files, ("label", "photo")).spec
    assert few.num_labels == (seen - 1 if seen > 1 else 0)
    assert ("--domains label,photo" in both.found[-1]) == (seen in (3, 4))


def test_features_are_told_by_the_discriminator_where_the_encoder_is_missing():
    files = make(dataclasses.replace(SPEC, num_labels=6), features="instance").export_weights()
    del files["latest_net_E.pth"]
    found = Pix2PixHD.import_weights(files, ())
    assert (found.options["features"], found.options["feature_channels"], found.spec.num_labels) == ("instance", 3, 6)


def refused(message, **given):
    with warnings.catch_warnings(action="error"), pytest.raises(ValueError, match=message):
        Pix2PixHD.import_weights({f"{name}.pth": state for name, state in given.items()}, ())


def test_files_that_do_not_fit_are_refused():
    files = make().export_weights()
    g, d = files["latest_net_G.pth"], files["latest_net_D.pth"]
    refused(r"there is no generator in D.pth; give the \*_net_G.pth too", D=d)
    refused("H.pth is a second network of one kind", G=g, H=g)
    refused("G.pth holds several local enhancers", G=g | {"model2_1.1.weight": torch.zeros(1)})
    refused("G.pth holds no network of pix2pixHD: it begins with fc.weight", G={"fc.weight": torch.zeros(1)})
    refused(r'^G\.pth: .*"model\.4\.bias" is missing', G={key: t for key, t in g.items() if key != "model.4.bias"})
    refused(
        r"^G.pth, D.pth are not .* sees 4 channels, 0 of them features, and the discriminator 8, 3 of them the picture",
        G=g,
        D=make(dataclasses.replace(SPEC, num_labels=4)).export_weights()["latest_net_D.pth"],
    )
    features = networks.to_reference(networks.ResNetGenerator(3, 9, 4, 0, downs=1))
    refused("^E.pth and G.pth are not of one model: the encoder makes 9 features, and the .* sees 4", G=g, E=features)
    for kind, seen in (("G", 4), ("E", 3)):
        batch = networks.to_reference(networks.ResNetGenerator(seen, 3, 4, int(kind == "G"), "batch", downs=1))
        refused(f"^{kind}.pth is .* batch norm; pix2pixHD's have instance norm", **{"G": g, kind: batch})
    batch = networks.to_reference(networks.MultiScaleDiscriminator(7, 4, 2, 1, "batch", features=True))
    refused("^D.pth is a multi-scale .* batch norm; pix2pixHD's have instance norm", G=g, D=batch)
    with pytest.raises(ValueError, match="name what goes in and what comes out"):
        Pix2PixHD.import_weights({"G.pth": g}, ("a",))


def test_enhancers_that_do_not_fit_are_refused():
    local = make(generator="local").export_weights()["latest_net_G.pth"]
    place = "has no place in a local enhancer of 1 blocks"
    refused(rf'^G.pth: "model1_2\.9\.weight" {place}', G=local | {"model1_2.9.weight": torch.zeros(1)})
    refused(rf'^G.pth: "model1_1\.1\.gain" {place}', G=local | {"model1_1.1.gain": torch.zeros(1)})
    upper = {key: t for key, t in local.items() if not key.startswith("model1_2.1.")}
    refused("^G.pth: enhancer.up.conv.weight is missing", G=upper)
    headless = {key: t for key, t in local.items() if not key.startswith("model1_2.5.")}
    refused(r'^G.pth: "model1_2\.5\.weight" is missing, by which an enhancer of 1 blocks makes pictures', G=headless)
    refused("^G.pth: enhancer.head.conv.bias is .., and must be", G=local | {"model1_2.5.bias": torch.zeros(())})

    # An enhancer of width 2 makes maps of 4 channels, which cannot be added to those of 5.
    wide = make(generator_width=5).export_weights()["latest_net_G.pth"]
    last = max(int(key.split(".")[1]) for key in wide)
    trunk = {key: t for key, t in wide.items() if not key.startswith(f"model.{last}.")}
    enhancer = {key: t for key, t in local.items() if key.startswith("model1_")}
    refused("^G.pth is of .* --generator-width is 5, and the enhancer has half of it; use 6, or", G=trunk | enhancer)
    with pytest.raises(ValueError, match="--generator-width is 9, and the enhancer has half of it; use 10, or --gener"):
        Pix2PixHD.Options(generator_width=9)
    assert Pix2PixHD.Options(generator_width=9, generator="global")


def test_hostile_files_are_refused_at_once():
    files = make(features="instance").export_weights()
    g, d = files["latest_net_G.pth"], files["latest_net_D.pth"]
    for key, tensor in g.items():
        shape = (0, *tensor.shape[1:])
        refused(rf'^G.pth is damaged: "{key}" has the shape \(0,.*\), without a number', G=g | {key: tensor[:0]})
        refused("^G.pth", G=g | {key: torch.zeros(())})
        refused("^G.pth", G=g | {key: torch.zeros(1).expand(10**9, *shape[1:])})
    for name in ("scale99999999_layer0.0.weight", "layer99999999.0.weight", f"model.{'9' * 5000}.weight"):
        refused(f'^D.pth holds "{name[:40]}.*which no network of pix2pixHD does$', G=g, D=d | {name: torch.zeros(1)})
    for scales, layers, message in (
        (7, 1, "--scales is 7; give a number from 1 to 6"),
        (1, 13, "--discriminator-layers is 13; give a number from 1 to 12"),
    ):
        deep = networks.to_reference(networks.MultiScaleDiscriminator(10, 1, scales, layers, features=True))
        refused(f"^D.pth is of a network that cannot be chosen here: {message}", G=g, D=deep)
    thin = networks.to_reference(networks.ResNetGenerator(7, 3, 1, 1, downs=1))
    refused("^G.pth is of a network that cannot be chosen here: --generator-width is 1", G=thin)


def test_statistics_of_old_files_are_left_out():
    g = make().export_weights()["latest_net_G.pth"]
    old = g | {f"model.2.{leaf}": torch.ones(4) for leaf in ("running_mean", "running_var")}
    found = Pix2PixHD.import_weights({"G.pth": old}, ())
    assert found.weights.keys() == Pix2PixHD.import_weights({"G.pth": g}, ()).weights.keys()


def test_scikit_learn_is_not_imported_for_translating():
    code = "import sys; import i2i_pix2pixhd.model; sys.exit('sklearn' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_objects_are_named_only_where_there_is_a_map_of_them():
    model = styled()
    labels = torch.zeros(1, 1, 64, 64, dtype=torch.int64)
    with pytest.raises(LookupError, match="no map of them was given; add --instance FILE"):
        model.translate({"label": labels}, Pix2PixHD.Request(object_style="3=1"))
    with pytest.raises(LookupError, match="--style names label 99, which is outside"):
        model.translate({"label": labels}, Pix2PixHD.Request(style="99=1"))


@pytest.mark.parametrize(("before", "now"), [(False, True), (True, False), (True, True), (False, False)])
def test_a_resumed_run_keeps_its_losses(before, now, capsys):
    first, resumed = perception.Had(), perception.Had()
    first.now, resumed.now = before, now
    resumed.load_resume_state(first.resume_state())
    if before and not now:
        with pytest.raises(ValueError, match="VGG-19's weights are no longer to be had"):
            resumed.agreed()
        return
    assert resumed.agreed() is before
    assert ("goes on without" in capsys.readouterr().err) == (now and not before)
    assert resumed.resume_state() == first.resume_state()
