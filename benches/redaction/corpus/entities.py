"""Texts with labelled emails, phones, cards, SSNs, IBANs and IP addresses."""

import random

from corpus.frames import NAMES, WRITINGS, frames_for
from corpus.values import Values
from sample import Labelled, fill

ENTITIES = ["email", "phone", "card", "ssn", "iban", "ip"]


def generate(entity, count, seed):
    """`count` samples of one entity; `shape` is "named" or "bare" and the kind of text, `note` the value's own kind."""
    rng = random.Random(f"{seed}/{entity}")
    values = Values(rng)
    frames = frames_for(entity)
    keys, words = NAMES[entity]
    samples = []
    for at in range(count):
        (shape, template, writing), named = frames[at % len(frames)]
        value, note = getattr(values, entity)()
        written = WRITINGS[writing](value)
        scheme = WRITINGS[writing]("tel:") if value.startswith("tel:") else ""
        samples.append(
            fill(
                template,
                shape=f"{'named' if named else 'bare'} {shape}",
                note=note,
                v=Labelled(written, entity, lead=len(scheme) if written.startswith(scheme) else 0),
                k=rng.choice(keys),
                w=rng.choice(words),
                name=Labelled(values.name(), "name"),
                address=Labelled(values.address(), "address"),
            )
        )
    return samples
