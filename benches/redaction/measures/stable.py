"""What must not depend on anything but the text: a second redaction changes nothing, and another key covers the same places."""


def measure(casefile, other_key, texts, examples=10):
    """Counts of texts that change when redacted again, and of texts whose covered ranges depend on the key."""
    first = casefile.redact(texts)
    again = casefile.redact([text for text, _ in first])
    changed = [{"text": t, "once": once, "twice": twice} for t, (once, _), (twice, _) in zip(texts, first, again) if once != twice]
    other = other_key.redact(texts)
    differ = [
        {"text": t, "only with one key": sorted(set(ours) ^ set(theirs))}
        for t, (_, ours), (_, theirs) in zip(texts, first, other)
        if set(ours) != set(theirs)
    ]
    return {
        "texts": len(texts),
        "changed": len(changed),
        "by_key": len(differ),
        "misses": changed[:examples] + differ[:examples],
    }
