"""Editing: a document on a page, checked and saved. Nothing typed is lost: whatever is wrong, it is shown again."""

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow.checking import Checked, check
from arflow.rules.catalogue import CATALOGUE
from arflow.rules.comparing import marked
from arflow.rules.policy import Policy
from arflow.rules.refusals import MOST
from arflow.rules.templates import KNOWN
from arflow.store import policies
from arflow.vocabulary import EffectKind, State
from arflow.web.pages import Pages
from arflow.web.policies import gathered, starts
from arflow.web.policies.gathered import Compared
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

pages = Pages("drafts", __name__, roles={"policy_owner", "admin"}, url_prefix="/policies")


@pages.get("/draft")
def draft() -> str:
    """The document of a version, of a policy that comes with arflow, or of the skeleton, to be edited."""
    start, name = request.args.get("start", starts.EMPTY), request.args.get("name", "").strip()
    source = starts.text(connection(), start, name)
    if name and not starts.is_under(name, source):
        flash(f"The name `{name}` could not be put into this document; write it at its key `policy`.", "warning")
    return _editor(start, source)


@pages.post("/draft")
def judge() -> ResponseReturnValue:
    """Check what was typed, and save it as a version if that was asked for and it is sound."""
    start, source = request.form.get("start", ""), _typed_document()
    found = check(source)
    is_to_be_saved = request.form.get("do") == "save"
    if not is_to_be_saved or found.policy is None or not found.is_sound:
        return make_response(_editor(start, source, found), 422 if is_to_be_saved else 200)
    return _save(start, found.policy, found)


def _typed_document() -> str:
    """The document as typed; browsers end its lines as in mail."""
    return request.form.get("source", "").replace("\r\n", "\n").replace("\r", "\n")


def _save(start: str, policy: Policy, found: Checked) -> ResponseReturnValue:
    is_kept = any(one.version == policy.version for one in policies.kept(connection()))
    policies.save(connection(), policy, current_user().name)
    flash(f"This is kept already, as version {policy.version[:12]}." if is_kept else "Saved.", "success")
    if renamed := starts.renamed(connection(), start, policy):
        flash(f"{renamed}.", "warning")
    if found.failing:
        flash("It cannot be activated before all its examples come out.", "warning")
    return redirect(url_for("policies.version", version=policy.version[:12]), code=303)


def _editor(start: str, typed: str, found: Checked | None = None) -> str:
    source = typed.replace("\0", "\ufffd")  # which is what a browser would make of it
    policy = found.policy if found and found.is_sound else None
    refused = [(one, gathered.lines_around(source, one.line)) for one in found.refusals] if found else []
    meant = [one.line for one, _ in refused]
    if found:
        meant += [tried.line for tried in found.failing] + [proof.line for proof in found.unproved]
    name = policy.name if policy else starts.name_in(source)
    return render_template(
        "policies/draft.html",
        name=name,
        is_known=any(one.name == name for one in policies.kept(connection())),
        start=start,
        source=source,
        checked=found,
        refused=refused,
        may_be_more=len(refused) == MOST,
        compared=_compared(start, policy) if policy else None,
        is_new=policy is not None and policies.active_one(connection(), policy.name) is None,
        beside=gathered.neighbours(connection(), policy, starts.renamed(connection(), start, policy)) if policy else [],
        numbers=gathered.numbers(source, meant),
        marked=marked,
        facts=CATALOGUE.values(),
        templates=sorted(KNOWN),
        states=list(State),
        effects=list(EffectKind),
    )


def _compared(start: str, policy: Policy) -> Compared | None:
    """What is different from the active version of that name, or else from what the draft started from."""
    active = policies.active_one(connection(), policy.name)
    if active is not None:
        return gathered.compared(
            f"the active version of {policy.name}", policies.version(connection(), active.version), policy
        )
    return gathered.compared("what you started from", starts.policy(connection(), start), policy)
