"""The recipes by name, as data."""

from __future__ import annotations

import dataclasses
import sys
import typing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import i2i
from i2i_zoo import recipe as recipes
from i2i_zoo import spelling
from i2i_zoo.model import TwoPlayer, Zoo


class Preset(Zoo):
    """What all presets do: suit pictures without classes, and say which of their parts an option took the place of."""

    unlabelled: ClassVar[Mapping[str, Any]] = {}  # of the recipe, what pictures without classes have instead

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        usual = {name: getattr(type(options), name) for name in self.unlabelled}
        classes = spec.num_labels and spec.extra.get("labels") != "attributes"
        asked = any(getattr(options, name) != value for name, value in usual.items())
        self.suited = {} if classes or asked else dict(self.unlabelled)
        super().__init__(dataclasses.replace(options, **self.suited), spec)

    def check_training(self) -> None:
        super().check_training()
        for name, value in self.suited.items():
            warnings.warn(
                f"these pictures have no classes, so this is --{name.replace('_', '-')} {value}", stacklevel=2
            )
        for name in recipes.LISTS:
            asked, own = getattr(self.options, name, spelling.NONE), getattr(type(self.options), name, spelling.NONE)
            lost = [one for one in spelling.listed(own) if one.partition(":")[0] not in spelling.names(asked)]
            if lost and asked != spelling.NONE:
                flag = "--" + name.replace("_", "-")
                warnings.warn(
                    f"{flag} {asked} takes the place of {'+'.join(lost)}; {flag} +{asked} would be added to it",
                    stacklevel=2,
                )


def preset(
    name: str,
    run: Mapping[str, Any] | None = None,
    small: Mapping[str, Any] | None = None,
    base: type[Zoo] | None = None,
    like: type[Zoo] | None = None,
    unlabelled: Mapping[str, Any] | None = None,
    **recipe: Any,
) -> type[Zoo]:
    """Make a model of a recipe: `base` with other defaults of its options.

    `run` are its defaults of the run's options, `small` what a CPU shall train instead, of both kinds. What is not
    said, of these three and of the recipe, is as in the preset `like`. `unlabelled` is what of the recipe is another
    where pictures have no classes. The result must be bound, in the calling module, to the name without its dashes in
    capitals: wgan-gp is WGANGP, so that models can be pickled. Raises LookupError for an option that `base` does not
    have.
    """
    if base is None:
        base = TwoPlayer if like is None else like.__bases__[1]  # what stands behind Preset, as at the end
    run = like.run_defaults if run is None and like is not None else run or {}
    small = like.small if small is None and like is not None else small or {}
    bound, module = name.replace("-", "").upper(), sys._getframe(1).f_globals["__name__"]
    own = {field.name: field for field in dataclasses.fields(base.Options)}
    types = typing.get_type_hints(base.Options)
    if unknown := recipe.keys() - own.keys():
        raise LookupError(f"the preset {name} sets {', '.join(sorted(unknown))}, which {base.__name__} does not have")
    if like is not None:
        recipe = {key: getattr(like.Options, key) for key in own if hasattr(like.Options, key)} | recipe
    changed = {key: dataclasses.field(default=value, metadata=own[key].metadata) for key, value in recipe.items()}
    options = type(
        "Options",
        (base.Options,),
        {
            "__module__": module,
            "__qualname__": f"{bound}.Options",
            "__annotations__": {key: types[key] for key in changed},
            "__doc__": f"The recipe of {name}.",
            **changed,
        },
    )
    members = {
        "__module__": module,
        "__qualname__": bound,
        "__doc__": base.__doc__,
        "Options": dataclass(frozen=True, kw_only=True)(options),
        "run_defaults": {"flip": False, **run},
        "small": dict(small),
        "unlabelled": dict(unlabelled or {}),
    }
    return type(bound, (Preset, base), members)
