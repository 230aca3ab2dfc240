"""Removes secrets (user, password and token) from addresses in any text."""

import re

HIDDEN = "***"
_USER = re.compile(r"(?<=://)[^/\s\"'?#]+(?=@)")
_TOKEN = re.compile(
    r"([?&;][a-z0-9_.-]*(?:token|secret|passw(?:or)?d|signature|sig|key|credential)[a-z0-9_.-]*=)[^&\s\"'#]+",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """`text` without the user and password parts of addresses, and without tokens in their queries."""
    if "://" not in text:
        return text
    return _TOKEN.sub(rf"\1{HIDDEN}", _USER.sub(HIDDEN, text))
