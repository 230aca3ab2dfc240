"""Who may sign what, and whether the parts of a tag agree. It reads no signature (see adapters.git)."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lastgood.core.events import RESERVED_STAGES, Event, TagObject
from lastgood.core.messages import Message, parse_message
from lastgood.core.tags import Action, TagName
from lastgood.errors import Finding, Flaw

REGISTER = "register"
"""The key in `[registry.signers]` for versions; marks have keys of their own names."""
ANYTHING_ELSE = "*"
_FINGERPRINT = re.compile(r"(?:[0-9A-F]{40}|[0-9A-F]{64})")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of `[registry]`: what must be signed (everything; or the assignments of these stages, with every
    version and mark, which decide what a stage gets), and by whom: ssh principals and fingerprints of gpg keys by
    stage."""

    required: bool | tuple[str, ...] = False
    signers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def require(self, name: TagName) -> bool:
        """Whether an event of this name counts only if it is signed."""
        if isinstance(self.required, bool):
            return self.required
        is_assignment = name.stage is not None and name.stage not in RESERVED_STAGES
        return name.stage in self.required if is_assignment else bool(self.required)

    def allow(self, name: TagName, signers: Collection[str]) -> bool:
        """Whether one of the signers may sign this. Without an entry everybody in the signers file may; a gpg key only
        if its fingerprint is listed, because a keyring holds everybody's."""
        key = REGISTER if name.stage is None else name.stage
        listed = self.signers.get(key, self.signers.get(ANYTHING_ELSE))
        if listed is None:
            return any(fingerprint(one) is None for one in signers)
        return bool({fingerprint(one) or one for one in listed}.intersection(signers))

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of all listed gpg keys."""
        listed = (fingerprint(one) for names in self.signers.values() for one in names)
        return tuple(sorted({one for one in listed if one is not None}))


@dataclass(frozen=True, slots=True)
class Signature:
    """The result of checking one tag object: its signers, or why it counts as unsigned; `strange` describes
    contradictions between its parts."""

    signers: tuple[str, ...] = ()
    why: str = ""
    strange: str = ""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The ignored tags, by name, and the rules that say which must be signed."""

    rules: Rules = field(default_factory=Rules)
    refused: Mapping[str, Finding] = field(default_factory=dict)


def fingerprint(text: str) -> str | None:
    """The fingerprint of a gpg key as gpg writes it, or `None` for another signer's name."""
    plain = text.replace(" ", "").upper()
    return plain if _FINGERPRINT.fullmatch(plain) else None


def judge(rules: Rules, tag: TagObject, name: TagName, signature: Signature) -> Finding | None:
    """Why an event that must be signed is ignored, or `None` if it counts."""
    if tag.header != tag.name:
        return _disagrees(tag, f"its header says {tag.header or 'nothing'}")
    if not signature.signers:
        kind = Flaw.SIGNER if signature.why else Flaw.UNSIGNED
        return Finding(kind, tag.name, f"tag {tag.name} {signature.why or 'is not signed'}; it does not count")
    if not rules.allow(name, signature.signers):
        subject = name.stage or "versions"
        text = f"tag {tag.name} is signed by {', '.join(signature.signers)}, who may not sign {subject}"
        return Finding(Flaw.SIGNER, tag.name, f"{text}; it does not count")
    return _disagrees(tag, signature.strange) if signature.strange else None


def _disagrees(tag: TagObject, what: str) -> Finding:
    return Finding(Flaw.DISAGREES, tag.name, f"tag {tag.name} contradicts itself: {what}")


def compare(tag: TagObject, name: TagName, event: Event, commits: Mapping[str, str]) -> Finding | None:
    """Findings where ref, header, object and trailers of a tag disagree; `commits` are the versions' by name."""
    if tag.header and tag.header != tag.name:
        return _disagrees(tag, f"its header says {tag.header}")
    if not event.message.is_own:
        return None
    strange = _misled(name, event.message)
    registered = commits.get(event.version)
    if not strange and registered is not None and registered != tag.commit:
        strange = f"its commit is {tag.commit[:12]}, that of {event.version} is {registered[:12]}"
    return _disagrees(tag, strange) if strange else None


def inspect(tag: TagObject, name: TagName) -> str:
    """A description of where a tag's name, object, trailers and manifest disagree; empty if they agree."""
    message = parse_message(tag.message)
    strange = _misled(name, message)
    if strange or name.action is not Action.REGISTER or message.manifest is None:
        return strange
    try:
        pinned = json.loads(message.manifest)
        said = [pinned.get(key) for key in ("artifact", "version", "commit")]
    except (ValueError, AttributeError, RecursionError):
        return "its manifest cannot be read"
    wanted = [name.artifact, name.version, tag.commit]
    return "" if said == wanted else f"its manifest is that of {said[0]} {said[1]} at {str(said[2])[:12]}"


def _misled(name: TagName, message: Message) -> str:
    if not message.is_own:
        return ""
    said = message.trailers
    if said["Artifact"] != name.artifact:
        return f"its message is about {said['Artifact']}"
    for found, wanted in ((said.get("Version"), name.version), (said.get("Stage"), name.stage)):
        if found is not None and wanted is not None and found != wanted:
            return f"its message is about {found}"
    return ""
