"""Queues and their members."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow.desk import queues, receivers, users
from arflow.store import policies
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.transactions import connection

pages = Pages("queues", __name__, roles={"admin"}, url_prefix="/admin/queues")


@pages.get("/", menu=("Queues", 61))
def every() -> str:
    """All queues, and the form for another."""
    missing = receivers.missing(connection(), policies.active_now(connection()))
    return render_template("admin/queues.html", queues=queues.every(connection()), people=_people(), missing=missing)


@pages.post("/", again="every")
def add() -> ResponseReturnValue:
    """Make a queue."""
    read = Reading()
    name, title = read.text("name", required=True).lower(), read.text("title")
    members = read.choices("members", _people())
    read.check()
    with read.beside("name"):
        queues.add(connection(), name=name, title=title, members=members)
    read.check()
    flash(f"The queue {name} is made.", "success")
    return redirect(url_for(".every"), code=303)


@pages.get("/<name>")
def one(name: str) -> str:
    """One queue."""
    return render_template("admin/queue.html", queue=queues.find(connection(), name), people=_people())


@pages.post("/<name>", again="one")
def change(name: str) -> ResponseReturnValue:
    """Change a queue."""
    read = Reading()
    title, members = read.text("title"), read.choices("members", _people())
    read.check()
    queues.change(connection(), name, title=title, members=members)
    flash(f"The queue {name} is changed.", "success")
    return redirect(url_for(".every"), code=303)


@pages.post("/<name>/remove", again="one")
def remove(name: str) -> ResponseReturnValue:
    """Take a queue away."""
    queues.remove(connection(), name)
    flash(f"The queue {name} is gone.", "success")
    return redirect(url_for(".every"), code=303)


def _people() -> list[str]:
    return [person.name for person in users.everybody(connection()) if person.disabled_at is None]
