"""The texts around an entity: sentences, logs, JSON, URLs, SQL, headers, stack locals.

A frame is (shape, template, writing). `{v}` is the value, `{k}` a key and `{w}` a word that name it; a frame with neither is bare.
`writing` says how the place writes what stands in it.
"""

import json
import re
from urllib.parse import quote, quote_plus

WRITINGS = {
    "plain": lambda v: v,
    "percent": lambda v: quote(v, safe=""),
    "form": quote_plus,
    "json": lambda v: json.dumps(v)[1:-1],
    "json2": lambda v: json.dumps(json.dumps(v)[1:-1])[1:-1],
    "sql": lambda v: v.replace("'", "''"),
    "compact": lambda v: re.sub(r"[^\d+]", "", v),
    "repr": lambda v: v.replace("\\", "\\\\").replace("'", "\\'"),
}

# Keys and words that name an entity, as programs and people write them.
NAMES = {
    "email": (["email", "user_email", "emailAddress", "mail", "contact.email", "recipient"], ["email", "e-mail address", "mail"]),
    "phone": (["phone", "phone_number", "mobile", "customerPhone", "tel", "contact_phone"], ["phone number", "mobile", "telephone"]),
    "card": (["card_number", "pan", "creditCard", "card", "cc_number", "payment.card.number"], ["credit card", "card number", "card"]),
    "ssn": (["ssn", "social_security_number", "applicantSsn", "us_ssn"], ["social security number", "SSN"]),
    "iban": (["iban", "account_iban", "creditorIban", "bank_account"], ["IBAN", "bank account", "account"]),
    "ip": (["ip", "client_ip", "remoteAddr", "peer", "src", "host"], ["IP address", "address", "host"]),
}

NAMED = [
    ("sentence", "My {w} is {v}.", "plain"),
    ("sentence", "Could you change my {w} to {v}, please? Thanks, {name}", "plain"),
    ("sentence", "{name} called about the order; the {w} on file ({v}) is out of date.", "plain"),
    ("sentence", "Please send it to {name}, {address}. {w}: {v}", "plain"),
    ("log", '2026-03-01T12:00:00.123Z ERROR [worker-3] c.e.billing.Service - lookup failed for {k}={v}: timeout after 30000 ms', "plain"),
    ("log", 'time="2026-03-01T12:00:00Z" level=info msg="profile updated" {k}="{v}" attempt=2', "plain"),
    ("log", "level=warn caller=handler.go:118 {k}={v} status=422 dur=13ms", "plain"),
    ("log", "Mar  1 12:00:00 web-1 app[2211]: {w} {v} rejected by rule 17", "plain"),
    ("json", '{{"id": 8812, "{k}": "{v}", "active": true}}', "json"),
    ("json", '{{"order":{{"customer":{{"{k}":"{v}","tier":"gold"}},"total":42.5}}}}', "json"),
    ("json-in-string", 'request body: "{{\\"{k}\\":\\"{v}\\",\\"n\\":3}}"', "json2"),
    ("url", "GET https://shop.example/api/v2/customers?{k}={v}&page=2 -> 404", "percent"),
    ("url", "redirecting to /account/confirm?next=%2Fhome&{k}={v}", "form"),
    ("form", "a=1&{k}={v}&submit=Save", "form"),
    ("sql", "UPDATE customers SET {k} = '{v}' WHERE id = 4711", "sql"),
    ("sql", 'ERROR: duplicate key value violates unique constraint "u_1" DETAIL: Key ({k})=({v}) already exists.', "plain"),
    ("header", "X-Customer-{k}: {v}", "plain"),
    ("locals", "{k} = '{v}'", "repr"),
    ("locals", "{{'id': 3, '{k}': '{v}', 'retry': False}}", "repr"),
    ("locals", "Customer(id=3, {k}={v}, retry=false)", "plain"),
    ("locals", 'Customer {{ id: 3, {k}: "{v}", retry: false }}', "json"),
    ("xml", "<customer><id>3</id><{k}>{v}</{k}></customer>", "plain"),
    ("yaml", "customer:\n  id: 3\n  {k}: {v}\n  retry: no\n", "plain"),
]

BARE = [
    ("sentence", "I am {name} and you can use {v} from now on.", "plain"),
    ("sentence", "{v} does not work any more, can you check?", "plain"),
    ("sentence", "Is it {v}, or did I write that down wrongly? {name}", "plain"),
    ("log", "2026-03-01 12:00:00,123 WARN  o.e.Import: row 17 rejected: '{v}' is not unique", "plain"),
    ("log", "[error] 31#31: *112 validation failed for <{v}>, server: shop.example", "plain"),
    ("exception", "ValueError: could not parse '{v}' at position 4", "repr"),
    ("exception", "java.lang.IllegalArgumentException: bad value [{v}] in field 7", "plain"),
    ("json", '["{v}", null, 3]', "json"),
    ("url", "GET /api/lookup/{v}/orders?page=2 HTTP/1.1", "percent"),
    ("csv", "4711,{v},2026-03-01,OK", "plain"),
    ("sql", "SELECT id FROM customers WHERE value = '{v}' LIMIT 1", "sql"),
    ("locals", "args = ('{v}', 30)", "repr"),
    ("table", "| 4711 | {v} | shipped |", "plain"),
    ("escaped", 'payload="{{\\"value\\":\\"{v}\\"}}"', "json2"),
]

# Where one entity in particular stands.
OWN = {
    "email": [
        ("header", "From: {name} <{v}>", "plain"),
        ("header", "To: \"{name}\" <{v}>; Cc: <{v}>", "plain"),
        ("sentence", "Write to mailto:{v}?subject=Help or to {v}!", "plain"),
        ("log", "postfix/smtp[221]: 4F1: to=<{v}>, relay=none, delay=0.1, status=bounced", "plain"),
        ("log", "user={v} action=login result=denied", "plain"),
    ],
    "phone": [
        ("sentence", "Call me at {v} or leave a note. {name}", "plain"),
        ("sentence", "You can reach {name} on {v} after six.", "plain"),
        ("sentence", "Tel. {v}, Mon-Fri", "plain"),
        ("log", "sms gateway: message to {v} not delivered: status 21610", "plain"),
        ("log", "INVITE sip:{v}@sbc.example SIP/2.0", "compact"),
        ("sentence", "{name}, {address}, {v}", "plain"),
    ],
    "card": [
        ("sentence", "Please charge {v} instead, it expires 04/29.", "plain"),
        ("log", "payment declined: Visa {v} code=51", "plain"),
        ("sentence", "How can I cancel {v}? I lost it.", "plain"),
    ],
    "ssn": [("sentence", "Applicant {name}, born 1980, SSN {v}.", "plain"), ("log", "w2 import: no employee with ssn {v} in batch 12", "plain")],
    "iban": [
        ("sentence", "Please transfer 120 EUR to {v} ({name}).", "plain"),
        ("log", "SEPA return AC04 for {v} amount=12.00", "plain"),
    ],
    "ip": [
        ("log", '{v} - - [10/Oct/2026:13:55:36 +0000] "GET /health HTTP/1.1" 200 612 "-" "curl/8.5.0"', "plain"),
        ("log", "sshd[2201]: Failed password for invalid user admin from {v} port 52222 ssh2", "plain"),
        ("log", "kernel: [UFW BLOCK] IN=eth0 OUT= SRC={v} DST={v} LEN=40 TTL=244 PROTO=TCP SPT=443", "plain"),
        ("header", "X-Forwarded-For: {v}, {v}", "plain"),
        ("log", "java.net.ConnectException: Connection refused: /{v}:9092", "plain"),
        ("log", "limiting requests, excess: 20.1 by zone \"one\", client: {v}, server: _", "plain"),
        ("log", "route {v}/24 via {v} dev eth0", "plain"),
    ],
}  # fmt: skip


def frames_for(entity):
    """(frame, named?) of all kinds: as many bare ones as named ones count when each is drawn with the same weight."""
    own = [(frame, True) for frame in OWN[entity]]
    return [(frame, True) for frame in NAMED] + [(frame, False) for frame in BARE] + own
