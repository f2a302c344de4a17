"""A keeper whose server is ready only after a while, which it says."""

from arflow.stack import keeping
from workers import entry
from workers.entry import Process


def work(process: Process, seconds: float) -> None:
    """Say that it waits, and then that it is ready."""
    keeping.say_waits("it takes its time")
    process.ending.wait(seconds)
    keeping.say_ready("there")


if __name__ == "__main__":
    parser = entry.parser("tests.stack.late", __doc__ or "")
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    entry.run(given, lambda process: work(process, given.seconds))
