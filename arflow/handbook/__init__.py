"""Writes the generated parts of the documents: tables of what the code knows, refusals as they are, state diagrams.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; what lies between them is replaced, the rest is
left alone. `python -m arflow.handbook` does it; a test fails when a part is stale.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from arflow.errors import Refused, did_you_mean
from arflow.handbook import letters, mistakes, pictures, tables, timelines

PAGES = ("README.md", "docs/policies.md", "docs/semantics.md", "docs/templates.md")
"""The documents that may have generated parts, from the folder of the project on."""

Part = Callable[[str, str], str]
"""A part's text, from what stands after its name in the marker and from the whole page."""


def _fixed(table: Callable[[], str]) -> Part:
    """A part that depends on nothing but the code."""
    return lambda _argument, _page: table()


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "facts": _fixed(tables.facts),
        "states": _fixed(tables.states),
        "effects": _fixed(tables.effects),
        "events": _fixed(tables.events),
        "outcomes": _fixed(tables.outcomes),
        "templates": _fixed(tables.templates),
        "limits": _fixed(tables.limits),
        "laws": _fixed(tables.laws),
        "letter": lambda argument, _page: letters.letter(argument),
        "names": _fixed(letters.names),
        "letterlimits": _fixed(letters.letter_limits),
        "languages": _fixed(letters.usual_languages),
        "mistakes": _fixed(mistakes.refusals),
        "diagram": lambda argument, _page: pictures.diagram_of(argument),
        "timelines": lambda _argument, page: timelines.links(page),
    }
)

_BLOCK = re.compile(
    r"(?P<start>^<!-- generated: (?P<name>[a-z]+)(?: (?P<argument>[\w.-]+))? -->\n).*?(?P<end>^<!-- end -->$)",
    re.DOTALL | re.MULTILINE,
)


def written(page: str) -> str:
    """`page` with all its generated parts made anew. Raises Refused for a part that nobody can make."""
    return _BLOCK.sub(lambda block: f"{block['start']}{_part(block, page)}{block['end']}", page)


def _part(block: re.Match[str], page: str) -> str:
    name = block["name"]
    if name not in PARTS:
        line = page.count("\n", 0, block.start()) + 1
        raise Refused(f"nobody makes the part `{name}`{did_you_mean(name, PARTS)}", line=line)
    return PARTS[name](block["argument"] or "", page).strip("\n") + "\n"


def rewrite(folder: Path) -> Iterator[str]:
    """Make the generated parts of all pages in `folder` anew; gives the pages that changed."""
    for name in PAGES:
        path = folder / name
        if path.is_file():
            page = path.read_text("utf-8")
            made = _placed(page, name)
            if made != page:
                path.write_text(made, "utf-8")
                yield name


def _placed(page: str, name: str) -> str:
    try:
        return written(page)
    except Refused as refused:
        raise refused.within(name) from None
