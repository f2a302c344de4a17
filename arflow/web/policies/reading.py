"""Policies to read: the list, one policy, a version with its differences and examples; and making one active."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow import advance, checking
from arflow.errors import Conflict, Refused
from arflow.rules.calendar import WEEKDAYS
from arflow.rules.comparing import from_words, marked, one_line
from arflow.rules.policy import Policy
from arflow.store import policies
from arflow.store.policies import Activation, Kept
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.policies import gathered, starts
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

LONGEST_MESSAGE = 500

pages = Pages("policies", __name__, roles={"policy_owner", "admin"}, url_prefix="/policies")


@pages.get("/", menu=("Policies", 30))
def every() -> str:
    """All policies, and the start of a new one."""
    return render_template(
        "policies/every.html",
        found=gathered.every(connection()),
        change=policies.change(connection()),
        shipped=starts.shipped(),
    )


@pages.get("/named/<name>")
def one(name: str) -> str:
    """One policy as it is active, and its versions."""
    found = gathered.owned(connection(), name)
    change = policies.change(connection())
    return render_template("policies/one.html", found=found, change=change, **readable(found.policy))


@pages.get("/progress")
def progress() -> str:
    """How far the accounts have come, as a part of a page that asks for it again and again."""
    return render_template("policies/progress.html", change=policies.change(connection()))


@pages.get("/version/<version>")
def version(version: str) -> str:
    """One version: what is different from the active one, whether its examples come out, and all it says."""
    kept = starts.kept_version(connection(), version)
    return _version_page(kept, checking.known(kept.version))


@pages.get("/version/<version>/examples")
def examples(version: str) -> str:
    """The same page, with the examples played now."""
    kept = starts.kept_version(connection(), version)
    return _version_page(kept, checking.check(policies.version(connection(), kept.version).source))


@pages.post("/version/<version>/activate", again="version")
def activate(version: str) -> ResponseReturnValue:
    """Make a version the active one, unless another one has become active since the form was opened."""
    kept = starts.kept_version(connection(), version)
    read = Reading()
    message, seen = read.text("message", required=True, longest=LONGEST_MESSAGE), read.text("seen")
    read.check()
    policy = checking.check(policies.version(connection(), kept.version).source).require_ready()
    policies.let_nobody_activate(connection())
    _require_unchanged(policy, policies.active_one(connection(), policy.name), seen)
    advance.activate(connection(), policy, message=message, actor=current_user().name)
    flash(f"{policy.name} is active in version {policy.version[:12]}. The accounts move to it now.", "success")
    return redirect(url_for(".one", name=policy.name), code=303)


def _require_unchanged(policy: Policy, active: Activation | None, seen: str) -> None:
    if active is not None and active.version == policy.version:
        raise Refused("this version is the active one already")
    if active is not None and str(active.id) != seen:
        raise Conflict(
            f"since you opened this page {active.actor} has activated version {active.version[:12]} "
            f"(\u201c{active.message}\u201d); look at what is different from it now, then send yours again"
        )


def _version_page(kept: Kept, checked: checking.Checked | None) -> str:
    policy = policies.version(connection(), kept.version)
    active = policies.active_one(connection(), kept.name)
    was = policies.version(connection(), active.version) if active else None
    return render_template(
        "policies/version.html",
        kept=kept,
        active=active,
        is_active=active is not None and active.version == kept.version,
        accounts=policies.accounts_under(connection()).get(kept.version, 0),
        beside=gathered.neighbours(connection(), policy),
        compared=gathered.compared("the active version", was, policy),
        checked=checked,
        marked=marked,
        **readable(policy),
    )


def readable(policy: Policy) -> dict[str, object]:
    """What the template of a readable policy needs."""
    return {
        "policy": policy,
        "diagram": gathered.diagram(policy),
        "from_words": from_words,
        "one_line": one_line,
        "weekend": ", ".join(WEEKDAYS[day] for day in sorted(policy.calendar.weekend)) or "none",
    }
