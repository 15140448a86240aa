"""The command line: one file per verb, found by listing this folder.

A verb is a file here with a function of the same name (`import_` for `import`, which Python keeps for
itself); the function's parameters are the arguments and options, its docstring is the help. Instead of a function it
may be a `typer.Typer`: a verb with verbs of its own, such as `portdip delta show`. What is heavy is imported inside
the function, so that `portdip --help` answers at once. Names with a leading underscore are not verbs.
"""

from __future__ import annotations

import io
import pkgutil
import sys
from importlib import import_module

import typer

from portdip.errors import PortdipError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line with `arguments` (those of the process if None), and leave with its exit code.

    An error that has a message for people becomes one line on standard error and exit code 2.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):  # bytes that are no text are bad input, not a failure
            stream.reconfigure(errors="backslashreplace")
    try:
        application()(args=arguments, prog_name="portdip")
    except PortdipError as error:
        _fail(str(error))
    except BlockingIOError as error:
        _fail(f"{error.filename or 'a file'}: another process is writing it")
    except OSError as error:
        _fail(": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error))


def application() -> typer.Typer:
    """The application with every verb in this folder."""
    app = typer.Typer(
        help="Which carrier serves a phone number now, and the routing number that reaches it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(help=app.info.help)(_program)
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            verb = getattr(import_module(f"{__name__}.{module.name}"), module.name)
            name = module.name.strip("_").replace("_", "-")
            if isinstance(verb, typer.Typer):
                app.add_typer(verb, name=name)
            else:
                app.command(name)(verb)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        from portdip import __version__

        print(f"portdip {__version__}")
        raise typer.Exit


def _program(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_show_version, help="Show the version and leave."
    ),
) -> None:
    """Nothing but the options every call may have."""


def _fail(message: str) -> None:
    from portdip.cli import _terminal

    line = " ".join(message.splitlines())
    _terminal.errors().print(f"portdip: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(2)
