"""Handing over: to a real mail server that accepts, refuses, hangs or dies, and to a folder."""

import datetime as dt
import ssl
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from arflow import mail as mail_module
from arflow.config import Settings
from arflow.errors import Refused
from arflow.mail import ACCEPTED, Fate, Folder, Letter, Mail, Result, Server, Smtp, of, server_of
from tests.mail_servers import PASSWORD, Behaviour, authenticator, free_port, served, tls

MARCH_13 = dt.date(2026, 3, 13)
LETTER = Letter(
    message_id="<17.0a1b@hill.example>",
    to="ann@bright.example",
    name="Ann Archer",
    at=dt.datetime(2026, 3, 13, 9, 30, tzinfo=dt.UTC),
    on=MARCH_13,
    subject="Payment reminder: invoice R-1",
    text="Dear Ann,\n\nschön.\n",
    html="<p>Dear Ann</p>",
    language="en",
)


def mail(port: int = 1, seconds: float = 5.0, **server: object) -> Mail:
    made = Server(host="127.0.0.1", port=port, **server)  # type: ignore[arg-type]  # a test knows which
    return Mail(
        transport=Smtp(server=made, sender="accounts@hill.example", seconds=seconds),
        address="accounts@hill.example",
        company="Hill & Sons",
        reply_to="desk@hill.example",
    )


def sent(by: Mail, letters: Sequence[Letter] = (LETTER,)) -> list[Result]:
    """What becomes of letters that are handed over one after the other."""
    with by.transport.open() as post:
        return [post.send(by.composed(letter), letter.to, letter.on) for letter in letters]


def numbered(number: int) -> Letter:
    return replace(LETTER, message_id=f"<{number}.x@hill.example>")


# --- what a letter is -------------------------------------------------------------------------------------------------


def test_a_letter_has_its_headers_and_says_the_same_twice() -> None:
    made = message_from_bytes(mail().composed(LETTER).as_bytes(), policy=policy.default)
    assert isinstance(made, EmailMessage)
    assert made["From"] == "Hill & Sons <accounts@hill.example>"
    assert made["To"] == "Ann Archer <ann@bright.example>"
    assert made["Reply-To"] == "Hill & Sons <desk@hill.example>"
    assert made["Subject"] == "Payment reminder: invoice R-1"
    assert made["Date"] == "Fri, 13 Mar 2026 09:30:00 +0000"
    assert made["Message-ID"] == "<17.0a1b@hill.example>"
    assert made["Auto-Submitted"] == "auto-generated"
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in made.iter_parts()]
    body = made.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == LETTER.text


def test_names_can_bring_no_header_and_no_second_address() -> None:
    evil = "Ann\r\nBcc: all@evil.example\r\n\r\nhello, <x@evil.example>"
    made = message_from_bytes(
        mail().composed(replace(LETTER, name=evil, subject=evil)).as_bytes(), policy=policy.default
    )
    assert made["Bcc"] is None
    assert ["ann@bright.example"] == [address.addr_spec for address in made["To"].addresses]
    assert "Bcc: all@evil.example" in made["Subject"]


@pytest.mark.parametrize(
    "evil", ["=?utf-8?q?=0d=0aBcc:_x@evil.example?=", "=\ud800?utf-8?b?DQpCY2M6IHhAZXZpbC5leGFtcGxl?="]
)
def test_what_a_name_hides_in_an_encoded_word_stays_hidden(evil: str) -> None:
    """Mail programs decode such words for people; our own library did it on the way out, line breaks and all."""
    raw = mail().composed(replace(LETTER, name=evil, subject=f"Pay {evil}")).as_bytes()
    assert b"\r\nBcc:" not in raw
    made = message_from_bytes(raw, policy=policy.default)
    assert made["Bcc"] is None
    assert ["ann@bright.example"] == [address.addr_spec for address in made["To"].addresses]


def test_a_letter_says_in_which_language_it_is() -> None:
    made = message_from_bytes(mail().composed(replace(LETTER, language="de")).as_bytes(), policy=policy.default)
    assert "de" == made["Content-Language"]


@pytest.mark.parametrize(
    "name", ["", "Zoë Müller-Lüdenscheidt", "山田", 'A "B" C', "a" * 190, "x@y, z@w", "=?utf-8?q?x?="]
)
def test_every_name_makes_one_address_and_short_lines(name: str) -> None:
    raw = mail().composed(replace(LETTER, name=name)).as_bytes()
    made = message_from_bytes(raw, policy=policy.default)
    assert ["ann@bright.example"] == [address.addr_spec for address in made["To"].addresses]
    assert max(map(len, raw.split(b"\r\n"))) <= 998


# --- a mail server ----------------------------------------------------------------------------------------------------


def test_a_server_takes_letters_over_one_connection() -> None:
    behaviour = Behaviour()
    with served(behaviour) as port:
        assert [ACCEPTED] * 3 == sent(mail(port), [numbered(n) for n in range(3)])
    assert [["ann@bright.example"]] * 3 == [to for to, _ in behaviour.taken]
    assert ["<0.x@hill.example>", "<1.x@hill.example>", "<2.x@hill.example>"] == [
        m["Message-ID"] for _, m in behaviour.taken
    ]
    assert 1 == behaviour.connections


@pytest.mark.parametrize(
    ("behaviour", "fate"),
    [
        (Behaviour(rcpt="550 5.1.1 no such user"), Fate.REFUSED),
        (Behaviour(rcpt="450 4.2.1 greylisted"), Fate.AGAIN),
        (Behaviour(data="554 5.7.1 looks like spam"), Fate.REFUSED),
        (Behaviour(data="451 4.3.0 try later"), Fate.AGAIN),
    ],
)
def test_an_answer_about_the_letter_is_for_good_or_for_now(behaviour: Behaviour, fate: Fate) -> None:
    """And the connection serves the next letter."""
    with served(behaviour) as port:
        results = sent(mail(port), [numbered(1), numbered(2)])
    assert [fate, fate] == [result.fate for result in results]
    assert [False, False] == [result.is_down for result in results]
    answer = behaviour.rcpt if behaviour.data.startswith("250") else behaviour.data
    assert f"the mail server said {answer}" == results[0].reason
    assert [] == behaviour.taken


def test_a_server_that_hangs_is_given_up_in_time() -> None:
    with served(Behaviour(moods=("hang",))) as port:
        began = time.monotonic()
        (result,) = sent(mail(port, seconds=0.5))
        assert time.monotonic() - began < 10
    assert result == Result(
        fate=Fate.AGAIN, reason=f"the mail server 127.0.0.1:{port} did not answer in time", is_down=True
    )


@pytest.mark.parametrize("mood", ["die", "lose"])
def test_a_server_that_dies_after_the_letter_is_tried_again_over_a_new_connection(mood: str) -> None:
    """Whether the letter was taken cannot be known; it goes out again under the same Message-ID."""
    behaviour = Behaviour(moods=(mood,))
    with served(behaviour) as port:
        lost, kept = sent(mail(port), [LETTER, LETTER])
    assert (Fate.AGAIN, True) == (lost.fate, lost.is_down)
    assert kept == ACCEPTED
    assert {LETTER.message_id} == {message["Message-ID"] for _, message in behaviour.taken}
    assert 2 == behaviour.connections


def test_nobody_listens() -> None:
    (result,) = sent(mail(free_port()))
    assert (Fate.AGAIN, True) == (result.fate, result.is_down)
    assert "Connection refused" in result.reason


def test_a_server_that_is_no_mail_server_is_tried_again() -> None:
    with served(Behaviour(), ssl_context=tls()) as port:
        (result,) = sent(mail(port, seconds=0.5))
    assert (Fate.AGAIN, True) == (result.fate, result.is_down)


def test_a_password_is_sent_over_an_encrypted_connection() -> None:
    behaviour = Behaviour()
    options = {"authenticator": authenticator, "auth_required": True, "tls_context": tls(), "require_starttls": True}
    with served(behaviour, **options) as port:
        assert [ACCEPTED] == sent(mail(port, user="arflow", password=PASSWORD))
        (wrong,) = sent(mail(port, user="arflow", password=PASSWORD[1:]))
    assert (Fate.AGAIN, True) == (wrong.fate, wrong.is_down)
    assert "535" in wrong.reason


def test_a_server_that_is_encrypted_from_the_first_byte() -> None:
    behaviour = Behaviour()
    with served(behaviour, ssl_context=tls()) as port:
        assert [ACCEPTED] == sent(mail(port, is_wrapped=True))


def test_a_password_goes_nowhere_unencrypted_but_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "is_here", False)
    with served(Behaviour()) as port:
        (result,) = sent(mail(port, user="arflow", password=PASSWORD))
    assert "offers no encryption, and the password is not sent without" in result.reason


def test_certificates_are_checked_unless_the_server_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = Server(host="mail.example.com", port=25), Server(host="127.0.0.1", port=25)
    assert ssl.CERT_REQUIRED == mail_module._context(there).verify_mode
    assert ssl.CERT_NONE == mail_module._context(here).verify_mode
    monkeypatch.setattr(Server, "is_here", False)
    with served(Behaviour(), tls_context=tls(), require_starttls=True) as port:
        (result,) = sent(mail(port))
    assert (Fate.AGAIN, True) == (result.fate, result.is_down)
    assert "certificate" in result.reason.lower()


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost", Server(host="localhost", port=25)),
        ("smtp://mail.example.com:2525", Server(host="mail.example.com", port=2525)),
        ("smtp://me:p%40ss%2Fword@x.example", Server(host="x.example", port=587, user="me", password=PASSWORD)),
        ("smtps://x.example/", Server(host="x.example", port=465, is_wrapped=True)),
        ("smtp://[::1]:25", Server(host="::1", port=25)),
    ],
)  # fmt: skip
def test_a_server_is_named_by_a_url(url: str, server: Server) -> None:
    assert server == server_of(url)


@pytest.mark.parametrize(
    "url",
    ["x.example", "http://me:secret@x", "smtp://", "smtp://me:secret@x:port", "smtp://me:secret@x/path", "smtp://[x"],
)
def test_a_url_that_names_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Refused, match="ARFLOW_SMTP_URL cannot be read; write smtp://") as refused:
        server_of(url)
    assert "secret" not in str(refused.value)


def test_no_password_is_shown_by_accident() -> None:
    settings = Settings(home=Path("/x"), smtp_url="smtp://me:secret@x", mail_from="a@b.example")
    assert "secret" not in repr(settings)
    assert "secret" not in repr(of(settings))


def test_what_is_missing_or_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ARFLOW_MAIL_FROM does not say who writes"):
        of(Settings(home=tmp_path, smtp_url="smtp://localhost"))
    with pytest.raises(Refused, match="ARFLOW_MAIL_FROM is no e-mail address"):
        of(Settings(home=tmp_path, mail_from="Hill <a@hill.example>"))
    with pytest.raises(Refused, match="ARFLOW_REPLY_TO is no e-mail address"):
        of(Settings(home=tmp_path, reply_to="a@hill.example\nBcc: b@hill.example"))


def test_without_a_server_letters_are_files_of_somebody_or_nobody(tmp_path: Path) -> None:
    nobody = of(Settings(home=tmp_path))
    assert (nobody.address, nobody.company) == ("accounts@arflow.invalid", "arflow.invalid")
    somebody = of(Settings(home=tmp_path, mail_from="a@hill.example", company="Hill & Sons", phone="1"))
    assert (somebody.address, somebody.company, somebody.phone) == ("a@hill.example", "Hill & Sons", "1")
    assert somebody.transport == Folder(tmp_path / "mail")


# --- a folder ---------------------------------------------------------------------------------------------------------


def test_a_letter_becomes_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "mail")
    assert [ACCEPTED] == sent(replace(mail(), transport=folder))
    path = tmp_path / "mail" / "2026-03-13" / "17.0a1b.eml"
    assert message_from_bytes(path.read_bytes())["Subject"] == LETTER.subject
    assert 0o700 == stat.S_IMODE((tmp_path / "mail").stat().st_mode)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
    assert [path] == [*path.parent.iterdir()]


def test_a_letter_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    sent(replace(mail(), transport=folder), [LETTER])
    before = (tmp_path / "2026-03-13" / "17.0a1b.eml").stat()
    assert [ACCEPTED] == sent(replace(mail(), transport=folder), [replace(LETTER, subject="Another")])
    assert before == (tmp_path / "2026-03-13" / "17.0a1b.eml").stat()


def test_half_a_letter_is_no_letter(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "2026-03-13").mkdir()
    (tmp_path / "2026-03-13" / ".17.0a1b.eml.1.part").write_text("half")
    assert folder.keys(10) == []
    sent(replace(mail(), transport=folder), [LETTER])
    assert folder.keys(10) == ["2026-03-13/17.0a1b"]


def test_letters_are_found_the_latest_first(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    days = [(2, MARCH_13), (10, MARCH_13), (1, MARCH_13 + dt.timedelta(days=1))]
    sent(replace(mail(), transport=folder), [replace(numbered(number), on=on) for number, on in days])
    assert folder.keys(2) == ["2026-03-14/1.x", "2026-03-13/10.x"]
    assert b"Payment reminder" in (folder.read("2026-03-13/2.x") or b"")


@pytest.mark.parametrize(
    "key", ["../secret", "2026-03-13/../../secret", "2026-03-13/.17", "2026-03-13/nothing", "/etc/passwd", ""]
)
def test_nothing_but_letters_can_be_read(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret.eml").write_text("secret")
    (tmp_path / "mail" / "2026-03-13").mkdir(parents=True)
    assert Folder(tmp_path / "mail").read(key) is None


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file stands where the folder should be")
    (result,) = sent(replace(mail(), transport=Folder(tmp_path / "mail")))
    assert (Fate.AGAIN, True) == (result.fate, result.is_down)
    assert "could not be written" in result.reason
