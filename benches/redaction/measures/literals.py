"""SQL literals that are still in a statement after redaction."""

import re


def surviving(literals, output):
    """Those of `literals` that stand in `output` as a whole, not as a part of a longer word."""
    return [text for text in literals if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", output)]
