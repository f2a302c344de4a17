"""Serves the pages on a socket that the supervisor has opened, so that a restart refuses nobody."""

import gc
import socket
import sys
import threading
import time

from sqlalchemy import Engine
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from arflow.advance import Engineering
from arflow.reports import book
from arflow.rules.engine import DurableRules
from arflow.web import Settings, create_app
from arflow.web.app import LARGEST_BODY, Application
from arflow.web.key import of_home
from workers import entry
from workers.ending import Ending
from workers.entry import Process
from workers.patience import reached, unless_away

THREADS = 8
LOOK_SECONDS = 5.0
"""How often it looks whether it is worn out and a new process should take over, and whether figures are too old."""

WORN_SECONDS = 3600.0
"""How long it serves at least when it is worn out: with very many active policies a new process is so at once."""

SWITCHES_AFTER = 0.000_5
"""For how many seconds a thread may compute while others would: a page asks the database some thirty times, and after
each answer it would else wait ten times as long for whoever writes a large file or looks far ahead."""

COLLECTED_AFTER = (20_000, 20, 20)
"""How many values more than have gone make the collector look at the young ones, and how often it looks at older ones
and at all: that stops every page, for a sixth of a second with what is kept of five thousand accounts."""

LARGEST = 2 * LARGEST_BODY
"""What is sent is kept on disk until it is whole; more than this is refused at once. Up to it, a page says so."""


def work(process: Process, descriptor: int) -> None:
    """Serve until told to end; a request at hand is answered."""
    engine = reached(process.database_url, process.ending)
    if engine is None:
        return
    evaluator = DurableRules()
    pages = create_app(
        Settings(
            engine=engine,
            engineering=Engineering(evaluator=evaluator, delivery="recorded"),
            key=of_home(process.settings.home),
            mail_folder=process.settings.mail_folder,
            redis_url=process.redis_url,
            is_https=process.settings.is_https,
            proxies=process.settings.proxies,
        )
    )
    _be_smooth()
    server = serving(pages, socket.socket(fileno=descriptor), proxies=process.settings.proxies)
    threading.Thread(target=server.run, name="pages", daemon=True).start()
    threading.Thread(target=_keep_figures, args=(engine, process.ending), name="figures", daemon=True).start()
    _wait_until_over(process.ending, evaluator)
    server.task_dispatcher.shutdown()
    engine.dispose()


def _be_smooth() -> None:
    """See to it that no page waits long for what another one, or the interpreter itself, is about."""
    sys.setswitchinterval(SWITCHES_AFTER)
    gc.freeze()  # what was imported stays: the collector would walk all of it again and again
    gc.set_threshold(*COLLECTED_AFTER)


def _wait_until_over(ending: Ending, evaluator: DurableRules) -> None:
    """Wait until told to end, or until a new process should take over."""
    until = time.monotonic() + WORN_SECONDS
    while not ending.wait(LOOK_SECONDS) and not (evaluator.is_worn and time.monotonic() >= until):
        pass


def serving(pages: Application, listening: socket.socket, *, proxies: int) -> BaseWSGIServer | MultiSocketServer:
    """The server of `pages` on a socket; where no proxy is before it, what names one is not handed on to them."""
    return create_server(
        pages,
        sockets=[listening],
        threads=THREADS,
        ident=None,
        max_request_body_size=LARGEST,
        clear_untrusted_proxy_headers=not proxies,
    )


def _keep_figures(engine: Engine, ending: Ending) -> None:
    """Work out behind the pages what takes long to add up, so that nobody waits for it; until told to end."""
    begins = True
    while not ending.is_told():
        with unless_away():  # the pages say so, and the next look tries again
            book.keep_ready(engine, begins=begins)
            begins = False
        ending.wait(LOOK_SECONDS)


if __name__ == "__main__":
    parser = entry.parser("arflow.stack.server", __doc__ or "")
    parser.add_argument("descriptor", type=int, help="the listening socket that it inherits")
    given = parser.parse_args()
    entry.run(given, lambda process: work(process, given.descriptor))
