"""Draws strings from a small notation: `sk_live_<24 b62>`, `<8-12 digit>`, `<uuid>`; everything else is itself."""

import re
import string
import uuid

ALPHABETS = {
    "digit": string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "b62": string.ascii_letters + string.digits,
    "b64": string.ascii_letters + string.digits + "+/",
    "b64u": string.ascii_letters + string.digits + "-_",
    "b32": string.ascii_uppercase + "234567",
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "low": string.ascii_lowercase + string.digits,
    "up": string.ascii_uppercase + string.digits,
    "pass": string.ascii_letters + string.digits + "!#*._-",
}
HOLE = re.compile(r"<(?:(\d+)(?:-(\d+))? (\w+)|(uuid))>")


def draw(rng, pattern):
    """One string of the pattern. A drawn part is never all one kind of letter, as no issuer's keys are."""

    def hole(match):
        low, high, name, is_uuid = match.groups()
        if is_uuid:
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        length = rng.randint(int(low), int(high or low))
        return "".join(rng.choice(ALPHABETS[name]) for _ in range(length))

    return HOLE.sub(hole, pattern)
