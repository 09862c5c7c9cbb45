"""Secrets: each issuer's share of keys covered whole, and the mean over issuers."""

from collections import defaultdict

import ranges


def macro_average(samples, found, outputs=None):
    issuers, shapes, misses = defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0]), []
    for at, (sample, covered) in enumerate(zip(samples, found)):
        (start, end, _), value = sample.spans[0], None
        value = sample.text[start:end]
        hit = ranges.covers(covered, start, end) and not (outputs and value in outputs[at])
        for counts in (issuers[sample.note], shapes[sample.shape]):
            counts[0] += hit
            counts[1] += 1
        if not hit:
            misses.append({"issuer": sample.note, "shape": sample.shape, "value": value, "text": sample.text, "partly": ranges.touches(covered, start, end)})
    shares = {issuer: hits / total for issuer, (hits, total) in issuers.items()}
    return {
        "macro": sum(shares.values()) / len(shares),
        "issuers": {issuer: counts for issuer, counts in sorted(issuers.items())},
        "shapes": dict(shapes),
        "misses": misses,
    }
