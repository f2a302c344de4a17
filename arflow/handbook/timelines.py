"""Where the timelines lie that a page names in brackets: the link definitions at its end."""

import re

FOLDER = "../tests/timelines"
REFUSED = "refused-"
"""Names that begin so are cases in one file."""

_DEFINITION = re.compile(r"^\[[a-z0-9-]+\]: .*$", re.MULTILINE)
_NAME = re.compile(r"(?<!\])\[([a-z0-9-]+)\](?![(:])")


def named(page: str) -> set[str]:
    """The timelines that `page` names: `[time-gap]`."""
    return set(_NAME.findall(_DEFINITION.sub("", page)))


def links(page: str) -> str:
    """A link definition for each timeline that `page` names."""
    return "".join(f"[{name}]: {_address(name)}\n" for name in sorted(named(page)))


def _address(name: str) -> str:
    return f"{FOLDER}/{'refused' if name.startswith(REFUSED) else name}.yaml"
