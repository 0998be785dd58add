"""Joint training: batches of one set and the other in turn, each part in its own order."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from i2i.data import Stream, open_datasets
from i2i.data.joint import Joint
from i2i.data.transforms import eval_transform, train_transform
from i2i.settings import Settings
from i2i.spec import DataSpec

SETTINGS = Settings(image_size=8, seed=3)


@pytest.fixture
def sets(tmp_path: Path, draw) -> tuple[Path, Path]:
    """Classes (two) and attributes (two of them), 22 and 15 pictures."""
    for name in ("happy", "sad"):
        for index in range(11):
            draw(tmp_path / "faces" / name / f"{name}{index}.png", (10, 14))
    lines = ["file,young,pale"]
    for index in range(15):
        draw(tmp_path / "people" / f"{index:02}.png", (9, 12))
        lines.append(f"{index:02}.png,{index % 2},{int(index < 5)}")
    (tmp_path / "people" / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "faces", tmp_path / "people"


def opened(sets: tuple[Path, ...], split: str = "train", **settings: object) -> Joint:
    dataset = open_datasets(sets, ("labelled",), split, Settings(image_size=8, **settings))
    assert isinstance(dataset, Joint)
    return dataset


def stream(dataset: Joint, **changes: object) -> Stream:
    values = {"seed": 3, "batch_size": 4, "workers": 0} | changes
    return Stream(dataset, train_transform(SETTINGS, 8, (0.0, 255.0)), **values)  # type: ignore[arg-type]


def test_what_the_parts_say_is_joined_and_kept(sets):
    spec = opened(sets).spec()
    assert spec.domains == ("happy", "sad", "young", "pale")
    assert spec.num_labels == 4
    assert [part.domains for part in spec.parts] == [("happy", "sad"), ("young", "pale")]
    assert [part.extra["labels"] for part in spec.parts] == ["classes", "attributes"]
    assert DataSpec.from_json(spec.to_json()) == spec


def test_batches_take_turns_and_each_part_its_own_order(sets):
    dataset = opened(sets)
    lengths = [len(part) for part in dataset.parts]
    batches = list(itertools.islice(stream(dataset), 20))
    assert [batch["part"] for batch in batches] == [0, 1] * 10
    assert all(batch["label"].shape == (4,) for batch in batches[::2])
    assert all(batch["label"].shape == (4, 2) for batch in batches[1::2])
    for number, part in enumerate(dataset.parts):  # an epoch of a part holds each of its samples once
        alone = torch.cat([batch["label"] for batch in batches[number::2]])[: lengths[number]]
        every = torch.stack([dataset.sample_of(number, i, None, _still)["label"] for i in range(len(part))])
        assert sorted(alone.tolist(), key=str) == sorted(every.tolist(), key=str)


def _still(rng: object, **images: object) -> dict[str, torch.Tensor]:
    return {key: torch.zeros(3, 8, 8) for key in images}


def test_a_stream_resumes_in_the_middle_of_a_turn(sets):
    dataset = opened(sets)
    whole = list(itertools.islice(stream(dataset), 6))
    rest = list(itertools.islice(stream(dataset, first=12), 3))
    for one, other in zip(whole[3:], rest, strict=True):
        assert one["part"] == other["part"]
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["label"], other["label"])
    first, second = (list(itertools.islice(stream(dataset, rank=r, ranks=2), 6)) for r in (0, 1))
    for one, left, right in zip(whole, first, second, strict=True):
        assert torch.equal(one["image"], torch.cat([left["image"], right["image"]]))


def test_examples_and_files_are_of_every_part(sets):
    held = opened(sets, "test")
    rows = held.examples(eval_transform(SETTINGS, (8, 8), (0.0, 255.0)), 6)
    assert sorted(inputs["part"] for inputs, _ in rows) == [0, 0, 0, 1, 1, 1]
    assert {file.parts[0] for file in held.files()} == {"faces", "people"}
    assert opened(sets).fingerprint() != opened(sets[::-1]).fingerprint()


def test_domains_are_dealt_to_the_sets_that_have_them(sets):
    spec = opened(sets, domains="sad,happy,pale").spec()
    assert [part.domains for part in spec.parts] == [("sad", "happy"), ("pale",)]
    with pytest.raises(ValueError, match="--domains names none of people, which has young, pale"):
        opened(sets, domains="happy,sad")
    with pytest.raises(LookupError, match='no data set has the domain "yung"; did you mean "young"'):
        opened(sets, domains="happy,yung,pale")


def test_sets_that_do_not_fit_are_refused(sets, tmp_path, draw):
    for name in ("calm", "loud"):
        for index in range(6):
            draw(tmp_path / "gray" / name / f"{index}.png", (10, 14), 1)
    with pytest.raises(ValueError, match=r"have channels image 1, those of .*faces image 3"):
        opened((sets[0], tmp_path / "gray"))
    with pytest.raises(ValueError, match='two of the data sets have a domain "happy"'):
        opened((sets[0], sets[0]))


def test_a_part_of_a_part_is_no_specification(sets):
    values = opened(sets).spec().to_json()
    values["parts"][0]["parts"] = [dict(values)]
    assert DataSpec.from_json(values).parts[0].parts == ()
    with pytest.raises(ValueError, match="damaged"):
        DataSpec.from_json(values | {"parts": [{"domains": []}]})
