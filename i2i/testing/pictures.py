"""What a model's pictures must be: finite, of the right size, in [-1, 1], the same each time, and leave no trace."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import torch
from torch import Tensor

from i2i.model import Batch, Model, evaluating
from i2i.search import searching
from i2i.spec import DataSpec
from i2i.testing.synthetic import synthetic_batch


def check_translate(model: Model, spec: DataSpec) -> None:
    """Check that pictures come out right, the same twice, and that making them changes nothing."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    check = _check_translated if model.inputs else _check_drawn
    check(model, spec)
    for name, value in model.state_dict().items():
        assert torch.equal(state[name], value), f"translate changed {name}"


def _check_translated(model: Model, spec: DataSpec) -> None:
    """What is made of pictures has their size, times the model's scale."""
    unit, smallest = model.size_multiple, max(model.min_size, model.size_multiple)
    tall, wide = (-(-max(smallest, side) // unit) * unit for side in spec.image_size)
    channels = dataclasses.replace(spec, channels=_source_channels(model, spec), parts=(), vocabulary=())
    for target in model.targets() or (None,):
        request = type(model).Request(to=target)
        for height, width, count in ((tall, wide, 1), (tall, wide + unit, 2)):
            output = _twice(model, synthetic_batch(channels, count, 5, (height, width)), request)
            wanted = (count, height * model.scale, width * model.scale)
            got = (output.shape[0], *output.shape[-2:])
            assert got == wanted, f"translate gave {tuple(output.shape)} for {count} pictures of {height} x {width}"
        _check_preview(model, synthetic_batch(channels, 1, 5, (tall, wide)), request)


def _check_drawn(model: Model, spec: DataSpec) -> None:
    """What is drawn of nothing, or of a sentence, is one picture that its seed and its target decide."""
    sample = synthetic_batch(spec, 1, 5)
    inputs = {"caption": sample["caption"]} if "caption" in sample else {}
    for target in (None, *model.targets()):
        request = type(model).Request(to=target)
        output = _twice(model, inputs, request)
        shape = tuple(output.shape)
        known = shape[0] == 1 and shape[1] in spec.channels.values()
        assert known, f"translate drew the shape {shape} for one seed, not (1, C, H, W) with the channels of the data"
        other = _twice(model, inputs, dataclasses.replace(request, seed=1))
        same = torch.equal(output, other) and output.min() < output.max()  # a network too narrow may draw one flat gray
        assert not same, f"translate draws the same picture of the seeds 0 and 1, to {target}"
        _check_preview(model, sample, request)
    _check_find(model, spec)
    request = type(model).Request(samples=3)
    for row in model.grid(request) or ():
        assert row, "grid gave a row without a picture"
        for title, asked in row:
            kinds = f"({type(title).__name__}, {type(asked).__name__})"
            assert isinstance(title, str), f"grid gave {kinds}, not (title, Request)"
            assert isinstance(asked, type(model).Request), f"grid gave {kinds}, not (title, Request)"


def _check_find(model: Model, spec: DataSpec) -> None:
    """The first steps of a search have latents that a picture can be drawn of, and leave no trace."""
    if type(model).find is Model.find:
        return
    picture = next(value for value in synthetic_batch(spec, 1, 5).values() if isinstance(value, Tensor))
    stroke = {"stroke": torch.ones_like(picture), "mask": torch.ones_like(picture[:, :1])}
    request = type(model).Request()
    for wanted in ({"like": picture}, {"like": picture} | stroke):
        with searching(model, 0):
            found = list(itertools.islice(model.find(wanted, request), 2))
        assert found, "find gave nothing"
        for step, (number, steps, distance, latent) in enumerate(found, 1):
            counted = f"find counted step {number} of {steps} where it was at {step}"
            assert number == step <= steps, counted
            assert math.isfinite(distance), f"find gave the distance {distance}"
            shape = tuple(latent.shape)
            assert shape == model.latent_shape, f"find gave the shape {shape}, and latent_shape is {model.latent_shape}"
        _twice(model, {"latent": latent.detach()[None]}, request)
    assert not [name for name, value in model.named_parameters() if value.grad is not None], "find left gradients"


def _twice(model: Model, inputs: Batch, request: Any) -> Tensor:
    """Translate twice, as core does; the pictures are finite, in [-1, 1] and the same."""
    with evaluating(model):
        torch.manual_seed(request.seed)
        output = model.translate(inputs, request)
        torch.manual_seed(request.seed)
        again = model.translate(inputs, request)
    assert output.dim() == 4, f"translate gave the shape {tuple(output.shape)}, not (N, C, H, W)"
    assert not output.requires_grad, "translate gave pictures with gradients; leave torch.enable_grad out of it"
    assert torch.isfinite(output).all(), "translate gave values that are no numbers"
    low, high = output.min().item(), output.max().item()
    assert max(-low, high) <= 1.0001, f"translate left [-1, 1]: {low:.3f} to {high:.3f}"
    assert torch.equal(output, again), "translate gives another picture each time; draw from request.seed alone"
    return output


def _check_preview(model: Model, sample: Batch, request: Any) -> None:
    with evaluating(model):
        rows = model.preview([(sample, request)])
    assert any(rows), "preview gave no picture"
    for title, image in ((title, image) for row in rows for title, image in row.items()):
        assert image.dim() == 3, f'preview gave the shape {tuple(image.shape)} for "{title}", not (C, H, W)'


def _source_channels(model: Model, spec: DataSpec) -> dict[str, int]:
    """Channels of each input of translate: by its own key, or those of the data's first picture."""
    first = next(iter(spec.channels.values()))
    return {key: spec.channels.get(key, 1 if key == "mask" else first) for key in model.inputs}
