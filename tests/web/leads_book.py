"""A small book that leads look at, lived to a day, and the files that they take from it."""

import csv
import datetime as dt
import io
from pathlib import Path

from tests.production import activate, standard, step, take_in, write_events
from tests.random_events import Line
from tests.web.conftest import Site

TODAY = dt.date(2026, 4, 20)


def ledger() -> list[Line]:
    """Two US accounts overdue, one partly promised and one disputed, one that paid, and one in euros."""
    found: list[Line] = []

    def on(account: str, date: str, event: str, **content: object) -> None:
        found.append({"event": event, "account": account, "date": date, **content})

    names = {
        "A1": "=cmd|'/c calc'!A1",
        "A2": "Müller & Söhne",
        "A3": "Quick Payer",
        "A4": "Contested",
        "E1": "Eurohaus",
    }
    for account, name in names.items():
        currency = "EUR" if account == "E1" else "USD"
        on(account, "2026-03-01", "account", currency=currency, name=name, owner="cara" if account == "A2" else "")
        on(account, "2026-03-01", "invoice", id="I1", amount="1000.00", due="2026-03-20")
    on("A1", "2026-03-05", "invoice", id="I2", amount="234.50", due="2026-04-14")
    on("A2", "2026-04-02", "promise", id="P1", amount="1000.00", due="2026-04-30")
    on("A3", "2026-03-18", "payment", id="Z1", amount="1000.00")
    on("A4", "2026-04-01", "dispute", id="D1", invoice="I1", amount="400.00", reason="price")
    return found


def lived(site: Site, folder: Path) -> Site:
    """The ledger lived day by day to the end of TODAY."""
    step(site.engine, dt.date(2026, 2, 27))
    activate(site.engine, standard("standard-usd"))
    activate(site.engine, standard("standard-eur"))
    take_in(site.engine, write_events(folder / "events.jsonl", ledger()))
    step(site.engine, TODAY)
    return site


def rows(text: str) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
