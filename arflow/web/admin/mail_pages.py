"""The letters that lie as files while no mail server is configured: what would have left, as it would have looked."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from flask import render_template

from arflow.errors import SaysNo
from arflow.mail import Folder
from arflow.web.pages import Pages
from arflow.web.transactions import settings

pages = Pages("mail", __name__, roles={"admin", "lead"}, url_prefix="/admin/mail")

_MOST = 200


@pages.get("/", menu=("Mail", 65))
def listed() -> str:
    """The latest letters."""
    folder = settings().mail_folder
    keys = Folder(folder).keys(_MOST) if folder else []
    letters = [(key, _read(key)) for key in keys]
    return render_template("admin/mail.html", folder=folder, letters=letters, most=_MOST)


@pages.get("/<path:key>")
def one(key: str) -> str:
    """One letter: its text, as a person without pictures reads it."""
    letter = _read(key)
    body = letter.get_body(("plain",))
    return render_template("admin/letter.html", letter=letter, text=body.get_content() if body else "")


def _read(key: str) -> EmailMessage:
    folder = settings().mail_folder
    content = Folder(folder).read(key) if folder else None
    if content is None:
        raise SaysNo("there is no such letter")
    return message_from_bytes(content, policy=policy.default)
