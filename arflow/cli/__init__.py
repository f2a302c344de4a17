"""The `arflow` command. Thin: reads arguments, calls a door or a query, prints. Nothing is decided here.

Exit 0: done, or the answer is yes; 1: the answer is no; 2: the input is wrong, said in one line.
"""

import sys

import click

from arflow.cli.commands import cli
from arflow.errors import ArflowError


def main() -> None:
    """Run the command line; every refusal is one line on standard error."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; gives its exit status."""
    try:
        result = cli.main(arguments, prog_name="arflow", standalone_mode=False)
    except ArflowError as error:
        click.echo(f"arflow: {error}", err=True)
        return error.exit_code
    except click.UsageError as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        click.echo(f"arflow: {error.format_message()}{hint}", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"arflow: {error.format_message()}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("arflow: stopped", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
