"""The same email is the same token in every context, and different emails are different tokens."""

import random
import re

from corpus.one_email import contexts
from corpus.values import Values

TOKEN = re.compile(r"email:E-[0-9a-z]+")
EMAIL = "jane.roe+7@example.org"


def measure(casefile, seed, different=1000):
    """Which of the contexts come out with the one token and without the email; how many tokens `different` emails get."""
    cases = contexts(EMAIL)
    outputs = {}
    for kind in ("message", "url", "json"):
        texts = [text for _, field, text in cases if field == kind]
        outputs |= dict(zip(texts, (text for text, _ in casefile.redact(texts, kind))))
    wanted = TOKEN.findall(outputs[cases[0][2]])
    failed = []
    for what, _, text in cases:
        output = outputs[text]
        tokens = set(TOKEN.findall(output))
        if tokens != set(wanted) or EMAIL.lower() in output.lower():
            failed.append({"what": what, "text": text, "output": output})
    values = Values(random.Random(f"{seed}/emails"))
    emails = set()
    while len(emails) < different:
        emails.add(values.email()[0].lower())
    tokens = {tuple(TOKEN.findall(text)) for text, _ in casefile.redact([f"mail from {email} came" for email in sorted(emails)])}
    return {"contexts": len(cases), "same": len(cases) - len(failed), "failed": failed, "emails": different, "tokens": len(tokens)}
