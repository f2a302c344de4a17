"""procrastinate: a job an account. `enqueue`: the jobs are deferred in one batch; `work`: a worker until none is left.

Tasks are coroutines and a worker runs several at once, as its documentation has it for work that waits for a database.
"""

import asyncio
import json
import logging
import sys
from typing import Any

import procrastinate
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers import timed, writes


def _app(given: dict[str, Any]) -> procrastinate.App:
    connector = procrastinate.PsycopgConnector(conninfo=given["own"], max_size=given["concurrency"] + 2)
    return procrastinate.App(connector=connector)


async def _enqueue(given: dict[str, Any]) -> None:
    app = _app(given)

    @app.task(name="look", queue="due")
    async def look(account: str) -> None:
        """Only its name is needed here."""

    async with app.open_async():
        if given.get("is_first"):
            await app.schema_manager.apply_schema_async()
        await look.batch_defer_async(*({"account": account} for account in given["accounts"]))
    sys.stdout.write(json.dumps({"enqueued": len(given["accounts"])}) + "\n")


async def _work(given: dict[str, Any]) -> None:
    app, own = _app(given), timed.Timed()
    pool = AsyncConnectionPool(given["url"], min_size=given["concurrency"], max_size=given["concurrency"], open=False)

    @app.task(name="look", queue="due")
    async def look(account: str) -> None:
        with own.one():
            async with pool.connection() as connection:
                await connection.execute(writes.OF_PSYCOPG, writes.values(given["row"], account))

    async with app.open_async(), pool:
        await pool.wait()
        timed.wait_for_go()
        await app.run_worker_async(
            queues=["due"],
            wait=False,
            concurrency=given["concurrency"],
            install_signal_handlers=False,
            delete_jobs=given["delete_jobs"],
        )
    own.tell()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run({"enqueue": _enqueue, "work": _work}[sys.argv[1]](json.loads(sys.argv[2])))
