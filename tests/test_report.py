import base64
import io
import json
import math
import re
import time
from html.parser import HTMLParser

import pytest
from PIL import Image

from i2i import previews, report
from i2i.run import hold

VOID = {"meta", "img", "input", "br", "link"}
HOSTILE = '<script>alert("x")</script>&$name'


class Page(HTMLParser):
    """A page read strictly: tags nest, and everything it would load is noted."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.loads, self.ids, self.scripts = [], "", [], {}, 0
        self.images, self.slider = [], None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [attributes[key] for key in ("src", "href", "data", "action", "srcset") if key in attributes]
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(attributes)
        if tag == "input":
            self.slider = attributes
        if tag not in VOID:
            self.open.append((tag, attributes.get("id")))

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, name = self.open[-1] if self.open else ("", None)
        if name:
            self.ids[name] = data
        elif tag not in ("script", "style"):
            self.text += data


def make_run(folder, steps=40, name="first", **state):
    run = folder / name
    run.mkdir(parents=True)
    values = {
        "format": 1,
        "model": "cyclegan",
        "data": "summer2winter",
        "state": "finished",
        "step": steps,
        "steps": 80,
    }
    values |= {
        "started": time.time() - 125,
        "updated": time.time(),
        "pid": 1,
        "host": "elsewhere",
        "figures": {"kid": 0.0123456},
    }
    (run / "run.json").write_text(json.dumps(values | state))
    (run / "config.toml").write_text('model = "cyclegan"\nlr = 0.0002\ndomains = ["a<b", "c"]\n')
    (run / "environment.json").write_text(json.dumps({"i2i": "0.1.0", "libraries": {"torch": "9.9"}}))
    (run / "data.json").write_text(json.dumps({"fingerprint": "abc", "held_back": [str(i) for i in range(300)]}))
    with (run / "log.jsonl").open("w") as file:
        for step in range(1, steps + 1):
            terms = {"generators/gan": 1 / step, "generators/cycle": 5.0 - step / 100, "discriminators/a": 0.25}
            entry = {"event": "step", "step": step, "phase": "train", "epoch": step / 10, "time": 0.0}
            file.write(json.dumps(entry | {"images_per_second": 8.0, "waiting": 0.015, "terms": terms}) + "\n")
    return run


def test_the_page_is_whole_and_asks_nothing_of_a_network(tmp_path):
    run = make_run(tmp_path)
    for step in range(0, 300, 10):
        previews.save(run / "previews", step, Image.new("RGB", (1500, 40), (step % 256, 0, 0)))
    path = report.write(run)
    assert path == run / "report.html"
    text = path.read_text()
    page = Page(text)
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.loads)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\.\./", text)
    assert "default-src 'none'" in text
    assert [entry.name for entry in run.iterdir() if entry.name.startswith(".")] == []

    assert len(page.images) == report.PICTURES
    assert [image["data-step"] for image in (page.images[0], page.images[-1])] == ["0", "290"]
    assert [("hidden" in image) for image in page.images] == [True] * (report.PICTURES - 1) + [False]
    assert page.slider["max"] == str(report.PICTURES - 1)
    jpeg = Image.open(io.BytesIO(base64.b64decode(page.images[-1]["src"].partition(",")[2])))
    assert jpeg.size == (1100, 29)


def test_the_page_says_where_the_run_stands(tmp_path):
    page = Page(report.page(make_run(tmp_path)))
    assert page.text.lstrip().startswith("first")
    for part in ("finished", "cyclegan on summer2winter", "40 of 80", "2 min 05 s", "0.01235", "1.5%", "lr", "0.0002"):
        assert part in page.text
    for part in ("a<b, c", "libraries.torch", "9.9", "abc", "300 entries"):
        assert part in page.text


def test_the_curves_hold_the_numbers_of_the_log(tmp_path):
    page = Page(report.page(make_run(tmp_path)))
    generators, discriminators = json.loads(page.ids["curves"])
    gan, cycle = generators["terms"]
    assert gan["steps"] == list(range(1, 41))
    assert gan["values"] == pytest.approx([1 / step for step in range(1, 41)], rel=1e-5)
    assert cycle["values"][-1] == pytest.approx(4.6)
    assert discriminators["terms"][0]["values"] == [0.25] * 40


def test_hostile_names_are_text_and_nothing_else(tmp_path):
    usual = Page(report.page(make_run(tmp_path)))
    run = make_run(
        tmp_path, name="<img src=x onerror=alert(1)>", model=HOSTILE, data=HOSTILE, figures={HOSTILE: HOSTILE}
    )
    (run / "config.toml").write_text(f"model = '{HOSTILE}'\n")
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"event": "warning", "step": 3, "text": HOSTILE}) + "\n")
        file.write(
            json.dumps({"event": "step", "step": 41, "phase": HOSTILE, "terms": {f"{HOSTILE}/{HOSTILE}": 1.0}}) + "\n"
        )
    page = Page(report.page(run))
    assert page.scripts == usual.scripts
    assert page.loads == []
    assert page.text.count(HOSTILE) >= 6
    assert "<img src=x onerror=alert(1)>" in page.text


def test_warnings_and_phases_are_shown(tmp_path):
    run = make_run(tmp_path)
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"event": "message", "step": 3, "text": "just so"}) + "\n")
        file.write(json.dumps({"event": "warning", "step": 1200, "text": "take care"}) + "\n")
        file.write(
            json.dumps({"event": "step", "step": 41, "phase": "fine", "terms": {"generators/gan": "inf"}}) + "\n"
        )
        file.write(json.dumps({"event": "step", "step": 50, "phase": "fine", "terms": {"generators/gan": 1.0}}) + "\n")
    page = Page(report.page(run))
    assert "step 1,200: take care" in page.text
    assert "just so" not in page.text
    assert "fine" in page.text


def test_a_run_that_has_just_begun_or_is_damaged_has_a_page(tmp_path):
    run = tmp_path / "bare"
    run.mkdir()
    assert "unknown" in Page(report.page(run)).text
    (run / "run.json").write_text("{")
    (run / "config.toml").write_text("[")
    (run / "log.jsonl").write_bytes(b'{"event": "step", "step": 1, "te')
    (run / "previews").mkdir()
    (run / "previews" / "step-00000001.png").write_bytes(b"no picture")
    page = Page(report.page(run))
    assert "unknown" in page.text
    assert page.images == []


def test_a_run_that_is_trained_is_running_and_as_far_as_its_log(tmp_path):
    run = make_run(tmp_path, state="running", step=20)
    killed = Page(report.page(run)).text
    held = hold(run)
    text = Page(report.page(run)).text
    held.release()
    assert "running" in text
    assert "40 of 80" in text  # the log's; run.json tells the step of the last checkpoint
    assert "killed" in killed
    assert "20 of 80" in killed


def test_long_logs_are_thinned_evenly_with_both_ends(tmp_path):
    run = make_run(tmp_path, steps=9000)
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"event": "stopped", "step": 9000}) + "\n")
    steps, others = report.read_thinned(run)
    assert len(steps) == report.PARSED
    assert (steps[0]["step"], steps[-1]["step"]) == (1, 9000)
    assert all(math.isclose(entry["terms"]["generators/gan"], 1 / entry["step"]) for entry in steps)
    assert [entry["event"] for entry in others] == ["stopped"]


def test_flat_names_nested_settings():
    values = {"a": {"b": 1, "c": {"d": True}}, "e": [1, 2], "f": list(range(1200)), "g": False}
    assert report.flat(values) == {"a.b": "1", "a.c.d": "yes", "e": "1, 2", "f": "1,200 entries", "g": "no"}
