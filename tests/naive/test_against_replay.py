"""Random cases: arflow's replay and the one written from the contract alone print the same."""

from dataclasses import replace

import pytest

from tests.naive.cases import Case, by_hand, difference, random_case, smallest
from tests.sizes import size

CASES = size(40, 20_000)
BATCHES = 4


@pytest.mark.parametrize("batch", range(BATCHES))
def test_both_replays_print_the_same(batch: int) -> None:
    """What differs is made as small as it can be, and shown."""
    lines = 0
    for seed in range(batch, CASES, BATCHES):
        case = random_case(seed)
        if difference(case):
            case = smallest(case)
            pytest.fail(f"seed {seed}: {difference(case)}\n{case}")
        lines += len(by_hand(case))
    assert lines > CASES


def test_a_difference_is_seen_and_made_small() -> None:
    """Of a case with many events, in which one replay passes over an invoice, little more than that invoice is left."""

    def differs(told: Case) -> str:
        fewer = replace(told, lines=tuple(line for line in told.lines if line["event"] != "invoice"))
        return "" if by_hand(told) == by_hand(fewer) else "the invoice counts"

    case = next(case for seed in range(50) if differs(case := random_case(seed)))
    small = smallest(case, differs)
    assert [line["event"] for line in small.lines].count("invoice") == 1
    assert len(small.lines) <= len(case.lines)
