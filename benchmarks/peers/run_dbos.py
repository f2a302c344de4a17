"""DBOS: a workflow an account, with one transaction of a datasource.

`enqueue`: the workflows wait in their queue; `work`: one process of the application, until none is left.
"""

import json
import sys
import time
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, SQLAlchemyDatasource

from benchmarks.peers import timed, writes

QUEUE = "due"
_own = timed.Timed()


def _main(what: str, given: dict[str, Any]) -> None:
    DBOS(
        config={
            "name": "overdue",
            "system_database_url": given["own"],
            "application_version": "1",
            "executor_id": str(given["number"]),
            "log_level": "ERROR",
            "console_log_level": "ERROR",
            "sys_db_pool_size": given["pool"],
        }
    )
    datasource = SQLAlchemyDatasource.create(given["url"], engine_kwargs={"pool_size": given["pool"]})
    statement = sa.text(writes.TYPED)

    @datasource.transaction(isolation_level="READ COMMITTED")
    def write(account: str) -> None:
        datasource.sql_session().execute(statement, writes.values(given["row"], account))

    @DBOS.workflow(name="look")
    def look(account: str) -> None:
        with _own.one():
            write(account)

    DBOS.listen_queues([QUEUE] if what == "work" else [])
    if what == "work":
        timed.wait_for_go()
    DBOS.launch()
    if what == "enqueue":
        DBOS.register_queue(
            QUEUE, worker_concurrency=given["concurrency"], polling_interval_sec=given["polling_seconds"]
        )
        for account in given["accounts"]:
            DBOS.enqueue_workflow(QUEUE, look, account)
        sys.stdout.write(json.dumps({"enqueued": len(given["accounts"])}) + "\n")
    else:
        _until_none_is_left(given["own"])
        _own.tell()
    DBOS.destroy()


def _until_none_is_left(url: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    waits = sa.text("SELECT count(*) FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING')")
    with engine.connect() as connection:
        while connection.execute(waits).scalar_one():
            time.sleep(0.2)


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
