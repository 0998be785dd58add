"""`i2i train MODEL DATA`: a command for every installed model, its flags generated from its options."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from typer.core import TyperGroup

from i2i.cards import ModelCard, import_target
from i2i.options import MISSING, OptionField, describe, digits
from i2i.plugins import load_class, registry
from i2i.settings import Settings

if TYPE_CHECKING:
    from i2i.run import Run


class Models(TyperGroup):
    """A group whose commands are the installed models. Listing them builds none; naming one builds that one."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(registry().models())

    def get_command(self, ctx: Any, name: str) -> Any:
        card = registry().models().get(name)
        return None if card is None else single_command(name, card.summary, lambda: None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        card = registry().model(args[0])
        return card.name, build_command(card), args[1:]


def single_command(name: str, help: str, function: Callable[..., None]) -> Any:
    """Make one command object of a function, by typer's public ways."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name, help=help)(function)
    return typer.main.get_command(app)


def build_command(card: ModelCard) -> Any:
    """Build the command of one model: the run's options, the data's, the model's."""
    cls = load_class(card)
    kinds = [import_target(registry().datasets()[kind].target) for kind in card.kinds if kind in registry().datasets()]
    run = [_with_default(field, cls.run_defaults) for field in describe(Settings)]
    taken = {field.name for field in run} | {field.name for field in describe(cls.Options)}
    of_data = {f.name: f for kind in kinds for f in describe(kind.Options) if f.name not in taken}
    parameters = [
        *(parameter(field, "The model's options") for field in describe(cls.Options)),
        *(parameter(field, "The data's options") for field in of_data.values()),
        *(parameter(field, "The run's options") for field in run),
    ]

    def command(
        data: Annotated[
            Optional[list[str]],  # noqa: UP045
            typer.Argument(
                help="A folder of pictures, or a name that i2i data list knows; several for joint training.",
                show_default=False,
            ),
        ] = None,
        config: Annotated[Optional[Path], typer.Option(help="TOML file of options; flags win over it.")] = None,  # noqa: UP045
        dry_run: Annotated[bool, typer.Option(help="Say what would be done, and stop.")] = False,
        quiet: Annotated[bool, typer.Option(help="Say nothing but warnings.")] = False,
        **options: Any,
    ) -> None:
        if not data:
            raise ValueError(
                f"say what {card.name} should learn from: i2i train {card.name} FOLDER, or a name of: i2i data list"
            )
        train(card.name, data, {k: v for k, v in options.items() if v is not None}, config, dry_run, quiet)

    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
    command.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*own, *parameters]}
    paper = f"\n\n{card.paper}" if card.paper else ""
    return single_command(card.name, f"{card.summary}{paper}", command)


def _with_default(field: OptionField, defaults: Any) -> OptionField:
    """The field with the model's own default of a run option."""
    values = {name: getattr(field, name) for name in ("name", "type", "help", "min", "max")}
    return OptionField(**values, default=defaults.get(field.name, field.default))


def parameter(field: OptionField, panel: str) -> inspect.Parameter:
    """Turn an option into a typer parameter. Its default is None, so that the file's value shows through."""
    flags = [f"{field.flag}/--no-{field.flag[2:]}"] if field.base is bool else [field.flag]
    facts = [] if field.default is None else [f"default {_spell(field.default)}"]
    facts = ["must be given"] if field.default is MISSING else facts
    facts += [f"at least {digits(field.min)}"] if field.min is not None else []
    facts += [f"at most {digits(field.max)}"] if field.max is not None else []
    facts += [f"choose {', '.join(field.choices)}"] if field.choices else []
    help = f"{field.help} ({', '.join(facts)})" if facts else field.help
    option = typer.Option(*flags, help=help, show_default=False, rich_help_panel=panel)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Optional[field.base], option],  # noqa: UP045
    )


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def train(name: str, data: list[str], options: dict[str, Any], config: Path | None, dry_run: bool, quiet: bool) -> None:
    """Prepare and start a run, as the command does."""
    from i2i.preparing import prepare
    from i2i.training import start

    run = prepare(name, data, options, config)
    if dry_run:
        show_plan(run)
        return
    finish(lambda: start(run, quiet=quiet), run)


def show_plan(run: Run) -> None:
    """Print what a run would do: its data, then every option, resolved."""
    import tomli_w

    from i2i.training import make_model

    model = make_model(run)
    for line in run.describe_data():
        print(f"# {line}")
    weights = sum(p.numel() for p in model.parameters())
    print(f"# {weights:,} weights; {run.steps:,} steps, {run.steps / run.steps_per_epoch():.1f} passes over the data")
    print(tomli_w.dumps(run.config()), end="")


def finish(work: Callable[[], None], run: Run) -> None:
    """Train, then print the run's folder; Ctrl-C, already honoured by `work`, ends the process as shells expect."""
    try:
        work()
    except KeyboardInterrupt:
        sys.exit(130)
    if os.environ.get("RANK", "0") == "0":  # torchrun's other processes have the same to say
        print(run.folder)


def register(app: typer.Typer) -> None:
    """Add `train`."""
    app.add_typer(
        typer.Typer(cls=Models, no_args_is_help=True, pretty_exceptions_enable=False),
        name="train",
        subcommand_metavar="MODEL DATA [OPTIONS]",
        help="Train a model on a folder of pictures: i2i train MODEL DATA.",
    )
