"""Yelp's detect-secrets with its default plugins, for secrets alone; it answers by line, with the secret it found."""

import importlib.metadata

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import default_settings


class Peer:
    name = "detect-secrets"

    def __init__(self):
        self.note = f"detect-secrets {importlib.metadata.version('detect-secrets')}, default plugins, line by line"

    def find(self, texts):
        with default_settings():
            return [self.covered(text) for text in texts]

    @staticmethod
    def covered(text):
        ranges = []
        for line in text.split("\n"):
            for secret in scan_line(line):
                value = secret.secret_value
                start = text.find(value) if value else -1
                while start >= 0:
                    ranges.append((start, start + len(value), "secret"))
                    start = text.find(value, start + 1)
        return ranges
