"""The `i2i` command. Commands live in `i2i.commands`, one file each; none of them imports torch before it is needed."""

from __future__ import annotations

import io
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import typer

from i2i import notes
from i2i.errors import Stopped, sentence
from i2i.plugins import registry

COMMANDS = (
    *("train", "resume", "translate", "sample", "evaluate"),
    *("data", "models", "runs", "weights", "plugins", "doctor"),
)


def version(wanted: bool) -> None:
    """Print the version and end, when asked to."""
    if wanted:
        from i2i import __version__

        print(f"i2i {__version__}")
        raise typer.Exit


def make_app() -> typer.Typer:
    """Build the command line: core's commands, then those of plugins."""
    app = typer.Typer(
        name="i2i",
        help="Translate pictures from one domain to another, with models trained on your own pictures.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="A full traceback of any error: add --debug.",
    )

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version."),
    ) -> None:
        pass

    for name in COMMANDS:
        import_module(f"i2i.commands.{name}").register(app)
    for plugin, module in registry().manager.list_name_plugin():
        try:
            add_commands(app, module)
        except (Exception, SystemExit) as error:
            reason = error if isinstance(error, LookupError) else f"{type(error).__name__}: {error}"
            print(
                f"The commands of plugin {plugin} are missing: {reason} (to be silent: I2I_DISABLE_PLUGINS={plugin})",
                file=sys.stderr,
            )
    return app


def add_commands(app: typer.Typer, module: Any) -> None:
    """Add the commands of a plugin. Raises LookupError when one has the name of a command that is there already."""
    own = typer.Typer()
    registry().call_one("commands", module, app=own)
    if taken := command_names(own) & command_names(app):
        raise LookupError(f"there is a command {min(taken)} already")
    app.registered_commands += own.registered_commands
    app.registered_groups += own.registered_groups


def command_names(app: typer.Typer) -> set[str]:
    """What the commands and groups of an app are called."""
    names = [info.name or getattr(info.callback, "__name__", "").replace("_", "-") for info in app.registered_commands]
    for group in app.registered_groups:
        inner = group.typer_instance.info.name if group.typer_instance else None
        names.append(next((name for name in (group.name, inner) if isinstance(name, str)), ""))
    return {name.lower() for name in names} - {""}


def main(argv: list[str] | None = None) -> None:
    """Run the command line and end the process: 0 all good, 1 some failed, 2 wrong usage, 130 stopped."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may lie outside what the terminal can show
    debug = "--debug" in arguments or bool(os.environ.get("I2I_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        with notes.plain():
            make_app()(args=arguments, prog_name="i2i")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        code = exit_code(error)
        if debug or code is None:
            traceback.print_exc()
        if code is None:
            print(
                "This is a fault in i2i or a plugin, not yours: please report it with the lines above.", file=sys.stderr
            )
        elif os.environ.get("RANK", "0") == "0":
            print(message(error), file=sys.stderr)
        sys.exit(code or 1)


def exit_code(error: Exception) -> int | None:
    """The exit code of an error that is a sentence for the user; None for a fault of the program."""
    if isinstance(error, (KeyError, IndexError, UnicodeError)):
        return None
    if isinstance(error, (ValueError, LookupError)):
        return 2
    return 1 if isinstance(error, (OSError, Stopped)) else None


def message(error: Exception) -> str:
    """What to print of an error: its sentence, with a capital unless it begins with a name, such as a file's."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return sentence(str(error))
