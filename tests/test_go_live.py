"""A first import of real open items: nothing leaves before go-live, and what was forecast is what leaves then."""

import csv
import datetime as dt
import gzip
import zlib
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import drain
from arflow.deliver import deliver_batch
from arflow.ledger import profileloader
from arflow.mail import Folder, Mail
from tests.production import activate, standard, step, take_in, write_events
from tests.sizes import size
from tests.test_doors import REAL
from tests.web.conftest import Site, Visitor, site

pytestmark = [pytest.mark.database, pytest.mark.sample_data]

__all__ = ["site"]

TODAY, LAST = dt.date(2020, 5, 22), dt.date(2020, 6, 5)
EVERY = size(8, 1)
"""Of the customers every so many-th is imported, for time; all of them were, once, by hand."""

Left = Counter[tuple[str, str, str, str]]


def some_customers(source: Path, target: Path) -> Path:
    """The rows of every EVERY-th customer of the ledger."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as rows, target.open("w", encoding="utf-8") as out:
        header, *lines = csv.reader(rows)
        at = header.index("cust_number")
        csv.writer(out).writerows([header, *(line for line in lines if zlib.crc32(line[at].encode()) % EVERY == 0)])
    return target


@pytest.fixture
def company(site: Site, sample_data: Path, tmp_path: Path) -> Site:
    """The open items imported as a company would on 22 May 2020; of every other account an address is known."""
    step(site.engine, TODAY, delivery="recorded")
    activate(site.engine, standard("standard-usd"))
    file = some_customers(sample_data / "open_items" / "open_items.csv.gz", tmp_path / "open_items.csv")
    take_in(site.engine, file, profileloader.find("open-items"))
    ids = [row.id for row in site.sql("SELECT id FROM account ORDER BY id")]
    contacts = [{"name": "Accounts payable", "email": "ap@customer.example", "role": "AP"}]
    known: list[dict[str, object]] = [
        {"event": "account", "account": key, "date": "2020-05-22", "contacts": contacts} for key in ids[::2]
    ]
    take_in(site.engine, write_events(tmp_path / "contacts.jsonl", known))
    return site


def forecast(lena: Visitor) -> Left:
    """What the page's file says will leave."""
    answer = lena.get("/go-live/forecast.csv")
    for _ in range(60):  # it looks ahead beside the requests, and each of them waits for a moment
        if answer.status_code != 404:
            break
        answer = lena.get("/go-live/forecast.csv")
    found = csv.DictReader(answer.text.removeprefix("\ufeff").splitlines())
    return Counter((row["date"], row["account"], row["effect"], row["what"]) for row in found)


def left(engine: Engine) -> Left:
    """What has left, by the journal."""
    query = """SELECT "on"::text, account_id, details ->> 'effect', details ->> 'name' FROM journal
               WHERE kind = 'effect' AND details ->> 'effect' IN ('send', 'call')"""
    with engine.connect() as connection:
        return Counter(tuple(row) for row in connection.execute(text(query)))


def live(engine: Engine, mail: Mail, day: dt.date, until: dt.date) -> None:
    """Step the clock as the ticker does, with the workers' own drain and delivery, into a folder of letters."""
    while True:
        while drain(engine, REAL) is not None:
            pass
        if deliver_batch(engine, mail):
            continue
        with engine.begin() as connection:
            assert clock.is_at_rest(connection, clock.read(connection))
            if day == until:
                return
            day += dt.timedelta(days=1)
            clock.step_to(connection, day)


def test_the_forecast_of_the_open_items_comes_true(company: Site, tmp_path: Path) -> None:
    """Nothing leaves before go-live, also when workers run; then exactly what the page said leaves, day by day."""
    lena = company.user("lena", "lead")
    mail = Mail(transport=Folder(tmp_path / "mail"), address="ar@company.example", company="Company")
    live(company.engine, mail, TODAY, TODAY)
    assert [(0,)] == company.sql("SELECT count(*) FROM message")
    assert Counter() == left(company.engine)
    parked = company.sql("SELECT DISTINCT currency, parked ->> 'reason' FROM account WHERE parked IS NOT NULL")
    assert [("CAD", "no policy")] == parked

    foreseen = forecast(lena)
    assert f"{foreseen.total():,} messages and calls" in lena.get("/go-live/").text
    assert 303 == lena.post("/go-live/on", {"reason": "the import was checked"}).status_code
    live(company.engine, mail, TODAY, LAST)

    assert foreseen.total() > 200
    assert foreseen == left(company.engine)
    letters = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in mail_files(tmp_path / "mail")]
    sent = {row.status: row.n for row in company.sql("SELECT status, count(*) AS n FROM message GROUP BY status")}
    assert (len(letters), {"ap@customer.example"}) == (
        sent["sent"],
        {letter["To"].addresses[0].addr_spec for letter in letters},
    )
    assert sent["failed"] > 0


def mail_files(folder: Path) -> list[Path]:
    """The letters of a folder."""
    return sorted(folder.rglob("*.eml"))
