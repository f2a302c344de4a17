"""The other door: the only code that sends anything to anybody.

Every message is a row before it is a letter. A batch is claimed with a lease in one transaction; then each message is
rendered and handed over outside of any; then what came of it is written, with the delivery result as a cause of the
account, in one transaction of its own. Whoever dies in between leaves a lease that runs out, and the next one sends
the letter under the same Message-ID. While the delivery switch is off nothing is claimed, and nothing claimed is sent.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from enum import StrEnum
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, exists, func, insert, literal, select, text
from sqlalchemy.exc import OperationalError

from arflow import advance, clock
from arflow.accounts.entries import Account, EffectStatus
from arflow.clock import Now
from arflow.desk.outcomes import FLAGGED
from arflow.errors import ArflowError, NotNow
from arflow.life.present import reading
from arflow.mail import Fate, Letter, Mail, Post, Result
from arflow.messages.notices import notice
from arflow.messages.recipients import is_address, recipient
from arflow.messages.rendering import Message, SaysNothing, Sender, render
from arflow.rules.policy import Policy
from arflow.store import accounts, desk_tables, leases, policies, switch, tables
from arflow.store import addresses as refusals
from arflow.store.leases import Claim
from arflow.store.outbox import NOTICE

BATCH = 50
"""How many messages one claim takes."""

PROMPT = dt.timedelta(hours=2)
"""A message that left its account no longer ago goes out at once; a later attempt waits for working hours."""

HELD = dt.timedelta(minutes=15)
"""After how long a letter that had left its account before somebody put it on hold is looked at again."""

_TRIES = 3
_LONGEST_REASON = 500

_CALLED_OFF = "the customer is to be left alone since, and the account has left the state in which this was written"

_STATUSES = {Fate.ACCEPTED: "sent", Fate.REFUSED: "failed", Fate.AGAIN: "failed", Fate.MOOT: "moot"}
"""How a message ends; one that was to be tried again has run out of time by then."""


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What was claimed, and everything that was read for it at once."""

    claims: Sequence[Claim]
    now: Now
    accounts: Mapping[str, Account]
    versions: Mapping[str, int]
    """As which each of `accounts` was read."""

    policies: Mapping[str, Policy]
    colleagues: Mapping[str, str]
    last_sent: Mapping[str, dt.datetime]
    """When the last letter of an account left."""

    flagged: Mapping[str, dt.datetime]
    """When it was recorded last that a customer is to be left alone, by account."""

    unreadable: Mapping[str, str]
    """Accounts that cannot be read, and why; they are not among `accounts`."""

    refused: dict[str, str]
    """Addresses, in small letters, to which nothing is sent, and why; those that are refused meanwhile are added."""

    def policy(self, claim: Claim) -> Policy | None:
        """The policy that had the account last."""
        return self.policies.get(self.accounts[claim.account_id].policy_version or "")

    def owner(self, claim: Claim) -> str:
        """Who has the account; nobody when that cannot be read."""
        account = self.accounts.get(claim.account_id)
        return account.owner if account else ""


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What came of one message. `is_about_address`: a person has to find another address."""

    result: Result
    letter: Letter | None = None
    is_about_address: bool = False


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A message that could not be delivered, and why."""

    id: int
    account: str
    template: str
    recipient: str
    error: str
    attempts: int
    settled_at: dt.datetime


def deliver_batch(
    engine: Engine, mail: Mail, limit: int = BATCH, *, is_ending: Callable[[], bool] = lambda: False
) -> int:
    """Hand over up to `limit` messages that are ready; gives how many were claimed, 0 when none is or delivery is off.

    Each ends sent or failed, or is queued for later. When delivery is turned off meanwhile, or the process is to end,
    those that were not tried yet go back to the queue.
    """
    batch = _claimed(engine, mail, limit)
    if batch is None:
        return 0
    left = list(batch.claims)
    with mail.transport.open() as post:
        while left and not is_ending():
            group = [left.pop(0) for _ in range(min(mail.transport.group, len(left)))]
            done, untouched = _group(engine, batch, group, mail, post)
            post.keep()
            _settle(engine, batch, done)
            left = [*untouched, *left]
            down = next((outcome for _, outcome in done if outcome.result.is_down), None)
            if down is not None:  # no other would fare better now
                _settle(engine, batch, [(claim, _Outcome(result=down.result)) for claim in left])
                left = []
            if untouched:
                break
    _put_back(engine, left)
    return len(batch.claims)


def _group(
    engine: Engine, batch: _Batch, group: Sequence[Claim], mail: Mail, post: Post
) -> tuple[list[tuple[Claim, _Outcome]], Sequence[Claim]]:
    """What came of the messages that were tried, and those that were not, because delivery is off or a server down."""
    done: list[tuple[Claim, _Outcome]] = []
    for at, claim in enumerate(group):
        until = monotonic() + mail.transport.patience / 2  # well before the lease that is renewed now can be over
        turn = _turn(engine, batch, claim, mail)
        if turn is _Turn.OFF:
            return done, group[at:]
        if turn is _Turn.SKIPPED:
            continue
        outcome = _handed_over(batch, claim, mail, post, until)
        if outcome is None:
            _put_back(engine, [claim])
            continue
        done.append((claim, outcome))
        if outcome.result.is_address_refused and outcome.letter is not None:
            batch.refused[outcome.letter.to.lower()] = outcome.result.reason
        if outcome.result.is_down:
            return done, group[at + 1 :]
    return done, ()


def failed(connection: Connection, limit: int = 100) -> list[Failed]:
    """The messages that failed last, the latest first."""
    return [
        Failed(
            id=row.id,
            account=row.account_id,
            template=row.template,
            recipient=row.recipient,
            error=row.error,
            attempts=row.attempts,
            settled_at=row.settled_at,
        )
        for row in leases.failed(connection, limit)
    ]


def retry(connection: Connection, number: int, actor: str) -> None:
    """Queue a failed message once more, because a person asked for it. Raises NotNow when it cannot be.

    What the rules have been told stays: the delivery failed. A letter that arrives now is not told to them again.
    """
    message = desk_tables.message
    row = connection.execute(select(message).where(message.c.id == number).with_for_update()).mappings().first()
    if row is None or row["status"] != "failed":
        raise NotNow(f"message {number} is not one that failed; look at the list again")
    if _is_unknown(connection, row["account_id"], row["number"]):
        raise NotNow(f"that message {number} failed is still being taken in; repeat it in a moment")
    leases.queue_again(connection, number, f"tried again by {actor}; before: {row['error']}")


def clear_address(connection: Connection, address: str, actor: str) -> None:
    """Let letters go to an address again that was refused, because a person says so. Raises NotNow when it is not."""
    if not refusals.clear(connection, address, actor):
        raise NotNow(f"`{address}` is not refused; look at the list again")


# --- claiming and reading ---------------------------------------------------------------------------------------------


def _claimed(engine: Engine, mail: Mail, limit: int) -> _Batch | None:
    with engine.begin() as connection:
        if not switch.is_on(connection):
            return None
        claims = leases.claim(connection, limit=limit, seconds=mail.transport.patience, domain=mail.domain)
        return _read(connection, claims) if claims else None


def _read(connection: Connection, claims: Sequence[Claim]) -> _Batch:
    """Everything that letters need, in a number of statements that does not depend on the size of the batch.

    An account that cannot be read keeps no letter of the others back: then each is read by itself.
    """
    ids = sorted({claim.account_id for claim in claims})
    unreadable: dict[str, str] = {}
    stored, named = _readable(connection, ids, unreadable)
    found = {key: _with_payer(stored[key].account, stored) for key in ids if key in stored}
    addresses = [_addressed(found[claim.account_id], claim)[1] for claim in claims if claim.account_id in found]
    return _Batch(
        claims=claims,
        now=clock.read(connection),
        accounts=found,
        versions={key: stored[key].version for key in found},
        policies=named,
        colleagues=_colleagues(connection, {account.owner for account in found.values()}),
        last_sent=leases.last_sent(connection, ids),
        flagged=_flagged(connection, [key for key, account in found.items() if account.tags & FLAGGED]),
        unreadable=unreadable,
        refused={one.address: one.reason for one in refusals.refused(connection, addresses).values()},
    )


_Read = tuple[dict[str, accounts.Stored], dict[str, Policy]]
"""Accounts by their ids, payers too, and the policies that have them by version."""


def _readable(connection: Connection, ids: Sequence[str], unreadable: dict[str, str]) -> _Read:
    """What can be read of the accounts `ids`; why the others cannot be is noted in `unreadable`."""
    try:
        with connection.begin_nested():
            return _accounts_and_policies(connection, ids)
    except Exception as error:
        if not advance.is_its_own(error):
            raise
        if len(ids) == 1:
            unreadable[ids[0]] = f"the account cannot be read: {error}"[:_LONGEST_REASON]
            return {}, {}
    found: dict[str, accounts.Stored] = {}
    named: dict[str, Policy] = {}
    for key in ids:
        account, policy = _readable(connection, [key], unreadable)
        found |= account
        named |= policy
    return found, named


def _accounts_and_policies(connection: Connection, ids: Sequence[str]) -> _Read:
    account = tables.account
    payers = select(account.c.pays_through).where(account.c.id.in_(accounts.listed(ids)))
    also = {payer for payer in connection.execute(payers).scalars() if payer}
    found = accounts.load(connection, sorted({*ids} | also))
    versions = sorted({version for key in ids if (version := found[key].account.policy_version)})
    return found, {version: policies.version(connection, version) for version in versions}


def _with_payer(account: Account, stored: Mapping[str, accounts.Stored]) -> Account:
    payer = account.pays_through
    return account if payer is None else replace(account, payer_ledger=stored[payer].account.ledger)


def _flagged(connection: Connection, ids: Sequence[str]) -> dict[str, dt.datetime]:
    """When a tag of FLAGGED was put on each of these accounts last."""
    event = tables.event
    if not ids:
        return {}
    is_flag = (event.c.kind == "tag", event.c.content["tag"].astext.in_(FLAGGED))
    query = select(event.c.account_id, func.max(event.c.known_at).label("at")).group_by(event.c.account_id)
    rows = connection.execute(query.where(event.c.account_id.in_(accounts.listed(ids)), *is_flag))
    return {row.account_id: row.at for row in rows if row.at is not None}


def _colleagues(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """The full names of those users who are there."""
    user = desk_tables.user
    query = select(user.c.name, user.c.full_name).where(
        user.c.name.in_(accounts.listed(sorted(names))), user.c.disabled_at.is_(None)
    )
    return {row.name: row.full_name for row in connection.execute(query)}


# --- one message ------------------------------------------------------------------------------------------------------


class _Turn(StrEnum):
    """Whether a message may be sent now: delivery may have been turned off, and it may not be ours any more."""

    OURS = "ours"
    OFF = "off"
    SKIPPED = "skipped"


def _turn(engine: Engine, batch: _Batch, claim: Claim, mail: Mail) -> _Turn:
    """Look again, directly before the letter leaves: at the switch, the account, working hours, and the lease."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL synchronous_commit = off"))  # a lost lease is only a lease that ran out
        if not switch.is_on(connection):
            return _Turn.OFF
        if _has_changed(connection, batch, claim):
            leases.put_back(connection, claim)  # it is read anew
            return _Turn.SKIPPED
        later = None if claim.account_id in batch.unreadable else _later(batch, claim)
        if later is not None:
            leases.put_back(connection, claim, not_before=later)
            return _Turn.SKIPPED
        if leases.renew(connection, claim, mail.transport.patience):
            return _Turn.OURS
        leases.put_back(connection, claim)  # stopped by a fuse; where somebody else has it this changes nothing
        return _Turn.SKIPPED


def _has_changed(connection: Connection, batch: _Batch, claim: Claim) -> bool:
    """Whether anything has happened at the account since the batch was read."""
    account = tables.account
    if claim.account_id not in batch.versions:
        return False
    query = select(account.c.version).where(account.c.id == claim.account_id)
    return connection.execute(query).scalar() != batch.versions[claim.account_id]


def _put_back(engine: Engine, claims: Sequence[Claim]) -> None:
    """Queue messages that were not tried."""
    if claims:
        with engine.begin() as connection:
            for claim in claims:
                leases.put_back(connection, claim)


def _handed_over(batch: _Batch, claim: Claim, mail: Mail, post: Post, until: float) -> _Outcome | None:
    """What came of one message; None when it was not sent because `until` was over, and it may be somebody else's."""
    ready = _ready(batch, claim, mail)
    if isinstance(ready, _Outcome):
        return ready
    if monotonic() > until:
        return None
    letter, composed = ready
    result = post.send(composed, letter.to, letter.on)
    return _Outcome(result=result, letter=letter, is_about_address=result.fate is Fate.REFUSED)


def _ready(batch: _Batch, claim: Claim, mail: Mail) -> _Outcome | tuple[Letter, EmailMessage]:
    """The letter that a message is, ready to be sent; or what comes of it unsent."""
    if claim.account_id in batch.unreadable:
        return _Outcome(result=Result(fate=Fate.REFUSED, reason=batch.unreadable[claim.account_id]))
    if _is_called_off(batch, claim):
        return _Outcome(result=Result(fate=Fate.MOOT, reason=_CALLED_OFF))
    try:
        letter = _written(batch, claim, mail)
        if is_address(letter.to) and letter.to.lower() not in batch.refused:
            return letter, mail.composed(letter)
    except SaysNothing as nothing:
        return _Outcome(result=Result(fate=Fate.MOOT, reason=str(nothing)))
    except Exception as error:  # noqa: BLE001 - one letter that cannot be written must not stop the others; it is shown
        reason = str(error) if isinstance(error, ArflowError) else f"the letter cannot be written: {error!r}"
        return _Outcome(result=Result(fate=Fate.REFUSED, reason=reason))
    return _unaddressed(batch, letter)


def _is_called_off(batch: _Batch, claim: Claim) -> bool:
    """Whether the customer is to be left alone since, and the account has left the state in which this was written.

    The rules said so, not this door: who stays where the letter was written gets it, and so does who was to be left
    alone already when the rules had it written.
    """
    account, flagged_at = batch.accounts[claim.account_id], batch.flagged.get(claim.account_id)
    if flagged_at is None or flagged_at < claim.decided_at:
        return False
    return any(message.number == claim.number and message.stay != account.stay for message in account.messages)


def _unaddressed(batch: _Batch, letter: Letter) -> _Outcome:
    """What comes of a letter that has no address, or one that was refused before."""
    reason = f"`{letter.to}` is no e-mail address" if letter.to else "no contact of the account has an e-mail address"
    if letter.to.lower() in batch.refused:
        reason = f"nothing is sent to `{letter.to}` since it was refused: {batch.refused[letter.to.lower()]}"
    return _Outcome(result=Result(fate=Fate.REFUSED, reason=reason), letter=letter, is_about_address=True)


def _later(batch: _Batch, claim: Claim) -> dt.datetime | None:
    """When to look again at a letter of an account on hold, at a second one on a day, or at an attempt in the night.

    None: it may leave now. A stepped clock has no night, and waits for its letters: they leave when they were decided.
    """
    now, policy = batch.now.at, batch.policy(claim)
    if now is not None and claim.number is not None and batch.accounts[claim.account_id].on_hold:
        return now + HELD
    if now is None or policy is None:
        return None
    try:
        written_on = _written_on(batch, claim)
        if now - claim.decided_at < PROMPT and now.astimezone(ZoneInfo(claim.zone)).date() not in written_on:
            return None
        opens = policy.calendar.earliest_sending(ZoneInfo(claim.zone), now, not_on=written_on)
    except (ValueError, KeyError, OSError):  # no zone; writing the letter will say so
        return None
    return opens if opens > now else None


def _written_on(batch: _Batch, claim: Claim) -> set[dt.date]:
    """The local date on which the customer had the last letter: one that was held up leaves on another."""
    last = batch.last_sent.get(claim.account_id) if claim.number is not None else None
    return {last.astimezone(ZoneInfo(claim.zone)).date()} if last else set()


def _written(batch: _Batch, claim: Claim, mail: Mail) -> Letter:
    """The letter that a message is, to whom and of when; on a stepped clock of the day on which it was decided."""
    account = batch.accounts[claim.account_id]
    at = (batch.now.at or claim.decided_at).astimezone(ZoneInfo(claim.zone))
    name, address = _addressed(account, claim)
    said = _said(batch, claim, mail, at.date(), name)
    return Letter(
        message_id=claim.message_id,
        to=address,
        name=name,
        at=at,
        on=_decided_on(claim),
        subject=said.subject,
        text=said.text,
        html=said.html,
        language=said.language,
    )


def _addressed(account: Account, claim: Claim) -> tuple[str, str]:
    """The name and address that a message goes to: of the account's contact now, or of the notice."""
    if claim.number is None:
        return "", claim.recipient.strip()
    person = recipient(account)
    return (person.name, person.email.strip()) if person else ("", "")


def _decided_on(claim: Claim) -> dt.date:
    """The local date of the decision: the same at each attempt."""
    return claim.decided_at.astimezone(ZoneInfo(claim.zone)).date()


def _said(batch: _Batch, claim: Claim, mail: Mail, on: dt.date, name: str) -> Message:
    account, policy = batch.accounts[claim.account_id], batch.policy(claim)
    if claim.number is None:
        rule = claim.template.removeprefix(NOTICE)
        reasons = {rule.id: rule.why for rule in policy.rules} if policy else {}
        return notice(account, rule, reasons.get(rule, ""))
    return render(
        claim.template,
        account,
        on=on,
        sender=Sender(company=mail.company, contact=batch.colleagues.get(account.owner, ""), phone=mail.phone),
        person=name,
        terms=reading(policy).terms if policy else None,
        number=claim.number,
    )


# --- what came of it --------------------------------------------------------------------------------------------------


def _settle(engine: Engine, batch: _Batch, done: Sequence[tuple[Claim, _Outcome]]) -> None:
    """Write what came of messages, in one transaction; where that fails, of each in one of its own."""
    if not done:
        return
    try:
        _write_all(engine, batch, done)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - a letter that has left must not leave again and again
        if len(done) > 1:
            for one in done:
                _settle(engine, batch, [one])
            return
        claim, outcome = done[0]
        reason = f"what came of it could not be told to the rules: {error!r}"
        with engine.begin() as connection:
            leases.settle(connection, claim, _STATUSES[outcome.result.fate], error=reason, **_kept(outcome.letter))


def _write_all(engine: Engine, batch: _Batch, done: Sequence[tuple[Claim, _Outcome]]) -> None:
    """A lost connection or a deadlock is tried again: the letters may be on their way."""
    for left in reversed(range(_TRIES)):
        try:
            with engine.begin() as connection:
                told = [_write(connection, batch, claim, outcome) for claim, outcome in done]
                advance.deliver_results(connection, [result for result in told if result is not None])
        except OperationalError:
            if not left:
                raise
        else:
            return


def _write(connection: Connection, batch: _Batch, claim: Claim, outcome: _Outcome) -> advance.Delivery | None:
    """Write what came of one message; gives what is to be told to the rules."""
    result = outcome.result
    if result.fate is Fate.AGAIN and leases.try_again(connection, claim, result.reason):
        return None
    if not leases.settle(connection, claim, _STATUSES[result.fate], error=result.reason, **_kept(outcome.letter)):
        return None  # somebody else has it, and will say what came of it
    if result.is_address_refused and outcome.letter is not None:
        refusals.mark(connection, outcome.letter.to, result.reason, claim.id)
    if claim.number is None:
        return None
    if outcome.is_about_address:
        _ask_for_address(connection, batch, claim, result.reason)
    if not _is_unknown(connection, claim.account_id, claim.number):
        return None
    return advance.Delivery(
        account=claim.account_id,
        template=claim.template,
        decided_at=claim.decided_at,
        zone=claim.zone,
        delivered=result.fate is Fate.ACCEPTED,
    )


def _kept(letter: Letter | None) -> dict[str, str]:
    """What is kept of a letter."""
    if letter is None:
        return {}
    return {"recipient": letter.to, "language": letter.language, "subject": letter.subject, "text": letter.text}


def _is_unknown(connection: Connection, account: str, number: int | None) -> bool:
    """Whether the rules have not been told yet what became of the message."""
    effect = tables.effect
    query = select(effect.c.status).where(effect.c.account_id == account, effect.c.number == number)
    return connection.execute(query).scalar() == EffectStatus.SENT


def _ask_for_address(connection: Connection, batch: _Batch, claim: Claim, reason: str) -> None:
    """Make a task of finding an address, unless one is open for the account."""
    task = desk_tables.task
    local, _ = clock.local_moment(batch.now, ZoneInfo(claim.zone))
    open_one = exists().where(task.c.account_id == claim.account_id, task.c.kind == "address", task.c.done_at.is_(None))
    row: dict[str, Any] = {
        "account_id": claim.account_id,
        "kind": "address",
        "assignee": batch.owner(claim),
        "due_on": local,
        "text": f"the letter `{claim.template}` could not be delivered: {reason}",
    }
    values = select(*(literal(value, task.c[name].type) for name, value in row.items())).where(~open_one)
    connection.execute(insert(task).from_select([*row], values))
