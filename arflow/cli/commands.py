"""The `arflow` command: which commands there are, and where each of them is."""

import click

from arflow.cli.arguments import examples
from arflow.cli.loading import Listing, Loaded, Place


@click.group(
    cls=Listing,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples("arflow import invoices.csv --profile plain", "arflow policy activate trade-us.yaml"),
    commands=Loaded(
        {
            "advance": Place(
                "arflow.cli.ledger_commands:advance", "Run everything that is due, up to now or to a date."
            ),
            "archive": Place(
                "arflow.cli.keeping_commands:archive", "Move what old decisions were made on into an archive."
            ),
            "audit": Place("arflow.cli.questions:audit", "Check what was journalled."),
            "backup": Place("arflow.cli.keeping_commands:backup", "Back everything up into a new folder."),
            "explain": Place("arflow.cli.questions:explain", "Say why an account stands where it stands."),
            "import": Place("arflow.cli.ledger_commands:import_", "Import a ledger (CSV) or events (JSON lines)."),
            "migrate": Place("arflow.cli.ledger_commands:migrate", "Bring the database's schema up to date."),
            "payments-complete": Place(
                "arflow.cli.ledger_commands:payments_complete", "Say that every payment is recorded."
            ),
            "policy": Place("arflow.cli.policy_commands:policy", "Check, prove, try, test and activate policies."),
            "replay": Place("arflow.cli.replaying:replay", "Replay a file of events under a policy."),
            "report": Place("arflow.cli.questions:report", "Report as of the end of any date, per currency."),
            "restore": Place("arflow.cli.keeping_commands:restore", "Restore a backup into an empty database."),
            "status": Place("arflow.cli.keeping_commands:status", "Say what needs a person, and how the work stands."),
            "up": Place("arflow.cli.running:up", "Run everything on this machine until Ctrl-C."),
            "user": Place("arflow.cli.user_commands:user", "Make, disable and let in the people who use the pages."),
        }
    ),
)
@click.version_option(package_name="arflow")
def cli() -> None:
    """A workflow engine for overdue customer accounts."""
