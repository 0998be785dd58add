"""What `i2i doctor` finds out: versions, devices, memory, room on disk, places, plugins."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from i2i import __version__, places
from i2i.environment import processor
from i2i.plugins import registry
from i2i.tables import size, table

DISTRIBUTION = "i2i-translate"
LOW_DISK, LOW_MEMORY = 5e9, 2e9  # bytes; below that training is likely to fail
VARIABLES = (
    "I2I_HOME",
    "I2I_DATA",
    "I2I_MODELS",
    "I2I_OFFLINE",
    "I2I_DISABLE_PLUGINS",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
)


def examine() -> dict[str, Any]:
    """Look at this machine and this installation, as JSON holds it. Writes nothing, asks no network."""
    report: dict[str, Any] = {
        "versions": {"i2i": __version__, "python": platform.python_version(), **libraries()},
        "machine": {
            "system": platform.platform(),
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": memory(),
        },
        "devices": devices(),
        "places": {name: place(path) for name, path in folders().items()},
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "plugins": [
            {
                "name": p.name,
                "package": f"{p.distribution} {p.version}".strip(),
                "problem": p.problem,
                "off": p.disabled,
            }
            for p in registry().plugins
        ],
    }
    report["advice"] = advice(report)
    return report


def libraries() -> dict[str, str]:
    """The version of each distribution that i2i needs; "missing" where there is none."""
    try:
        needed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        needed = []
    found = {}
    for line in needed:
        if "extra ==" in line:
            continue
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def memory() -> dict[str, int]:
    """Main memory in bytes: what there is (a container's limit, if it has one) and what is free. Empty if unknown."""
    found: dict[str, int] = {}
    try:
        found["total"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return found
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found["free"] = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii")) - _file_cache()
        if limit < found["total"]:
            found = {"total": limit, "free": min(found.get("free", limit), max(limit - used, 0))}
    except (OSError, ValueError):
        pass
    return found


def _file_cache() -> int:
    """Bytes of a container's memory that only hold files that were read, and are given up when needed."""
    lines = Path("/sys/fs/cgroup/memory.stat").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))


def devices() -> list[dict[str, Any]]:
    """What can compute: name, bfloat16 in hardware, memory in bytes. A torch that does not import is told."""
    try:
        import torch

        from i2i.device import choose_device, has_bf16
    except Exception as error:
        return [{"device": "none", "problem": f"torch does not import: {type(error).__name__}: {error}"}]
    chosen = choose_device("auto")
    found = [{"device": "cpu", "name": processor(), "threads": torch.get_num_threads()}]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        entry: dict[str, Any] = {"device": f"cuda:{index}", "name": torch.cuda.get_device_name(index)}
        entry["capability"] = ".".join(map(str, torch.cuda.get_device_capability(index)))
        try:
            free, total = torch.cuda.mem_get_info(index)
            entry["memory"] = {"total": total, "free": free}
        except RuntimeError as error:  # a full or broken GPU is what doctor is asked about
            entry["problem"] = str(error).splitlines()[0]
        found.append(entry)
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "name": "Apple GPU"})
    for entry in found:
        entry["bf16"] = has_bf16(torch.device(str(entry["device"])))
        entry["auto"] = torch.device(str(entry["device"])).type == chosen.type
    if torch.version.cuda and not torch.cuda.is_available():
        found[0]["note"] = f"torch is built for CUDA {torch.version.cuda} and finds no GPU"
    return found


def folders() -> dict[str, Path]:
    """Where i2i keeps things, by name."""
    return {"working folder": Path.cwd(), "cache": places.cache(), "data": places.data(), "models": places.models()}


def place(path: Path) -> dict[str, Any]:
    """A folder that may not exist yet: its path, the room on its disk in bytes, whether it can be written."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    found: dict[str, Any] = {
        "path": str(path),
        "exists": path.exists(),
        "writable": there.is_dir() and os.access(there, os.W_OK),
    }
    try:
        found["free"] = shutil.disk_usage(there).free
    except OSError as error:
        found["problem"] = str(error)
    return found


def advice(report: dict[str, Any]) -> list[str]:
    """What is wrong, each in a sentence with the way out."""
    lines = []
    versions = report["versions"]
    if missing := [name for name, found in versions.items() if found == "missing"]:
        lines.append(f"{', '.join(missing)} is missing; install with: pip install -U {DISTRIBUTION}")
    for device in report["devices"]:
        if "problem" in device:
            lines.append(f"{device['device']}: {device['problem']}")
        if "note" in device and shutil.which("nvidia-smi"):  # most such machines simply have no GPU
            lines.append(f"{device['note']}; check the driver with nvidia-smi, or go on with --device cpu")
    if report["machine"]["memory"].get("free", LOW_MEMORY) < LOW_MEMORY:
        free = size(report["machine"]["memory"]["free"])
        lines.append(f"Only {free} of memory are free; close programs, or use a smaller --batch-size and --image-size")
    for name, entry in report["places"].items():
        if entry.get("free", LOW_DISK) < LOW_DISK:
            lines.append(f"Only {size(entry['free'])} are free for the {name} ({short(entry['path'])})")
        if not entry["writable"]:
            way = "" if name == "working folder" else "; move it with the environment variable I2I_HOME"
            lines.append(f"The {name} ({short(entry['path'])}) cannot be written{way}")
    if broken := [plugin["name"] for plugin in report["plugins"] if plugin["problem"]]:
        lines.append(f"Plugins that did not load: {', '.join(broken)}; the reasons: i2i plugins")
    return lines


def text(report: dict[str, Any]) -> str:
    """The report for people, fit to paste into an issue: the home folder is written as ~."""
    machine = report["machine"]
    ram = machine["memory"]
    room = size(ram["total"]) + (f", {size(ram['free'])} free" if "free" in ram else "") if ram else ""
    rows = [("i2i", report["versions"]["i2i"]), ("python", f"{report['versions']['python']} ({short(sys.prefix)})")]
    rows += [("system", machine["system"]), ("processor", f"{machine['processor']}, {machine['cores']} cores")]
    rows += [("memory", room)] if room else []
    rows += [(device["device"], _device(device)) for device in report["devices"]]
    for name, entry in report["places"].items():
        notes = [f"{size(entry['free'])} free"] if "free" in entry else []
        notes += ["not made yet"] * (not entry["exists"]) + ["cannot be written"] * (not entry["writable"])
        rows.append((name, f"{short(entry['path'])} ({', '.join(notes)})"))
    rows += [(name, short(value)) for name, value in report["variables"].items()]
    for plugin in report["plugins"]:
        state = "disabled" if plugin["off"] else (plugin["problem"].splitlines() or ["ok"])[0]
        rows.append((f"plugin {plugin['name']}", f"{plugin['package']}: {state}"))
    known = [f"{name} {found}" for name, found in report["versions"].items() if name not in ("i2i", "python")]
    rows.append(("libraries", ", ".join(known)))
    closing = "\n".join(f"- {line}" for line in report["advice"]) or "No problem found."
    return f"{table(rows)}\n\n{closing}"


def _device(device: dict[str, Any]) -> str:
    """A device in words."""
    parts = [device[key] for key in ("name", "problem") if key in device and device["device"] != "cpu"]
    if "memory" in device:
        parts.append(f"{size(device['memory']['total'])}, {size(device['memory']['free'])} free")
    if "threads" in device:
        parts.append(f"{device['threads']} thread{'s' * (device['threads'] != 1)}")
    if "note" in device:
        parts.append(device["note"])
    if "bf16" in device:
        parts.append("bf16 in hardware" if device["bf16"] else "no bf16 in hardware")
    return ", ".join(parts) + (" (taken by --device auto)" if device.get("auto") else "")


def short(path: str) -> str:
    """A path with the home folder as ~: names of people do not belong in issues."""
    home = os.path.expanduser("~")
    return path.replace(home, "~", 1) if len(home) > 1 and path.startswith(home) else path
