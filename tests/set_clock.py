"""Clocks that a test sets: a database's own, with `now()` found before PostgreSQL's, and that of a process.

No code of arflow is replaced: the engine asks its database for the time, and reads what a moved clock would say.
"""

import datetime as dt
import os
import subprocess
import sysconfig
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

_HANDS = """
CREATE SCHEMA hands;
CREATE TABLE hands.stand (at timestamptz NOT NULL, since timestamptz);
INSERT INTO hands.stand VALUES (pg_catalog.now(), NULL);
CREATE FUNCTION hands.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT at + coalesce(pg_catalog.clock_timestamp() - since, '0') FROM hands.stand $$;
CREATE FUNCTION hands.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT at + coalesce(pg_catalog.now() - since, '0') FROM hands.stand $$;
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT adrelid::regclass AS within, attname AS name FROM pg_attrdef
               JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
               WHERE pg_get_expr(adbin, adrelid) = 'now()' LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET DEFAULT hands.now()', one.within, one.name);
    END LOOP;
END $$;
"""

_SHIFTED = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long by(void) { const char *said = getenv("SHIFTED_BY"); return said ? atol(said) : 0; }

int clock_gettime(clockid_t which, struct timespec *found) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(which, found);
    if (answer == 0 && which == CLOCK_REALTIME) found->tv_sec += by();
    return answer;
}

int gettimeofday(struct timeval *found, void *zone) {
    (void)zone;
    struct timespec now;
    int answer = clock_gettime(CLOCK_REALTIME, &now);
    found->tv_sec = now.tv_sec;
    found->tv_usec = now.tv_nsec / 1000;
    return answer;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
"""


def settable(url: str) -> str:
    """The database at `url` gets a clock that stands still until it is set; gives the same URL. Its sessions see it."""
    made = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with made.connect() as connection:
        connection.execute(text(_HANDS))
        path_of(made)
    made.dispose()
    return url


def path_of(engine: Engine) -> None:
    """Have the sessions of a database find its own clock first; a copy of such a database needs it again."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = engine.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET search_path = hands, pg_catalog, public"))


def put(engine: Engine, at: dt.datetime, *, runs: bool = False) -> None:
    """Set the clock of a database; it stands at `at`, or runs on from there."""
    since = "pg_catalog.clock_timestamp()" if runs else "NULL"
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE hands.stand SET at = :at, since = {since}"), {"at": at})


def shifted(folder: Path, seconds: int) -> dict[str, str]:
    """An environment in which the clock of every new process differs from the machine's by so many seconds."""
    source, library = folder / "shifted.c", folder / "shifted.so"
    if not library.exists():
        source.write_text(_SHIFTED)
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return os.environ | {"LD_PRELOAD": str(library), "SHIFTED_BY": str(seconds)}
