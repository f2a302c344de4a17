"""Alembic's entry: runs each upgrade in one transaction on the engine that `database.migrate` hands over."""

from alembic import context

from arflow.store.tables import metadata

with context.config.attributes["engine"].begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
    context.run_migrations()
