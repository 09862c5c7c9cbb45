"""National numbers with right and with wrong check digits, beside a word or key that names them.

python-stdnum has validators and, in its modules' own examples, valid numbers. Right ones are drawn by a random walk from an
example over valid numbers; wrong ones differ from a right one in one character and fail for their check digit alone.
"""

import importlib
import random
import re
import string
import unicodedata

from corpus.national_names import COVERED, OTHERS
from sample import Labelled, fill
from stdnum.exceptions import InvalidChecksum, ValidationError

# Where the numbers that are issued are fewer than python-stdnum accepts: sex and century, month, department.
ISSUED = {
    "fr.nir": r"[12]\d\d(0[1-9]|1[0-2])(0[1-9]|[1-8]\d|9[0-5])(?!000)\d{3}(?!000)",
    "fr.nif": r"[0-3]",
    "lt.asmens": r"[3-6]",
    "ee.ik": r"[1-6]",
    "ro.cnp": r"[1-8]\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(0[1-9]|[1-3]\d|4[0-6])",
    "kr.rrn": r"\d{6}[1-4]",
    "il.idnr": r"[0-3]",
    "in_.vid": r"[2-9]",
    "mx.curp": r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HM][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}",
    "za.idnr": r"\d{10}[01]8",
    "cz.rc": r"\d\d(0[1-9]|1[0-2]|5[1-9]|6[0-2])",
    "sk.rc": r"\d\d(0[1-9]|1[0-2]|5[1-9]|6[0-2])",
    "si.emso": r"\d{4}(9\d\d|00\d|01\d)5",
    "ar.cuit": r"2[0347]|3[034]",
    "be.nn": r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
    "be.bis": r"\d\d(2[1-9]|3[0-2]|4[1-9]|5[0-2])(0[1-9]|[12]\d|3[01])",
    "cn.ric": r"\d{6}(19|20)\d\d",
    "nl.bsn": r"(?!000)",
}

# Numbers issued since October 2020 have no check digit, so that a wrong one cannot be told.
NONE_WRONG = {"kr.rrn"}

FRAMES = [
    ("sentence", "My {w} is {v}."),
    ("sentence", "{w}: {v}"),
    ("log", "2026-03-01T12:00:00Z ERROR registration failed for {k}={v}: not found"),
    ("json", '{{"id": 17, "{k}": "{v}", "active": true}}'),
    ("locals", "{{'{k}': '{v}', 'retry': False}}"),
    ("form", "a=1&{k}={c}&b=2"),
    ("sentence, word after", "{v} is my {w}."),
    ("xml", "<customer><id>17</id><{k}>{v}</{k}></customer>"),
    ("sql", "SELECT id FROM persons WHERE {k} = '{v}'"),
    ("yaml", "person:\n  {k}: {v}\n  active: yes\n"),
]


def generate(count, seed):
    """(right, wrong): samples whose `note` is the module's name; a wrong one's span is where the wrong number stands."""
    right, wrong = [], []
    for group, table in (("covered", COVERED), ("others", OTHERS)):
        for name, words in table.items():
            rng = random.Random(f"{seed}/{name}")
            module = importlib.import_module(f"stdnum.{name}")
            walk = Walk(module, rng)
            if not walk.checked:
                continue
            for at in range(count):
                number = walk.step()
                for samples, value in ((right, number), (wrong, walk.spoilt(number))):
                    if value is not None and not (samples is wrong and name in NONE_WRONG):
                        samples.append(framed(module, words[(at + at // len(FRAMES)) % len(words)], FRAMES[at % len(FRAMES)], value, rng, f"{group} {name}"))
    return right, wrong


def framed(module, word, frame, compact, rng, note):
    shape, template = frame
    shown = compact
    if rng.random() < 0.5 and hasattr(module, "format"):
        shown = module.format(compact)
    words = re.split(r"[\s./-]+", folded(word).lower().strip("."))
    if rng.random() < 0.25:
        words.insert(0, rng.choice(["customer", "user", "applicant", "tax"]))
    key = rng.choice(KEY_STYLES)(words)
    if "{c}" in template:
        return fill(template, shape=shape, note=note, k=key, c=Labelled(compact, "national_id"))
    return fill(template, shape=shape, note=note, w=word, k=key, v=Labelled(shown, "national_id"))


KEY_STYLES = [
    "_".join,
    "_".join,
    lambda words: words[0] + "".join(word.title() for word in words[1:]),
    "-".join,
]


def folded(word):
    """As programs write it in a key: without the marks on Latin letters."""
    if not all("LATIN" in unicodedata.name(c, "LATIN") or not c.isalpha() for c in word):
        return word
    return "".join(c for c in unicodedata.normalize("NFKD", word.replace("ø", "o").replace("ł", "l")) if not unicodedata.combining(c))


class Walk:
    """Valid numbers of one module, one after another."""

    def __init__(self, module, rng):
        self.module, self.rng = module, rng
        self.issued = re.compile(ISSUED.get(module.__name__.removeprefix("stdnum."), ""))
        self.number = self.example()
        self.checked = self.number is not None and any(self.spoilt(self.number) for _ in range(3))

    def example(self):
        for text in re.findall(r"validate\('([^']+)'\)", self.module.__doc__ or ""):
            try:
                number = self.module.validate(text)
            except ValidationError:
                continue
            number = self.module.compact(number) if hasattr(self.module, "compact") else number
            return next((n for n in self.near(number) if self.holds(n)), None)
        return None

    def near(self, number):
        """The number itself and then ever farther ones, to get from an example to one that is issued today."""
        yield number
        for _ in range(400_000):
            characters = list(number)
            for at in self.rng.sample(range(len(characters)), self.rng.randint(2, min(6, len(characters)))):
                characters[at] = self.other(characters[at])
            yield "".join(characters)

    def step(self):
        """Another valid number: a few accepted changes of one to three characters each."""
        accepted = 0
        for _ in range(6000):
            characters = list(self.number)
            for at in self.rng.sample(range(len(characters)), min(len(characters), self.rng.choice([2, 2, 3]))):
                characters[at] = self.other(characters[at])
            if self.holds("".join(characters)):
                self.number = "".join(characters)
                accepted += 1
                if accepted == 4:
                    break
        return self.number

    def other(self, character):
        for letters in (string.digits, string.ascii_uppercase, string.ascii_lowercase):
            if character in letters:
                return self.rng.choice(letters)
        return character

    def holds(self, number):
        if not self.issued.match(number):
            return False
        try:
            self.module.validate(number)
            return True
        except (ValidationError, LookupError):  # Some modules look places up and do not expect one that there is not.
            return False

    def spoilt(self, number):
        """The number with one character changed, so that its check digit and nothing else is wrong; None if there is none."""
        for _ in range(200):
            at = self.rng.randrange(len(number))
            other = self.other(number[at])
            if other == number[at] or not number[at].isdigit():
                continue
            changed = number[:at] + other + number[at + 1 :]
            try:
                self.module.validate(changed)
            except InvalidChecksum:
                return changed
            except (ValidationError, LookupError):
                continue
        return None
