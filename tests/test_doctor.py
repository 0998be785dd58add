import builtins
import json
import os
import platform
from importlib.metadata import requires

import pytest
import typer
from typer.testing import CliRunner

from i2i import doctor
from i2i.commands import doctor as command


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "home"))
    return doctor.examine()


def test_everything_an_issue_needs_is_there(report, tmp_path):
    assert report["versions"]["python"] == platform.python_version()
    assert {"torch", "albumentations", "scikit-image"} <= set(report["versions"])
    assert "pytest" not in report["versions"]
    assert len(report["versions"]) - 2 == len([r for r in requires("i2i-translate") if "extra ==" not in r])
    assert report["devices"][0]["device"] == "cpu"
    assert sum(device["auto"] for device in report["devices"]) >= 1
    assert report["places"]["cache"]["path"] == str(tmp_path / "home" / "cache")
    assert report["places"]["cache"]["exists"] is False
    assert report["places"]["cache"]["free"] > 0
    assert report["variables"]["I2I_HOME"] == str(tmp_path / "home")
    assert {plugin["name"] for plugin in report["plugins"]} >= {"cyclegan", "datasets"}
    assert not (tmp_path / "home").exists()  # looking makes nothing


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="needs Linux's /proc")
def test_memory_is_what_the_system_says(report):
    memory = report["machine"]["memory"]
    assert 0 < memory["free"] <= memory["total"]
    assert memory["total"] <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_the_home_folder_is_not_told(report, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    report["places"]["cache"] |= {"free": 10**8, "writable": False}
    report["advice"] = doctor.advice(report)
    text = doctor.text(report)
    assert str(tmp_path) not in text
    assert text.count("~/home/cache") >= 3  # where it is, that it is nearly full, and that it cannot be written


def test_what_is_wrong_is_a_sentence_with_the_way_out(report):
    assert doctor.advice(report) == report["advice"]
    report["versions"]["kornia"] = "missing"
    report["machine"]["memory"] = {"total": 4 * 10**9, "free": 10**9}
    report["places"]["cache"] |= {"free": 10**8, "writable": False}
    report["devices"].append({"device": "cuda:0", "name": "GPU", "problem": "out of memory"})
    report["plugins"].append({"name": "swirl", "package": "i2i-swirl 1", "problem": "a\nb", "off": False})
    report["advice"] = doctor.advice(report)
    text = doctor.text(report)
    for part in (
        "- kornia is missing; install with: pip install -U i2i-translate",
        "- cuda:0: out of memory",
        "- Only 1.0 GB of memory are free; close programs, or use a smaller --batch-size",
        "- Only 100 MB are free for the cache",
        "cannot be written; move it with the environment variable I2I_HOME",
        "- Plugins that did not load: swirl; the reasons: i2i plugins",
    ):
        assert part in text


def test_a_healthy_machine_has_no_advice(report):
    report["machine"]["memory"] = {}
    for place in report["places"].values():
        place |= {"free": 10**12, "writable": True}
    report["plugins"] = []
    assert doctor.advice(report) == []
    assert doctor.text(report | {"advice": []}).endswith("No problem found.")


def test_a_torch_that_does_not_import_is_told(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "torch":
            raise ImportError("libcudart.so.12: cannot open shared object file")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    report = doctor.examine()
    (device,) = report["devices"]
    assert device["problem"] == "torch does not import: ImportError: libcudart.so.12: cannot open shared object file"
    assert "libcudart" in doctor.text(report)


def test_gpus_are_told_with_their_memory_and_what_is_wrong_with_them(monkeypatch):
    import torch

    def free(index):
        if index == 1:
            raise RuntimeError("CUDA error: out of memory\nmore")
        return 60 * 10**9, 80 * 10**9

    for name, value in {
        "is_available": lambda: True,
        "device_count": lambda: 2,
        "get_device_name": lambda index: f"GPU {index}",
        "get_device_capability": lambda index: (9, 0),
        "mem_get_info": free,
        "is_bf16_supported": lambda including_emulation: True,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setenv("COLUMNS", "200")  # whatever terminal the tests run in, these lines shall not wrap
    report = doctor.examine()
    cpu, first, second = report["devices"]
    assert (cpu["auto"], first["auto"]) == (False, True)
    assert first["capability"] == "9.0"
    assert second["problem"] == "CUDA error: out of memory"
    text = doctor.text(report)
    assert "GPU 0, 80 GB, 60 GB free, bf16 in hardware (taken by --device auto)" in text
    assert "- cuda:1: CUDA error: out of memory" in text


def test_the_command_prints_text_or_json():
    app = typer.Typer()
    command.register(app)
    text = CliRunner().invoke(app, [])
    assert text.exit_code == 0
    assert text.stdout.startswith("i2i ")
    assert json.loads(CliRunner().invoke(app, ["--json"]).stdout)["versions"]["i2i"]


def test_memory_that_only_holds_files_is_free(monkeypatch):
    files = {
        "/proc/meminfo": "MemAvailable: 60000000 kB\n",
        "/sys/fs/cgroup/memory.max": "8000000000\n",
        "/sys/fs/cgroup/memory.current": "7000000000\n",
        "/sys/fs/cgroup/memory.stat": "anon 1000000000\nactive_file 2000000000\ninactive_file 4000000000\n",
    }
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, encoding: files[str(self)])
    monkeypatch.setattr(os, "sysconf", lambda name: 2**18)
    assert doctor.memory() == {"total": 8_000_000_000, "free": 7_000_000_000}


def test_a_place_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert doctor.place(tmp_path / "file" / "cache")["writable"] is False
