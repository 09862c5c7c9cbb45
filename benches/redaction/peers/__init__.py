"""The tools Casefile is compared with, each as its users would run it for these entities.

A peer has a `name`, `note` (what of it runs here, in a line) and `find(texts)`: for each text the ranges it covers, as
(start, end, class) in code points. Making one raises where the peer cannot run; `available` says which could not, and why.
"""

import importlib
import time

ENTITIES = ["presidio", "relay", "scrubadub", "datafog"]
SECRETS = ["detect_secrets"]


def available(wanted):
    """The peers that run here, and for the others the reason."""
    found, missing = [], {}
    for name in wanted:
        began = time.monotonic()
        try:
            peer = importlib.import_module(f"peers.{name}_peer").Peer()
            peer.find(["a first text, to see that it works"])
            found.append(peer)
        except Exception as error:  # Whatever a foreign package raises, the others are still compared.
            missing[name] = f"{type(error).__name__}: {error} (after {time.monotonic() - began:.0f} s)"
    return found, missing
