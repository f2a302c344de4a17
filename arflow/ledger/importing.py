"""`arflow import`: one file, all or nothing. What is dated up to the business now is one cause per account at that now.

The file is read once, in bounded memory. Rows that cannot be taken go to a reject file with line and reason; too many
of them refuse the file. Nothing is decided here: the accounts touched become due, and `advance` takes it from there.
"""

import csv
import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from errno import EINVAL, EISDIR
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Self

from sqlalchemy import Connection, func, insert, select, text, update

from arflow import clock, money
from arflow.accounts.events import parse_line
from arflow.clock import Now
from arflow.errors import Refused
from arflow.ledger import families, staging, whole
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.profileloader import shipped
from arflow.ledger.profiles import OF_EVENTS, Profile
from arflow.ledger.rowevents import Item, Reject, Row, Skipped
from arflow.ledger.taking import Outcome
from arflow.ledger.textlines import TextLines, digest
from arflow.ledger.written import shown
from arflow.life.passes import NO_POLICY
from arflow.store import accounts, tables
from arflow.store.rows import Row as TableRow

MOST_REJECTS = 0.05
"""The share of rows that may be rejected before the whole file is refused."""

MOST_TOLD = 20
"""How many rejects a report lists; the reject file has them all."""

MANY = 10_000
"""From so many new events on the planner's figures are made anew at once; a first ledger would be scanned else."""

_LOCK = "LOCK TABLE import_file IN SHARE ROW EXCLUSIVE MODE"
"""Two imports at once would not see each other. Any lock beyond this one would keep people from recording: each event
asks for the table, as its key names it, and who asked so may hold an account that the import waits for."""

_HEADER = ("line", "reason")
_HEADER_LINE = b"line,reason\r\n"
"""How every reject file begins."""

Progress = Callable[[str, float], None]
"""Told the stage of the work and how much of it is done, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to import. `profile` None means a file of events, one JSON object a line."""

    profile: Profile | None
    dry_run: bool = False
    corrections: bool = False
    accept_rejects: bool = False
    accept_gone: bool = False
    currency: str = "USD"
    """Of accounts whose currency neither the file nor the books say."""

    @property
    def is_whole(self) -> bool:
        """Whether the file has everything that is open."""
        return self.profile is not None and self.profile.gone is not None


@dataclass(kw_only=True)
class Report:
    """What an import did, or would do."""

    file: str
    rows: int = 0
    skipped: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    """The first rejects: (line, reason)."""
    rejected: int = 0
    reject_file: Path | None = None
    without_policy: int | None = None
    """How many of the touched accounts no active policy is for; known once they were looked at."""
    unplaced: int = 0
    """How many rejected rows of a file that has everything open may be of any invoice."""
    is_whole: bool = False
    """Whether what the file has no more was taken as paid."""
    never_imported: Sequence[str] = ()
    """Profiles that are named under `of`, do not come with arflow, and brought no file yet: perhaps misspelt."""
    refusal: Refused | None = None
    """Why the file as a whole would be refused; of a dry run only, since otherwise it is."""


def import_file(connection: Connection, path: Path, now: Now, options: Options, progress: Progress) -> Report:
    """Take the file in, in the caller's transaction. Raises Refused when the file as a whole cannot be."""
    report = Report(file=str(path))
    connection.execute(text(_LOCK))
    with _Rejects(path, report, write=not options.dry_run) as rejects:
        staging.create_stage(connection)
        staging.stage(connection, _rows(path, options, report, rejects, progress))
        if options.is_whole:
            whole.put_seen_aside(connection)
        staging.settle(connection, options.currency)
        file = _compared(connection, path, now, options, report)
        families.settle(connection)
        staging.lock(connection)
        file = file and replace(file, now=clock.read(connection))
        import_id = _register(connection, path, options)
        for done, ids in enumerate(_staged_accounts(connection, path), start=1):
            staging.take_in(
                connection,
                ids,
                now,
                report.outcome,
                correct=options.corrections,
                is_of_now=options.profile is not None and options.profile.is_of_now,
                whole_file=file,
                import_id=import_id,
            )
            staging.put_rejects_aside(connection, report.outcome)
            progress("comparing", 1 - 1 / (done + 1))
        for line, reason in staging.rejects(connection):
            rejects.add(line, reason)
        report.refusal = _too_many_rejects(report, options) or _too_much_gone(file, report, options)
    if report.refusal is not None and not options.dry_run:
        raise report.refusal
    families.join(connection)
    _note_totals(connection, import_id, report)
    if report.outcome.new.total() >= MANY and not options.dry_run:
        connection.execute(text("ANALYZE account, event"))
    return report


def _staged_accounts(connection: Connection, path: Path) -> Iterator[list[str]]:
    try:
        yield from staging.staged_accounts(connection, payers=True)
        families.leave_out_unopened(connection)
        yield from staging.staged_accounts(connection, payers=False)
        yield from whole.accounts_left_out(connection)
    except Refused as refused:
        raise refused.within(str(path)) from None


def _compared(
    connection: Connection, path: Path, now: Now, options: Options, report: Report
) -> whole.Comparison | None:
    """A file that has everything open, beside what was known before.

    A rejected row that does not even say which invoice it is of may be of any: then nothing is taken as paid.
    """
    if options.profile is None or not options.is_whole:
        return None
    report.is_whole = not report.unplaced
    others = whole.never_imported(connection, options.profile)
    report.never_imported = [name for name in others if name not in (*shipped(), OF_EVENTS)]
    return replace(whole.compare(connection, options.profile, digest(path), now), is_complete=report.is_whole)


def _too_much_gone(file: whole.Comparison | None, report: Report, options: Options) -> Refused | None:
    """Judged by what would be done: where other money explains what is gone, nothing is taken as paid."""
    if file is None or options.accept_gone:
        return None
    trouble = file.trouble(report.outcome.gone.invoices, report.outcome.open_again)
    hint = "if it is whole and newer than all before, import it with --accept-gone"
    return None if trouble is None else Refused(f"{trouble}; {hint}", file=report.file)


def without_policy(connection: Connection, report: Report) -> int:
    """How many of the accounts that an import changed are parked, because no active policy is for them."""
    account = tables.account
    parked = account.c.parked["reason"].astext == NO_POLICY
    touched = account.c.id.in_(accounts.listed(report.outcome.touched))
    return int(connection.execute(select(func.count()).select_from(account).where(touched, parked)).scalar_one())


def _rows(
    path: Path, options: Options, report: Report, rejects: "_Rejects", progress: Progress
) -> Iterator[tuple[int, str | None, str, Sequence[TableRow]]]:
    file = CsvFile(path, options.profile) if options.profile else _EventsFile(path)
    for item in file:
        report.rows += 1
        if report.rows % 1000 == 0:
            progress("reading", file.share_read)
        if isinstance(item, Skipped):
            report.skipped += 1
        elif isinstance(item, Reject):
            rejects.add(item.line, item.reason)
            if options.is_whole:
                yield from _seen(item, report)
        elif not _has_address(item.account):
            rejects.add(
                item.line, f"account {shown(item.account)} cannot have a page: a browser takes `..` for a way up"
            )
        else:
            yield item.line, item.account, item.currency, item.events
    progress("reading", 1.0)


def _seen(item: Reject, report: Report) -> Iterator[tuple[int, None, str, Sequence[TableRow]]]:
    """That the invoices of a rejected row are in the file; or else that it is not known which they are."""
    if not (item.account and item.invoices):
        report.unplaced += 1
    else:
        seen = {"event": whole.SEEN, "date": "", "account": item.account}
        yield item.line, None, item.currency, [{**seen, "id": invoice} for invoice in item.invoices]


def _has_address(account: str) -> bool:
    """Whether a page can be named after an account: browsers resolve `.` and `..` between slashes, whatever is sent."""
    return not {".", ".."} & set(account.split("/"))


class _EventsFile:
    """A file of JSON lines (events) as rows: each line is checked, and becomes one event."""

    def __init__(self, path: Path) -> None:
        self._lines = TextLines(path)

    @property
    def share_read(self) -> float:
        return self._lines.share_read

    def __iter__(self) -> Iterator[Item]:
        for number, line in enumerate(self._lines, start=1):
            yield Skipped(line=number) if not line.strip() else self._item(line, number)

    def _item(self, line: str, number: int) -> Item:
        try:
            if parse_line(line, number).kind == "policy":
                return Reject(line=number, reason="a policy is activated with `arflow policy activate`, not imported")
            return self._row(line, number)
        except Refused as refused:
            return Reject(line=number, reason=refused.reason)

    def _row(self, line: str, number: int) -> Row:
        content = json.loads(line)
        currency = content.get("currency", "")
        if currency:
            money.exponent(currency)
        _check_names(content.get("attributes", {}))
        return Row(line=number, account=content["account"], currency=currency, events=(content,))


def _check_names(attributes: Mapping[str, object]) -> None:
    """Raise Refused for an attribute whose name no database could keep."""
    for name in attributes:
        if not name.isprintable():
            raise Refused(f"`attributes`: {shown(name)} is no name; use printable characters")


class _Rejects:
    """The reject file beside the imported one; it is there only when something was rejected.

    It is written aside, so that nothing that lies there by its name is written into, and only its owner may read it.
    """

    def __init__(self, path: Path, report: Report, *, write: bool) -> None:
        self._path = path.with_name(path.name + ".rejects.csv")
        self._report, self._write = report, write
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._file is not None:
            self._file.flush()
            Path(self._file.name).replace(self._path)
            self._file.close()
        elif self._write and error is None:
            self._remove_old()
        if self._write:
            self._remove_left()

    def _remove_old(self) -> None:
        """Removes the rejects of an earlier run of this file, which has none any more."""
        with suppress(OSError), _as_it_lies(self._path) as old:
            if old.read(len(_HEADER_LINE)) == _HEADER_LINE:
                self._path.unlink()

    def _remove_left(self) -> None:
        """Removes what killed runs have left; what a run still writes is locked by it."""
        with suppress(OSError):  # a folder that may not be read, or somebody was quicker
            for path in self._path.parent.iterdir():
                if path.name.startswith(f".{self._path.name}."):
                    with suppress(OSError), _as_it_lies(path) as left:
                        fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        path.unlink()

    def add(self, line: int, reason: str) -> None:
        self._report.rejected += 1
        if len(self._report.rejects) < MOST_TOLD:
            self._report.rejects.append((line, reason))
        if self._write:
            csv.writer(self._opened()).writerow([line, reason])

    def _opened(self) -> IO[str]:
        if self._file is None:
            self._file = self._created()
            csv.writer(self._file).writerow(_HEADER)
            self._report.reject_file = self._path
        return self._file

    def _created(self) -> IO[str]:
        try:
            if self._path.is_dir():
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
            created = NamedTemporaryFile(  # noqa: SIM115  # it is put in its place and closed with this
                "w",
                dir=self._path.parent,
                prefix=f".{self._path.name}.",
                delete=False,
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
            )
            fcntl.flock(created, fcntl.LOCK_EX)  # it ends with this process: what is not locked was left behind
        except OSError as error:
            raise Refused(f"the rejects cannot be written here: {error.strerror}", file=str(self._path)) from None
        return created


def _as_it_lies(path: Path) -> IO[bytes]:
    """The file at `path` itself, to be read. Raises OSError for what is no file."""
    opened = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        return opened
    opened.close()
    raise OSError(EINVAL, os.strerror(EINVAL))


def _too_many_rejects(report: Report, options: Options) -> Refused | None:
    taken = report.rows - report.skipped
    if options.accept_rejects or report.rejected <= MOST_REJECTS * taken:
        return None
    line, reason = min(report.rejects)
    where = f"; all are in {report.reject_file}" if report.reject_file else ""
    return Refused(
        f"{report.rejected:,} of {taken:,} rows are rejected, the first for: {reason}{where}; "
        "mend them, or import the rest with --accept-rejects",
        file=report.file,
        line=line,
    )


def _note_totals(connection: Connection, import_id: int, report: Report) -> None:
    """Keep the control totals with the import."""
    table = tables.import_file
    of_rows = {name: getattr(report, name) for name in ("rows", "skipped", "rejected")}
    totals = of_rows | {name: getattr(report.outcome, name) for name in ("billed", "paid", "new")}
    connection.execute(update(table).where(table.c.id == import_id).values(totals=totals))


def _register(connection: Connection, path: Path, options: Options) -> int:
    row = {
        "name": path.name.encode(errors="backslashreplace").decode(),
        "profile": options.profile.name if options.profile else OF_EVENTS,
        "sha256": digest(path),
        "totals": {},
    }
    return int(connection.execute(insert(tables.import_file).returning(tables.import_file.c.id), row).scalar_one())
