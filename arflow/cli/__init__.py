"""The `arflow` command. Thin: reads arguments, calls a door or a query, prints. Nothing is decided here.

Exit 0: done, or the answer is yes; 1: the answer is no; 2: the input is wrong; 130: stopped. What is not done is said
in one line on standard error. A mistake of this code is not caught: its traceback is what mends it.
"""

import gc
import sys

import click

from arflow.cli.commands import cli
from arflow.cli.output import complain
from arflow.errors import ArflowError

WRONG_INPUT, STOPPED = 2, 130


def main() -> None:
    """Run the command line of this process."""
    cli.commands.get("".join(sys.argv[1:2]))  # loads what is asked for
    gc.freeze()  # what was imported stays: the collector would walk all of it again and again beside the accounts
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name of a file may be any bytes
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; gives its exit status."""
    try:
        result = cli.main(arguments, prog_name="arflow", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return _say("stopped", STOPPED)
    except SystemExit:  # click's way to end when nobody reads what is printed
        return 0
    except ArflowError as error:
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        return _say(_usage(error), WRONG_INPUT)
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}" if error.filename else str(error), WRONG_INPUT)
    return result if isinstance(result, int) else 0


def _usage(error: click.ClickException) -> str:
    """What is wrong with the arguments, and where they are explained."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error.format_message()
    what = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and isinstance(context.command, click.Group):
        what = f"say what to do: {', '.join(context.command.list_commands(context))}"
    return f"{what[0].lower()}{what[1:].rstrip('.')} (see `{context.command_path} --help`)"


def _say(text: str, status: int) -> int:
    complain(text)
    return status
