"""Casefile itself, by its command: texts in, the redacted texts and what was covered out."""

import json
import subprocess


class Casefile:
    """Runs `casefile redact --jsonl` once for a batch of texts."""

    name = "casefile"

    def __init__(self, binary, folder):
        """`folder` is where it makes its keys, once, and finds them again."""
        self.binary, self.folder = binary, folder
        folder.mkdir(parents=True, exist_ok=True)

    def version(self):
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def redact(self, texts, kind="message"):
        """For each text the redacted text and its covered ranges, (start, end, class) in code points."""
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        command = [self.binary, "redact", "--jsonl", "--field", kind]
        run = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=900, cwd=self.folder)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {run.returncode}: {run.stderr.decode()[-500:]}")
        answers = [json.loads(line) for line in run.stdout.decode().splitlines()]
        if len(answers) != len(texts):
            raise RuntimeError(f"{' '.join(command)} answered {len(answers)} of {len(texts)} lines")
        return [(a["text"], code_points(text, a["remarks"])) for text, a in zip(texts, answers)]

    def find(self, texts):
        return [ranges for _, ranges in self.redact(texts)]


def code_points(text, remarks):
    """Remarks count UTF-8 bytes; everything here counts code points."""
    if text.isascii():
        return [(r["start"], r["end"], r["class"]) for r in remarks]
    raw = text.encode()
    at = lambda offset: len(raw[:offset].decode(errors="replace"))
    return [(at(r["start"]), at(r["end"]), r["class"]) for r in remarks]
