"""One email in thirty contexts: ways to write it, and kinds of text to write it in."""

import base64
import json
from urllib.parse import quote


def contexts(email):
    """(what, kind of field, text); every text holds this one email and no other."""
    local, domain = email.split("@")
    escaped = "".join(f"\\u{ord(c):04x}" for c in email)
    b64 = base64.b64encode(f"user={email};role=admin".encode()).decode()
    url64 = base64.urlsafe_b64encode(json.dumps({"mail": email, "n": 7}).encode()).decode().rstrip("=")
    jwt = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"none"}', json.dumps({"sub": email}).encode(), b"sig"))
    return [
        ("sentence", "message", f"Please write to {email}."),
        ("key=value", "message", f"login failed email={email} reason=locked"),
        ("double quotes", "message", f'user "{email}" is unknown'),
        ("single quotes", "message", f"user '{email}' is unknown"),
        ("backticks", "message", f"user `{email}` is unknown"),
        ("angle brackets", "message", f"From: Jane Roe <{email}>"),
        ("parentheses", "message", f"Jane Roe ({email}), since 2020"),
        ("square brackets", "message", f"[{email}] signed in"),
        ("mailto", "message", f"see mailto:{email}?subject=hi"),
        ("upper-case domain", "message", f"bounced: {local}@{domain.upper()}"),
        ("trailing punctuation", "message", f"Is it {email}?! Yes."),
        ("list", "message", f"cc: {email};{email},{email}"),
        ("path segment", "message", f"GET /users/{email}/orders 404"),
        ("query string", "message", f"GET /search?email={email}&page=2 404"),
        ("percent-encoded query", "message", f"GET /search?email={quote(email, safe='')}&page=2 404"),
        ("percent-encoded twice", "message", f"next={quote(quote(email, safe=''), safe='')}"),
        ("url field", "url", f"https://shop.example/reset?email={quote(email, safe='')}"),
        ("userinfo of a url", "message", f"https://{quote(email, safe='')}:x@host.example/"),
        ("json", "message", json.dumps({"email": email, "n": 1})),
        ("json in a string", "message", json.dumps({"body": json.dumps({"email": email})})),
        ("json unicode escapes", "message", f'{{"email":"{escaped}"}}'),
        ("json field", "json", json.dumps({"email": email})),
        ("sql", "message", f"SELECT * FROM users WHERE email = '{email}'"),
        ("duplicate key", "message", f"Key (email)=({email}) already exists."),
        ("stack local", "message", f"request = {{'email': '{email}', 'id': 3}}"),
        ("header", "message", f"X-User-Email: {email}"),
        ("html", "message", f'<a href="mailto:{email}">{email}</a>'),
        ("base64", "message", f"payload={b64}"),
        ("base64url of json", "message", f"state={url64}"),
        ("jwt", "message", f"cookie session={jwt}"),
    ]
