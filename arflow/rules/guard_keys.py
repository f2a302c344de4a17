"""Reads the `guards` key of a policy document."""

from collections.abc import Mapping

from arflow.rules.guards import FreshCash, Guards, StormFuse
from arflow.rules.yamlnodes import Node, as_bool, as_int, as_mapping

_KEYS = ("fresh_cash", "storm_fuse")
_CASH = ("max_age_hours", "hold_if_unapplied_covers", "hold_steps")
_FUSE = ("max_per_day", "times_usual")
_LONGEST_HOURS, _MOST_A_DAY, _MOST_TIMES = 24 * 366, 1_000_000_000, 1_000


def read_guards(node: Node | None) -> Guards:
    """The guards that `node` describes. Raises Refused with the line of the key that is wrong."""
    if node is None:
        return Guards()
    keys = as_mapping(node, "`guards`", _KEYS)
    return Guards(
        fresh_cash=_fresh_cash(keys["fresh_cash"]) if "fresh_cash" in keys else None,
        storm_fuse=_storm_fuse(keys["storm_fuse"]) if "storm_fuse" in keys else StormFuse(),
    )


def _fresh_cash(node: Node) -> FreshCash:
    keys = as_mapping(node, "`fresh_cash`", _CASH)
    found = FreshCash(
        max_age_hours=_int(keys, "max_age_hours", _LONGEST_HOURS),
        hold_if_unapplied_covers=_is_true(keys, "hold_if_unapplied_covers"),
        hold_steps=_is_true(keys, "hold_steps"),
    )
    if found.max_age_hours is None and not found.hold_if_unapplied_covers:
        raise node.refused(
            "`fresh_cash` keeps nothing back; give it `max_age_hours` or `hold_if_unapplied_covers: true`"
        )
    return found


def _storm_fuse(node: Node) -> StormFuse:
    keys = as_mapping(node, "`storm_fuse`", _FUSE)
    times = as_int(keys["times_usual"], "`times_usual`", least=2, most=_MOST_TIMES) if "times_usual" in keys else 3
    return StormFuse(max_per_day=_int(keys, "max_per_day", _MOST_A_DAY), times_usual=times)


def _int(keys: Mapping[str, Node], key: str, most: int) -> int | None:
    return as_int(keys[key], f"`{key}`", least=1, most=most) if key in keys else None


def _is_true(keys: Mapping[str, Node], key: str) -> bool:
    return as_bool(keys[key], f"`{key}`") if key in keys else False
