"""`i2i evaluate RUN`: measure a trained model on held-back pictures, or on other data."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from i2i.tables import table

if TYPE_CHECKING:
    from i2i.library import Found

RECORD = "evaluation.json"
_OTHERWISE = "choose others with --metric, measure more with --samples, or look at features with --probe"


def register(app: typer.Typer) -> None:
    """Add `evaluate`."""

    @app.command(help="Measure a trained model on held-back pictures, or on other data.")
    def evaluate(
        model: Annotated[str, typer.Argument(metavar="RUN", help="A run, a bundle, or the name of one.")],
        data: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="[DATA]...",
                help="Other data: a folder or a name of i2i data list. By default that of training.",
            ),
        ] = None,
        metric: Annotated[
            list[str] | None, typer.Option(help="What to measure, once for each; by default the model's own figure.")
        ] = None,
        probe: Annotated[
            bool, typer.Option("--probe", help="Fit a linear classifier to the model's features of classes.")
        ] = False,
        samples: Annotated[int, typer.Option("--samples", "-n", help="Pictures to measure, at most.", min=1)] = 200,
        device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")] = "auto",
        quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but the result.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    ) -> None:
        from i2i import library

        found = library.find(model, None)
        if not quiet:
            print(f"Measuring {found.path} ({found.manifest.age})", file=sys.stderr)
        result = measure(found, data or [], metric or [], probe, samples, device)
        if as_json:
            print(json.dumps(result, ensure_ascii=False))
        else:
            print(table([(name, f"{value:.4g}") for name, value in result["figures"].items()]))
        keep(found, result)
        if not quiet:
            print(f"On {result['pictures']:,} {result['which']} of {result['data']}", file=sys.stderr)


def measure(
    found: Found, data: list[str], metrics: list[str], probe: bool, samples: int, device: str
) -> dict[str, Any]:
    """Load torch and the model, and measure. Raises ValueError where there is nothing to measure."""
    from i2i import bundle
    from i2i.device import choose_device
    from i2i.evaluation import choose_metrics, open_evaluation

    place = choose_device(device)
    model = bundle.load(found.bundle, device=str(place))
    opened = open_evaluation(model, found, data, place, splits=probe)
    names = choose_metrics(model, opened.run.kind, metrics)
    probed = opened.probe() if probe else {}
    figures, count = opened.figures(names, samples)
    lost = [name for name in names if name not in figures]
    figures |= opened.diagnosis(samples) | probed
    if lost and (metrics or not figures):
        raise ValueError(f"{lost[0]} tells nothing of {count} {opened.pictures} of {opened.run.data}; {_OTHERWISE}")
    if not figures:
        raise ValueError(opened.nothing(found.manifest.model))
    return {
        "model": str(found.path),
        "step": found.manifest.step,
        "data": opened.run.data,
        "pictures": count or min(samples, len(opened.run.held_back or ())),
        "which": opened.pictures,
        "figures": figures,
    }


def keep(found: Found, result: dict[str, Any]) -> None:
    """Add a result to those kept beside the model, in place of an earlier one on the same data."""
    from i2i.evaluation import run_of
    from i2i.run import write_text

    path = (run_of(found.path) or found.path) / RECORD
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        others = [each for each in earlier if each["data"] != result["data"]]
    except (OSError, ValueError, LookupError, TypeError):
        others = []
    try:
        write_text(path, json.dumps([*others, result], indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        print(f"Note: {path} could not be written: {error.strerror or error}", file=sys.stderr)
