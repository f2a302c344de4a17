"""Logging in and out, passwords, and the links that work once."""

import math
from datetime import timedelta

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow.desk import links, sessions, users
from arflow.web import carried
from arflow.web.browsers import browser
from arflow.web.forms import Reading
from arflow.web.pages import PUBLIC, SIGNED_IN, Pages
from arflow.web.shown import span
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user, forget, visitor

pages = Pages("sign_in", __name__)
_LONGEST_NAME = 64


@pages.get("/log-in", roles=PUBLIC)
def log_in() -> ResponseReturnValue:
    """The form; whoever is logged in already goes on."""
    there = carried.local_path(request.args.get("next", "/"))
    if visitor():
        return redirect(there, code=303)
    return carried.log_in_page(status=200, goes_to=there)


@pages.post("/log-in", roles=PUBLIC, endpoint="try_log_in")
def try_log_in() -> ResponseReturnValue:
    """Look at name and password. The try is counted first, in a transaction of its own, whatever comes of it."""
    name = request.form.get("name", "").strip().lower()[:_LONGEST_NAME]
    with settings().engine.begin() as own:
        wait = sessions.try_log_in(own, name, request.remote_addr or "")
    if wait:
        return _wait(name, wait)
    if not users.password_is(connection(), name, request.form.get("password", "")):
        return _again(401, "That name and password do not belong together.", name)
    sessions.forgive(connection(), name)
    _let_in(name)
    return _go_on(name)


def _go_on(name: str) -> ResponseReturnValue:
    """To where they wanted to go; or to what they had typed before they were asked to log in."""
    typed = carried.unpack(request.form.get("carried", ""))
    if typed and typed.user == name:
        return carried.confirm_page(typed, status=200, was="You had been logged out, so it was not sent.")
    if typed:
        flash(f"What was typed before was {typed.user}'s; it was not sent, and is gone.", "warning")
    return redirect(carried.local_path(request.form.get("goes_to", "/")), code=303)


def _let_in(name: str) -> None:
    """Log `name` in under a new token; the one before is worth nothing any more."""
    sessions.end(connection(), browser().token)
    browser().change_token(sessions.begin(connection(), name))
    forget()


def _wait(name: str, wait: timedelta) -> Response:
    said = span(timedelta(seconds=math.ceil(wait.total_seconds())))
    answer = make_response(_again(429, f"Too many wrong passwords. Try again in {said}.", name))
    answer.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return answer


def _again(status: int, reason: str, name: str) -> ResponseReturnValue:
    return carried.log_in_page(
        status=status,
        carrying=request.form.get("carried", ""),
        reason=reason,
        name=name,
        goes_to=carried.local_path(request.form.get("goes_to", "/")),
    )


@pages.post("/log-out", roles=PUBLIC)
def log_out() -> ResponseReturnValue:
    """End the session."""
    sessions.end(connection(), browser().token)
    browser().change_token(sessions.new_token())
    forget()
    flash("You are logged out.", "success")
    return redirect(url_for(".log_in"), code=303)


# --- passwords --------------------------------------------------------------------------------------------------------


@pages.get("/password", roles=SIGNED_IN)
def password_page() -> str:
    """One's own password."""
    return render_template("sign_in/password.html", shortest=users.SHORTEST_PASSWORD)


@pages.post("/password", roles=SIGNED_IN, again="password_page")
def change_password() -> ResponseReturnValue:
    """Take another password; every other browser of this person is logged out."""
    read, name = Reading(), current_user().name
    with settings().engine.begin() as own:
        wait = sessions.try_log_in(own, name, request.remote_addr or "")
    if wait:
        read.refuse("old_password", f"too many wrong passwords; try again in {span(wait + timedelta(seconds=1))}")
    elif not users.password_is(connection(), name, read.password("old_password")):
        read.refuse("old_password", "is not your password")
    else:
        with settings().engine.begin() as own:
            sessions.forgive(own, name)
    _new_password(read, name)
    _let_in(name)
    flash("Your password is changed. Your other browsers are logged out.", "success")
    return redirect(url_for(".password_page"), code=303)


@pages.get("/password/<token>", roles=PUBLIC)
def link_page(token: str) -> str:
    """Where a link leads by which a person sets a password."""
    name = links.look_for_password(connection(), token)
    return render_template("sign_in/link.html", name=name, token=token, shortest=users.SHORTEST_PASSWORD)


@pages.post("/password/<token>", roles=PUBLIC, again="link_page")
def use_link(token: str) -> ResponseReturnValue:
    """Set the password, and log in by it."""
    name = links.use_for_password(connection(), token)
    _new_password(Reading(), name)
    return _welcome(name)


@pages.get("/first/<token>", roles=PUBLIC)
def first_page(token: str) -> str:
    """Where the first admin of an empty database makes themself."""
    links.look_for_first(connection(), token)
    return render_template("sign_in/first.html", token=token, shortest=users.SHORTEST_PASSWORD)


@pages.post("/first/<token>", roles=PUBLIC, again="first_page")
def make_first(token: str) -> ResponseReturnValue:
    """Make the first admin."""
    links.use_for_first(connection(), token)
    read = Reading()
    name, full_name = read.text("name", required=True).lower(), read.text("full_name")
    with read.beside("name"):
        users.add(connection(), name=name, full_name=full_name, roles=["admin"])
    _new_password(read, name)
    return _welcome(name)


def _new_password(read: Reading, name: str) -> None:
    """Set what was typed twice. Raises Mistyped."""
    password = read.password("password")
    if password != read.password("password_again"):
        read.refuse("password_again", "is not the same")
    read.check()
    with read.beside("password"):
        users.set_password(connection(), name, password)
    read.check()


def _welcome(name: str) -> ResponseReturnValue:
    _let_in(name)
    flash(f"Welcome, {current_user().shown}.", "success")
    return redirect("/", code=303)
