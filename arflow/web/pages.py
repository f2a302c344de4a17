"""How pages are declared: each route says who may use it, and which page is shown again when a form is refused.

Deny by default: an app with a route that does not say who may use it does not start.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask

from arflow.store.desk_tables import ROLES

PUBLIC = frozenset({"public"})
"""Everybody, also who is not logged in. A word like a role that everybody has."""

SIGNED_IN = frozenset({"signed-in"})
"""Whoever is logged in, whatever their roles."""

_WORDS = frozenset(ROLES) | PUBLIC | SIGNED_IN


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the navigation, shown to those who may use `endpoint`."""

    label: str
    endpoint: str
    place: int


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a route says of itself."""

    roles: frozenset[str]
    again: str | None


class Pages(Blueprint):
    """A blueprint whose routes take `roles=` (default: those of the blueprint), `again=` and `menu=`.

    `again` names the view, of this blueprint, that is shown when the POST is refused or comes too late (its form then
    holds what was typed); `menu` is a label, or a label and a place (the lower the further left), for the navigation.
    """

    def __init__(self, name: str, import_name: str, *, roles: Collection[str] = (), **options: Any) -> None:  # noqa: ANN401  # Flask's
        super().__init__(name, import_name, **options)
        self.roles = frozenset(roles)
        self.declared: dict[str, Declared] = {}
        self.entries: list[Entry] = []

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,  # noqa: FBT001  # Flask's
        *,
        roles: Collection[str] | None = None,
        again: str | None = None,
        menu: str | tuple[str, int] | None = None,
        **options: Any,  # noqa: ANN401  # Flask's
    ) -> None:
        """Add a route, as Flask does, and note what it says of itself."""
        name = f"{self.name}.{endpoint or getattr(view_func, '__name__', '')}"
        chosen = self.roles if roles is None else frozenset(roles)
        self.declared[name] = Declared(roles=chosen, again=f"{self.name}.{again}" if again else None)
        if menu:
            label, place = (menu, 50) if isinstance(menu, str) else menu
            self.entries.append(Entry(label=label, endpoint=name, place=place))
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)


class Directory:
    """What all routes of an app say of themselves."""

    def __init__(self, blueprints: Iterable[Pages]) -> None:
        known = list(blueprints)
        self._declared = {name: declared for pages in known for name, declared in pages.declared.items()}
        self._entries = sorted((entry for pages in known for entry in pages.entries), key=lambda entry: entry.place)

    def check(self, app: Flask) -> None:
        """Raise TypeError for a route that does not say who may use it, or names a role or page that is not there."""
        for rule in app.url_map.iter_rules():
            declared = self._declared.get(rule.endpoint)
            if declared is None or not declared.roles:
                raise TypeError(f"the route {rule} ({rule.endpoint}) does not say who may use it: give it roles")
            if not declared.roles <= _WORDS:
                raise TypeError(f"the route {rule} names a role that is not there: {declared.roles - _WORDS}")
            if declared.again and declared.again not in app.view_functions:
                raise TypeError(f"the route {rule} shows the page `{declared.again}` again, which is not there")

    def may_use(self, endpoint: str, words: Collection[str]) -> bool:
        """Whether somebody with these roles and words may use a route."""
        declared = self._declared.get(endpoint)
        return declared is not None and not declared.roles.isdisjoint(words)

    def is_public(self, endpoint: str) -> bool:
        """Whether a route needs no log-in."""
        return self.may_use(endpoint, PUBLIC)

    def again(self, app: Flask, endpoint: str, arguments: dict[str, Any]) -> Callable[[], Any] | None:
        """The page that is shown again when a form of `endpoint` is refused, ready to be called."""
        declared = self._declared.get(endpoint)
        if declared is None or declared.again is None:
            return None
        view = app.view_functions[declared.again]
        taken = {name: arguments[name] for name in inspect.signature(view).parameters if name in arguments}
        return lambda: view(**taken)

    def menu(self, words: Collection[str]) -> Iterator[Entry]:
        """The navigation of somebody with these roles and words."""
        return (entry for entry in self._entries if self.may_use(entry.endpoint, words))
