"""The pages behind waitress, in a thread of the test's own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(server: Any) -> Iterator[None]:  # noqa: ANN401  # waitress has no types
    """Serve while the test goes on; afterwards everything is closed and every thread has ended."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.task_dispatcher.shutdown()
        # in its own thread, since a socket that is closed under its `select` is an error there
        server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map, ignore_all=True))
        thread.join(timeout=20)
        assert not thread.is_alive(), "the server goes on after all that it listens to was closed"
