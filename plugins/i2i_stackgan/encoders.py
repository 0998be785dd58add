"""Encoders that learn in the run: sentences by words or by characters, and pictures, into one space.

The one by characters is Reed, Akata, Schiele, Lee, "Learning Deep Representations of Fine-Grained Visual Descriptions",
2016, arXiv:1605.05395, with a GRU for its recurrence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_stackgan import captions

MOST_WORDS = 20_000  # of a vocabulary, the most frequent


class WordEncoder(nn.Module):
    """Encode sentences as (N, size) by a GRU over their words; words that it does not know are passed over."""

    unit, longest = "words", captions.MAX_WORDS

    def __init__(self, vocabulary: Sequence[str], size: int, width: int = 256) -> None:
        super().__init__()
        self.numbers = {word: number for number, word in enumerate(vocabulary[:MOST_WORDS], 1)}  # 0 is nothing
        self.embedding = nn.Embedding(len(self.numbers) + 1, width, padding_idx=0)
        self.recurrence = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, size)

    def read(self, caption: str) -> list[int]:
        """The numbers of a caption's words."""
        found = (self.numbers.get(word) for word in captions.words(caption)[: self.longest])
        return [number for number in found if number is not None]

    def forward(self, sentences: Sequence[str]) -> Tensor:
        read = [self.read(sentence) or [0] for sentence in sentences]
        lengths = torch.tensor([len(numbers) for numbers in read])
        padded = torch.zeros(len(read), int(lengths.max()), dtype=torch.int64)  # (N, T)
        for row, numbers in zip(padded, read, strict=True):
            row[: len(numbers)] = torch.tensor(numbers)
        device = self.head.weight.device
        states, _ = self.recurrence(
            self.embedding(padded.to(device))
        )  # (N, T, width); padding comes after all that counts
        within = torch.arange(padded.shape[1])[None] < lengths[:, None]  # (N, T)
        weights = (within / lengths[:, None]).to(states)
        return self.head((states * weights[..., None]).sum(1))


class CharacterEncoder(nn.Module):
    """Encode sentences as (N, size) by convolutions over their first 201 characters and a GRU over what these find."""

    unit, longest = "characters", captions.MAX_CHARACTERS

    def __init__(self, vocabulary: Sequence[str], size: int, width: int = 256) -> None:
        super().__init__()
        self.alphabet = captions.alphabet_of(vocabulary)
        self.numbers = {letter: number for number, letter in enumerate(self.alphabet)}
        widths = (len(self.alphabet), width * 3 // 2, width * 2, width)
        self.layers = nn.Sequential(
            networks.stage(conv=nn.Conv1d(widths[0], widths[1], 4), act=nn.ReLU(), pool=nn.MaxPool1d(3)),
            networks.stage(conv=nn.Conv1d(widths[1], widths[2], 4), act=nn.ReLU(), pool=nn.MaxPool1d(3)),
            networks.stage(conv=nn.Conv1d(widths[2], widths[3], 4), act=nn.ReLU()),
        )
        self.recurrence = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, size)

    def forward(self, sentences: Sequence[str]) -> Tensor:
        shown = torch.zeros(len(sentences), len(self.alphabet), self.longest)  # (N, letters, 201)
        for row, sentence in zip(shown, sentences, strict=True):
            read = captions.letters(sentence, self.numbers)[: self.longest]
            row[[self.numbers[letter] for letter in read], range(len(read))] = 1
        found = self.layers(shown.to(self.head.weight))  # (N, width, 18)
        states, _ = self.recurrence(found.transpose(1, 2))
        return self.head(states.mean(1))


class PictureEncoder(nn.Module):
    """Encode pictures (N, C, H, W) of a size as (N, numbers): what sentences are compared with in their lessons."""

    def __init__(self, channels: int, halvings: int, numbers: int, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for level in range(halvings):
            wider = min(width * 2**level, 8 * width)
            conv = nn.Conv2d(channels, wider, 4, stride=2, padding=1, bias=False)
            self.layers.append(networks.stage(conv=conv, norm=nn.BatchNorm2d(wider), act=nn.LeakyReLU(0.2)))
            channels = wider
        self.head = nn.Linear(channels, numbers)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.layers(images).mean((2, 3)))
