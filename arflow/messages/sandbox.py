"""Templates are not trusted: what a template may contain is a short list, checked before it is compiled.

A template has text, `{{ name }}`, conditions on names, and loops over `lines`; no calls, filters, arithmetic,
assignments, macros or other files, and no loop in a loop. So the work of rendering is at most the length of a template
times the number of lines, both of which are limited; what is rendered is limited as well. All of it runs in Jinja's
sandbox besides, which makes each of these two fences enough by itself.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from arflow.errors import Refused, did_you_mean

MAX_TEMPLATE = 20_000
"""How many characters a template may have."""

MAX_OUTPUT = 100_000
"""How many characters a template may come to."""

MAX_DEPTH = 40
"""How deep conditions and expressions may be nested, and how many `elif` a choice may have."""

LOOPED = "lines"
"""The only name that a loop may run over."""

_ALLOWED = frozenset(
    {
        *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.If),
        *(nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    }
)
_NAMED: Mapping[type[nodes.Node], str] = MappingProxyType(
    dict.fromkeys((nodes.Call, nodes.CallBlock), "calls")
    | dict.fromkeys((nodes.Filter, nodes.FilterBlock), "filters")
    | dict.fromkeys((nodes.Assign, nodes.AssignBlock), "assignments (`set`)")
    | dict.fromkeys((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends), "other files")
    | {
        nodes.Test: "tests (`is`)",
        nodes.Macro: "macros",
        nodes.Block: "blocks",
        nodes.Getitem: "indexes (`[ ]`)",
        nodes.Concat: "joining (`~`); write the two beside each other",
    }
)
"""What users may expect in a template that is not there, as they call it."""


def environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    """Jinja's sandbox with nothing in it: no global names, and a name that is not given is an error."""
    made = ImmutableSandboxedEnvironment(autoescape=autoescape, undefined=StrictUndefined, cache_size=0)
    made.globals.clear()
    return made


def compiled(source: str, known: Mapping[str, frozenset[str]], file: str = "template") -> Template:
    """A template, ready to be rendered. `known` are the names that it may use, each with its attributes.

    Raises Refused, with the line, for whatever a template may not contain.
    """
    if len(source) > MAX_TEMPLATE:
        raise Refused(f"a template has at most {MAX_TEMPLATE:,} characters, this one has {len(source):,}", file=file)
    if any(not character.isprintable() and character not in "\n\r\u00a0\u202f" for character in source):
        raise Refused("a template has no tabs or other characters that are not seen", file=file)
    made = environment(autoescape=False)
    try:
        tree = made.parse(source)
        _check(tree, known)
        return made.from_string(tree)
    except TemplateSyntaxError as error:
        raise Refused(str(error.message), file=file, line=error.lineno) from None
    except Refused as refused:
        raise refused.within(file) from None
    except ValueError:  # Python's own limit
        raise Refused("a number in a template has more digits than can be read", file=file) from None
    except (RecursionError, MemoryError, SyntaxError):  # deeper than the parser or the compiler can go
        raise Refused(f"a template is nested at most {MAX_DEPTH} deep", file=file) from None


def rendered(template: Template, values: Mapping[str, Any]) -> str:
    """What `template` comes to. Raises Refused when it is more than a message may have."""
    parts, length = [], 0
    try:
        for part in template.generate(values):
            parts.append(part)
            length += len(part)
            if length > MAX_OUTPUT:
                raise Refused(f"the template comes to more than {MAX_OUTPUT:,} characters")
    except (TemplateError, TypeError) as error:
        raise Refused(f"the template cannot be rendered: {error}") from None
    return "".join(parts)


def _check(tree: nodes.Template, known: Mapping[str, frozenset[str]]) -> None:
    """Raises Refused at the first node that a template may not contain."""
    for node, depth, loop in _walk(tree):
        if depth > MAX_DEPTH:
            raise Refused(f"a template is nested at most {MAX_DEPTH} deep", line=node.lineno)
        if type(node) not in _ALLOWED:
            what = _NAMED.get(type(node), f"`{type(node).__name__.lower()}`")
            raise Refused(f"there are no {what} in a template", line=node.lineno)
        if isinstance(node, nodes.If) and len(node.elif_) > MAX_DEPTH:
            raise Refused(f"a choice has at most {MAX_DEPTH} `elif`", line=node.lineno)
        if isinstance(node, nodes.For):
            _check_loop(node, loop)
        elif isinstance(node, nodes.Name) and node.ctx == "load":
            names = {*known} | ({_target(loop)} if loop else set())
            if node.name not in names:
                raise Refused(
                    f"a template knows no `{node.name}`{did_you_mean(node.name, sorted(names))}", line=node.lineno
                )
        elif isinstance(node, nodes.Getattr):
            _check_attribute(node, known, loop)


def _walk(tree: nodes.Template) -> Iterator[tuple[nodes.Node, int, nodes.For | None]]:
    """Every node with its depth and the loop around it, without recursion."""
    todo: list[tuple[nodes.Node, int, nodes.For | None]] = [(tree, 0, None)]
    while todo:
        node, depth, loop = todo.pop()
        yield node, depth, loop
        inner = node if isinstance(node, nodes.For) else loop
        todo += [(child, depth + 1, inner) for child in reversed(list(node.iter_child_nodes()))]


def _target(loop: nodes.For) -> str:
    return loop.target.name if isinstance(loop.target, nodes.Name) else ""


def _check_loop(node: nodes.For, around: nodes.For | None) -> None:
    if around is not None:
        raise Refused("a loop stands in no other loop", line=node.lineno)
    if node.recursive or node.test is not None:
        raise Refused("a loop has neither `recursive` nor a condition of its own", line=node.lineno)
    if not isinstance(node.iter, nodes.Name) or node.iter.name != LOOPED:
        raise Refused(f"a loop runs over `{LOOPED}`, as in `{{% for line in {LOOPED} %}}`", line=node.lineno)
    if not _target(node):
        raise Refused("a loop has one name, as in `{% for line in lines %}`", line=node.lineno)


def _check_attribute(node: nodes.Getattr, known: Mapping[str, frozenset[str]], loop: nodes.For | None) -> None:
    attributes = known[LOOPED]
    if loop is None or not isinstance(node.node, nodes.Name) or node.node.name != _target(loop):
        raise Refused(f"`.{node.attr}` stands only behind the name of a loop", line=node.lineno)
    if node.attr not in attributes:
        raise Refused(f"a line has no `{node.attr}`{did_you_mean(node.attr, sorted(attributes))}", line=node.lineno)
