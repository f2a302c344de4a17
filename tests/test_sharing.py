"""A replay that processes share prints what one process prints, refuses what it refuses, and leaves nothing behind."""

import datetime as dt
import json
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ruamel.yaml import YAML

from arflow import cli, sharing
from arflow.accounts.events import parse
from arflow.errors import ArflowError, Refused
from arflow.replay import Request
from arflow.sample import generate
from arflow.sharing import processes_for, replayed
from tests.production import standard, write_events
from tests.sizes import size

UNTIL = dt.date(2026, 6, 28)
Line = dict[str, Any]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where what comes of each hand is written; empty again afterwards."""
    found = tmp_path / "temporary"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    yield found
    assert list(found.iterdir()) == []


@pytest.fixture(autouse=True)
def _small_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "AT_ONCE", 3)


def ledger(accounts: int, months: int = 2) -> list[Line]:
    """A sample ledger in dollars, branches and their heads in it, whose lines stand in no order."""
    lines = [dict(event) for event in generate(seed=5, accounts=accounts, months=months, until=UNTIL)]
    in_dollars = [{**line, "currency": "USD"} if "currency" in line else line for line in lines]
    Random(5).shuffle(in_dollars)
    return in_dollars


def told(path: Path, processes: int, asked: Request | None = None) -> list[str]:
    asked = asked or Request(events=(), policy=standard("standard-usd"), until=UNTIL, file=str(path))
    return list(replayed(path, asked, processes, lambda *_: None))


@pytest.mark.slow
@pytest.mark.parametrize("states_at", [None, UNTIL])
def test_it_prints_what_one_process_prints(tmp_path: Path, states_at: dt.date | None) -> None:
    path = write_events(tmp_path / "events.jsonl", ledger(60))
    asked = Request(events=(), policy=standard("standard-usd"), states_at=states_at, until=UNTIL, file=str(path))
    alone, *shared = (told(path, processes, asked) for processes in (1, 2, 3))
    assert len(alone) >= 30
    assert [alone, alone] == shared


@pytest.mark.golden
@pytest.mark.slow
def test_the_golden_timelines_of_several_accounts_come_out(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an account a hand, so that the second process has its part in each."""
    monkeypatch.setattr(sharing, "AT_ONCE", 1)
    monkeypatch.chdir(tmp_path)
    compared = 0
    for path in sorted(golden.glob("[0-9]*.yaml"))[:: size(3, 1)]:
        content = YAML(typ="safe", pure=True).load(path)
        if len({event.get("account") for event in content["events"]}) > 1:
            files = {"policy.yaml": content["policy"]} | content.get("files", {})
            for name, document in files.items():
                Path(name).write_text(json.dumps(document, default=str), "utf-8")
            write_events(Path("events.jsonl"), json.loads(json.dumps(content["events"], default=str)))
            command = ["replay", "events.jsonl", "--policy", "policy.yaml", *map(str, content["args"]), "--processes"]
            ended = [cli.run([*command, number]) for number in ("1", "2")]
            lines = capsys.readouterr().out.splitlines()
            assert ([0, 0], lines[: len(lines) // 2]) == (ended, lines[len(lines) // 2 :]), path.name
            compared += 1
    assert compared >= size(3, 10)


# --- refusals ---------------------------------------------------------------------------------------------------------


def reversal(account: str) -> Line:
    return {"event": "payment_reversed", "account": account, "date": "2026-05-05", "payment": "none"}


def twice(account: str) -> list[Line]:
    fixed = {"event": "payment", "account": account, "date": "2026-05-04", "id": "twice"}
    return [{**fixed, "amount": "1.00"}, {**fixed, "amount": "2.00"}]


def pays_through(account: str, payer: str) -> Line:
    return {"event": "account", "account": account, "date": "2026-05-05", "pays_through": payer}


@pytest.mark.parametrize(
    "wrong",
    [
        [reversal("Z"), reversal("B"), reversal("Q")],
        [pays_through("A", "nobody"), reversal("Z")],
        [pays_through("A", "Z"), pays_through("Z", "Q"), pays_through("Q", "Q")],
        [reversal("A"), *twice("Z"), *twice("B")],
        [reversal("A"), {"event": "policy", "date": "2026-01-05", "file": "none.yaml"}],
        [reversal("A"), {"event": "nonsense"}],
        [{"event": "account", "account": name, "date": "2026-05-05", "currency": "XYZ"} for name in ("Z", "A")],
    ],
)
def test_it_refuses_what_one_process_refuses(tmp_path: Path, wrong: list[Line]) -> None:
    """Of several mistakes the one that one process finds first, wherever the accounts are lived."""
    path = write_events(tmp_path / "events.jsonl", [*ledger(12), *wrong])
    refused = []
    for processes in (1, 2):
        with pytest.raises(Refused) as found:
            told(path, processes)
        refused.append(str(found.value))
    assert refused[0] == refused[1]


def test_a_file_that_cannot_be_read_is_refused_as_by_one(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(Refused, match="cannot be read"):
            told(path, 2)


def test_what_can_be_read_once_only_is_lived_by_one(tmp_path: Path) -> None:
    """A pipe has no places to go back to."""
    path, pipe = write_events(tmp_path / "events.jsonl", ledger(3)), tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(path.read_bytes(),))
    writer.start()
    assert told(path, 1) == told(pipe, 2)
    writer.join()


# --- the processes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [0.0, 0.5])
def test_a_process_that_is_killed_is_told_in_one_line(tmp_path: Path, when: float) -> None:
    """Whether it has begun or not; the others are gone with it, and nothing is printed."""
    path = write_events(tmp_path / "events.jsonl", ledger(24))
    asked = Request(events=(), policy=standard("standard-usd"), until=UNTIL, file=str(path))

    def kill(_: str, done: float) -> None:
        if done >= when:
            for process in multiprocessing.active_children()[:1]:
                process.kill()

    with pytest.raises(ArflowError, match="a process of the replay ended before its work was done"):
        next(replayed(path, asked, 2, kill))
    assert [] == multiprocessing.active_children()


def test_who_stops_it_leaves_no_process_behind(tmp_path: Path) -> None:
    path = write_events(tmp_path / "events.jsonl", ledger(12))
    asked = Request(events=(), policy=standard("standard-usd"), until=UNTIL, file=str(path))

    def stop(_: str, __: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(replayed(path, asked, 2, stop))
    assert [] == multiprocessing.active_children()


def test_only_a_large_file_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By no more processes than there are cores, each of which has something to do."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3), raising=False)
    path = tmp_path / "events.jsonl"
    found = []
    for megabytes in (0.5, 1, 2.5, 9):
        path.write_bytes(b" " * int(megabytes * 1_000_000))
        found.append(processes_for(path))
    assert ([1, 1, 2, 3], 1, 1) == (found, processes_for(tmp_path), processes_for(tmp_path / "none"))


# --- families ---------------------------------------------------------------------------------------------------------


def test_a_family_is_handed_over_together() -> None:
    """However its members name each other, and in whatever order; with all its lines in the order of the file."""
    book = sharing._Book()
    lines = [pays_through("A", "P"), reversal("C"), pays_through("B", "A"), reversal("D"), reversal("P"), reversal("C")]
    for at, line in enumerate(lines):
        book.note(parse(line, at + 1), 100 * at)
    hands = list(sharing._hands(book))
    assert [[(0, 1), (200, 3), (400, 5)], [(100, 2), (300, 4), (500, 6)]] == hands
