"""`--to all`: a result of each target, and sheets of them."""

from __future__ import annotations

from pathlib import Path

import filters
import numpy as np
from PIL import Image

from i2i import contact
from i2i.batch import translate_plan
from i2i.images import read
from i2i.request import How
from i2i.translation import make_request
from i2i.tree import Job, plan


def go(inputs: list[Path], out: Path | None = None, format: str = "", **spec: object):
    model = filters.make(**spec)
    requests = [make_request(model, {"to": target}) for target in model.targets()]
    made = plan(inputs, out, "all", format, model.targets())
    return translate_plan(model, made, requests, How(format=format))


def test_a_folder_gets_a_result_of_each_and_a_sheet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos/trip").mkdir(parents=True)
    pixels = np.arange(40 * 50 * 3, dtype=np.uint32).reshape(40, 50, 3).astype(np.uint8)
    for name in ("a.png", "trip/b.png"):
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    (tmp_path / "photos/c.jpg").write_bytes(b"")
    summary = go([tmp_path / "photos"])
    assert (summary.total, summary.written, len(summary.failed)) == (6, 4, 2)
    assert summary.line().endswith(" Contact sheet: photos-all/contact-sheet.png.")
    made = sorted(
        path.relative_to(tmp_path / "photos-all").as_posix() for path in tmp_path.rglob("photos-all/**/*.png")
    )
    assert made == ["a-summer.png", "a-winter.png", "contact-sheet.png", "trip/b-summer.png", "trip/b-winter.png"]
    assert (read(tmp_path / "photos-all/trip/b-winter.png").pixels == 255 - pixels).all()
    sheet = np.asarray(Image.open(tmp_path / "photos-all/contact-sheet.png"))
    assert sheet.ndim == 3
    # pictures are enlarged by whole pixels: the first pixel of the source and of the negative are on the sheet
    colours = {tuple(colour) for colour in sheet.reshape(-1, 3).tolist()}
    assert tuple(pixels[7, 7].tolist()) in colours
    assert tuple((255 - pixels[7, 7]).tolist()) in colours
    assert go([tmp_path / "photos"]).skipped == 4


def test_a_file_gets_them_beside_it_and_the_second_time_passes_them_by(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (12, 9)).save("a.png")
    go([Path("a.png")])
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "a-all.png",
        "a-summer.png",
        "a-winter.png",
        "a.png",
    ]
    again = go(sorted(tmp_path.glob("*.png")))
    assert (again.written, again.skipped) == (0, 2 + 3)  # two results of a.png, and three files that are results
    go([Path("a.png")], Path("out"), "jpg")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-summer.jpg", "a-winter.jpg", "contact-sheet.png"]


def test_many_pictures_take_several_sheets(tmp_path):
    jobs = []
    for number in range(contact.ROWS + 3):
        path = tmp_path / f"{number:02}.png"
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
        jobs.append((Job(path, path.name, path, path.stem), "rain"))
    written = contact.write(jobs, tmp_path / "contact-sheet.png")
    assert [path.name for path in written] == ["contact-sheet.png", "contact-sheet-2.png"]
    heights = [Image.open(path).height for path in written]
    assert heights[0] > 2 * heights[1]
