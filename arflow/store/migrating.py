"""Brings the schema up to date, by Alembic. Only whoever migrates imports this: Alembic takes long to load."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from arflow.store import database

MIGRATING = 7238160
"""The advisory lock of a migration: of two first commands one makes the schema, and the other one finds it."""


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema up to date; gives the versions before and after. All or nothing."""
    with engine.connect() as connection:
        before = database.schema_version(connection)
    command.upgrade(_config(engine), "head")
    return before, database.known_versions()[0]


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config
