"""The simulation of a month's end: nothing is lost in it, and where a formula knows the answer it agrees.

And the page that is computed with it says what it computes.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arflow.advance import BATCH
from benchmarks import reckoned, scale
from benchmarks.simulation import Costs, Course, Shard, Wave, run
from workers import ticker

COSTS = Costs(worker=0.0008, database=0.0002, round_trips=25, payment=0.05, payment_database=0.01)
ONE = Shard(costs=COSTS, waves=(Wave(at=0.5, accounts=20_000),), workers=1, database_cores=2)


def work(course: Course) -> float:
    """Seconds in which the last wave was worked off, from when the ticker may have seen it."""
    return course.waves[-1]


def test_one_worker_takes_as_long_as_its_accounts_one_after_the_other() -> None:
    by_hand = 20_000 * (COSTS.worker + COSTS.database)
    assert work(run(ONE)) == pytest.approx(by_hand + 0.5, abs=0.01)  # it was seen half a second later


def test_each_batch_pays_the_network_once() -> None:
    by_hand = 20_000 * (COSTS.worker + COSTS.database) + 100 * COSTS.round_trips * 0.01
    assert work(run(replace(ONE, round_trip=0.01))) == pytest.approx(by_hand + 0.5, abs=0.01)


def test_workers_on_cores_of_their_own_are_as_many_times_as_fast() -> None:
    """Once all of them have heard the bell, of which so many are rung at a time."""
    large = replace(ONE, waves=(Wave(at=0.5, accounts=400_000),))
    many = run(replace(large, workers=10, database_cores=16, worker_cores=11))
    assert work(many) == pytest.approx(work(run(large)) / 10, rel=0.03)


def test_more_workers_than_cores_share_what_there_is() -> None:
    """Two cores have two seconds of work a second, however many want them."""
    by_hand = 20_000 * (COSTS.worker + COSTS.database) / 2
    for workers in (2, 4, 8):
        assert work(run(replace(ONE, workers=workers))) - 0.5 == pytest.approx(by_hand, rel=0.03)


def test_a_postgresql_that_is_too_small_is_what_limits() -> None:
    many = replace(ONE, workers=40, database_cores=1, worker_cores=41)
    assert work(run(many)) - 0.5 == pytest.approx(20_000 * COSTS.database, rel=0.1)


def test_far_workers_hide_behind_each_other() -> None:
    """Where all wait for the network and not for processors, twice as many are twice as fast."""
    far = replace(ONE, round_trip=0.05, database_cores=16, worker_cores=17)
    assert run(replace(far, workers=2)).rate == pytest.approx(2 * run(far).rate, rel=0.05)


def test_a_claim_pays_for_what_the_others_hold() -> None:
    """Of two workers each passes over the other's batch, once for each of its own fifty batches."""
    two = replace(ONE, workers=2, database_cores=4, worker_cores=3)
    dear = replace(two, costs=replace(COSTS, passing=0.0001))
    assert work(run(dear)) - work(run(two)) == pytest.approx(50 * BATCH * 0.0001, rel=0.05)


shards = st.builds(
    lambda waves, workers, cores, apart, round_trip, payments: Shard(
        costs=COSTS,
        waves=tuple(Wave(at=at, accounts=number) for at, number in waves),
        workers=workers,
        database_cores=cores,
        worker_cores=workers + 1 if apart else 0,
        round_trip=round_trip,
        payments=payments,
    ),
    st.lists(
        st.tuples(st.floats(0, 100), st.integers(1, 3_000)), min_size=1, max_size=4, unique_by=lambda wave: wave[0]
    ),
    st.integers(1, 6),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([0.0, 0.001, 0.02]),
    st.sampled_from([0.0, 1.0]),
)


@given(shards)
@settings(max_examples=60, deadline=None)
def test_each_account_is_looked_at_once_and_each_payment_acted_on_at_most_once(shard: Shard) -> None:
    course = run(shard)
    accounts = sum(wave.accounts for wave in shard.waves)
    assert accounts == course.handled - len(course.waits)
    assert all(0 < took <= course.ended for took in course.waves)
    assert all(wait > 0 for wait in course.waits)
    assert course.batches >= accounts / BATCH
    assert course == run(shard)


@given(shards)
@settings(max_examples=30, deadline=None)
def test_more_workers_are_never_slower(shard: Shard) -> None:
    """But for the last batches, which may fall out otherwise, and a look of the ticker."""
    shard = replace(shard, payments=0.0, worker_cores=20, database_cores=20)
    one, more = run(shard), run(replace(shard, workers=shard.workers + 2))
    longest = BATCH * (COSTS.worker + COSTS.database) + COSTS.round_trips * shard.round_trip
    assert more.ended <= one.ended + longest + ticker.SECONDS


def test_a_payment_waits_for_a_batch_and_not_for_the_herd() -> None:
    course = run(replace(ONE, waves=(Wave(at=0, accounts=200_000),), workers=2, payments=1.0))
    assert len(course.waits) > 50
    assert course.wait_of(99) < 10 * BATCH * (COSTS.worker + COSTS.database)


@pytest.mark.slow
def test_the_page_is_what_is_computed() -> None:
    """`python -m benchmarks.scale` makes it so."""
    page = scale.PAGE.read_text("utf-8")
    assert scale.written(page) == page


def test_the_page_has_each_part() -> None:
    page = scale.PAGE.read_text("utf-8")
    assert [name for name in scale.PARTS if f"<!-- computed: {name} -->" not in page] == []
    assert sum(part for _, _, part in reckoned.MORNINGS) == pytest.approx(1)
