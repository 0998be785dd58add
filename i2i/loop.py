"""The training loop, and `update`: the one place that back-propagates.

To follow one training step: here, `run_step` asks the model's `train_step` generator for updates and performs each;
what the updates are stands in the plugin's model.py.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from i2i import distributed
from i2i.device import Engine
from i2i.model import Batch, Model, Progress, Terms, mix


class NonFinite(FloatingPointError):
    """A loss is NaN or infinite; `terms` names which."""

    def __init__(self, terms: Mapping[str, float], step: int) -> None:
        self.terms = dict(terms)
        self.step = step
        listed = ", ".join(f"{name} is {value}" for name, value in terms.items())
        super().__init__(f"the loss stopped being a number at step {step:,}: {listed}")


def run_step(
    model: Model, optimizers: Mapping[str, Optimizer], batch: Batch, progress: Progress, engine: Engine
) -> dict[str, Tensor]:
    """Train on one batch: let the model compute, perform each update it asks for, in order.

    Returns the logged terms by `optimizer/term`, as scalar tensors without gradients.
    """
    seed = mix(progress.seed, progress.run_step, progress.rank)  # dropout and the like replay without saved states
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)

    model.train()
    logged: dict[str, Tensor] = {}
    updates = model.train_step(batch, progress)
    while True:
        with engine.autocast():  # one region per update: it caches cast weights, which a step makes stale
            request = next(updates, None)
        if request is None:
            return logged
        wanted = request if isinstance(request, dict) else {request[0]: request[1]}
        for name, terms in wanted.items():
            prefix = f"{name}/" if name else ""
            logged |= {f"{prefix}{term}": value.detach() for term, value in terms.items()}
        asked = {name: terms for name, terms in wanted.items() if name is not None}
        if asked:
            update(asked, optimizers, engine)


def update(asked: Mapping[str, Terms], optimizers: Mapping[str, Optimizer], engine: Engine) -> None:
    """Back-propagate each optimizer's terms into its own parameters, average over ranks, then step them all.

    All gradients come before the first step: the optimizers may share one graph. Raises LookupError for an optimizer
    that the phase does not have.
    """
    for name in asked:
        if name not in optimizers:
            raise LookupError(f'train_step updates "{name}", but this phase has the optimizers {", ".join(optimizers)}')
    names = list(asked)
    for name in names:
        optimizer, scaler = optimizers[name], engine.scaler(name)
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.stack([wide(term) for term in asked[name].values()]).sum()
        loss = scaler.scale(loss) if scaler else loss
        loss.backward(inputs=parameters, retain_graph=name != names[-1])
        distributed.average_gradients(parameters)
    for name in names:
        optimizer, scaler = optimizers[name], engine.scaler(name)
        if scaler is None:
            optimizer.step()
            continue
        before = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        engine.count_skipped(name, skipped=scaler.get_scale() < before)


def wide(term: Tensor) -> Tensor:
    """A loss in float32, or in float64 when it already is."""
    return term if term.dtype == torch.float64 else term.float()


def check_finite(logged: Mapping[str, float], step: int) -> None:
    """Raise NonFinite when a logged term is NaN or infinite."""
    bad = {name: value for name, value in logged.items() if not np.isfinite(value)}
    if bad:
        raise NonFinite(bad, step)


def set_learning_rates(optimizers: Mapping[str, Optimizer], factor: float) -> None:
    """Set every learning rate to its initial value times a factor: a pure function of the step, never saved."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def to_floats(logged: Mapping[str, Tensor]) -> dict[str, float]:
    """Fetch logged terms from the device in one transfer."""
    if not logged:
        return {}
    return dict(zip(logged, torch.stack([v.double() for v in logged.values()]).tolist(), strict=True))


def carry_over(old: Mapping[str, Optimizer], new: Mapping[str, Optimizer]) -> None:
    """Keep optimizer state across phases where the name and the parameters are the same."""
    for name, optimizer in new.items():
        before = old.get(name)
        if before is not None and _parameters(before) == _parameters(optimizer):
            load_optimizer(optimizer, before.state_dict()["state"])


def load_optimizer(optimizer: Optimizer, state: dict[Any, Any]) -> None:
    """Give an optimizer its state; its hyper-parameters stay as the model made them."""
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _parameters(optimizer: Optimizer) -> list[int]:
    return [id(p) for group in optimizer.param_groups for p in group["params"]]
