"""What a model's pictures must be: finite, of the right size, in [-1, 1], the same each time, and leave no trace."""

from __future__ import annotations

import dataclasses

import torch

from i2i.model import Model, evaluating
from i2i.spec import DataSpec
from i2i.testing.synthetic import synthetic_batch


def check_translate(model: Model, spec: DataSpec) -> None:
    """Check that pictures come out right, the same twice, and that making them changes nothing."""
    if not model.inputs:
        return
    state = {name: value.clone() for name, value in model.state_dict().items()}
    unit, smallest = model.size_multiple, max(model.min_size, model.size_multiple)
    tall, wide = (-(-max(smallest, side) // unit) * unit for side in spec.image_size)
    channels = dataclasses.replace(spec, channels=_source_channels(model, spec), parts=(), vocabulary=())
    for target in model.targets() or (None,):
        request = type(model).Request(to=target)
        for height, width, count in ((tall, wide, 1), (tall, wide + unit, 2)):
            source = synthetic_batch(channels, count, 5, (height, width))
            with evaluating(model):
                torch.manual_seed(request.seed)
                output = model.translate(source, request)
                torch.manual_seed(request.seed)
                again = model.translate(source, request)
            wanted = (count, height * model.scale, width * model.scale)
            got = (output.shape[0], *output.shape[-2:])
            assert output.dim() == 4, f"translate gave the shape {tuple(output.shape)}, not (N, C, H, W)"
            assert got == wanted, f"translate gave {tuple(output.shape)} for {count} pictures of {height} x {width}"
            assert torch.isfinite(output).all(), "translate gave values that are no numbers"
            low, high = output.min().item(), output.max().item()
            assert max(-low, high) <= 1.0001, f"translate left [-1, 1]: {low:.3f} to {high:.3f}"
            assert torch.equal(output, again), "translate gives another picture each time; draw from request.seed alone"
        with evaluating(model):
            source = synthetic_batch(channels, 1, 5, (tall, wide))
            (row,) = model.preview([(source, request)])
        for title, image in row.items():
            assert image.dim() == 3, f'preview gave the shape {tuple(image.shape)} for "{title}", not (C, H, W)'
    for name, value in model.state_dict().items():
        assert torch.equal(state[name], value), f"translate changed {name}"


def _source_channels(model: Model, spec: DataSpec) -> dict[str, int]:
    """Channels of each input of translate: by its own key, or those of the data's first picture."""
    first = next(iter(spec.channels.values()))
    return {key: spec.channels.get(key, 1 if key == "mask" else first) for key in model.inputs}
