"""The example plugin as a stranger's distribution: built, installed beside i2i, trained, resumed, used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2i.plugins import registry

EXAMPLE = Path(__file__).parent.parent / "examples" / "i2i-plugin-warmgan"


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command away from this repository and return what it printed; fail with all of it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "I2I_", "PYTEST"))}
    environment |= {"I2I_HOME": str(cwd / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(place: Path) -> Path:
    """Build the example's wheel from a copy, offline."""
    sources = shutil.copytree(EXAMPLE, place / "sources", ignore=shutil.ignore_patterns("build", "*.egg-info", "__py*"))
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    call(*pip, "--wheel-dir", place, sources, cwd=place)
    (wheel,) = place.glob("i2i_plugin_warmgan-*.whl")
    return wheel


def make_venv(place: Path, wheel: Path) -> Path:
    """Make an environment that holds the wheel alone and sees this one's packages; return its Python."""
    call(sys.executable, "-m", "venv", "--without-pip", place, cwd=place.parent)
    python = place / "bin" / "python"
    paths = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip()
    seen = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in seen)  # reads the .pth files there too
    Path(paths, "host.pth").write_text(lines)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    call(*pip, wheel, cwd=place)
    return python


def make_pairs(root: Path) -> Path:
    """Write pairs of pictures: smooth blobs, and the same warmer."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 4)):
        for number in range(count):
            small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
            source = np.asarray(small.resize((48, 40), Image.Resampling.BICUBIC))
            for name, pixels in (("cold", source), ("warm", source // 2 + np.uint8([120, 60, 0]))):
                folder = root / split / name
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def test_a_strangers_plugin_trains_resumes_and_translates(tmp_path):
    python = make_venv(tmp_path / "venv", build_wheel(tmp_path))
    i2i = (python, "-m", "i2i")
    data = make_pairs(tmp_path / "pairs")
    work = tmp_path / "work"
    work.mkdir()

    assert "warmgan" in call(*i2i, "models", cwd=work)

    small = "--image-size 32 --width 4 --depth 4 --layers 2 --device cpu --precision fp32 --workers 0"
    call(*i2i, "train", "warmgan", data, *small.split(), "--steps", "20", "--time-limit", "0.001s", cwd=work)
    (run,) = (work / "runs").iterdir()
    stopped = json.loads((run / "run.json").read_text())
    assert stopped["state"] == "stopped"
    assert 1 <= stopped["step"] < 20

    call(*i2i, "resume", run, "--time-limit", "10m", cwd=work)
    assert json.loads((run / "run.json").read_text())["step"] == 20
    manifest = json.loads((run / "checkpoints" / "last" / "bundle.json").read_text())
    assert (manifest["model"], manifest["distribution"]) == ("warmgan", "i2i-plugin-warmgan")
    assert (manifest["phase"], manifest["targets"]) == ("adversarial", ["warm"])

    call(*i2i, "translate", "--model", run, data / "test" / "cold", "--out", work / "out", cwd=work)
    results = sorted((work / "out").rglob("*.png"))
    assert [path.name for path in results] == [f"{number}.png" for number in range(4)]
    for path in results:
        with Image.open(path) as result:
            assert (result.size, result.mode) == ((48, 40), "RGB")

    assert "1 passed" in call(python, "-m", "pytest", "-p", "no:cacheprovider", EXAMPLE / "tests", cwd=work)


@pytest.mark.parametrize("name", registry().models())
def test_every_installed_model_is_held_to_the_contract(name):
    """The plugins' own tests do it, with networks that a test can wait for: by name, or going over all their cards."""
    package = registry().models()[name].target.partition(".")[0]
    texts = [path.read_text() for path in Path(__file__).with_name("plugins").glob("test_*.py")]
    named = (f'"{name}"', f"from {package} import cards\n")
    assert any("check_model(" in text and any(each in text for each in named) for text in texts)
