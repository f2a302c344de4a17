"""`arflow user`: make people, let them in no more, give them another password."""

import sys

import click
from sqlalchemy import Connection

from arflow import clock, departures
from arflow.cli.arguments import TEXT, examples, text_format
from arflow.cli.opened import engineering, opened
from arflow.cli.output import said
from arflow.desk import links, queues, users
from arflow.errors import Refused
from arflow.store.desk_tables import ROLES

_ACTOR = "command line"

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, instead of printing a link."
)


@click.group(epilog=examples("arflow user add carla --role caller --queue collections"))
def user() -> None:
    """Make, disable and let in the people who use the pages."""


@user.command("add", epilog=examples("arflow user add carla --role caller --role lead --queue collections"))
@click.argument("name", type=TEXT)
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, required=True, help="May be given often.")
@click.option("--full-name", type=TEXT, default="", help="What others call this person.")
@click.option("--email", type=TEXT, default="", help="Where this person is told things.")
@click.option(
    "--queue", "joined", type=TEXT, multiple=True, help="Works this queue, made if need be; may be given often."
)
@password_option
@text_format
def user_add(
    *,
    name: str,
    roles: tuple[str, ...],
    full_name: str,
    email: str,
    joined: tuple[str, ...],
    password_stdin: bool,
    form: str,
) -> None:
    """Make a person, with roles and queues."""
    password = _password() if password_stdin else None
    with opened() as engine, engine.begin() as connection:
        made = users.add(connection, name=name, full_name=full_name, email=email, roles=roles, password=password)
        for queue in joined:
            _join(connection, queue, name)
        link = None if password else _link(connection, name)
    text = f"{made.name} is made, as {' and '.join(sorted(made.roles))}{_invited(link)}"
    said(text, {"user": name, "roles": sorted(made.roles), "queues": sorted(set(joined)), "link": link}, form)


@user.command(
    "disable",
    short_help="Let a person in no more, and give their accounts back.",
    epilog=examples("arflow user disable carla"),
)
@click.argument("name", type=TEXT)
@text_format
def user_disable(*, name: str, form: str) -> None:
    """Let a person in no more, out at once, and give their accounts back to their queue."""
    with opened() as engine:
        with engine.begin() as connection:
            users.disable(connection, name)
            how = engineering(clock.read(connection))
        given = sum(departures.give_back(engine, name, actor=_ACTOR, engineering=how))
    text = f"{name} is disabled, {given:,} account{'' if given == 1 else 's'} went back"
    said(text, {"user": name, "accounts": given}, form)


@user.command("password", epilog=examples("arflow user password carla"))
@click.argument("name", type=TEXT)
@password_option
@text_format
def user_password(*, name: str, password_stdin: bool, form: str) -> None:
    """Give a person another password, or a link by which they set one."""
    with opened() as engine, engine.begin() as connection:
        if password_stdin:
            users.set_password(connection, name, _password())
        link = None if password_stdin else _link(connection, name)
    text = f"{name} has another password, and is logged out" if link is None else f"for {name}{_invited(link)}"
    said(text, {"user": name, "link": link}, form)


def _join(connection: Connection, queue: str, name: str) -> None:
    if queue not in {known.name for known in queues.every(connection)}:
        queues.add(connection, name=queue)
    queues.join(connection, queue, name)


def _link(connection: Connection, name: str) -> str:
    return f"/password/{links.new_password(connection, name)}"


def _invited(link: str | None) -> str:
    hours = int(links.LASTS.total_seconds() // 3600)
    return f"; within {hours} hours the password is set at this path of the pages, once: {link}" if link else ""


def _password() -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Refused("there is no password on standard input")
    return line
