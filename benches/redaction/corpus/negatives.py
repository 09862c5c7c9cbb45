"""Texts that hold none of the six entities but look as if: numbers, times, versions, ids, values with wrong check digits."""

import random
import uuid

from corpus.frames import BARE, WRITINGS
from corpus.values import Values
from sample import fill
from stdnum import iban, luhn


def generate(count, seed):
    """`count` samples without a span; `note` says what stands in them."""
    rng = random.Random(f"{seed}/negatives")
    values = Values(rng)
    kinds = list(KINDS)
    # No URL path or table: a bare number there is anything at all, also to a person.
    frames = [f for f in BARE if f[0] in ("log", "exception", "json", "csv", "locals")]
    samples = []
    for at in range(count):
        kind = kinds[at % len(kinds)]
        shape, template, writing = rng.choice(frames)
        samples.append(fill(template, shape=shape, note=kind, v=WRITINGS[writing](KINDS[kind](rng, values)), name="someone"))
    return samples


def wrong_card(rng, values):
    while luhn.is_valid(number := "4" + values.digits(15)):
        pass
    return number


def wrong_iban(rng, values):
    while True:
        good = values.iban()[0]
        bad = good[:2] + f"{rng.randint(2, 98):02}" + good[4:]
        if not iban.is_valid(bad, check_country=False):
            return bad


def hex_of(bits):
    return lambda rng, values: f"{rng.getrandbits(bits):0{bits // 4}x}"


KINDS = {
    "order number": lambda rng, values: f"ORD-{values.digits(10)}",
    "sixteen digits, wrong Luhn": wrong_card,
    "IBAN, wrong check digits": wrong_iban,
    "SSN of area 000, 666 or 9xx": lambda rng, values: f"{rng.choice(['000', '666', '923'])}-{rng.randint(10, 49)}-{values.digits(4)}",
    "epoch seconds": lambda rng, values: str(rng.randint(1_600_000_000, 1_790_000_000)),
    "epoch milliseconds": lambda rng, values: str(rng.randint(1_600_000_000_000, 1_790_000_000_000)),
    "epoch microseconds": lambda rng, values: str(rng.randint(1_600_000_000_000_000, 1_790_000_000_000_000)),
    "epoch nanoseconds": lambda rng, values: str(rng.randint(16 * 10**17, 179 * 10**16)),
    "version": lambda rng, values: f"{rng.randint(0, 30)}.{rng.randint(0, 40)}.{rng.randint(0, 99)}-rc.{rng.randint(1, 9)}",
    "browser version": lambda rng, values: f"Chrome/{rng.randint(80, 130)}.0.{rng.randint(3000, 7000)}.{rng.randint(10, 250)}",
    "UUID": lambda rng, values: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "trace id": hex_of(128),
    "commit": hex_of(160),
    "date and time": lambda rng, values: f"2026-0{rng.randint(1, 9)}-{rng.randint(10, 28)} 1{rng.randint(0, 9)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}",
    "clock": lambda rng, values: f"{rng.randint(10, 23)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}.{values.digits(3)}",
    "coordinates": lambda rng, values: f"{rng.uniform(-80, 80):.6f}, {rng.uniform(-170, 170):.6f}",
    "amount": lambda rng, values: f"{rng.randint(1, 9)},{values.digits(3)},{values.digits(3)}.{values.digits(2)} USD",
    "range of numbers": lambda rng, values: f"{rng.randint(100, 400)}-{rng.randint(401, 999)}",
    "handle": lambda rng, values: f"@{values.fakers[0].user_name()}",
    "package at a version": lambda rng, values: f"lodash@{rng.randint(1, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 20)}",
    "image": lambda rng, values: f"registry.example/app@sha256:{rng.getrandbits(256):064x}",
    "qualified name": lambda rng, values: f"std::{rng.choice(['vec', 'fs', 'net', 'io'])}::{rng.choice(['dead::beef', 'File::open', 'Read'])}",
    "thread and object": lambda rng, values: f"Worker-{rng.randint(1, 99)}@{rng.getrandbits(32):08x}",
    "size": lambda rng, values: f"{values.digits(9).lstrip('0') or '7'} bytes",
}  # fmt: skip
