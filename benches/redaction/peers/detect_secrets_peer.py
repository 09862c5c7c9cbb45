"""Yelp's detect-secrets with its default plugins and filters on a text file, for secrets alone."""

import importlib.metadata
import tempfile
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings


class Peer:
    name = "detect-secrets"

    def __init__(self):
        self.note = f"detect-secrets {importlib.metadata.version('detect-secrets')}, scan_file with default plugins and filters"

    def find(self, texts):
        """One file of all texts; it answers with line numbers and the secrets."""
        lines, owner = [], []
        for at, text in enumerate(texts):
            for line in text.split("\n"):
                lines.append(line)
                owner.append(at)
        found = [[] for _ in texts]
        with tempfile.TemporaryDirectory() as folder, default_settings():
            path = Path(folder) / "texts.txt"
            path.write_text("\n".join(lines) + "\n")
            for secret in scan_file(str(path)):
                at = owner[secret.line_number - 1]
                text, value = texts[at], secret.secret_value
                start = text.find(value) if value else -1
                while start >= 0:
                    found[at].append((start, start + len(value), "secret"))
                    start = text.find(value, start + 1)
        return found
