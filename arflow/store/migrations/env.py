"""Alembic's entry: runs each upgrade in one transaction on the engine that `migrating.migrate` hands over."""

from alembic import context
from sqlalchemy import text

from arflow.store.migrating import MIGRATING
from arflow.store.tables import metadata

with context.config.attributes["engine"].begin() as connection:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
    context.run_migrations()
