"""Every error that arflow raises on purpose, in one tree.

The text of an error is one lower-case line that says what, where and how to mend it. `exit_code` is what the command
line ends with: 1 when the answer is no, 2 when the input is wrong. Nothing here may be caught and merely logged.
"""

import difflib
import re
from collections.abc import Iterable

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""What would break a line, steer a terminal or turn a text around, where an error repeats what somebody typed."""

_LONGEST = 1_000


class ArflowError(Exception):
    """Something a person can mend; the text says what and how."""

    exit_code = 2

    def __str__(self) -> str:
        return _seen(super().__str__())


class Refused(ArflowError):
    """Input that does not follow its format: `reason` in `file` at `line` (1-based; None: the whole file is meant)."""

    def __init__(self, reason: str, *, file: str | None = None, line: int | None = None) -> None:
        self.reason, self.file, self.line = reason, file, line
        super().__init__(reason)

    def __str__(self) -> str:
        place = " ".join(part for part in (self.file, f"line {self.line}" if self.line is not None else None) if part)
        return _seen(f"{place}: {self.reason}" if place else self.reason)

    def within(self, file: str, line: int | None = None) -> "Refused":
        """The same refusal, placed in `file` (and at `line` where it has no line of its own)."""
        return type(self)(self.reason, file=self.file or file, line=self.line if self.line is not None else line)


class NotEnforcedYet(Refused):
    """A key, fact or effect of the contract that this version does not act on; accepting it would be a lie."""


class DatabaseRefused(ArflowError):
    """The database is not one that this version of arflow may touch."""


class WornOut(ArflowError):
    """This process has used up something that only a new process has again; nothing is wrong with what was asked."""


class Conflict(ArflowError):
    """Somebody else changed the account first; read it again and repeat."""

    exit_code = 1


class SaysNo(ArflowError):
    """The question was understood and its answer is no."""

    exit_code = 1


class NotNow(SaysNo):
    """What is to be done is known, and cannot be done as things stand; nothing has changed."""


def _seen(text: str) -> str:
    """The text on one line that people can read: of one that repeats a whole document, its two ends."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean `x`?)` for the nearest of `known`, or nothing when none is near."""
    small = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(small), n=1, cutoff=0.6)
    return f" (did you mean `{small[near[0]]}`?)" if near else ""
