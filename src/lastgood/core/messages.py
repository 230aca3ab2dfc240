"""The text of lastgood's tags: subject, reason, manifest line, trailers. It is written and parsed here, without git's
tools.

Git's own tools would drop a reason that begins with `#` and take lines of the reason for trailers (facts.md, G9).
"""

import re
from collections.abc import Mapping
from sys import intern
from types import MappingProxyType
from typing import NamedTuple

from lastgood.core.secrets import mask

_KEY = re.compile(r"[A-Z][A-Za-z-]*")
_CUTTING = re.compile(r"\0|^(?=-----BEGIN )", re.MULTILINE)
"""Where git would end the message: at a NUL, and at anything that looks like the beginning of a signature."""
_MANIFEST = "manifest: "
TRAILERS = (
    "Artifact",
    "Version",
    "Stage",
    "From",
    "To",
    "Actor",
    "Trigger",
    "Run",
    "Manifest",
    "Reason",
    "Occurred",
    "Offline",
    "Superseded",
    "Resolved",
    "Cause",
    "Added-with",
)
_OWN = frozenset(TRAILERS)


class Message(NamedTuple):
    """A tag's message. `manifest` is one line of JSON, in a version's tag only."""

    subject: str
    reason: str = ""
    manifest: str | None = None
    trailers: Mapping[str, str] = MappingProxyType({})

    @property
    def is_own(self) -> bool:
        """Whether lastgood wrote it: such a tag without a journal entry is a finding (refs.md, "External tags")."""
        return "Artifact" in self.trailers and "Actor" in self.trailers


def format_message(message: Message) -> str:
    """The message for the tag object. Reasons keep their lines; each trailer is on one line.

    Passwords in addresses are masked: they would be published and stay. A manifest is read back only with its digest in
    the trailer `Manifest`, because a reason may have such a line too.
    """
    paragraphs = [one_line(mask(message.subject))]
    if message.reason.strip():
        paragraphs.append(mask(message.reason.strip()))
    if message.manifest is not None:
        paragraphs.append(_MANIFEST + message.manifest)
    trailers = [f"{key}: {one_line(mask(message.trailers[key]))}" for key in TRAILERS if message.trailers.get(key)]
    if trailers:
        paragraphs.append("\n".join(trailers))
    return _CUTTING.sub(" ", "\n\n".join(paragraphs)) + "\n"


def parse_message(text: str) -> Message:
    """The parts of any tag's message. A message that lastgood did not write has neither manifest nor trailers."""
    body = text.rstrip("\n")
    head, gap, last = body.rpartition("\n\n")
    trailers = _parse_trailers(last) if gap else {}
    if not ("Artifact" in trailers and "Actor" in trailers):
        subject, _, reason = body.partition("\n")
        return Message(subject, reason.strip())
    subject, _, rest = head.partition("\n\n")
    before, _, line = rest.rpartition("\n\n") if "\n\n" in rest else ("", "", rest)
    if "Manifest" in trailers and line.startswith(_MANIFEST) and "\n" not in line:  # else it is the reason's own
        return Message(subject, before, line.removeprefix(_MANIFEST), trailers)
    return Message(subject, rest, None, trailers)


def _parse_trailers(paragraph: str) -> dict[str, str]:
    lines = paragraph.split("\n")
    # interned: the same few words in tens of thousands of tags
    trailers = {intern(key): intern(value) for key, colon, value in [line.partition(": ") for line in lines] if colon}
    if len(trailers) < len(lines) or not (trailers.keys() <= _OWN or all(map(_KEY.fullmatch, trailers))):
        return {}
    return trailers


def one_line(text: str) -> str:
    """`text` on one line: runs of white space become one space."""
    return " ".join(text.split())
