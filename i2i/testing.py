"""The test kit of plugin authors: `check_model` proves that a model keeps the contract core relies on."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2i import bundle, checkpoint
from i2i.device import Engine, fuse
from i2i.keeper import evaluating
from i2i.loop import run_step
from i2i.model import Batch, Model, Phase, Progress, mix
from i2i.options import build, describe
from i2i.plugins import load_class, registry
from i2i.schedule import plan
from i2i.settings import Settings
from i2i.spec import DataSpec


def synthetic_spec(kind: str, image_size: int = 32, channels: int = 3) -> DataSpec:
    """A small data specification of a kind of core's."""
    images = {
        "images": ("image",),
        "paired": ("source", "target"),
        "unpaired": ("a", "b"),
        "labelled": ("image",),
        "captioned": ("image",),
    }
    if kind not in images:
        raise LookupError(f'no synthetic data for the kind "{kind}"; known: {", ".join(images)}')
    return DataSpec(
        domains={"unpaired": ("day", "night"), "labelled": ("cat", "dog", "fox")}.get(kind, ()),
        channels=dict.fromkeys(images[kind], channels),
        image_size=(image_size, image_size),
        num_labels=3 if kind == "labelled" else 0,
        vocabulary=("a", "brown", "dog") if kind == "captioned" else (),
    )


def synthetic_batch(spec: DataSpec, size: int = 2, seed: int = 0, image_size: tuple[int, int] | None = None) -> Batch:
    """A batch that fits a specification: smooth random pictures (N, C, H, W) in [-1, 1], labels, captions."""
    generator = torch.Generator().manual_seed(mix(seed, 77))
    height, width = image_size or spec.image_size

    def images(channels: int) -> Tensor:
        coarse = torch.rand(size, channels, 4, 4, generator=generator) * 2 - 1
        return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)

    batch: Batch = {key: images(channels) for key, channels in spec.channels.items()}
    if spec.num_labels:
        batch["label"] = torch.randint(spec.num_labels, (size,), generator=generator)
    if spec.vocabulary:
        batch["caption"] = [" ".join(spec.vocabulary)] * size
    return batch


def check_model(
    name: str,
    *,
    image_size: int = 32,
    batch_size: int = 2,
    steps: int = 2,
    spec: DataSpec | None = None,
    kind: str | None = None,
    **options: Any,
) -> Model:
    """Build an installed model on synthetic data and check what core relies on; return it, trained for a few steps.

    In every phase: each update goes to an optimizer of the phase, changes its parameters and no others, and the logged
    terms are finite scalars. Then: translating gives pictures of the right size in [-1, 1] and changes no state; a
    bundle holds the model exactly; a run resumed from a checkpoint goes on exactly. Every option is documented.

    `options` are the model's own (make the networks small); `spec` replaces the synthetic one of the preferred kind.
    Raises AssertionError that says what is wrong.
    """
    card = registry().model(name)
    cls = load_class(card)
    for field in [*describe(cls.Options), *describe(cls.Request)]:
        assert field.help, f"option {field.name} of {name} has no help text"
    unknown = cls.run_defaults.keys() - {field.name for field in describe(Settings)}
    assert not unknown, f"run_defaults of {name} names {unknown}, which are no run options"
    spec = spec or synthetic_spec(kind or card.kinds[0], image_size)
    torch.manual_seed(0)
    model: Model = cls(build(cls.Options, options), spec)
    missing = [eager for eager in cls.eager if not hasattr(model, eager)]
    assert not missing, f"{name}.eager names {missing}, which the model does not have"

    settings = Settings(steps=steps * len(model.phases()), batch_size=batch_size, image_size=image_size)
    optimizers: dict[str, torch.optim.Optimizer] = {}
    phases = [replace(phase, share=1) for phase in model.phases()]  # `steps` each, whatever their share of a run
    for stretch in plan(phases, settings, steps * len(phases)):
        model.phase = stretch.phase.name
        before, optimizers = optimizers, model.optimizers(stretch.phase)
        assert optimizers, f"phase {stretch.phase.name} has no optimizer"
        fuse(optimizers)
        checkpoint.carry_over(before, optimizers)
        for step in range(stretch.steps):
            _check_step(model, optimizers, stretch.phase, spec, step, stretch.steps, stretch.batch_size)
    _check_translate(model, spec)
    _check_bundle(name, model)
    _check_resume(name, model, optimizers, stretch.phase, spec, batch_size)
    return model


def _progress(phase: Phase, step: int, steps: int) -> Progress:
    return Progress(phase, step, steps, run_step=step)


def _check_step(
    model: Model,
    optimizers: dict[str, torch.optim.Optimizer],
    phase: Phase,
    spec: DataSpec,
    step: int,
    steps: int,
    batch_size: int,
) -> None:
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    logged = run_step(
        model, optimizers, synthetic_batch(spec, batch_size, step), _progress(phase, step, steps), Engine()
    )
    assert logged, f"phase {phase.name} logged no term"
    for term, value in logged.items():
        assert value.dim() == 0, f"term {term} has shape {tuple(value.shape)}; a term is a scalar"
        assert torch.isfinite(value), f"term {term} is {value.item()}"
    owners = {id(p): name for name, o in optimizers.items() for group in o.param_groups for p in group["params"]}
    updated = {term.split("/")[0] for term in logged}
    moved = set()
    for name, value in model.named_parameters():
        if not torch.equal(before[name], value):
            owner = owners.get(id(value))
            assert owner in updated, (
                f"{name} changed in phase {phase.name}, but no update of its optimizer was asked for"
            )
            moved.add(owner)
    still = (updated & optimizers.keys()) - moved
    assert not still, f"the optimizers {sorted(still)} were updated in phase {phase.name} and changed nothing"


def _check_translate(model: Model, spec: DataSpec) -> None:
    if not model.inputs:
        return
    side = max(model.min_size, model.size_multiple)
    side = -(-max(side, spec.image_size[0]) // model.size_multiple) * model.size_multiple
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for target in model.targets() or (None,):
        with evaluating(model):
            source = synthetic_batch(DataSpec(channels=_source_channels(model, spec)), 1, 5, (side, side))
            output = model.translate(source, type(model).Request(to=target))
        wanted = (side * model.scale, side * model.scale)
        assert output.shape[-2:] == wanted, f"translate gave {tuple(output.shape)} for a side of {side}"
        assert output.abs().max() <= 1.0001, f"translate left [-1, 1]: {output.min():.3f} to {output.max():.3f}"
    for name, value in model.state_dict().items():
        assert torch.equal(state[name], value), f"translate changed {name}"


def _source_channels(model: Model, spec: DataSpec) -> dict[str, int]:
    """Channels of each input of translate: by its own key, or those of the data's first picture."""
    first = next(iter(spec.channels.values()))
    return {key: spec.channels.get(key, 1 if key == "mask" else first) for key in model.inputs}


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


def _check_resume(
    name: str,
    model: Model,
    optimizers: dict[str, torch.optim.Optimizer],
    phase: Phase,
    spec: DataSpec,
    batch_size: int,
) -> None:
    twin = copy.deepcopy(model.options)
    with tempfile.TemporaryDirectory() as folder:
        saved = checkpoint.save(Path(folder), model, bundle.describe(name, model), optimizers, Engine())
        resumed = type(model)(twin, spec)
        bundle.read_weights(resumed, saved)
        resumed.phase = phase.name
        again = resumed.optimizers(phase)
        fuse(again)
        checkpoint.restore(checkpoint.read_state(saved), resumed, again, Engine())
    for each, its in ((model, optimizers), (resumed, again)):
        run_step(each, its, synthetic_batch(spec, batch_size, 9), _progress(phase, 1, 2), Engine())
    for (key, value), other in zip(model.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(value, other), f"a resumed run differs in {key}: some state is in no buffer"
