"""Measures Casefile's redaction beside that of other tools, and prints a table. `run` sets up what it needs and calls it."""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import peers
import ranges
import report
from casefile import Casefile
from corpus import entities, logs, national, negatives, secrets, shared, sql
from measures import false_alarms, literals, one_email, stable
from measures import national as national_numbers
from measures import recall as found_whole
from measures import secrets as found_secrets


class Measurement:
    """One run: the tools, and the results by section. A section that cannot run leaves its reason."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.ours = Casefile(arguments.casefile, arguments.scratch / "key-1")
        self.peers, self.missing = peers.available([p for p in peers.ENTITIES if p not in arguments.without])
        self.for_secrets, missing = peers.available([p for p in peers.SECRETS if p not in arguments.without])
        self.missing |= missing
        self.result = {
            "casefile": self.ours.version(),
            "seed": arguments.seed,
            "peers": {p.name: p.note for p in self.peers + self.for_secrets},
            "missing": self.missing,
        }

    def run(self):
        sections = [self.entities, self.labelled, self.negatives, self.national, self.secrets, self.log_lines, self.email, self.sql, self.stable]
        for section in sections:
            began = time.monotonic()
            self.result[section.__name__] = section()
            print(f"   {section.__name__}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        return self.result

    def compared(self, samples, seconds=150):
        """Recall and text kept of every tool on the same samples; a peer too slow for them is left out by name."""
        texts = [s.text for s in samples]
        answers = self.ours.redact(texts)
        covered = [places for _, places in answers]
        result = {"casefile": found_whole.recall(samples, covered, [text for text, _ in answers])}
        result["casefile"]["kept"] = found_whole.kept(samples, covered)
        for peer in self.peers:
            covered = bounded(peer, texts, seconds)
            if covered is None:
                result[peer.name] = None
                continue
            result[peer.name] = found_whole.recall(samples, covered)
            result[peer.name]["kept"] = found_whole.kept(samples, covered)
            del result[peer.name]["misses"]
        return result

    def entities(self):
        """Generated texts, one entity at a time."""
        return {e: self.compared(entities.generate(e, self.arguments.texts, self.arguments.seed)) for e in entities.ENTITIES}

    def labelled(self):
        """Other projects' labelled texts, where they are beside the checkout."""
        return {name: self.compared(samples) for name, samples in shared.entities(self.arguments.shared).items()}

    def negatives(self):
        samples = negatives.generate(self.arguments.texts * 2, self.arguments.seed)
        texts = [s.text for s in samples]
        result = {}
        for tool in [self.ours, *self.peers]:
            found = tool.find(texts)
            result[tool.name] = false_alarms.count(texts, found)
            by_kind = {}
            for sample, covered in zip(samples, found):
                counts = by_kind.setdefault(sample.note, [0, 0])
                counts[0] += bool(covered)
                counts[1] += 1
            result[tool.name]["kinds"] = by_kind
        return result

    def national(self):
        right, wrong = national.generate(self.arguments.numbers, self.arguments.seed)
        result = {"generated": self.numbers(right, wrong)}
        right, wrong = shared.numbers(self.arguments.shared)
        if right:
            found = self.ours.find([s.text for s in right])
            covered = found_whole_of(right, found)
            spared = [not places for places in self.ours.find([s.text for s in wrong])]
            misses = [{"number": s.note, "right": True, "text": s.text} for s, hit in zip(right, covered) if not hit]
            misses += [{"number": s.note, "right": False, "text": s.text} for s, hit in zip(wrong, spared) if not hit]
            result["shared"] = {"right": [sum(covered), len(covered)], "wrong": [sum(spared), len(spared)], "misses": misses}
        return result

    def numbers(self, right, wrong):
        find = lambda samples: self.ours.find([s.text for s in samples])
        # The literals of a statement go whatever they are: nothing is spared there.
        wrong = [sample for sample in wrong if sample.shape != "sql"]
        return national_numbers.measure(right, find(right), wrong, find(wrong))

    def secrets(self):
        sets = {"generated": secrets.generate(self.arguments.seed), "detect_secrets_tests": shared.secrets(self.arguments.shared)}
        result = {}
        for name, samples in sets.items():
            if samples is None:
                continue
            texts = [s.text for s in samples]
            answers = self.ours.redact(texts)
            result[name] = {"casefile": found_secrets.macro_average(samples, [places for _, places in answers], [text for text, _ in answers])}
            for peer in self.for_secrets + self.peers:
                result[name][peer.name] = found_secrets.macro_average(samples, peer.find(texts))
                del result[name][peer.name]["misses"]
        return result

    def log_lines(self):
        """Ours on every line; the peers on a sample of them, which is named."""
        generated = logs.generate(self.arguments.lines, self.arguments.seed)
        real = [line for lines in shared.log_lines(self.arguments.shared).values() for line in lines]
        result = {}
        for name, lines in (("generated", generated), ("loghub", real)):
            if not lines:
                continue
            result[name] = {"casefile": false_alarms.count(lines, self.ours.find(lines), examples=5)}
            some = random.Random(self.arguments.seed).sample(lines, min(self.arguments.peer_lines, len(lines)))
            for peer in self.peers + self.for_secrets:
                result[name][peer.name] = false_alarms.count(some, peer.find(some), examples=2)
        return result

    def email(self):
        return one_email.measure(self.ours, self.arguments.seed)

    def sql(self):
        sets = {"generated": [(text, wanted) for _, text, wanted in sql.generate(self.arguments.texts * 2, self.arguments.seed)]}
        if of_others := shared.statements(self.arguments.shared):
            sets["sql_obfuscation"] = of_others
        result = {}
        for name, statements in sets.items():
            outputs = [text for text, _ in self.ours.redact([text for text, _ in statements], "sql")]
            left = [literals.surviving(wanted, output) for (_, wanted), output in zip(statements, outputs)]
            result[name] = {
                "literals": sum(len(wanted) for _, wanted in statements),
                "surviving": sum(map(len, left)),
                "misses": [{"left": l, "text": t, "output": o} for l, (t, _), o in zip(left, statements, outputs) if l],
            }
        return result

    def stable(self):
        seed = self.arguments.seed
        texts = [s.text for e in entities.ENTITIES for s in entities.generate(e, self.arguments.texts, seed)]
        texts += [s.text for s in secrets.generate(seed)] + logs.generate(self.arguments.lines // 2, seed)
        return stable.measure(self.ours, Casefile(self.arguments.casefile, self.arguments.scratch / "key-2"), texts)


def found_whole_of(samples, found):
    """For each sample whether all its spans are covered."""
    return [all(ranges.covers(covered, start, end) for start, end, _ in s.spans) for s, covered in zip(samples, found)]


def bounded(peer, texts, seconds):
    """The peer's ranges, or None when it takes longer than that; asked in pieces, so that it ends near its time."""
    found, began = [], time.monotonic()
    for at in range(0, len(texts), 50):
        found += peer.find(texts[at : at + 50])
        if time.monotonic() - began > seconds:
            return None
    return found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--casefile", type=Path, required=True, help="the binary to measure")
    parser.add_argument("--scratch", type=Path, required=True, help="a folder that the binary may write its keys to")
    parser.add_argument("--shared", type=Path, default=Path("../shared/testdata"), help="labelled sets of other projects")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=600, help="generated texts an entity")
    parser.add_argument("--numbers", type=int, default=60, help="generated national numbers a country's number")
    parser.add_argument("--lines", type=int, default=96_000, help="generated log lines")
    parser.add_argument("--peer-lines", type=int, default=3_000, help="of them, those that the peers read as well")
    parser.add_argument("--without", action="append", default=[], help="a peer to leave out")
    parser.add_argument("--json", action="store_true", help="everything as JSON in place of the table")
    parser.add_argument("--misses", type=Path, help="a file for what was missed, one JSON object a line")
    return parser.parse_args()


def main():
    options = arguments()
    options.casefile = options.casefile.resolve()
    result = Measurement(options).run()
    if options.misses:
        options.misses.write_text("".join(json.dumps(miss, ensure_ascii=False) + "\n" for miss in report.misses(result)))
    print(json.dumps(result, ensure_ascii=False, indent=1) if options.json else report.markdown(result))


if __name__ == "__main__":
    main()
