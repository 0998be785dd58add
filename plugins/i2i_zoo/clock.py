"""How often each player was updated: what schedules are counted in, kept in the checkpoint."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

EARLY, SOMETIMES = 25, 500  # generator updates that a warm-up of the critic comes before: the first, and each so many


class Clock(nn.Module):
    """Counters of updates, in buffers; read from them once, so that no step waits for a GPU."""

    generator: Tensor
    discriminator: Tensor
    since: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("generator", "discriminator", "since"):  # since: the discriminator's after the generator's last
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))
        self._known: dict[str, int] = {}

    def of(self, player: str) -> int:
        """How many updates a player has had; "since": the discriminator since the generator's last."""
        if player not in self._known:
            self._known[player] = int(self.get_buffer(player))
        return self._known[player]

    def tick(self, player: str) -> None:
        """Count an update of "generator" or "discriminator"."""
        self._set(player, self.of(player) + 1)
        self._set("since", self.of("since") + 1 if player == "discriminator" else 0)

    def generator_is_due(self, n_critic: int, warmup: int = 0) -> bool:
        """Whether the generator is updated after the discriminator's coming update.

        With a `warmup` the discriminator has so many before each of the generator's first 25 and each 500th.
        """
        done = self.of("generator")
        wanted = warmup if warmup and (done < EARLY or done % SOMETIMES == 0) else n_critic
        return self.of("since") + 1 >= wanted

    def _set(self, name: str, value: int) -> None:
        self._known[name] = value
        self.get_buffer(name).fill_(value)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._known.clear()
