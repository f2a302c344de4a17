"""Letters: whatever people, customers and templates are called, a letter has its own headers and one recipient."""

import datetime as dt
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from arflow.mail import Folder, Letter, Mail
from arflow.messages.recipients import is_address
from tests.fuzz.bounds import bounded, examples
from tests.fuzz.hostile import WORDS

HEADERS = {
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language"),
    *("MIME-Version", "Content-Type"),
}
_TEXTS = st.one_of(
    st.sampled_from([word for word in WORDS if word.isascii() or word.isprintable()]),
    st.text(max_size=60),
    st.text(alphabet='aé \r\n:;,<>@"\\()=?_.-\x00\x0b\x85\u2028\u202e', max_size=80),
)
_ADDRESSES = st.one_of(
    st.just("ann@bright.example"),
    st.emails(),
    st.builds("{}@{}.example".format, st.text(alphabet="a.b'`{|}+-!#é\" ", min_size=1, max_size=70), st.just("x")),
    st.text(alphabet="a@.\r\n,<> \x00", max_size=40),
)


@examples(250, 60_000)
@example(name="Ann\r\nBcc: x@evil.example", subject="a\n\nb", to="ann@bright.example", company="\r\n", body="")
@example(
    name="=?utf-8?q?=0d=0aBcc:_x@evil.example?=", subject="=?utf-8?b?DQo=?=", to="a@b.example", company="x", body="x"
)
@given(name=_TEXTS, subject=_TEXTS, to=_ADDRESSES, company=_TEXTS, body=_TEXTS)
def test_a_letter_has_its_own_headers_and_one_recipient(
    counted: Callable[[], None], name: str, subject: str, to: str, company: str, body: str
) -> None:
    """Of an address that is taken for one at all."""
    address = to if is_address(to) else "ann@bright.example"
    mail = Mail(
        transport=Folder(Path("x")), address="accounts@hill.example", company=company, reply_to="d@hill.example"
    )
    letter = Letter(
        message_id="<1.x@hill.example>",
        to=address,
        name=name,
        at=dt.datetime(2026, 1, 5, tzinfo=dt.UTC),
        on=dt.date(2026, 1, 5),
        subject=subject,
        text=body,
        html=body,
        language="en",
    )
    with bounded():
        raw = mail.composed(letter).as_bytes()
    made = message_from_bytes(raw, policy=policy.default)
    assert HEADERS - {"Subject"} <= set(made.keys()) <= HEADERS | {"Content-Transfer-Encoding"}
    assert [address] == [found.addr_spec for found in made["To"].addresses]
    assert ["accounts@hill.example"] == [found.addr_spec for found in made["From"].addresses]
    assert 998 >= max(map(len, raw.split(b"\r\n")))
    counted()
