"""A text with labelled entities, and how one is made from a template."""

from dataclasses import dataclass, field
from string import Formatter

# Classes whose characters a redactor may change or keep, as it likes, when one asks how much of a text it kept.
UNSCORED = {"name", "address", "organization", "other"}


@dataclass
class Sample:
    """`spans` are (start, end, class) in code points; `shape` says in what kind of text the entity stands."""

    text: str
    spans: list = field(default_factory=list)
    shape: str = ""
    note: str = ""
    kind: str = "message"


@dataclass(frozen=True)
class Labelled:
    """A value that is to be found, as it is written in the text. Its first `lead` characters may stay (`tel:`)."""

    text: str
    entity: str
    lead: int = 0


def fill(template, shape="", note="", **values):
    """`template` with its `{names}` replaced; a `Labelled` value leaves a span where it comes to stand."""
    text, spans = "", []
    for literal, name, _, _ in Formatter().parse(template):
        text += literal
        if name is None:
            continue
        value = values[name]
        if isinstance(value, Labelled):
            spans.append((len(text) + value.lead, len(text) + len(value.text), value.entity))
            value = value.text
        text += str(value)
    return Sample(text, spans, shape, note)
