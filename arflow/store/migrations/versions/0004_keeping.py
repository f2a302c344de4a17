"""Addresses that were refused, and the daily anchors of the journal; the statements stand in `0004_keeping.sql`."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables of refused addresses and of anchors."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
