"""What a run computed with: versions, devices, threads. Kept as environment.json; no names of people or machines."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from i2i import __version__
from i2i.plugins import registry

LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "albumentations", "kornia", "safetensors")


def describe() -> dict[str, Any]:
    """Describe this process's surroundings, as JSON holds it."""
    import torch

    surroundings: dict[str, Any] = {
        "i2i": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "libraries": libraries(),
        "plugins": plugins(),
    }
    if torch.version.cuda:
        surroundings["cuda"] = torch.version.cuda
    if torch.backends.cudnn.is_available():
        surroundings["cudnn"] = torch.backends.cudnn.version()
    if torch.cuda.is_available():
        surroundings["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if commit := git_commit():
        surroundings["git_commit"] = commit
    return surroundings


def libraries() -> dict[str, str]:
    """The versions of the libraries that results depend on; one that is missing is left out."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def plugins() -> dict[str, str]:
    """The distributions whose plugins loaded, with their versions."""
    loaded = (plugin for plugin in registry().plugins if not plugin.problem and not plugin.disabled)
    return {plugin.distribution: plugin.version for plugin in loaded}


def processor() -> str:
    """The processor's name as its maker gives it, or its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def git_commit() -> str:
    """The commit of the working folder, marked where files differ from it; empty outside a repository."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
