"""Of a journal row its facts may leave, for an archive, and nothing else may change; see `0006_archive.sql`."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Let the trigger of the journal pass this one change."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
