"""The picture of a policy's moves: well-formed SVG that says all its arrows, and nothing runs through a state."""

import itertools
from xml.etree import ElementTree as ET

from arflow.machines.diagram import Edge
from arflow.machines.picture import HEIGHT, PLACES, WIDTH, Arrow, _curve, arrows, picture
from arflow.vocabulary import State

CURRENT, REMINDED, CALLED, RESOLVED = State.CURRENT, State.REMINDED, State.CALLED, State.RESOLVED
EVERY_PAIR: list[Edge] = [(a, b, f"{a}-{b}") for a, b in itertools.permutations(State, 2)]
SVG = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ET.Element:
    """The tree of an `svg` element; in a page it needs no name space, XML does."""
    return ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314  # our own


def titles(text: str) -> list[str]:
    return [str(found.text) for found in parsed(text).iter(f"{SVG}title")]


def test_what_joins_two_states_is_one_numbered_arrow() -> None:
    edges = [(REMINDED, CALLED, "ring"), (CURRENT, REMINDED, "late"), (CURRENT, REMINDED, "big")]
    expected = (
        Arrow(number=1, source=CURRENT, target=REMINDED, labels=("late", "big")),
        Arrow(number=2, source=REMINDED, target=CALLED, labels=("ring",)),
    )
    assert expected == arrows(edges)


def test_each_arrow_says_from_where_to_where_by_which_rules_and_each_state_what_it_is() -> None:
    found = titles(picture(arrows([(CURRENT, REMINDED, "late"), (CURRENT, REMINDED, "big")]), "Moves"))
    assert "current to reminded: late, big" == found[0]
    assert (
        "resolved: the episode is over: nothing is overdue any more; refused while something is still overdue" in found
    )
    assert 1 + len(State) == len(found)


def test_it_is_one_image_with_a_name_and_nothing_of_it_is_markup() -> None:
    root = parsed(picture(arrows([(CURRENT, CALLED, "<b>&\"'")]), 'of "bakery" & <co>'))
    assert ("img", 'of "bakery" & <co>') == (root.get("role"), root.get("aria-label"))
    assert "current to called: <b>&\"'" == root[0][0].text


def test_it_brings_no_colour_style_or_script_of_its_own() -> None:
    """The page's style sheet decides, for light and dark; the content security policy forbids the rest."""
    for element in parsed(picture(arrows(EVERY_PAIR), "all")).iter():
        assert not {"style", "fill", "stroke", "onclick", "href"} & set(element.attrib)
        assert element.tag.removeprefix(SVG) in {"svg", "g", "title", "path", "polygon", "circle", "rect", "text"}


def test_a_move_up_the_ladder_is_drawn_as_such() -> None:
    root = parsed(picture(arrows([(CURRENT, REMINDED, "up"), (CALLED, RESOLVED, "down")]), "Moves"))
    assert ["arrow harsher", "arrow"] == [g.get("class") for g in root if "arrow" in str(g.get("class"))]


def test_of_all_forty_two_arrows_none_runs_through_a_third_state() -> None:
    for arrow in arrows(EVERY_PAIR):
        curve = _curve(arrow)
        points = [curve.at(step / 100) for step in range(101)]
        for state in set(State) - {arrow.source, arrow.target}:
            x, y = PLACES[state]
            assert not [p for p in points if abs(p[0] - x) < 62 and abs(p[1] - y) < 20], (arrow, state)


def test_all_of_it_lies_in_the_picture_and_no_two_numbers_cover_each_other() -> None:
    root = parsed(picture(arrows(EVERY_PAIR), "all"))
    discs = [(float(str(c.get("cx"))), float(str(c.get("cy")))) for c in root.iter(f"{SVG}circle")]
    assert len(EVERY_PAIR) == len(discs)
    assert all(11 <= x <= WIDTH - 11 and 11 <= y <= HEIGHT - 11 for x, y in discs)
    nearest = min(abs(complex(*a) - complex(*b)) for a, b in itertools.combinations(discs, 2))
    assert nearest >= 18
    assert all(62 <= x <= WIDTH - 62 and 20 <= y <= HEIGHT - 20 for x, y in PLACES.values())


def test_the_same_arrows_make_the_same_picture() -> None:
    assert picture(arrows(EVERY_PAIR), "a") == picture(arrows(reversed(EVERY_PAIR)), "a")
