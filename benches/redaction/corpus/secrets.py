"""Texts with issuers' keys: settings files, JSON, YAML, request headers, source literals, log lines."""

import random

from corpus import services
from corpus.issuers import NAMED, OWN
from corpus.pattern import draw
from sample import Labelled, fill

# A key that says itself whose it is also stands where nothing speaks of a key.
OWN_FRAMES = [
    ("env", "export APP_SETTING_7={v}\nexport DEBUG=0"),
    ("json", '{{"region": "eu-1", "value": "{v}", "retries": 3}}'),
    ("yaml", "service:\n  value: {v}\n  timeout: 30s\n"),
    ("curl", 'curl -s -H "Authorization: Bearer {v}" https://api.example/v1/items'),
    ("python", 'client = Client("{v}", timeout=30)'),
    ("log", "2026-03-01T12:00:00Z ERROR request failed: credential {v} was refused (401)"),
    ("bare log", "2026-03-01 12:00:00 WARN  unexpected argument '{v}' at position 2"),
    ("url", "GET /v1/items?k={v}&page=2 HTTP/1.1"),
    ("locals", "self = <Client timeout=30>, args = ('{v}',)"),
]
NAMED_FRAMES = [
    ("env", "export {K}={v}\nexport DEBUG=0"),
    ("env quoted", '{K}="{v}"'),
    ("json", '{{"region": "eu-1", "{k}": "{v}", "retries": 3}}'),
    ("yaml", "service:\n  {k}: {v}\n  timeout: 30s\n"),
    ("yaml nested", "{s}:\n  {rest}: {v}\n"),
    ("header", 'curl -s -H "X-{S}-Key: {v}" https://api.{s}.example/v1/items'),
    ("authorization", 'curl -H "Authorization: Token {v}" https://api.{s}.com/v2/items'),
    ("python", '{k} = "{v}"'),
    ("call", 'client = {S}Client(token="{v}", timeout=30)'),
    ("log", "2026-03-01T12:00:00Z ERROR {s} refused api key {v} (401)"),
    ("name and key", "{s} key = '{v}'"),
    ("name and token", "{s} token: {v}"),
    ("name alone", "{s} {v}"),
    ("name is", "{s} = {v}"),
    ("prose", "You can find a {s} secret {v} in the old wiki."),
    ("properties", "app.{s}.{rest}={v}"),
    ("locals", "{{'timeout': 30, '{k}': '{v}'}}"),
]


def generate(seed):
    """Each row in each of its frames once; `note` is the issuer."""
    rng = random.Random(f"{seed}/secrets")
    samples = []
    for issuer, pattern in OWN:
        for shape, template in OWN_FRAMES:
            value = draw(rng, pattern)
            samples.append(secret_only(fill(template, shape=f"own: {shape}", note=issuer, v=Labelled(value, "secret")), value))
    for issuer, settings, pattern in NAMED + services.NAMED:
        for shape, template in NAMED_FRAMES:
            upper, lower = settings
            service = issuer.split("-")[0]
            values = dict(K=upper, k=lower, s=service, S=service.title(), rest=setting(lower), v=Labelled(draw(rng, pattern), "secret"))
            samples.append(fill(template, shape=f"named: {shape}", note=issuer, **values))
    return samples


def setting(name):
    """What kind of credential the setting is, without the service: `api_key`, `secret`."""
    words = name.split("_")
    kinds = {"api", "key", "secret", "token", "auth", "access", "client", "password", "private"}
    return "_".join(w for w in words if w in kinds) or "key"


def secret_only(sample, value):
    """Of a connection string the password is the secret, not the host; of all else the whole value."""
    for before, after in (("Password=", ";"), ("AccountKey=", None)):
        if before in value:
            inner = value.split(before)[1]
            inner = inner.split(after)[0] if after else inner
            return narrowed(sample, inner)
    if "://" in value and "@" in value and "webhook" not in value:
        return narrowed(sample, value.split("://")[1].split("@")[0].split(":")[1])
    if "webhook" in value or "hooks." in value:
        # Host and numbers of a hook are no secret; what lets one post to it is its last segment, Teams' its last but one.
        segments = value.split("/")
        return narrowed(sample, segments[-2] if "office.com" in value else segments[-1])
    return narrowed(sample, value.removeprefix("FlyV1 "))


def narrowed(sample, inner):
    start = sample.text.index(inner)
    sample.spans = [(start, start + len(inner), "secret")]
    return sample
