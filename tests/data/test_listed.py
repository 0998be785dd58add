"""Layouts made of a table."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest

from i2i.data.layouts import Found
from i2i.data.scan import scan
from i2i.data.survey import detect, kinds_of


def found(root: Path, kind: str) -> Found:
    result = detect(scan(root), kind)
    assert result is not None
    assert kinds_of(scan(root))[0] == kind
    return result


def test_captions(tmp_path: Path, draw) -> None:
    for name in "abc":
        draw(tmp_path / "images" / f"{name}.png")
    rows = [
        {"file": "images/a.png", "split": "train", "captions": ["A dog.", " Two dogs. "]},
        {"file": "images/b.png", "split": "test", "captions": "A cat."},
        {"file": "images/gone.png", "split": "test", "captions": ["Nothing."]},
    ]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    result = found(tmp_path, "captioned")
    assert [(i.key, i.split, i.captions) for i in result.items] == [
        ("images/a.png", "train", ("A dog.", "Two dogs.")),
        ("images/b.png", "test", ("A cat.",)),
    ]
    assert result.missing == ("images/gone.png",)
    assert result.outside == ("images/c.png",)


def test_metadata_of_several_folders(tmp_path: Path, draw) -> None:
    for split in ("train", "test"):
        draw(tmp_path / split / "1.png")
        (tmp_path / split / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "One."}')
    assert {(item.key, item.split) for item in found(tmp_path, "captioned").items} == {
        ("train/1.png", "train"),
        ("test/1.png", "test"),
    }


def test_captions_in_a_table_with_a_row_a_sentence(tmp_path: Path, draw) -> None:
    draw(tmp_path / "pictures" / "1.jpg")
    (tmp_path / "captions.csv").write_text('image,caption\n1.jpg,"A dog, running."\n1.jpg,A dog.\n')
    assert found(tmp_path, "captioned").items[0].captions == ("A dog, running.", "A dog.")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_classes_in_a_table(tmp_path: Path, draw, separator: str) -> None:
    for index in range(3):
        draw(tmp_path / f"{index}.png")
    rows = [("file_name", "label"), ("0.png", "10"), ("1.png", "9"), ("2.png", "10")]
    (tmp_path / "labels.csv").write_text("\n".join(separator.join(row) for row in rows))
    result = found(tmp_path, "labelled")
    assert result.domains == ("9", "10")
    assert [item.label for item in result.items] == [1, 0, 1]


def test_attributes_in_a_table(tmp_path: Path, draw) -> None:
    for index in range(2):
        draw(tmp_path / "faces" / f"{index}.png")
    (tmp_path / "list.csv").write_text("image_id,Smiling,Young\n0,1,-1\n1,-1,-1\n")
    result = found(tmp_path, "labelled")
    assert result.domains == ("Smiling", "Young")
    assert [item.label for item in result.items] == [(1, 0), (0, 0)]


def test_a_table_of_classes_says_more_than_two_folders(tmp_path: Path, draw) -> None:
    for name in ("cam1/a", "cam2/b"):
        draw(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("file,label\ncam1/a.png,cat\ncam2/b.png,dog\n")
    assert found(tmp_path, "labelled").domains == ("cat", "dog")


def test_pairs_in_a_table(tmp_path: Path, draw) -> None:
    for name in ("in/1.png", "out/x.png", "in/2.png"):
        draw(tmp_path / name)
    rows = "source,target,split\nin/1.png,out/x.png,train\nin/2.png,out/gone.png,train\n"
    (tmp_path / "metadata.csv").write_text(rows)
    result = found(tmp_path, "paired")
    assert [item.files for item in result.items] == [{"source": "in/1.png", "target": "out/x.png"}]
    assert result.missing == ("out/gone.png",)


def test_celeba(tmp_path: Path, draw) -> None:
    for index in range(3):
        draw(tmp_path / "img_align_celeba" / f"{index:06}.jpg")
    lines = ["3", "Bald Smiling", "000000.jpg -1  1", "000001.jpg  1 -1", "000002.jpg  1  1"]
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines))
    (tmp_path / "list_eval_partition.txt").write_text("000000.jpg 0\n000001.jpg 1\n000002.jpg 2\n")
    result = found(tmp_path, "labelled")
    assert result.domains == ("Bald", "Smiling")
    assert [(item.split, item.label) for item in result.items] == [("train", (0, 1)), ("val", (1, 0)), ("test", (1, 1))]
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines[1:]))  # cut from a longer list
    assert found(tmp_path, "labelled") == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\nBald Smiling\n000000.jpg 1\n", "line 3, needs a file and 2 values"),
        ("Bald Smiling\n000000.jpg 1\n", "line 2, needs a file and 2 values"),
        ("000000.jpg 1 -1\n000001.jpg 1 1\n", "line 1, begins with a picture, not with names of attributes"),
        ("3\n000000.jpg 1 -1\n000001.jpg 1 1\n", "line 2, begins with a picture, not with names of attributes"),
        ("3\nBald Smiling\n", r"has 2 lines; it needs a count \(or none\), names, and one a picture"),
        ("Bald Smiling\n", "has 1 line; it needs"),
        ("", "has 0 lines; it needs"),
    ],
)
def test_celeba_lists_that_are_not_whole(tmp_path: Path, draw, text: str, message: str) -> None:
    draw(tmp_path / "img_align_celeba" / "000000.jpg")
    (tmp_path / "list_attr_celeba.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        detect(scan(tmp_path), "labelled")


def write_idx(root: Path, split: str, count: int, cut: int = 0) -> None:
    images = struct.pack(">BBBBIII", 0, 0, 8, 3, count, 4, 5) + bytes(i % 256 for i in range(count * 20))
    labels = struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(i % 3 for i in range(count))
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images[: len(images) - cut]))
    (root / f"{split}-labels-idx1-ubyte").write_bytes(labels)


def test_idx_files(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw", "train", 6)
    write_idx(tmp_path / "MNIST" / "raw", "t10k", 3)
    result = found(tmp_path, "labelled")
    assert result.domains == ("0", "1", "2")
    assert [item.label for item in result.items if item.split == "train"] == [0, 1, 2, 0, 1, 2]
    assert sum(item.split == "test" for item in result.items) == 3
    info = next(iter(scan(tmp_path).pictures.values()))
    assert (info.height, info.width, info.channels, info.depth) == (4, 5, 1, 8)


def test_a_cut_idx_file_is_unreadable(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", 6, cut=7)
    (info,) = scan(tmp_path).pictures.values()
    assert info.problem == "holds 113 bytes of the 120 it declares; download it again"


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("metadata.jsonl", '{"file_name": "a.png"}\n{oops', "line 2, is not JSON"),
        ("captions.jsonl", "[1]", "line 1, is not an object"),
        ("labels.csv", "file,label\na.png,1,2\n", "line 2, has more cells"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(tmp_path: Path, draw, name: str, text: str, error: str) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=error):
        kinds_of(scan(tmp_path))
    (tmp_path / name).rename(tmp_path / f"unrelated{Path(name).suffix}")
    assert kinds_of(scan(tmp_path)) == ["images"]


def test_a_table_may_not_lead_outside(tmp_path: Path, draw) -> None:
    draw(tmp_path / "secret.png")
    draw(tmp_path / "set" / "a.png")
    rows = [{"file": name, "caption": "x"} for name in ("../secret.png", str(tmp_path / "secret.png"), "a.png")]
    (tmp_path / "set" / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = found(tmp_path / "set", "captioned")
    assert [item.key for item in result.items] == ["a.png"]
    assert len(result.missing) == 2


def test_a_split_in_the_table_holds_for_images_too(tmp_path: Path, draw) -> None:
    for name in "ab":
        draw(tmp_path / f"{name}.png")
    (tmp_path / "list.csv").write_text("file,split\na.png,train\nb.png,test\n")
    assert {item.key: item.split for item in found(tmp_path, "images").items} == {"a.png": "train", "b.png": "test"}


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        (b"\0\0\x08\x03\0\0\0\x02\0\0", "is damaged (it ends in its header); download it again"),
        (b"\0\0\x08\x01\0\0\0\x02ab", "holds 1 axes instead of 3; download it again"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2, 0, 5), "is empty: it declares 2 x 0 x 5 values"),
        (b"\0\0\x08\x03" + b"\xff" * 12, f"holds 0 bytes of the {(2**32 - 1) ** 3} it declares; download it again"),
        (b"<html>", "is not an IDX file of bytes; download it again"),
    ],
)
def test_what_is_wrong_with_an_idx_file_is_said(tmp_path: Path, start: bytes, problem: str) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(start)
    (info,) = scan(tmp_path).pictures.values()
    assert info.problem == problem


def test_labels_that_are_pictures_are_refused(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", 2)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x03" + struct.pack(">III", 1, 1, 2) + b"ab")
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte holds 3 axes instead of 1"):
        detect(scan(tmp_path), "labelled")


def test_tables_of_several_folders_are_one(tmp_path: Path, draw) -> None:
    for split in ("test", "train"):
        for name in "ab":
            draw(tmp_path / split / f"{name}.png")
        (tmp_path / split / "metadata.csv").write_text("file_name,label\na.png,cat\nb.png,dog\n")
    result = found(tmp_path, "labelled")
    assert result.layout == "classes in test/metadata.csv, train/metadata.csv"
    assert [(item.key, item.split, item.label) for item in result.items] == [
        ("test/a.png", "test", 0),
        ("test/b.png", "test", 1),
        ("train/a.png", "train", 0),
        ("train/b.png", "train", 1),
    ]
    for split in ("test", "train"):
        (tmp_path / split / "metadata.csv").write_text("source,target\na.png,b.png\n")
    assert [item.files for item in found(tmp_path, "paired").items] == [
        {"source": "test/a.png", "target": "test/b.png"},
        {"source": "train/a.png", "target": "train/b.png"},
    ]


def test_a_split_may_stand_in_another_table(tmp_path: Path, draw) -> None:
    for name in "abc":
        draw(tmp_path / f"{name}.jpg")
    (tmp_path / "list_attr_celeba.csv").write_text("image_id,Bald,Young\na.jpg,1,-1\nb.jpg,-1,1\nc.jpg,1,1\n")
    (tmp_path / "list_eval_partition.csv").write_text("image_id,partition\na.jpg,0\nb.jpg,1\nc.jpg,2\n")
    result = found(tmp_path, "labelled")
    assert [(item.split, item.label) for item in result.items] == [("train", (1, 0)), ("val", (0, 1)), ("test", (1, 1))]


def test_captions_hold_any_character(tmp_path: Path, draw) -> None:
    draw(tmp_path / "a.png")
    captions = ["One\u2028line.", "Form\x0cfeed,\nand a new line."]
    rows = [json.dumps({"file": "a.png", "caption": caption}, ensure_ascii=False) for caption in captions]
    (tmp_path / "captions.jsonl").write_text("\r\n".join(rows), encoding="utf-8", newline="")
    assert found(tmp_path, "captioned").items[0].captions == tuple(captions)
    (tmp_path / "captions.jsonl").unlink()
    quoted = "".join(f'a.png,"{caption}"\n' for caption in captions)
    (tmp_path / "captions.csv").write_text(f"file,caption\n{quoted}", encoding="utf-8")
    assert found(tmp_path, "captioned").items[0].captions == tuple(captions)


def test_a_table_may_lead_to_the_folder_beside_its_own(tmp_path: Path, draw) -> None:
    draw(tmp_path / "pictures" / "a.png")
    draw(tmp_path / "pictures" / "b.png")
    (tmp_path / "tables").mkdir()
    whole = tmp_path / "pictures" / "b.png"
    (tmp_path / "tables" / "captions.csv").write_text(f"file,caption\n../pictures/a.png,x\n{whole},y\n")
    assert [item.key for item in found(tmp_path, "captioned").items] == ["pictures/a.png", "pictures/b.png"]
