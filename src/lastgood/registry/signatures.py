"""Signatures in a project: which tags count with `require_signed`, and signing the tags that this machine records."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.adapters.git.objects import ObjectReader
from lastgood.adapters.git.refs import is_tag, parse_tag
from lastgood.core import tags as grammar
from lastgood.core.config import FILE
from lastgood.core.events import TagObject
from lastgood.core.journal import Journal
from lastgood.core.signing import Signature, Verdicts, inspect, judge
from lastgood.errors import RefusedError, UsageError
from lastgood.project import Project
from lastgood.registry.memory import load, save

if TYPE_CHECKING:
    from lastgood.adapters.git.signatures import Checker, Programs

CHECKED = "signatures.json"
"""A file below lastgood's directory: the result for each tag object, valid while signers and keys are the same."""
MIRRORED = "mirror.signers"
"""A serving host's copy of the default branch's file of allowed signers, as of the last sync."""
GONE = Signature(why="is not here to be checked")
Sign = Callable[[bytes], bytes]


def judge_tags(project: Project, tags: Iterable[TagObject], journals: Mapping[str, Journal]) -> Verdicts:
    """The events that are ignored; none if no signatures are required. Checks each tag object once.

    Raises `UsageError` for a configuration with which nothing can be checked.
    """
    rules = project.config.registry.rules
    if not rules.required:
        return Verdicts(rules)
    named = [(tag, name) for tag in tags if (name := grammar.parse(tag.name)) is not None and rules.require(name)]
    found = _check(project, [tag for tag, _ in named], journals)
    judged = {tag.name: judge(rules, tag, name, found[tag.oid]) for tag, name in named}
    return Verdicts(rules, {name: finding for name, finding in judged.items() if finding is not None})


def _check(project: Project, tags: list[TagObject], journals: Mapping[str, Journal]) -> dict[str, Signature]:
    from lastgood.adapters.git import signatures  # threads and all, which few need

    checker = _checker(project, signatures.find_programs(project.git))
    state = hashlib.sha256(checker.state).hexdigest()
    known = _remembered(project, state)
    new = {tag.oid: tag for tag in tags if tag.oid not in known}
    raws = {oid: raw for oid, tag in new.items() if (raw := _bytes(project, tag, journals)) is not None}
    checked = dict(zip(raws, checker.check(raws.values()), strict=True))
    for oid, tag in new.items():
        name = grammar.parse(tag.header)
        strange = inspect(tag, name) if name is not None else "its header names no event"
        one = checked.get(oid, GONE)
        known[oid] = Signature(one.signers, one.why, strange if one.signers else "")
    if raws:
        _remember(project, state, {tag.oid: known[tag.oid] for tag in tags if known[tag.oid] is not GONE})
    return known


def _bytes(project: Project, tag: TagObject, journals: Mapping[str, Journal]) -> bytes | None:
    """A tag object's bytes; for a deleted tag those in its journal entry."""
    objects = project.git.objects
    found = objects.read(tag.oid)
    if found is not None:
        return found[1]
    journal = journals.get(str(grammar.artifact_of(tag.name)))
    entry = journal.entry_of.get(tag.oid) if journal else None
    return _kept(objects, entry.commit, tag.oid) if entry else None


def _kept(objects: ObjectReader, commit: str, oid: str) -> bytes | None:
    number = 1
    while (found := objects.read(f"{commit}:tag-{number}")) is not None:
        if is_tag(found[1], oid):
            return found[1]
        number += 1
    return None


def _checker(project: Project, programs: "Programs") -> "Checker":
    """The checker of signatures. Raises `UsageError` if no signer is configured, or the signers file cannot be read."""
    from lastgood.adapters.git.signatures import Checker

    config = project.config.registry
    configured = config.allowed_signers
    path = programs.allowed_signers
    if configured:
        path = str(_beside(project, configured, mirrored=MIRRORED))
    keys = config.rules.fingerprints
    if not path and not keys:
        raise UsageError(
            "[registry] require_signed is on, but no signer is configured",
            hint="[registry] allowed_signers, or fingerprints of gpg keys in [registry.signers] (docs/signing.md)",
        )
    if path and not Path(path).is_file():
        raise UsageError(f"the file of allowed signers, {path}, does not exist")
    home = str(_beside(project, config.gpg_home)) if config.gpg_home else ""
    return Checker(programs, Path(path) if path else None, home, keys)


def _beside(project: Project, named: str, *, mirrored: str = "") -> Path:
    """A path of the configuration: absolute, or relative to the `lastgood.toml` that names it."""
    path = Path(named).expanduser()
    here = project.root or project.place.root
    if mirrored and project.root is None and not path.is_absolute() and not (here / FILE).exists():
        return here / mirrored
    return here / path


def _remembered(project: Project, state: str) -> dict[str, Signature]:
    document = load(project, CHECKED)
    try:
        if not isinstance(document, dict) or document["state"] != state:
            return {}
        outcomes = [Signature(tuple(signers), why, strange) for signers, why, strange in document["outcomes"]]
        return {oid: outcomes[number] for oid, number in document["tags"].items()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}  # checked again


def _remember(project: Project, state: str, checked: Mapping[str, Signature]) -> None:
    outcomes = {one: number for number, one in enumerate(dict.fromkeys(checked.values()))}
    document = {
        "state": state,
        "outcomes": [(one.signers, one.why, one.strange) for one in outcomes],
        "tags": {oid: outcomes[one] for oid, one in checked.items()},
    }
    save(project, CHECKED, document)


def signer_for(project: Project, tags: Iterable[str]) -> Sign:
    """The function that signs tags of these names, if the user's git signs tags or one of them must be signed;
    otherwise it leaves them unsigned.

    Signing raises `RefusedError` if it fails, or if the signed tag would be ignored.
    """
    rules = project.config.registry.rules
    names = [name for tag in tags if (name := grammar.parse(tag)) is not None]
    required = any(rules.require(name) for name in names)
    said = project.git.settings
    wanted = any(_is_true(said.get(key)) for key in ("tag.gpgsign", "tag.forcesignannotated"))
    return (lambda raw: _sign(project, raw)) if required or wanted else bytes


def require_able(project: Project, commit: str) -> None:
    """Raise `RefusedError` now, by a trial, if signing would fail or be ignored after a long upload."""
    name = grammar.version_tag("trial", "v0.0.0")
    header = f"object {commit}\ntype commit\ntag {name}\ntagger {project.identity} {project.now()} +0000\n"
    signer_for(project, (name,))(f"{header}\nCan this be signed?\n".encode(errors="replace"))


def _is_true(value: str | None) -> bool:
    """The value as git reads it: a key without a value is true, too."""
    return value is not None and value.lower() in {"", "true", "yes", "on", "1"}


def _sign(project: Project, raw: bytes) -> bytes:
    from lastgood.adapters.git import signatures

    programs = signatures.find_programs(project.git)
    signed = signatures.sign(project.git, programs, raw)
    tag, rules = parse_tag(project.git, signed), project.config.registry.rules
    name = grammar.parse(tag.header) if tag is not None else None
    if tag is None or name is None or not rules.require(name):
        return signed
    (found,) = _checker(project, programs).check([signed])
    finding = judge(rules, tag, name, found)
    if finding is not None:
        raise RefusedError(
            f"what you record would be ignored: {finding.message}",
            hint="the allowed signers are in [registry] allowed_signers and signers (docs/signing.md)",
        )
    return signed
