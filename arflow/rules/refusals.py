"""All that is wrong with a policy document at once, for those who edit one.

The loader refuses at the first thing that is wrong. Here something harmless is put in its place, and the document is
read again, until nothing is wrong any more. Pure, as the loader is.
"""

import re
from collections.abc import Collection

from arflow import money
from arflow.errors import Refused
from arflow.rules.loader import MAX_BYTES, read_policy
from arflow.rules.neutral import CURRENCY, Path, path_of, value_at, without
from arflow.rules.yamlnodes import Node, RefusedHere, load

MOST = 20
"""How many refusals are told at once."""

_MOST_ROUNDS = 3 * MOST

_BY_CURRENCY = (f"more decimals than {CURRENCY}", f"keeps ({money.show(money.LARGEST, CURRENCY)})")
"""What only a currency has an opinion on."""


def refusals(text: str | bytes, *, file: str, templates: Collection[str] | None = None) -> tuple[Refused, ...]:
    """Why `load_policy` refuses `text`, by line; empty when it does not.

    Of a text that is no YAML, and of an expression, the first thing only: what comes after it cannot be read.
    """
    try:
        root = load(text, file=file, max_bytes=MAX_BYTES, is_kept=templates is None)
    except Refused as refused:
        return (refused,)
    return tuple(sorted(_Search(root, templates).found(), key=lambda refused: refused.line or 0))


class _Search:
    """Goes from one refusal of a document to the next."""

    def __init__(self, root: Node, templates: Collection[str] | None) -> None:
        self._root, self._templates = root, templates
        self._currency = value_at(root, ("currency",))
        self._found: list[Refused] = []
        self._spoilt: list[str] = []
        """Attributes whose declaration is wrong, as patterns: what is asked of them is not judged."""

    def found(self) -> list[Refused]:
        """What is wrong with it; at most MOST."""
        for _ in range(_MOST_ROUNDS):
            refused = self._next()
            if refused is None or not self._takes(refused):
                break
        return self._found

    def _next(self) -> Refused | None:
        try:
            read_policy(self._root, "", templates=self._templates)
        except Refused as refused:
            return refused
        return None

    def _takes(self, refused: Refused) -> bool:
        """Note a refusal; gives whether the document can be read on without it."""
        path = path_of(self._root, refused) if isinstance(refused, RefusedHere) else None
        follows = self._is_of_no_currency(refused) or (path is not None and self._only_follows(path))
        if not follows and not self._is_told(refused):
            self._found.append(refused)
        if path is None or len(self._found) == MOST:
            return False
        if path[:1] == ("attributes",):
            self._spoilt.append(rf"\battr_{re.escape(str(path[1]))}\b" if path[1:] else r"\battr_")
        rest = without(self._root, path, is_key=isinstance(refused, RefusedHere) and refused.key is not None)
        if rest is None:
            return False
        self._root = rest
        return True

    def _is_told(self, refused: Refused) -> bool:
        return any((one.line, one.reason) == (refused.line, refused.reason) for one in self._found)

    def _is_of_no_currency(self, refused: Refused) -> bool:
        """Whether an amount was judged by the currency that stands in the place of a wrong one."""
        stands = value_at(self._root, ("currency",))
        is_written = stands is None or (self._currency is not None and self._currency.value == stands.value)
        return not is_written and any(part in refused.reason for part in _BY_CURRENCY)

    def _only_follows(self, path: Path) -> bool:
        """Whether the expression at `path` asks for an attribute whose declaration is wrong."""
        node = value_at(self._root, path)
        return node is not None and any(re.search(pattern, node.text) for pattern in self._spoilt)
