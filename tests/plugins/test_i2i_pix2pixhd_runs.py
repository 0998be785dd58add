"""pix2pixHD: whole runs on files, of pictures that are no squares; and a perceptual loss whose weights come and go."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from i2i_pix2pixhd.model import Pix2PixHD
from PIL import Image

import i2i
from i2i import networks

OPTIONS = {
    **{"generator_width": 4, "downs": 2, "blocks": 1, "enhancer_blocks": 1, "discriminator_width": 4, "vgg": "off"},
    **{"discriminator_layers": 1, "encoder_width": 4, "encoder_downs": 2, "clusters": 3, "workers": 0, "threads": 1},
    **{"image_size": 32, "image_width": 64, "steps": 9, "global_share": 1, "enhancer_share": 1, "joint_share": 1},
    **{"device": "cpu", "checkpoint_every": "2", "log_every": 1},
}


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    """A folder of 6 wide pictures with labels and instances, one of them held back."""
    root, rng = tmp_path_factory.mktemp("streets") / "streets", np.random.default_rng(0)
    for index in range(6):
        kind = "train" if index else "test"
        labels = rng.integers(0, 4, (5, 9), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        pictures = {"img": np.stack([labels * factor for factor in (80, 40, 20)], 2), "label": labels}
        for name, pixels in (pictures | {"inst": labels.astype(np.uint16) * 1000}).items():
            (root / f"{kind}_{name}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / f"{kind}_{name}" / f"{index}.png")
    return root


def train(streets, out, name, **options):
    return i2i.train("pix2pixhd", streets, out=out, name=name, **(OPTIONS | options))


def steps(folder):
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [(line["step"], line["phase"], line["terms"]) for line in lines if line["event"] == "step"]


def kill_at(monkeypatch, step):
    """Let the step of a run that follows `step` steps fail, once."""
    whole = Pix2PixHD.train_step

    def dying(self, batch, progress):
        if progress.run_step == step:
            monkeypatch.setattr(Pix2PixHD, "train_step", whole)
            raise KeyError("killed")
        return whole(self, batch, progress)

    monkeypatch.setattr(Pix2PixHD, "train_step", dying)


@pytest.mark.parametrize(
    ("options", "kills"),
    [
        ({}, (5,)),
        ({"features": "instance"}, (1, 7)),
        ({"generator": "global", "image_size": 24, "image_width": 40}, (5,)),
    ],
)
def test_wide_pictures_are_learnt_in_all_phases_and_after_a_kill(streets, tmp_path, monkeypatch, options, kills):
    sizes = []
    monkeypatch.setattr(Pix2PixHD, "_judge", watched(Pix2PixHD._judge, sizes))
    whole = train(streets, tmp_path, "whole", **options)
    full = (options.get("image_size", 32), options.get("image_width", 64))
    half = tuple(side // 2 for side in full)
    alone = "generator" in options
    assert sizes[::3] == [full] * 9 if alone else [half] * 3 + [full] * 6
    phases = ["global"] * 9 if alone else [phase for phase in ("global", "enhancer", "joint") for _ in range(3)]
    assert [phase for _, phase, _ in steps(whole)] == phases
    expected = i2i.load(whole)
    for step in kills:
        kill_at(monkeypatch, step)
        with pytest.raises(KeyError, match="killed"):
            train(streets, tmp_path, f"killed-{step}", **options)
        killed = i2i.resume(tmp_path / f"killed-{step}")
        assert steps(killed) == steps(whole)
        own = i2i.load(killed).state_dict()
        assert all(torch.equal(value, own[key]) for key, value in expected.state_dict().items())
    image = Image.open(streets / "test_label" / "0.png")
    assert image.size == (72, 40)
    assert expected.translate_image(image).size == (72, 40)


def watched(judge, sizes):
    def watching(self, pyramid, images):
        sizes.append(tuple(images.shape[2:]))
        return judge(self, pyramid, images)

    return watching


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.pth", "cannot be read: No such file or directory; put the file there, or start with another, or"),
        ("words.pth", "holds more than tensors, or none; none of it was run"),
        ("other.pth", r"holds no VGG-19 in torchvision's layout: features.0.weight must be \(64, 3, 3, 3\) and is \(2"),
    ],
)
def test_a_wrong_file_of_vgg_is_noticed_before_anything_is_written(streets, tmp_path, name, message):
    (tmp_path / "words.pth").write_text("no weights")
    torch.save({"features.0.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=f"{name} {message}"):
        train(streets, tmp_path / "runs", "run", vgg=str(tmp_path / name))
    assert not (tmp_path / "runs").exists()


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_of_vgg_that_is_gone_hinders_training_alone(streets, tmp_path, monkeypatch):
    path, kept = tmp_path / "vgg.pth", tmp_path / "kept.pth"
    torch.manual_seed(0)
    torch.save(networks.VGGFeatures(["relu5_1"]).state_dict(), path)
    reads = []
    pretrained = networks.VGGFeatures.pretrained
    monkeypatch.setattr(networks.VGGFeatures, "pretrained", lambda *a, **k: reads.append(a) or pretrained(*a, **k))
    options = {"vgg": str(path), "steps": 3, "image_size": 32, "image_width": 32}
    whole = train(streets, tmp_path, "whole", **options)
    assert len(reads) == 1  # for three phases
    assert all("generator/vgg" in terms for _, _, terms in steps(whole))
    kill_at(monkeypatch, 2)
    with pytest.raises(KeyError, match="killed"):
        train(streets, tmp_path, "killed", **options)

    path.rename(kept)
    killed, image = tmp_path / "killed", Image.open(streets / "test_label" / "0.png")
    assert i2i.load(killed).translate_image(image).size == image.size
    before = contents(killed)
    with pytest.raises(ValueError, match=r"vgg\.pth cannot be read: .*; put the file there"):
        i2i.resume(killed)
    assert contents(killed) == before
    kept.rename(path)
    assert steps(i2i.resume(killed)) == steps(whole)
    assert len(reads) == 4
