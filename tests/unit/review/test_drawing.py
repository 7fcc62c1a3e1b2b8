"""Pictures of graphs: valid whatever labels say, boxes that do not overlap, edges that lead to the right."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from sagespec.review import drawing
from sagespec.review.graph import Edge, Graph, Node

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs without cycles, whose labels are any text."""
    names = draw(st.lists(st.text(max_size=30), max_size=8))
    nodes = [Node(str(number), "Kind", name) for number, name in enumerate(names)]
    pairs = [*combinations(range(len(nodes)), 2)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Graph(nodes, [Edge(str(one), str(other), draw(st.text(max_size=5))) for one, other in chosen])


@given(graphs())
def test_boxes_of_an_svg_do_not_overlap_and_edges_lead_right(graph: Graph) -> None:
    root = ET.fromstring(drawing.svg(graph))
    wide, high = (float(part) for part in root.attrib["viewBox"].split()[2:])
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height")) for box in root.findall(f"{SVG}rect")
    ]
    assert len(boxes) == len(graph.nodes)
    for x, y, w, h in boxes:
        assert x >= 0
        assert y >= 0
        assert x + w <= wide
        assert y + h <= high
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for edge in graph.edges:
        first, then = boxes[int(edge.first)], boxes[int(edge.then)]
        assert first[0] + first[2] < then[0]


@given(graphs())
def test_labels_stay_in_their_strings(graph: Graph) -> None:
    lines = drawing.of_graph(graph).splitlines()
    assert len(lines) == 1 + len(graph.nodes) + len({(edge.first, edge.then) for edge in graph.edges})
    assert all(line.count('"') in (0, 2) for line in lines)
    dotted = drawing.dot(graph).splitlines()
    assert len(dotted) == 4 + len(graph.nodes) + len(graph.edges)
    assert all(line.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0 for line in dotted)
