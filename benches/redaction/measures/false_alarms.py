"""False alarms: what is covered in lines that hold nothing of the kind."""

from collections import Counter

STRICT = ("card", "ssn", "secret")


def count(texts, found, examples=3):
    """Covered places by class, and a few of them each."""
    places, samples = Counter(), {}
    for text, covered in zip(texts, found):
        for start, end, name in covered:
            places[name] += 1
            shown = samples.setdefault(name, [])
            if len(shown) < examples:
                shown.append({"value": text[start:end], "text": text[:300]})
    return {"lines": len(texts), "places": dict(places), "strict": sum(places[c] for c in STRICT), "examples": samples}
