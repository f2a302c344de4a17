"""Whether a page holds anything that a browser would run or load from elsewhere, whatever was put into it."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

_NEVER = frozenset({"img", "iframe", "object", "embed", "style", "base", "frame", "applet", "audio", "video", "math"})
_ADDRESSES = frozenset({"href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href", "data", "poster"})
_OURS = ("/static/",)


class Page(HTMLParser):
    """What a page is made of: `faults` is what may not be there, `links` the addresses on this site, `words` its text.

    Values of attributes are among the words: much of what people typed stands in fields. `forms` has for each address
    to which something is sent its fields, each with the values that the page offers for it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.links: list[str] = []
        self.forms: dict[str, dict[str, set[str]]] = {}
        self._form: dict[str, set[str]] = {}
        self._field: set[str] = set()
        self._words: list[str] = []
        self.feed(text)
        self.close()

    @property
    def words(self) -> str:
        """All that people read there."""
        return "\n".join(self._words)

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:60]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._words += given.values()
        self.faults += _faults(tag, given)
        if tag == "a" and (found := given.get("href", "")).startswith(("/", "?")):
            self.links.append(found)
        if "hx-get" in given:
            self.links.append(given["hx-get"])
        self._note_form(tag, given)

    def _note_form(self, tag: str, given: dict[str, str]) -> None:
        if tag == "form":
            method = given.get("method", "get").lower()
            self._form = self.forms.setdefault(given.get("action", ""), {}) if method == "post" else {}
        elif tag in ("input", "select", "textarea", "button") and "name" in given:
            self._field = self._form.setdefault(given["name"], set())
        if tag in ("input", "option", "button") and given.get("value"):
            self._field.add(given["value"])


def _faults(tag: str, given: dict[str, str]) -> Iterator[str]:
    if tag in _NEVER or (tag == "script" and not given.get("src", "").startswith(_OURS)):
        yield f"<{tag} {given}>"
    if tag == "meta" and "http-equiv" in given:
        yield f"<{tag} {given}>"
    for name, value in given.items():
        if name.startswith(("on", "hx-on")) or name in ("style", "srcdoc"):
            yield f"<{tag} {name}={value[:60]}>"
        if name in _ADDRESSES and not _is_of_this_site(value):
            yield f"<{tag} {name}={value[:60]}>"


def _is_of_this_site(address: str) -> bool:
    if address.startswith(("mailto:", "tel:")):
        return True
    found = urlsplit(urljoin("http://localhost/", address.strip()))
    return (found.scheme, found.netloc) == ("http", "localhost")
