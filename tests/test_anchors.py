"""An anchor outside the database shows that it was written anew, however well all its chains agree with each other."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from arflow import anchors
from arflow.advance import record
from arflow.audit import verify
from arflow.rules.reference import Reference
from arflow.store import anchors as stored
from arflow.store import journal
from tests.production import known_ids, turn
from tests.test_advance import ENGINEERING
from tests.test_audit import journalled, tamper

pytestmark = pytest.mark.database
__all__ = ["journalled"]

FORCED = {"event": "forced", "to": "escalated", "reason": "for a lawyer"}


def write(engine: Engine, home: Path) -> str:
    line = anchors.write(engine, home)
    assert line is not None
    return line


def troubles(engine: Engine, home: Path, *kept: str) -> tuple[str, ...]:
    with engine.connect() as connection:
        return anchors.verify(connection, home, kept).found


def lives_on(engine: Engine, account: str = "A0000") -> None:
    """An account gets journal rows after an anchor."""
    with engine.begin() as connection:
        assert record(connection, account, [FORCED], actor="carla", engineering=ENGINEERING).advanced.entries


def chains_hold(engine: Engine) -> bool:
    with engine.connect() as connection:
        return verify(connection, {"the reference": Reference()}, list(known_ids(engine))).findings == ()


def forge(connection: Connection, account: str = "A0001") -> None:
    """Write a journal anew, from another actor of its last row on: the chain and the account agree with each other."""
    rows = journal.of_accounts(connection, [account])[account]
    rows[-1]["actor"] = "somebody else"
    previous = None
    for row in rows:
        row["previous"], row["hash"] = previous, journal.digest(row, previous)
        previous = row["hash"]
    connection.execute(text("DELETE FROM journal WHERE account_id = :id"), {"id": account})
    journal.append(connection, rows)
    connection.execute(
        text("UPDATE account SET journal_head = :head WHERE id = :id"), {"head": previous, "id": account}
    )


def forge_with_anchors(connection: Connection) -> None:
    """Write a journal anew, and every anchor in the database as it would then have been."""
    forge(connection)
    before = stored._BEGINNING
    begun: dict[str, int] = {}
    numbers = list(connection.execute(text("SELECT number FROM anchor ORDER BY number")).scalars())
    for number in numbers:
        ends = stored._ends_of(connection, number)
        before = stored._digest(before, stored._content(connection, begun, ends, stored._heads(connection, number)))
        connection.execute(
            text("UPDATE anchor SET digest = :digest WHERE number = :n"), {"digest": before, "n": number}
        )
        begun = ends


def test_a_line_says_what_stood_then(journalled: Engine, tmp_path: Path) -> None:
    """Accounts go on afterwards, and the lines still agree; each line holds the digest of the one before."""
    first = json.loads(write(journalled, tmp_path))
    assert (1, 2, 6) == (first["anchor"], first["accounts"], first["rows"])
    lives_on(journalled)
    turn(journalled, is_on=True)
    second = json.loads(write(journalled, tmp_path))
    assert (2, 2, True) == (second["anchor"], second["accounts"], second["rows"] > 6)
    lives_on(journalled, "A0001")
    assert () == troubles(journalled, tmp_path, first["digest"], second["digest"].upper())
    assert 0o600 == anchors.file_of(tmp_path).stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("statement", "anchor"),
    [
        ("UPDATE delivery_switch SET actor = 'x'", 2),
        ("DELETE FROM delivery_switch", 2),
        ("UPDATE policy_activation SET message = 'x' WHERE id = 1", 1),
        ("DELETE FROM journal WHERE account_id = 'A0001' AND seq = 3", 1),
        ("UPDATE journal SET hash = sha256('x') WHERE account_id = 'A0001' AND seq = 3", 1),
        ("DELETE FROM anchored WHERE account_id = 'A0001'", 1),
        ("UPDATE anchored SET length = length - 1 WHERE account_id = 'A0001'", 1),
    ],
)
def test_what_was_there_at_an_anchor_is_missed(journalled: Engine, tmp_path: Path, statement: str, anchor: int) -> None:
    """The anchor that covers it is named, and no other."""
    write(journalled, tmp_path)
    lives_on(journalled)
    turn(journalled, is_on=True)
    write(journalled, tmp_path)
    with journalled.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement))
        connection.execute(text("SET session_replication_role = DEFAULT"))
    (found,) = troubles(journalled, tmp_path)
    assert f"anchor {anchor} of" in found


def test_no_file_that_was_put_aside_is_ever_overwritten(tmp_path: Path) -> None:
    """Also when somebody has moved an earlier one away: the proof of another database is in it."""
    file = anchors.file_of(tmp_path)
    for line in ("first", "second", "third"):
        anchors.begin_anew(tmp_path, line)
    file.with_name("before-restore-1.jsonl").unlink()
    for line in ("fourth", "fifth"):
        anchors.begin_anew(tmp_path, line)
    kept = {path.name: path.read_text().strip() for path in file.parent.iterdir()}
    names = {f"before-restore-{number}.jsonl": line for number, line in enumerate(("third", "second", "fourth"), 1)}
    assert {file.name: "fifth", **names} == kept


def test_a_journal_that_was_written_anew_as_a_whole_is_found(journalled: Engine, tmp_path: Path) -> None:
    """Every chain holds, every decision follows; the anchor says that it was another one."""
    write(journalled, tmp_path)
    lives_on(journalled)
    tamper(journalled, forge)
    assert chains_hold(journalled)
    (found,) = troubles(journalled, tmp_path)
    assert "anchor 1 of" in found


def test_a_database_that_was_written_anew_as_a_whole_is_found(journalled: Engine, tmp_path: Path) -> None:
    """Its anchors as well: only the file outside the database, or a digest that a person kept, shows it."""
    kept = [json.loads(write(journalled, tmp_path))["digest"] for _ in range(2)]
    with journalled.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        forge_with_anchors(connection)
        connection.execute(text("SET session_replication_role = DEFAULT"))
    assert chains_hold(journalled)
    assert () == troubles(journalled, tmp_path / "another")
    assert ["the database was written anew: until anchor 1", "the database was written anew: until anchor 2"] == [
        found.partition(" of ")[0] for found in troubles(journalled, tmp_path)
    ]
    (by_hand,) = troubles(journalled, tmp_path / "another", kept[1])
    assert f"no anchor has the digest `{kept[1]}`" in by_hand


def _without_last(lines: list[str]) -> list[str]:
    return [lines[0], lines[2]]


def _edited(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"accounts": 2', '"accounts": 3'), lines[2]]


def _foreign(lines: list[str]) -> list[str]:
    return [*lines, json.dumps({"anchor": 9, "date": "2026-01-01", "digest": "", "previous": anchors._hash(lines[2])})]


def _garbage(lines: list[str]) -> list[str]:
    return ["no line", *lines[1:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_last, ["line 2 of the file of anchors does not follow"]),
        (_edited, ["line 3 of the file of anchors does not follow"]),
        (_foreign, ["anchor 9 of 2026-01-01 is in the file and not in the database"]),
        (_garbage, ["line 2 of the file of anchors does not follow", "a line of the file of anchors cannot be read"]),
    ],
)
def test_a_file_that_was_changed_is_found(
    journalled: Engine, tmp_path: Path, change: Callable[[list[str]], list[str]], said: list[str]
) -> None:
    lines = [write(journalled, tmp_path) for _ in range(3)]
    anchors.file_of(tmp_path).write_text("".join(f"{line}\n" for line in change(lines)))
    found = troubles(journalled, tmp_path)
    assert [True] * len(said) == [words in one for words, one in zip(said, found, strict=True)]


def test_a_line_that_the_power_cut_short_is_taken_back(journalled: Engine, tmp_path: Path) -> None:
    write(journalled, tmp_path)
    with anchors.file_of(tmp_path).open("a") as file:
        file.write('{"anchor": 2, "da')
    write(journalled, tmp_path)
    assert () == troubles(journalled, tmp_path)
    assert 2 == len(anchors.file_of(tmp_path).read_text().splitlines())


def test_one_a_day_however_many_ask(journalled: Engine, tmp_path: Path) -> None:
    """Four at once, of homes of their own: one line; none on an empty database; one more when a person asks."""
    begin = threading.Barrier(4)

    def ask(number: int) -> None:
        begin.wait()
        anchors.write(journalled, tmp_path / str(number), only_when_due=True)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == sum(len(path.read_text().splitlines()) for path in tmp_path.glob("*/*/*.jsonl"))
    assert anchors.write(journalled, tmp_path / "0", only_when_due=True) is None
    assert write(journalled, tmp_path / "0")
    for number in range(4):
        assert () == troubles(journalled, tmp_path / str(number))


def test_a_database_without_a_journal_has_no_anchor(engine: Engine, tmp_path: Path) -> None:
    assert anchors.write(engine, tmp_path, only_when_due=True) is None
    assert () == troubles(engine, tmp_path)


def test_a_row_that_is_committed_late_is_in_the_next_anchor(journalled: Engine, tmp_path: Path) -> None:
    """An account that is being written to while the anchor is made is in it as it stood before, and raises no alarm."""
    with journalled.begin() as connection:
        record(connection, "A0000", [FORCED], actor="carla", engineering=ENGINEERING)
        assert 6 == json.loads(write(journalled, tmp_path))["rows"]
    assert () == troubles(journalled, tmp_path)
    assert 6 < json.loads(write(journalled, tmp_path))["rows"]
    assert () == troubles(journalled, tmp_path)


def test_what_was_anchored_is_read_once_for_all_accounts(journalled: Engine) -> None:
    """Looked up for each account, it was read from end to end each time, and longer with each that was added."""
    for _ in range(2):  # with none before, and with one
        plan = _plan_of_the_grown(journalled)
        assert ("SubPlan" in plan, plan.count(" on anchored")) == (False, 1), plan
        stored.make(journalled)


def _plan_of_the_grown(engine: Engine) -> str:
    query = stored._grown(2).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) anchored"))
        return "\n".join(connection.execute(text(f"EXPLAIN {query}")).scalars())
