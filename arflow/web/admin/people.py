"""Users: who they are, what they may do, and letting them in or out."""

from time import monotonic

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow import departures
from arflow.desk import links, queues, users
from arflow.store.desk_tables import ROLES
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

pages = Pages("people", __name__, roles={"admin"}, url_prefix="/admin/users")

_PATIENCE = 10.0
"""How many seconds one request gives accounts back; what is left then has a button of its own."""


@pages.get("/", menu=("Users", 60))
def everybody() -> str:
    """All users, and the form for another."""
    return render_template(
        "admin/users.html",
        people=users.everybody(connection()),
        left=departures.owned_by_disabled(connection()),
        roles=ROLES,
        queues=queues.every(connection()),
    )


@pages.post("/", again="everybody")
def add() -> ResponseReturnValue:
    """Make a user, and a link by which they set their password."""
    read = Reading()
    name, roles = read.text("name", required=True).lower(), read.choices("roles", ROLES)
    known = [queue.name for queue in queues.every(connection())]
    chosen = read.choices("queues", known)
    read.check()
    with read.beside("name"):
        users.free_name(connection(), name)
    read.check()
    users.add(connection(), name=name, full_name=read.text("full_name"), email=read.text("email"), roles=roles)
    for queue in chosen:
        queues.join(connection(), queue, name)
    _say_link(name)
    return redirect(url_for(".one", name=name), code=303)


@pages.get("/<name>")
def one(name: str) -> str:
    """One user."""
    person = users.find(connection(), name)
    return render_template(
        "admin/user.html",
        person=person,
        left=departures.owned_by_disabled(connection()).get(name, 0),
        roles=ROLES,
        queues=queues.every(connection()),
    )


@pages.post("/<name>", again="one")
def change(name: str) -> ResponseReturnValue:
    """Change who a user is."""
    read, person = Reading(), users.find(connection(), name)
    roles = read.choices("roles", ROLES)
    every = queues.every(connection())
    chosen = read.choices("queues", [queue.name for queue in every])
    full_name, email = read.text("full_name"), read.text("email")
    read.check()
    users.change(connection(), name, full_name=full_name, email=email, roles=roles)
    for queue in every:
        if (queue.name in chosen) != (queue.name in person.queues):
            members = set(queue.members) ^ {name}
            queues.set_members(connection(), queue.name, members)
    flash(f"{name} is changed.", "success")
    return redirect(url_for(".one", name=name), code=303)


@pages.post("/<name>/link", again="one")
def link(name: str) -> ResponseReturnValue:
    """Make a link by which the user sets a password."""
    users.find(connection(), name)
    _say_link(name)
    return redirect(url_for(".one", name=name), code=303)


@pages.post("/<name>/disable", again="one")
def disable(name: str) -> ResponseReturnValue:
    """Let a user in no more. They are out before the first of their accounts goes back."""
    with settings().engine.begin() as own:
        users.disable(own, name)
    flash(f"{name} is disabled, and logged out everywhere.", "success")
    return _give_back(name)


@pages.post("/<name>/give-back", again="one")
def give_back(name: str) -> ResponseReturnValue:
    """Go on with giving a disabled user's accounts back."""
    return _give_back(name)


@pages.post("/<name>/enable", again="one")
def enable(name: str) -> ResponseReturnValue:
    """Let a user in again."""
    users.enable(connection(), name)
    flash(f"{name} is let in again.", "success")
    return redirect(url_for(".one", name=name), code=303)


def _give_back(name: str) -> ResponseReturnValue:
    """Give accounts back, batch by batch, each in a transaction of its own, as long as a person waits for it."""
    given, until, actor, own = 0, monotonic() + _PATIENCE, current_user().name, settings()
    for batch in departures.give_back(own.engine, name, actor=actor, engineering=own.engineering, limit=_AT_ONCE):
        given += batch
        if monotonic() >= until:
            break
    if given:
        flash(f"{given:,} account{'' if given == 1 else 's'} went back to their queue.", "info")
    return redirect(url_for(".one", name=name), code=303)


_AT_ONCE = 50


def _say_link(name: str) -> None:
    address = url_for("sign_in.link_page", token=links.new_password(connection(), name), _external=True)
    hours = int(links.LASTS.total_seconds() // 3600)
    flash(f"Give {name} this link, by which they set their password, once, within {hours} hours: {address}", "info")
