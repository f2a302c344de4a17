"""PURE. Frozen values of many fields, made many times a second: anew, or with some of their fields otherwise."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

Value = TypeVar("Value")

if TYPE_CHECKING:
    from dataclasses import replace as evolve
else:

    def evolve(value: Value, /, **changes: Any) -> Value:  # noqa: ANN401  # mypy sees the other one
        """What `dataclasses.replace` gives, in a tenth of its time, for a value of many fields and without slots.

        It copies the fields as they are, so no constructor is asked: a name that is no field is for mypy to find.
        """
        new = object.__new__(type(value))
        fields = new.__dict__
        fields.update(value.__dict__)
        for name in _derived(type(value)):
            fields.pop(name, None)
        fields.update(changes)
        return new


__all__ = ["assembled", "evolve"]


def assembled(kind: type[Value], fields: Mapping[str, Any]) -> Value:
    """What `kind(**fields)` gives when `fields` has all fields of a dataclass without slots, in a third of its time."""
    new = object.__new__(kind)
    new.__dict__.update(fields)
    return new


@cache
def _derived(kind: type) -> tuple[str, ...]:
    """What a class works out of its fields once, and a new value must work out anew."""
    return tuple(
        name for base in kind.__mro__ for name, what in vars(base).items() if isinstance(what, cached_property)
    )
