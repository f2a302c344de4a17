"""When a promise is kept, partly kept or broken, and what a payment counts for (contract, section 5)."""

import datetime as dt

import pytest

from arflow.accounts.entries import Allocation, Clearing, ClearingKind, Promise
from arflow.accounts.promises import Terms, Verdict, verdicts

START = dt.date(2026, 1, 5)
EXACT = Terms()
MIDNIGHT = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def on(day: int) -> dt.date:
    """The date so many days after the start."""
    return START + dt.timedelta(days=day)


def recorded(day: int, place: int = 0) -> tuple[dt.datetime, int]:
    return MIDNIGHT + dt.timedelta(days=day), place


def promise(key: str, amount: int, *, made: int = 0, due: int = 10, invoices: tuple[str, ...] = ()) -> Promise:
    return Promise(id=key, amount=amount, due=on(due), invoices=invoices, on=on(made), recorded=recorded(made))


def paid(day: int, amount: int, *, invoice: str = "I1", allocated: int | None = None, late: int = 0) -> Clearing:
    """A payment dated `day` and recorded `late` days after."""
    part = amount if allocated is None else allocated
    return Clearing(
        kind=ClearingKind.PAYMENT,
        id=f"P{day}",
        on=on(day),
        recorded=recorded(day + late, 1),
        amount=amount,
        allocations=(Allocation(invoice=invoice, item=0, amount=part),) if part else (),
    )


def judged(
    *promises: Promise, payments: tuple[Clearing, ...] = (), day: int = 20, terms: Terms = EXACT
) -> list[Verdict]:
    return verdicts(promises, payments, on(day), terms)


def status(*promises: Promise, payments: tuple[Clearing, ...] = (), day: int = 20, terms: Terms = EXACT) -> list[str]:
    return [verdict.status for verdict in judged(*promises, payments=payments, day=day, terms=terms)]


@pytest.mark.parametrize(
    ("payments", "day", "expected"),
    [
        ((), 10, "open"),
        ((), 11, "broken"),
        ((paid(5, 40),), 10, "open"),
        ((paid(5, 40),), 11, "partly_kept"),
        ((paid(5, 100),), 5, "kept"),
        ((paid(5, 60), paid(10, 40)), 10, "kept"),
        ((paid(5, 60), paid(11, 40)), 11, "partly_kept"),
        ((paid(11, 100),), 11, "broken"),
        ((paid(9, 100, late=5),), 20, "kept"),
    ],
    ids=["asleep", "broken", "something", "partly", "kept", "in parts", "rest late", "late", "recorded late"],
)
def test_a_promise_is_judged_on_the_policy_day_after_its_due_date(
    payments: tuple[Clearing, ...], day: int, expected: str
) -> None:
    """What is dated in time counts, whenever it was recorded."""
    assert [expected] == status(promise("R1", 100), payments=payments, day=day)


def test_a_payment_recorded_before_the_promise_does_not_count() -> None:
    """Neither one of the same instant that stood before it."""
    made = promise("R1", 100, made=3)
    same = Clearing(kind=ClearingKind.PAYMENT, id="P", on=on(3), recorded=recorded(3, -1), amount=100)
    assert status(made, payments=(paid(2, 100), same)) == ["broken"]


def test_grace_moves_the_end_and_the_date_of_the_verdict() -> None:
    terms = Terms(grace_days=3)
    found = [judged(promise("R1", 100), day=day, terms=terms)[0] for day in (13, 14)]
    assert [(one.status, one.end, one.on) for one in found] == [("open", on(13), None), ("broken", on(13), on(14))]
    assert status(promise("R1", 100), payments=(paid(13, 100),), terms=terms) == ["kept"]


def test_tolerance_forgives_the_last_cents() -> None:
    terms = Terms(tolerance=10)
    found = [status(promise("R1", 100), payments=(paid(5, amount),), terms=terms)[0] for amount in (89, 90)]
    assert found == ["partly_kept", "kept"]


def test_a_verdict_is_dated_by_the_payment_that_kept_it() -> None:
    found = judged(promise("R1", 100), payments=(paid(5, 60), paid(8, 50)))[0]
    assert (found.status, found.on, found.came, found.outstanding) == ("kept", on(8), 100, 0)


def test_a_payment_counts_once_to_the_earliest_due_promise_first() -> None:
    """What the first one does not need goes to the next."""
    later, sooner = promise("R1", 100, due=12), promise("R2", 100, due=8)
    found = judged(later, sooner, payments=(paid(5, 130),), day=9)
    assert [(one.status, one.came) for one in found] == [("open", 30), ("kept", 100)]


def test_a_promise_past_its_end_takes_nothing_from_the_others() -> None:
    found = judged(promise("R1", 100, due=3), promise("R2", 100), payments=(paid(5, 100),))
    assert [(one.status, one.came) for one in found] == [("broken", 0), ("kept", 100)]


def test_with_invoices_only_what_was_allocated_to_them_counts() -> None:
    """Money that stands against no invoice counts for promises without."""
    named, plain = promise("R1", 100, due=5, invoices=("I2",)), promise("R2", 100)
    found = judged(named, plain, payments=(paid(4, 100, invoice="I1", allocated=70),))
    assert [(one.status, one.came) for one in found] == [("broken", 0), ("kept", 100)]
    assert status(named, payments=(paid(4, 100, invoice="I2"),)) == ["kept"]


def test_a_cancelled_promise_is_none() -> None:
    """It keeps what came before, and lets later money pass."""
    made = promise("R1", 100)
    gone = Promise(
        id=made.id, amount=100, due=made.due, invoices=(), on=made.on, recorded=made.recorded, cancelled=recorded(6)
    )
    found = judged(gone, promise("R2", 50), payments=(paid(5, 30), paid(7, 50)))
    assert [(one.status, one.came, one.outstanding) for one in found] == [("cancelled", 30, 0), ("kept", 50, 0)]


def test_what_an_open_promise_still_covers_is_what_has_not_come() -> None:
    assert judged(promise("R1", 100), payments=(paid(5, 30),), day=6)[0].outstanding == 70
