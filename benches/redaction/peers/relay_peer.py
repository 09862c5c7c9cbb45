"""Sentry relay: its rules for personal data on a string of an event.

The rules are those that `@email`, `@ip`, `@creditcard`, `@iban`, `@usssn` and `@common` stand for. They mask here instead of
replacing, so that what was covered can be read off character by character; relay has no rule for phone numbers.
"""

import importlib.metadata

from sentry_relay.processing import pii_strip_event

TYPES = {
    "email": "email", "ip": "ip", "creditcard": "card", "iban": "iban", "us_ssn": "ssn",
    "bearer": "secret", "pemkey": "secret", "url_auth": "secret", "mac": "mac", "imei": "imei",
}  # fmt: skip


class Peer:
    name = "relay"

    def __init__(self):
        self.note = f"sentry-relay {importlib.metadata.version('sentry-relay')}, pii_strip_event with the rules behind @common, @ip, @mac, @imei; it has none for phones"
        self.configs = {
            name: {
                "rules": {"r": {"type": kind, "redaction": {"method": "mask"}}},
                "applications": {"$string": ["r"]},
            }
            for kind, name in TYPES.items()
        }
        self.all = {
            "rules": {kind: {"type": kind, "redaction": {"method": "mask"}} for kind in TYPES},
            "applications": {"$string": list(TYPES)},
        }

    def find(self, texts):
        return [self.covered(text) for text in texts]

    def covered(self, text):
        ranges = masked(text, self.strip(self.all, text))
        if not ranges:
            return []
        # Which rule covered it: asked one rule at a time, only where something was covered.
        classes = [(r, name) for name, config in self.configs.items() for r in masked(text, self.strip(config, text))]
        return [(*r, name) for r, name in classes] + [(*r, "any") for r in ranges]

    @staticmethod
    def strip(config, text):
        return pii_strip_event(config, {"extra": {"text": text}})["extra"]["text"]


def masked(before, after):
    """The ranges in which `after` has the mask's asterisks and `before` has something else."""
    if len(before) != len(after):
        raise ValueError(f"relay changed the length of a text: {len(before)} to {len(after)}")
    ranges = []
    for at, (old, new) in enumerate(zip(before, after)):
        if new == "*" and old != "*":
            if ranges and ranges[-1][1] == at:
                ranges[-1][1] = at + 1
            else:
                ranges.append([at, at + 1])
    return [tuple(r) for r in ranges]
