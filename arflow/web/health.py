"""Whether this process can work: for load balancers and supervisors, without log-in and without details."""

from flask import Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from arflow.errors import DatabaseRefused
from arflow.store import database
from arflow.web.pages import PUBLIC, Pages
from arflow.web.transactions import settings

pages = Pages("health", __name__, roles=PUBLIC)


@pages.get("/healthz")
def healthz() -> Response:
    """200 when the database answers and has the schema of this code, else 503."""
    try:
        with settings().engine.connect() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '2s'"))
            is_well = database.schema_version(connection) == database.known_versions()[0]
    except (DBAPIError, DatabaseRefused):
        is_well = False
    return Response("ok\n" if is_well else "not ok\n", status=200 if is_well else 503, mimetype="text/plain")
