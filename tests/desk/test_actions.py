"""What forms mean: the events they come to, what is refused, and what becomes of the account."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.accounts.entries import Account
from arflow.accounts.promises import Verdict
from arflow.desk import actions, brief, notes, outcomes, reasons, tasks, timeline
from arflow.desk.actions import Doing, FollowUp
from arflow.desk.timeline import Mark
from arflow.desk.users import User
from arflow.errors import Conflict, Refused
from arflow.recording import assign, assign_many, carry_out
from arflow.vocabulary import OUTCOMES, State
from tests.desk.books import REAL, TODAY, copied_book, go_to, look, open_book, person
from tests.production import run

DAY = dt.timedelta(days=1)
CARA = User(name="cara", roles=frozenset({"caller"}))


def test_every_outcome_has_a_plain_label() -> None:
    """The dialog offers exactly the codes of the contract."""
    assert set(OUTCOMES) == set(outcomes.LABELS) == {*outcomes.CONVERSATIONS, *outcomes.OTHERS}
    assert set(OUTCOMES) >= outcomes.TERMINAL


def test_a_call_needs_a_next_step_unless_somebody_else_takes_over() -> None:
    """Only after a terminal outcome nothing comes next; such a one puts its tag on the account."""
    with pytest.raises(Refused, match="what comes next"):
        actions.call(outcome="no_answer", direction="out")
    for outcome, name in (("insolvent", "insolvent"), ("stop_contact", "stop-contact"), ("deceased", "deceased")):
        contact = {"event": "contact", "channel": "call", "direction": "in", "outcome": outcome}
        assert (contact, {"event": "tag", "tag": name}) == actions.call(outcome=outcome, direction="in").contents


def test_a_disputes_reason_is_a_code_and_words() -> None:
    """People read the label of the code; a reason from elsewhere is shown as it is."""
    assert "Price or rate is wrong: ten per cent off" == reasons.shown(reasons.reason("PRICE", "ten per cent off"))
    assert "Tax is wrong" == reasons.shown(reasons.reason("TAX", ""))
    assert "quantity: 3 missing" == reasons.shown("quantity: 3 missing")


def test_a_dispute_belongs_to_the_account_that_has_the_invoices() -> None:
    """Whoever pays through another has none of their own; the reason says where to go."""
    with pytest.raises(Refused, match="record the dispute there"):
        actions.check_own_invoices(Account(id="A", currency="USD", pays_through="B"))


@pytest.fixture
def book(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book, called for ten days and more."""
    engine = copied_book(template, tmp_path)
    person(engine, "cara", "caller", queue="collections")
    yield engine
    engine.dispose()


def do(engine: Engine, account: str, doing: Doing, seen: int | None = None, mark: Mark | None = None) -> None:
    """Record something on an account as it stands, or as somebody saw it."""
    one = look(engine, account)
    with engine.begin() as connection:
        carry_out(
            connection,
            account,
            doing,
            user=CARA,
            zone=one.zone,
            engineering=REAL,
            seen=one.version if seen is None else seen,
            mark=mark or timeline.mark(connection, account),
        )


pytestmark = pytest.mark.database


def test_a_call_with_a_promise_makes_the_account_promised(book: Engine) -> None:
    """One form, one cause: the call, the promise and the note about it; follow-ups that were due are done."""
    do(book, "A1", Doing(follow_up=FollowUp(due_on=TODAY, text="call")))
    account = look(book, "A1").account
    promised = actions.promise(account, amount=100000, due=TODAY + 10 * DAY)
    do(
        book,
        "A1",
        actions.call(outcome="promised", direction="out", spoke_to="Ann", text="All of it.", agreed=[promised]),
    )
    after = look(book, "A1").account
    assert (State.PROMISED, False, "desk-1") == (after.state, after.call_open, next(iter(after.promises)))
    with book.connect() as connection:
        assert {} == tasks.open_of(connection, ["A1"])
        rows = connection.execute(text("SELECT kind, actor FROM event WHERE actor <> '' ORDER BY id")).all()
        assert [("contact", "cara"), ("promise", "cara")] == [tuple(row) for row in rows]
        contact = connection.execute(text("SELECT id FROM event WHERE kind = 'contact'")).scalar_one()
        assert ["Spoke to Ann. All of it."] == [note.text for note in notes.about(connection, [contact])[contact]]


@pytest.mark.parametrize(
    ("amount", "invoices", "said"),
    [(110001, [], "1,100.00 USD is open on the account"), (90001, ["A1-1"], "900.00 USD is open of these"),
     (0, [], "more than nothing"), (1, ["X"], "no invoice `X`")],
)  # fmt: skip
def test_nobody_promises_more_than_is_open(book: Engine, amount: int, invoices: list[str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        actions.promise(look(book, "A1").account, amount=amount, due=TODAY, invoices=invoices)


def test_what_is_promised_is_not_promised_again(book: Engine) -> None:
    """900.00 of one invoice and 200.00 of another are open; what came of a promise, or what it is not for, is free."""
    for amount, invoices in ((60000, ["A1-1"]), (10000, [])):
        one = look(book, "A1")
        content = actions.promise(one.account, amount=amount, due=TODAY + DAY, invoices=invoices, waiting=waiting(book))
        do(book, "A1", Doing(contents=(content,)))
    account = look(book, "A1").account
    for amount, invoices, said in (
        (40001, [], r"only 400\.00 USD is open on the account and not promised yet"),
        (30001, ["A1-1"], r"only 300\.00 USD is open of these invoices and not promised yet"),
        (20001, ["A1-2"], r"only 200\.00 USD is open of these invoices"),
    ):
        with pytest.raises(Refused, match=said):
            actions.promise(account, amount=amount, due=TODAY, invoices=invoices, waiting=waiting(book))
        actions.promise(account, amount=amount - 1, due=TODAY, invoices=invoices, waiting=waiting(book))
    content = actions.promise(account, amount=40000, due=TODAY + DAY, waiting=waiting(book))
    do(book, "A1", Doing(contents=(content,)))
    with pytest.raises(Refused, match="all that is open on the account is promised already"):
        actions.promise(account, amount=1, due=TODAY, waiting=waiting(book))


def waiting(engine: Engine) -> Sequence[Verdict]:
    """The open promises of A1."""
    return brief.promises(look(engine, "A1").seen).open


def test_a_promise_is_cancelled_once(book: Engine) -> None:
    """The second time it is refused, whoever asks."""
    do(book, "A1", Doing(contents=(actions.promise(look(book, "A1").account, amount=100000, due=TODAY + DAY),)))
    do(book, "A1", actions.promise_cancelled(look(book, "A1").account, "desk-1"))
    assert (
        State.PROMISED is look(book, "A1").account.state
    )  # no rule of this policy leads back; the books say cancelled
    assert "cancelled" == look(book, "A1").seen.view.promised[0].status
    with pytest.raises(Refused, match="cancelled already"):
        actions.promise_cancelled(look(book, "A1").account, "desk-1")


def test_a_dispute_stops_what_it_covers_and_is_closed_with_a_credit(book: Engine) -> None:
    """All of an invoice in dispute: the account is disputed; a part upheld is credited and no more than that."""
    account = look(book, "A2").account
    do(book, "A2", Doing(contents=(actions.dispute(account, invoice="A2-1", amount=None, code="QUALITY", text="bad"),)))
    account = look(book, "A2").account
    assert State.DISPUTED is account.state
    with pytest.raises(Refused, match="in dispute already"):
        actions.dispute(account, invoice="A2-1", amount=100, code="PRICE", text="")
    with pytest.raises(Refused, match=r"at most 300\.00 USD"):
        actions.dispute_closed(account, "desk-1", outcome="partly_upheld", credit=30001)
    with pytest.raises(Refused, match="leave it empty"):
        actions.dispute_closed(account, "desk-1", outcome="rejected", credit=1)
    with pytest.raises(Refused, match="type the amount to credit"):
        actions.dispute_closed(account, "desk-1", outcome="partly_upheld", credit=None)
    do(book, "A2", actions.dispute_closed(account, "desk-1", outcome="partly_upheld", credit=10000))
    assert 20000 == look(book, "A2").seen.facts.open_amount


def test_what_is_refused_is_written_as_pages_write_it(book: Engine) -> None:
    """Amounts with their thousands set apart, days with the month's name."""
    account = look(book, "A1").account
    with pytest.raises(Refused, match=r"at most 900\.00 USD: that is open of it"):
        actions.dispute(account, invoice="A1-1", amount=90001, code="PRICE", text="")
    with pytest.raises(Refused, match="later day than today, 24 Jan 2026"):
        actions.hold(until=TODAY, reason="talks", today=TODAY)
    with pytest.raises(Refused, match="23 Jan 2026 is in the past; today is 24 Jan 2026 there"):
        actions.check_promised_day(TODAY - DAY, TODAY, by_lead=False)


def test_a_hold_ends_by_itself_on_its_day(book: Engine) -> None:
    """Until then it is on hold; a new hold takes the earlier end back, and a release by hand the one still to come."""
    do(book, "A1", actions.hold(until=TODAY + 3 * DAY, reason="talks", today=TODAY))
    do(book, "A1", actions.hold(until=TODAY + 5 * DAY, reason="longer talks", today=TODAY))
    with book.connect() as connection:
        assert TODAY + 5 * DAY == timeline.hold_ends(connection, "A1")
    go_to(book, TODAY + 4 * DAY)
    assert look(book, "A1").account.on_hold
    go_to(book, TODAY + 5 * DAY)
    assert not look(book, "A1").account.on_hold
    do(book, "A1", actions.hold(until=TODAY + 20 * DAY, reason="again", today=TODAY + 5 * DAY))
    do(book, "A1", actions.release(look(book, "A1").account, "agreed"))
    with book.connect() as connection:
        assert None is timeline.hold_ends(connection, "A1")
    assert not look(book, "A1").account.on_hold


def test_an_account_is_escalated_and_taken_back_by_hand(book: Engine) -> None:
    """Both need a reason, and the timeline says who and why."""
    do(book, "A1", actions.escalate(look(book, "A1").account, reason="a lawyer wrote", by=CARA))
    one = look(book, "A1")
    assert (State.ESCALATED, "a lawyer wrote") == (one.account.state, one.why)
    with pytest.raises(Refused, match="escalated already"):
        actions.escalate(one.account, reason="again", by=CARA)
    with pytest.raises(Refused, match="a reason"):
        actions.take_back(one.account, to="called", reason=" ", actor="cara")
    do(book, "A1", actions.take_back(one.account, to="reminded", reason="settled", actor="cara"))
    assert look(book, "A1").account.state in (State.REMINDED, State.CALLED)  # the rules go on from there


def test_who_comes_second_is_told_and_nothing_is_written(book: Engine) -> None:
    """The version that a form was made for protects against two people, and against sending one form twice."""
    before = look(book, "A1").version
    call = actions.call(outcome="busy", direction="out", text="mine", follow_up=FollowUp(due_on=TODAY, text="x"))
    do(book, "A1", call, seen=before)
    with pytest.raises(Conflict):
        do(book, "A1", call, seen=before)
    with book.connect() as connection:
        assert 1 == connection.execute(text("SELECT count(*) FROM event WHERE kind = 'contact'")).scalar_one()
        assert 1 == connection.execute(text("SELECT count(*) FROM note")).scalar_one()


def test_a_new_owner_takes_over_what_is_still_to_be_done(book: Engine) -> None:
    """Follow-ups go with the account; the account event is recorded with its actor."""
    do(book, "A1", Doing(follow_up=FollowUp(due_on=TODAY, text="call")))
    with book.begin() as connection:
        assign(connection, "A1", "carl", actor="lena", engineering=REAL)
    with book.connect() as connection:
        assert ["carl"] == [task.assignee for task in tasks.open_of(connection, ["A1"])["A1"]]
    assert "carl" == look(book, "A1").account.owner


@pytest.mark.parametrize("many", [False, True])
def test_follow_ups_change_hands_when_their_account_does(engine: Engine, tmp_path: Path, many: bool) -> None:
    """While an account waits for what became of a letter, its new owner is recorded, and comes with all else later."""
    open_book(engine, tmp_path, TODAY - 12 * DAY)
    person(engine, "cara", "caller", queue="collections")
    do(engine, "A1", Doing(follow_up=FollowUp(due_on=TODAY, text="call")))
    with engine.begin() as connection:
        clock.step_to(connection, TODAY - 11 * DAY)
    run(engine, REAL)
    with engine.begin() as connection:
        if many:
            seen = {"A1": "collections", "A2": "collections"}
            assign_many(connection, seen, "carl", actor="lena", engineering=REAL)
        else:
            assign(connection, "A1", "carl", actor="lena", engineering=REAL)
    assert ("collections", "collections") == (look(engine, "A1").account.owner, _assignee(engine))
    go_to(engine, TODAY - 11 * DAY)
    assert ("carl", "carl") == (look(engine, "A1").account.owner, _assignee(engine))


def _assignee(engine: Engine) -> str:
    with engine.connect() as connection:
        (task,) = tasks.open_of(connection, ["A1"])["A1"]
    return task.assignee


def test_a_note_or_follow_up_sent_twice_is_one(book: Engine) -> None:
    """A double click records once; another text is another note; a note has a limit."""
    twice = Doing(note="Nice people.", follow_up=FollowUp(due_on=TODAY, text="call"))
    for doing in (twice, twice, Doing(note="Very nice people.")):
        do(book, "A1", doing)
    with book.connect() as connection:
        assert 2 == connection.execute(text("SELECT count(*) FROM note")).scalar_one()
        assert 1 == connection.execute(text("SELECT count(*) FROM task")).scalar_one()
    with pytest.raises(Refused, match="1 to 2000"):
        do(book, "A1", Doing(note="x" * 2001))


def test_a_call_ends_the_follow_ups_that_it_fulfils(book: Engine) -> None:
    """Those that were due and seen: not what is planned for later, not a dispute's, not what came since it was seen."""
    account = look(book, "A1").account
    do(book, "A1", Doing(follow_up=FollowUp(due_on=TODAY, text="call")))
    do(book, "A1", Doing(follow_up=FollowUp(due_on=TODAY + DAY, text="call tomorrow")))
    disputed = actions.dispute(account, invoice="A1-1", amount=1000, code="QUALITY", text="bad")
    into = FollowUp(due_on=TODAY, text=tasks.looking_into("A1-1"))
    do(book, "A1", Doing(contents=(disputed,), follow_up=into))
    with book.connect() as connection:
        opened = timeline.mark(connection, "A1")
    do(book, "A1", Doing(follow_up=FollowUp(due_on=TODAY, text="send the papers")))
    do(
        book,
        "A1",
        actions.call(outcome="busy", direction="out", follow_up=FollowUp(due_on=TODAY, text="x")),
        mark=opened,
    )
    with book.connect() as connection:
        left = [task.text for task in tasks.open_of(connection, ["A1"])["A1"]]
    assert [into.text, "send the papers", "x", "call tomorrow"] == left


def test_a_task_is_done_once(book: Engine) -> None:
    """Whoever comes second is told; it can be put off until then."""
    do(book, "A1", Doing(follow_up=FollowUp(due_on=TODAY, text="call")))
    with book.begin() as connection:
        number = tasks.open_of(connection, ["A1"])["A1"][0].id
        tasks.postpone(connection, number, TODAY + DAY, ZoneInfo("UTC"))
        tasks.finish(connection, number, "cara")
        with pytest.raises(Conflict, match="meanwhile"):
            tasks.finish(connection, number, "carl")
