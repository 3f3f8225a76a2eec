"""Templates are compiled once for each language, with what never changes put in: texts, icons, addresses of assets.

A page says some two hundred texts, and each would be looked up anew for every reader. Whatever is written in a
template with constants alone becomes a part of the template's own text, escaped as it would be later.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape


class Compiling(Environment):
    """An environment whose templates have their constants put in."""

    def __init__(self, constant: Mapping[str, Callable[..., str]], **options: Any) -> None:
        """Take the functions that always give the same for the same, by the names that templates call them."""
        super().__init__(**options)
        self._constant = constant

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *rest: Any, **more: Any
    ) -> Any:
        """Compile a template with its constants in it."""
        if isinstance(source, str):
            source = _Constants(self._constant).visit(self.parse(source, name, filename))
        return super().compile(source, name, filename, *rest, **more)


class _Constants(NodeTransformer):
    """Puts the results of functions in, where everything that they are given stands in the template."""

    def __init__(self, functions: Mapping[str, Callable[..., str]]) -> None:
        self._functions = functions

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802  # as the library names it
        """Replace a call by what it gives."""
        self.generic_visit(node)
        function = self._functions.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        if function is None or node.dyn_args is not None or node.dyn_kwargs is not None:
            return node
        given = [each.value for each in node.args if isinstance(each, nodes.Const)]
        named = {each.key: each.value.value for each in node.kwargs if isinstance(each.value, nodes.Const)}
        if len(given) < len(node.args) or len(named) < len(node.kwargs):
            return node
        return nodes.Const(function(*given, **named), lineno=node.lineno)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """Join constants as pages do; the compiler would forget which of them are escaped."""
        self.generic_visit(node)
        given = [each.value for each in node.nodes if isinstance(each, nodes.Const)]
        if len(given) < len(node.nodes):
            return node
        return nodes.Const(Markup("").join(given), lineno=node.lineno)


def quick_texts(
    known: Callable[[str], str], plural: Callable[[str, str, int], str]
) -> tuple[Callable[..., Markup], Callable[..., Markup]]:
    """Return what writes a text, and one of a number, with their values escaped: as Jinja's own, but for less.

    Jinja's go through the context of the page twice for every text.
    """
    plain: dict[str, Markup] = {}

    def gettext(text: str, /, **values: Any) -> Markup:
        if not values:
            if text not in plain:
                plain[text] = Markup(known(text)) % {}  # noqa: S704  # texts of ours; a percent sign is written twice
            return plain[text]
        # As the operator of Markup does it, which takes twice as long: a report writes such a text into each cell.
        escaped = {name: escape(value) for name, value in values.items()}
        return Markup(known(text) % escaped)  # noqa: S704

    def ngettext(one: str, many: str, number: int, /, **values: Any) -> Markup:
        return Markup(plural(one, many, number)) % {"num": number, **values}  # noqa: S704

    return gettext, ngettext
