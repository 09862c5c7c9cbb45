"""scrubadub with its default detectors; those for phone, card, SSN and email are among them."""

import importlib.metadata

import scrubadub

CLASSES = {
    "email": "email", "phone": "phone", "credit_card": "card", "social_security_number": "ssn",
    "url": "url", "twitter": "user", "credential": "secret",
}  # fmt: skip


class Peer:
    name = "scrubadub"

    def __init__(self):
        self.scrubber = scrubadub.Scrubber(locale="en_US")
        detectors = ", ".join(sorted(self.scrubber._detectors))
        self.note = f"scrubadub {importlib.metadata.version('scrubadub')}, default detectors ({detectors}), locale en_US"

    def find(self, texts):
        return [
            [(f.beg, f.end, CLASSES.get(f.type, f.type)) for f in self.scrubber.iter_filth(text)] for text in texts
        ]
