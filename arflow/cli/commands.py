"""The `arflow` command: which commands there are, and where each of them is."""

import click

from arflow.cli.arguments import examples
from arflow.cli.loading import Loaded


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples("arflow import invoices.csv --profile plain", "arflow policy activate trade-us.yaml"),
    commands=Loaded(
        {
            "advance": "arflow.cli.ledger_commands:advance",
            "archive": "arflow.cli.keeping_commands:archive",
            "audit": "arflow.cli.questions:audit",
            "backup": "arflow.cli.keeping_commands:backup",
            "explain": "arflow.cli.questions:explain",
            "import": "arflow.cli.ledger_commands:import_",
            "migrate": "arflow.cli.ledger_commands:migrate",
            "payments-complete": "arflow.cli.ledger_commands:payments_complete",
            "policy": "arflow.cli.policy_commands:policy",
            "replay": "arflow.cli.replaying:replay",
            "report": "arflow.cli.questions:report",
            "restore": "arflow.cli.keeping_commands:restore",
            "status": "arflow.cli.keeping_commands:status",
            "up": "arflow.cli.running:up",
            "user": "arflow.cli.user_commands:user",
        }
    ),
)
@click.version_option(package_name="arflow")
def cli() -> None:
    """A workflow engine for overdue customer accounts."""
