"""Puts together what the pages show of policies: each with its versions and the active one, and a document's lines."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import Connection

from arflow.desk import receivers
from arflow.errors import SaysNo
from arflow.machines.picture import Arrow, arrows, picture
from arflow.rules.comparing import Differences, differences
from arflow.rules.edges import edges
from arflow.rules.policy import Policy
from arflow.store import policies
from arflow.store.policies import Activation, Kept

SPARE_LINES = 400
"""Numbers beside a draft for lines that are still to be written."""

_AROUND = 2
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A policy: all its versions, the newest first, and the activation that says which one is active, if any."""

    name: str
    versions: tuple[Kept, ...]
    active: Activation | None
    policy: Policy
    """The active version, or the newest where none is active."""

    under: Mapping[str, int]
    """How many accounts stand under each of its versions that any stands under."""

    @property
    def accounts(self) -> int:
        """How many accounts stand under any of its versions."""
        return sum(self.under.values())


def every(connection: Connection) -> list[Owned]:
    """Every policy; those that are active first, in the order in which they are asked for an account."""
    kept, under = policies.kept(connection), policies.accounts_under(connection)
    found = [_owned(connection, name, kept, under) for name in sorted({one.name for one in kept})]
    return sorted(found, key=lambda one: (one.active is None, one.policy.currency, -one.policy.precedence, one.name))


def owned(connection: Connection, name: str) -> Owned:
    """The policy `name`. Raises SaysNo when no version of it is kept."""
    return _owned(connection, name, policies.kept(connection), policies.accounts_under(connection))


def _owned(connection: Connection, name: str, kept: Sequence[Kept], under: Mapping[str, int]) -> Owned:
    versions = tuple(one for one in reversed(kept) if one.name == name)
    if not versions:
        raise SaysNo(f"there is no policy `{name[:100]}`")
    active = policies.active_one(connection, name)
    shown = policies.version(connection, active.version if active else versions[0].version)
    theirs = {one.version: under[one.version] for one in versions if one.version in under}
    return Owned(name=name, versions=versions, active=active, policy=shown, under=theirs)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is different in a version or draft, and from what, in words."""

    base: str
    found: Differences
    is_same_text: bool


def compared(base: str, was: Policy | None, now: Policy) -> Compared | None:
    """What is different in `now`; None when there is nothing to compare it with."""
    if was is None:
        return None
    return Compared(base=base, found=differences(was, now), is_same_text=was.version == now.version)


def neighbours(connection: Connection, policy: Policy, renamed: str = "") -> list[str]:
    """What would surprise who activates `policy`: others that stay active, as `renamed` says, work given to nobody."""
    active = policies.active_now(connection)
    others = [one for one in active if one.currency == policy.currency and one.name != policy.name]
    is_new = all(one.name != policy.name for one in active)
    first = renamed or (_stay(others) if others and is_new else "")
    ties = [_tie(policy, other) for other in others if other.precedence == policy.precedence]
    unheard = [one.sentence for one in receivers.missing(connection, [policy])]
    return [*([first] if first else ()), *ties, *unheard]


def _stay(others: Sequence[Policy]) -> str:
    names = ", ".join(f"`{one.name}`" for one in others[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return f"{names}{more} {'stays' if len(others) == 1 else 'stay'} active beside it"


def _tie(policy: Policy, other: Policy) -> str:
    """Who has the accounts that both could have: precedence does not tell, so the name does."""
    asked = "asked first" if other.name < policy.name else "asked after this one"
    return f"`{other.name}` has the same currency and precedence and is {asked}, by its name"


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """The moves of a policy, as a picture and as the rows of its table."""

    arrows: tuple[Arrow, ...]
    svg: Markup


def diagram(policy: Policy) -> Diagram:
    """The moves of `policy`; its picture is made by us, with everything of the document escaped."""
    drawn = arrows(edges(policy))
    name = f"The moves of {policy.name}: {len(drawn)} numbered arrows between the seven states, listed in the table"
    return Diagram(arrows=drawn, svg=Markup(picture(drawn, name)))  # noqa: S704  # escaped in arflow.machines.picture


# --- lines of a document ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a document, and whether it is the one that is meant."""

    number: int
    text: str
    is_meant: bool


def lines_around(source: str, line: int | None) -> list[Line]:
    """The lines around `line`; none where no line is meant."""
    if line is None:
        return []
    lines = source.split("\n")
    numbers = range(max(1, line - _AROUND), min(len(lines), line + _AROUND) + 1)
    return [Line(number=number, text=lines[number - 1], is_meant=number == line) for number in numbers]


def numbers(source: str, meant: Collection[int | None]) -> Markup:
    """The numbers beside the lines of a draft; those in `meant` can be jumped to, as `#line-12`."""
    return Markup("\n").join(_numbers(source.count("\n") + 1 + SPARE_LINES, frozenset(meant)))


def _numbers(count: int, meant: frozenset[int | None]) -> Iterator[str | Markup]:
    for number in range(1, count + 1):
        yield Markup('<span id="line-{0}">{0}</span>').format(number) if number in meant else str(number)
