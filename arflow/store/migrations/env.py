"""Alembic's entry: runs each upgrade in one transaction on the engine that `database.migrate` hands over."""

from alembic import context

from arflow.store.tables import metadata

with context.config.attributes["engine"].begin() as connection:
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7238160)")  # two first commands make one schema
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
    context.run_migrations()
