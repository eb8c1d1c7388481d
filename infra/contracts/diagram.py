"""The flow as a Mermaid diagram, between two markers in the README."""

import re

from contracts.flow import Flow

START, END = "<!-- flow:start -->", "<!-- flow:end -->"
_BLOCK = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)


def with_diagram(readme: str, flow: Flow) -> str:
    """The README's text with the diagram between its markers, or at its end where it has none."""
    note = "<!-- Generated from contracts/flow.yaml by `python -m infra.contracts`. -->"
    block = "\n".join([START, note, mermaid(flow), END])
    if _BLOCK.search(readme):
        return _BLOCK.sub(lambda _: block, readme, count=1)
    return f"{readme.rstrip()}\n\n{block}\n"


def mermaid(flow: Flow) -> str:
    """One node for each service, one arrow for each topic and consumer. Dead letters are left out: all send them."""
    outside = dict.fromkeys(name for edge in flow.outside for name in (edge.source, edge.target))
    nodes = [f'    {_id(name)}["{name}"]' for name in flow.services]
    nodes += [f'    {_id(name)}(["{name}"])' for name in outside if name not in flow.services]
    arrows = [
        f"    {_id(producer)} -->|{topic.name}| {_id(consumer)}"
        for topic in flow.topics
        for producer in topic.producers
        for consumer in topic.consumers
    ]
    arrows += [f"    {_id(edge.source)} -.->|{edge.says}| {_id(edge.target)}" for edge in flow.outside]
    return "\n".join(["```mermaid", "flowchart LR", *nodes, *arrows, "```"])


def _id(name: str) -> str:
    return re.sub(r"\W", "_", name).lower()
