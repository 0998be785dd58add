"""The test kit of plugin authors: `check_model` proves that a model keeps the contract core relies on."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from i2i import bundle, checkpoint
from i2i.device import Engine, fuse
from i2i.loop import run_step
from i2i.model import Batch, Model, Phase, Progress, Terms, Updates
from i2i.options import build, describe
from i2i.plugins import load_class, registry
from i2i.schedule import Stretch, plan
from i2i.settings import Settings
from i2i.spec import DataSpec
from i2i.testing.pictures import check_translate
from i2i.testing.synthetic import synthetic_batch, synthetic_spec

__all__ = ["check_model", "synthetic_batch", "synthetic_spec"]

MORE_STEPS = 8  # tried before an optimizer counts as never updated


def check_model(
    name: str,
    *,
    image_size: int | None = None,
    small: bool = False,
    batch_size: int = 2,
    steps: int = 2,
    spec: DataSpec | None = None,
    kind: str | None = None,
    **options: Any,
) -> Model:
    """Build an installed model on synthetic data and check what core relies on; return it, trained for a few steps.

    In every phase: each optimizer is updated, each update changes its parameters and no others, and the terms are
    finite scalars. Then: translating gives the same finite pictures of the right size in [-1, 1] twice and changes no
    state, and nor does the sample sheet; of a model that takes no picture every target and none gives one, and another
    for another seed, and a search has latents that it draws of; a bundle holds the model exactly; a run resumed from a
    checkpoint goes on exactly; a step in bfloat16 works. Every option is documented.

    `options` are the model's own (make the networks small, or take the model's `small` setting, which they win over);
    `spec` replaces the synthetic one of the preferred kind. `steps` are trained in each phase, and some more where an
    optimizer is not updated in each. Raises AssertionError that says what is wrong.
    """
    card = registry().model(name)
    cls = load_class(card)
    for field in [*describe(cls.Options), *describe(cls.Request)]:
        assert field.help, f"option {field.name} of {name} has no help text"
    unknown = cls.run_defaults.keys() - {field.name for field in describe(Settings)}
    assert not unknown, f"run_defaults of {name} names {unknown}, which are no run options"
    run, own = _check_small(name, cls)
    if small:
        image_size, options = image_size or run.get("image_size"), own | options
    spec = spec or synthetic_spec(kind or card.kinds[0], image_size or 32)
    torch.manual_seed(0)
    model: Model = cls(build(cls.Options, options), spec)
    missing = [eager for eager in model.eager if not hasattr(model, eager)]
    assert not missing, f"{name}.eager names {missing}, which the model does not have"
    phases = [phase.name for phase in model.phases()]
    assert len(set(phases)) == len(phases) > 0, f"the phases of {name} are {phases}; give each a name of its own"

    settings = Settings(batch_size=batch_size, image_size=spec.image_size[0], image_width=spec.image_size[1])
    optimizers: dict[str, Optimizer] = {}
    for phase in model.phases():
        (stretch,) = plan([phase], settings, steps)  # as many steps for each, whatever its share
        model.phase = phase.name
        before, optimizers = optimizers, model.optimizers(phase)
        assert optimizers, f"phase {phase.name} has no optimizer"
        fuse(optimizers)
        checkpoint.carry_over(before, optimizers)
        _look(model.start, stretch, spec)
        waiting = set(optimizers)
        for step in range(steps + MORE_STEPS):
            if step >= steps and not waiting:
                break
            waiting -= _check_step(model, optimizers, stretch, spec, step, steps + MORE_STEPS)
        assert not waiting, f"phase {phase.name} has the optimizers {sorted(waiting)}, but no step updates them"
        _look(model.finish, stretch, spec)
    check_translate(model, spec)
    _check_bundle(name, model)
    _check_resume(name, model, optimizers, stretch, spec)
    return model


def _check_small(name: str, cls: type[Model]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check that the small setting is one; return what it says of the run and of the model."""
    parts = []
    for kind in (Settings, cls.Options):
        fields = {field.name: field for field in describe(kind)}
        parts.append({key: fields[key].check(value) for key, value in cls.small.items() if key in fields})
    run, own = parts
    unknown = cls.small.keys() - run.keys() - own.keys()
    assert not unknown, f"small of {name} names {unknown}, which are no options of the run or its own"
    return run, own


def _look(look: Callable[[Phase, Iterable[Batch]], None], stretch: Stretch, spec: DataSpec) -> None:
    """Let a model look at data, as core does at a phase's start and end."""
    with torch.no_grad():
        look(stretch.phase, (_batch(stretch, spec, seed) for seed in range(2)))


def _batch(stretch: Stretch, spec: DataSpec, seed: int) -> Batch:
    return synthetic_batch(spec, stretch.batch_size, seed, stretch.image_size)


def _step(
    model: Model, optimizers: dict[str, Optimizer], stretch: Stretch, spec: DataSpec, step: int, steps: int
) -> tuple[dict[str, Tensor], set[str]]:
    """Train a step; return what it logged and which optimizers it updated. Every request is looked at."""
    phase = stretch.phase
    asked: set[str | None] = set()
    progress = Progress(phase, step, steps, run_step=step)

    def watched(batch: Batch, progress: Progress) -> Updates:
        for request in original(batch, progress):
            within = not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")
            assert not within, f"train_step yields inside a `with` in phase {phase.name}; yield after it"
            assert isinstance(request, (dict, tuple)), f"train_step yields {type(request).__name__}, not (name, terms)"
            for name, terms in (request if isinstance(request, dict) else dict([request])).items():
                _check_terms(name, terms, optimizers, phase)
                asked.add(name)
            yield request

    original = model.train_step
    vars(model)["train_step"] = watched
    try:
        logged = run_step(model, optimizers, _batch(stretch, spec, step), progress, Engine())
    finally:
        del vars(model)["train_step"]
    assert logged, f"phase {phase.name} logged no term"
    return logged, {name for name in asked if name is not None}


def _check_terms(name: str | None, terms: Terms, optimizers: dict[str, Optimizer], phase: Phase) -> None:
    if name is not None:
        there = ", ".join(optimizers)
        assert name in optimizers, f'phase {phase.name} updates "{name}", but its optimizers are {there}'
        assert terms, f'phase {phase.name} updates "{name}" with no terms'
    for term, value in terms.items():
        assert isinstance(value, Tensor), f"term {term} is a {type(value).__name__}; a term is a scalar tensor"
        assert value.dim() == 0, f"term {term} has shape {tuple(value.shape)}; a term is a scalar"
        assert torch.isfinite(value), f"term {term} is {value.item()}"
    learnt = name is None or any(value.requires_grad for value in terms.values())
    assert learnt, f'the terms {", ".join(terms)} of "{name}" depend on no parameter'


def _check_step(
    model: Model, optimizers: dict[str, Optimizer], stretch: Stretch, spec: DataSpec, step: int, steps: int
) -> set[str]:
    """Check that a step changes the parameters of the optimizers it updates and no others; return their names."""
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    _, updated = _step(model, optimizers, stretch, spec, step, steps)
    owners = {id(p): name for name, o in optimizers.items() for group in o.param_groups for p in group["params"]}
    phase, moved = stretch.phase.name, set()
    for name, value in model.named_parameters():
        if not torch.equal(before[name], value):
            owner = owners.get(id(value))
            assert owner in updated, f"{name} changed in phase {phase}, but no update of its optimizer was asked for"
            moved.add(owner)
    still = updated - moved
    assert not still, (
        f"the optimizers {sorted(still)} were updated in phase {phase} and changed nothing: "
        "their terms do not depend on their parameters"
    )
    return updated


def _check_bundle(name: str, model: Model) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle"
        bundle.write(path, model, bundle.describe(name, model))
        loaded = bundle.load(path)
    assert loaded.options == model.options, "a bundle changes the options"
    assert loaded.spec == model.spec, "a bundle changes the data specification"
    own, other = model.state_dict(), loaded.state_dict()
    assert own.keys() == other.keys(), f"a bundle changes the names of weights: {own.keys() ^ other.keys()}"
    for key, value in own.items():
        assert torch.equal(value, other[key]), f"a bundle changes {key}"


def _check_resume(name: str, model: Model, optimizers: dict[str, Optimizer], stretch: Stretch, spec: DataSpec) -> None:
    phase = stretch.phase
    with tempfile.TemporaryDirectory() as folder:
        saved = checkpoint.save(Path(folder), model, bundle.describe(name, model), optimizers, Engine())
        torch.manual_seed(1)  # other first weights than the model had: what is not restored shows
        resumed = type(model)(copy.deepcopy(model.options), spec)
        bundle.read_weights(resumed, saved)
        resumed.phase = phase.name
        again = resumed.optimizers(phase)
        fuse(again)
        checkpoint.restore(checkpoint.read_state(saved), resumed, again, Engine())
    wrong = "a resumed run differs in {}: some state is in no buffer and in no resume_state()"
    for step in range(2):
        one, _ = _step(model, optimizers, stretch, spec, step, 2 + MORE_STEPS)
        two, _ = _step(resumed, again, stretch, spec, step, 2 + MORE_STEPS)
        assert one.keys() == two.keys(), wrong.format(f"the terms {', '.join(sorted(one.keys() ^ two.keys()))}")
        for term, value in one.items():
            assert torch.equal(value, two[term]), wrong.format(f"the term {term}")
        for (key, value), other in zip(model.state_dict().items(), resumed.state_dict().values(), strict=True):
            assert torch.equal(value, other), wrong.format(key)

    progress = Progress(phase, 0, 2 + MORE_STEPS)
    coarse = run_step(resumed, again, _batch(stretch, spec, 3), progress, Engine(precision="bf16"))
    for term, value in coarse.items():
        assert torch.isfinite(value), f"term {term} is {value.item()} in bfloat16"
