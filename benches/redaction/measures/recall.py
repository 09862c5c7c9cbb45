"""Leak-free recall: an entity is found when every one of its characters is covered, whatever the cover is called."""

from collections import Counter, defaultdict

import ranges


def recall(samples, found, outputs=None):
    """Counts over the scored spans of `samples`; `found` are each sample's covered ranges.

    With `outputs`, the redacted texts, a value that is still in its text whole is a leak although it was covered.
    """
    hits, total, misses = Counter(), Counter(), []
    by_shape = defaultdict(lambda: [0, 0])
    for at, (sample, covered) in enumerate(zip(samples, found)):
        for start, end, entity in sample.spans:
            if entity not in SCORED:
                continue
            value = sample.text[start:end]
            hit = ranges.covers(covered, start, end) and not (outputs and len(value) > 5 and value in outputs[at])
            total[entity] += 1
            hits[entity] += hit
            by_shape[entity, sample.shape][0] += hit
            by_shape[entity, sample.shape][1] += 1
            if not hit:
                partly = "partly" if ranges.touches(covered, start, end) else "whole"
                misses.append({"entity": entity, "shape": sample.shape, "note": sample.note, "left": partly, "value": value, "text": sample.text})
    return {
        "found": dict(hits),
        "total": dict(total),
        "misses": misses,
        "shapes": {f"{entity}: {shape}": counts for (entity, shape), counts in sorted(by_shape.items())},
    }


SCORED = {"email", "phone", "card", "ssn", "iban", "ip"}


def kept(samples, found):
    """(characters outside every label that were left alone, all characters outside labels)."""
    left = total = 0
    for sample, covered in zip(samples, found):
        outside = ranges.without([(0, len(sample.text))], sample.spans)
        total += ranges.size(outside)
        left += ranges.size(ranges.without(outside, covered))
    return left, total
