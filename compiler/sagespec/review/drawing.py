"""Graphs as pictures: Mermaid, DOT, SVG.

In: a `Graph`. Out: text, the same for the same graph. No label can end its string, a tag or the picture.

The layout of the SVG is our own: these graphs have few nodes and no cycles, so that layers by the longest way and the
mean place of what comes first suffice, and neither Graphviz nor another library has to be installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from statistics import fmean

from sagespec.diagnostics.escapes import printable, width
from sagespec.diagnostics.secrets import masked
from sagespec.review.graph import Edge, Graph, Node

_CHARACTER, _LINE = 7.3, 18
"""Pixels of a character and of a line of text of 12 pixels in a monospaced font."""
_GAP_X, _GAP_Y, _MARGIN, _PADDING = 70, 18, 16, 10
_HEIGHT = 2 * _LINE + _PADDING
_STYLE = (
    "text{font:12px ui-monospace,monospace;fill:#1f2328}.kind{fill:#59636e}"
    "rect{fill:#f6f8fa;stroke:#818b98}path{fill:none;stroke:#59636e}"
)


def mermaid(labels: Mapping[str, str], edges: Mapping[tuple[str, str], str]) -> str:
    """Draw labelled nodes and edges."""
    ids = {node: f"n{number}" for number, node in enumerate(labels)}
    lines = ["flowchart LR", *(f'  {ids[node]}["{_coded(label)}"]' for node, label in labels.items())]
    for (one, other), label in edges.items():
        lines.append(f"  {ids[one]} -->{f'|{_coded(label)}|' if label else ''} {ids[other]}")
    return "\n".join(lines)


def _coded(text: str) -> str:
    """A label, in the form of Mermaid: `#60;` is `<`."""
    return re.sub(r"[^A-Za-z0-9 ./:_\-]", lambda match: f"#{ord(match[0])};", printable(masked(text)))


def of_graph(graph: Graph) -> str:
    """Draw a graph in Mermaid."""
    labels = {node.id: f"{node.sort}/{node.name}" for node in graph.nodes}
    fields: dict[tuple[str, str], list[str]] = {}
    for edge in graph.edges:
        fields.setdefault((edge.first, edge.then), []).append(edge.field)
    return mermaid(labels, {ends: ", ".join(filter(None, dict.fromkeys(named))) for ends, named in fields.items()})


def dot(graph: Graph) -> str:
    """Draw a graph in the language of Graphviz."""
    lines = ["digraph {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  {_quoted(node.id)} [label={_quoted(f'{node.sort}/{node.name}')}];" for node in graph.nodes]
    for edge in graph.edges:
        label = f" [label={_quoted(edge.field)}]" if edge.field else ""
        lines.append(f"  {_quoted(edge.first)} -> {_quoted(edge.then)}{label};")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """A string of DOT, in which a backslash stands for itself."""
    return '"' + printable(masked(text)).replace("\\", "\\\\").replace('"', '\\"') + '"'


def svg(graph: Graph) -> str:
    """Draw a graph from left to right."""
    places, sizes = _layout(graph)
    wide = max((x + sizes[node] for node, (x, _) in places.items()), default=0) + _MARGIN
    high = max((y for _, y in places.values()), default=0) + _HEIGHT + _MARGIN
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}">']
    lines.append(f"<style>{_STYLE}</style>")
    lines.append(
        '<marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8" /></marker>'
    )
    lines += [_curve(edge, places, sizes) for edge in graph.edges]
    for node in graph.nodes:
        x, y = places[node.id]
        lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{sizes[node.id]:.0f}" height="{_HEIGHT}" rx="5" />')
        for number, (text, style) in enumerate(((node.sort, ' class="kind"'), (node.name, ""))):
            at = y + _LINE * (number + 1)
            lines.append(f'<text x="{x + _PADDING:.0f}" y="{at:.0f}"{style}>{_escaped(text)}</text>')
    return "\n".join([*lines, "</svg>"])


def _escaped(text: str) -> str:
    return re.sub(r"[&<>\"']", lambda match: f"&#{ord(match[0])};", printable(masked(text)))


def _curve(edge: Edge, places: Mapping[str, tuple[float, float]], sizes: Mapping[str, float]) -> str:
    (x, y), (to_x, to_y) = places[edge.first], places[edge.then]
    x, y, to_y = x + sizes[edge.first], y + _HEIGHT / 2, to_y + _HEIGHT / 2
    middle = (x + to_x) / 2
    title = f"<title>{_escaped(edge.field)}</title>" if edge.field else ""
    way = f"M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{way}" marker-end="url(#end)">{title}</path>'


def _layout(graph: Graph) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Place the nodes: columns by the longest way from a beginning, rows near what comes before."""
    above: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        above[edge.then].append(edge.first)
    columns: dict[int, list[Node]] = {}
    depths = _depths(above)
    for node in graph.nodes:
        columns.setdefault(depths[node.id], []).append(node)
    sizes = {
        n.id: _CHARACTER * max(width(printable(n.sort)), width(printable(n.name))) + 2 * _PADDING for n in graph.nodes
    }
    places: dict[str, tuple[float, float]] = {}
    x = float(_MARGIN)
    for _, nodes in sorted(columns.items()):
        wanted = {n.id: fmean([places[a][1] for a in above[n.id]] or [0.0]) for n in nodes}
        y = float(_MARGIN)
        for node in sorted(nodes, key=lambda n: (wanted[n.id], n.id)):
            y = max(y, wanted[node.id])
            places[node.id] = (x, y)
            y += _HEIGHT + _GAP_Y
        x += max(sizes[node.id] for node in nodes) + _GAP_X
    return places, sizes


def _depths(above: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many edges the longest way to each node has; a node comes after all that it needs."""
    depths: dict[str, int] = {}
    waiting = [*above]
    while waiting:
        node = waiting[-1]
        if missing := [one for one in above[node] if one not in depths]:
            waiting += missing
        else:
            depths[node] = max((depths[one] + 1 for one in above[node]), default=0)
            waiting.pop()
    return depths
