"""The blueprint of the account's page and of its forms, and what each of their views begins with."""

from collections.abc import Callable, Collection
from typing import TypeVar

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from arflow import outlook, recording
from arflow.desk import access, timeline
from arflow.desk.actions import Doing
from arflow.desk.timeline import Mark
from arflow.errors import Conflict, SaysNo
from arflow.outlook import Outlook
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

pages = Pages("account", __name__, roles={"caller", "lead", "admin"}, url_prefix="/accounts")

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
_ID = "<path:account_id>"
_LARGEST = 2**62


def form_of(name: str, roles: Collection[str] | None = None) -> Callable[[View], View]:
    """The route of a form of the account's page; what is refused is shown on that page."""
    return pages.post(
        f"/do/{name}/{_ID}", again="page", roles=roles, merge_slashes=False, provide_automatic_options=False
    )


def account_of_form() -> str | None:
    """The account whose form is sent to the address of this request; None when no form is.

    Who loads a refused form anew, or keeps its address, asks for it by GET.
    """
    adapter = current_app.create_url_adapter(request)
    try:
        endpoint, arguments = adapter.match(method="POST") if adapter else ("", {})
    except HTTPException:
        return None
    return arguments.get("account_id") if endpoint.startswith(f"{pages.name}.") else None


def look(account_id: str) -> Outlook:
    """The account, if whoever asks reaches it. Raises SaysNo."""
    access.require(connection(), current_user(), account_id)
    found = outlook.outlooks(connection(), [account_id], settings().engineering).get(account_id)
    if found is None:
        raise SaysNo(
            f"account `{account_id}` cannot be shown, because it cannot be read; an admin sees why it is parked"
        )
    if not found.account.born:
        raise SaysNo(f"nothing has been recorded of account `{account_id}` yet")
    return found


def seen(read: Reading, one: Outlook) -> int:
    """The version of the account that whoever sends the form knows.

    Where nothing that people see has been added since, that is the present one: a rule may have looked at the account
    and left it as it was.
    """
    version, known = int(read.number("seen", least=0, most=_LARGEST)), marked(read)
    if version != one.version and known and known.tells_all(timeline.mark(connection(), one.account.id)):
        return one.version
    return version


def require_seen(read: Reading, one: Outlook) -> None:
    """Raise Conflict when the account has changed since: what was typed may be refused for that alone.

    Who sends a form twice is told so, and not that all of it is promised already.
    """
    if seen(read, one) != one.version:
        raise Conflict("the account has changed since you opened it; look at what is new, then send yours again")


def marked(read: Reading) -> Mark | None:
    """How far whoever sends the form has seen what was recorded of the account; None when it does not say that."""
    return Mark.of(read.text("mark"))


def done(one: Outlook, doing: Doing, read: Reading, said: str) -> ResponseReturnValue:
    """Carry out what a form means, and go back to the account."""
    read.check()
    recording.carry_out(
        connection(),
        one.account.id,
        doing,
        user=current_user(),
        zone=one.zone,
        engineering=settings().engineering,
        seen=seen(read, one),
        mark=marked(read),
    )
    return back(one.account.id, said)


def back(account_id: str, said: str) -> ResponseReturnValue:
    """Go back to the account, or to the list when it is not theirs any more; the list must be told which it was."""
    if reaches(account_id):
        flash(said, "success")
        return redirect(url_for("account.page", account_id=account_id), code=303)
    flash(f"{account_id}: {said} It is not among yours any more; who owns it, or a lead, corrects it.", "success")
    return redirect(url_for("lists.mine"), code=303)


def reaches(account_id: str) -> bool:
    """Whether whoever asks reaches the account."""
    try:
        access.require(connection(), current_user(), account_id)
    except SaysNo:
        return False
    return True
