"""How the running system stands: what is due, what waits, who was seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import render_template

from arflow import queues
from arflow.desk import worklist
from arflow.errors import DatabaseRefused
from arflow.reports import system
from arflow.web.pages import Pages
from arflow.web.transactions import connection, settings

pages = Pages("system", __name__, roles={"admin"}, url_prefix="/admin/system")

_PATIENCE = 2.0


@dataclass(frozen=True, kw_only=True)
class Bell:
    """The doorbell: jobs that wait or failed, and workers, each by queue."""

    waiting: Mapping[str, int]
    failed: Mapping[str, int]
    workers: Mapping[str, int]


@pages.get("/", menu=("System", 69))
def show() -> str:
    """The numbers of this moment."""
    bell, trouble = _bell()
    unassigned = worklist.count(connection(), worklist.unassigned())
    found = system.read(connection())
    return render_template(
        "admin/system.html",
        system=found,
        of_nothing=found.accounts - worklist.count(connection(), worklist.everything()),
        unassigned=unassigned,
        bell=bell,
        trouble=trouble,
    )


def _bell() -> tuple[Bell | None, str]:
    """What the doorbell says, or why it says nothing; the page is there without it."""
    url = settings().redis_url
    if url is None:
        return None, "no Redis was named to these pages"
    try:
        redis = queues.connect(url, _PATIENCE)
    except DatabaseRefused as refused:
        return None, str(refused)
    with redis:
        try:
            return Bell(
                waiting={kind: queues.waiting(redis, kind) for kind in queues.KINDS},
                failed={kind: queues.refused_or_failed(redis, kind) for kind in queues.KINDS},
                workers=queues.workers_seen(redis),
            ), ""
        except queues.Unreachable as error:
            return None, f"Redis gave up: {type(error).__name__}"
