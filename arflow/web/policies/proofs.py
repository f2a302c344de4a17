"""Asking what a version can never do: a condition is typed, and it is proved or shown to fail. Nothing is kept."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from arflow import checking
from arflow.checking import Proof
from arflow.errors import Refused
from arflow.store import policies
from arflow.vocabulary import State
from arflow.web.forms import Form, Typed
from arflow.web.pages import Pages
from arflow.web.policies import starts
from arflow.web.transactions import connection

pages = Pages("proofs", __name__, roles={"policy_owner", "admin"}, url_prefix="/policies")

CONTACT = "contact"
DOES: Mapping[str, str] = MappingProxyType(
    {CONTACT: "writes to or calls the customer", **{state.value: f"leads to {state}" for state in State}}
)
"""What a rule may be asked about, by the name that the address has for it."""

_LONGEST = 2_000


@pages.get("/version/<version>/never")
def ask(version: str) -> ResponseReturnValue:
    """Whether no rule does something while a condition is true; without one, the form."""
    kept = starts.kept_version(connection(), version)
    policy = policies.version(connection(), kept.version)
    does, text = request.args.get("does", CONTACT), request.args.get("condition", "").strip()
    mistakes, proof = _answered(policy.source, does, text) if text or "does" in request.args else ({}, None)
    typed = Typed(
        endpoint="proofs.ask",
        arguments={"version": version},
        values=MultiDict({"does": does, "condition": text}),
        reason="",
        mistakes=mistakes,
    )
    page = render_template(
        "policies/never.html",
        kept=kept,
        does=list(DOES.items()),
        f=Form(endpoint="proofs.ask", arguments={"version": version}, typed=typed),
        proof=proof,
        facts=policy.facts.values(),
    )
    return page, HTTPStatus.UNPROCESSABLE_ENTITY if mistakes else HTTPStatus.OK


def _answered(source: str, does: str, text: str) -> tuple[Mapping[str, str], Proof | None]:
    """What is wrong with the question, by field, or else its answer."""
    if does not in DOES:
        return {"does": f"`{does[:40]}` is not one of them"}, None
    if not text:
        return {"condition": 'is needed, such as `"stop-contact" in tags`'}, None
    if len(text) > _LONGEST:
        return {"condition": f"has {len(text)} characters, at most {_LONGEST} are looked at"}, None
    try:
        return {}, checking.answer(source, None if does == CONTACT else State(does), text)
    except Refused as refused:
        return {"condition": refused.reason}, None
