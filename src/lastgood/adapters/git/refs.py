"""Reads the registry's refs: annotated tags, journals, and origin's state of both."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lastgood.adapters.git.command import Git, GitError
from lastgood.core.events import TagObject
from lastgood.core.journal import Entry, Journal, Lost
from lastgood.core.tags import TAGS
from lastgood.errors import Finding, Flaw, UnreachableError

FIELDS = (
    "refname", "objecttype", "objectname", "type", "object", "*tree", "taggerdate:unix",
    "taggername", "taggeremail", "contents:subject", "contents:body", "tag",
)  # fmt: skip  # not `*objecttype`: from git 2.45 on it peels nested tags to the end
_OID = re.compile(r"[0-9a-f]{40,64}")
_SIGNATURE = re.compile(r"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tags:
    """All tags: annotated ones that point to a commit, and the others (lightweight, nested, of trees) by name.

    `more` are further requested refs, by full name.
    """

    objects: Mapping[str, TagObject]
    others: Mapping[str, str]
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """The refs on the remote in one answer: object ids by full ref name."""

    refs: Mapping[str, str] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """Object ids of origin's tags by short name."""
        return {ref.removeprefix(TAGS): oid for ref, oid in self.refs.items() if ref.startswith(TAGS)}

    def tag(self, name: str) -> str | None:
        """The object of origin's tag of that name, or `None`."""
        return self.refs.get(TAGS + name)


def read_tags(
    git: Git, prefix: str | None = None, on_more: Callable[[str, str], None] = lambda _ref, _oid: None
) -> Tags:
    """Every tag with all its fields, and the refs below `prefix`, by one `for-each-ref`.

    `on_more` gets each of these refs and its object id, as soon as git prints it. A name or message in no known
    encoding is replaced.
    """
    template = "%00".join(f"%({name})" for name in FIELDS) + "%00"
    objects, others, more = {}, {}, {}
    asked = (TAGS,) if prefix is None else (TAGS, prefix)
    for line in _split(git.stream("for-each-ref", f"--format={template}", *asked), b"\0\n"):
        values = line.decode(errors="replace").split("\0")
        ref, kind, oid, target, commit, tree, when, name, email, subject, body, header = values
        short = ref.removeprefix(TAGS)
        if prefix is not None and ref.startswith(prefix):
            more[ref] = oid
            on_more(ref, oid)
        elif kind == "tag" and target == "commit":
            seconds = int(when) if when.isdigit() else 0
            header = short if header == short else header  # one text instead of two of each of 40,000 tags
            message = f"{subject}\n\n{body}"
            objects[short] = TagObject(short, oid, commit, tree, seconds, f"{name} {email}", message, header)
        else:
            others[short] = oid
    return Tags(objects, others, more)


def _split(pieces: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """The parts of a text that comes in pieces, each part with `end` behind it."""
    rest = bytearray()
    for piece in pieces:
        looked = max(0, len(rest) - len(end) + 1)  # not all of it again with each piece: a message may have 10 MB
        rest += piece
        if rest.find(end, looked) >= 0:
            *whole, last = bytes(rest).split(end)
            yield from whole
            rest = bytearray(last)


def walk_journal(git: Git, tip: str) -> Iterator[bytes]:
    """Start git's walk over a journal's first parents, for `read_journal`."""
    return git.stream("log", "--first-parent", "--reverse", "--format=%H%x00%B%x00", tip, "--")


def read_journal(
    git: Git, artifact: str, ref: str, tip: str | None = None, walk: Iterator[bytes] | None = None
) -> Journal:
    """The journal of an artifact, by one walk over first parents, started already or not; empty if there is none.

    `tip` is the ref's value when it was listed, because it may have moved on since.

    Raises `GitError` for a damaged journal: taken for empty, it would make every event an adopted one.
    """
    answer = walk or walk_journal(git, tip or ref)
    values = (value.decode(errors="replace") for value in _split(answer, b"\0"))
    try:
        entries = tuple(
            Entry.parse(commit.strip(), message, artifact) for commit, message in zip(values, values, strict=False)
        )
    except GitError as error:
        found, kind, _ = git.attempt("cat-file", "-t", ref)
        there = git.attempt("rev-parse", "--verify", "--quiet", ref)[0] == 0
        if there and (found != 0 or kind == b"commit\n"):
            raise GitError(("log",), error.code, f"the journal {ref} is damaged: {error.words}") from error
        return Journal(artifact)
    telling = tuple(one for one in entries if one.tags or one.superseded or one.discounts or one.resolved)
    return Journal(artifact, entries[-1].commit if entries else None, telling)


def list_refs(git: Git, *prefixes: str) -> dict[str, str]:
    """Object ids by full name of the refs below any of the prefixes."""
    out = git.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in _lines(out))}


def _lines(text: bytes) -> list[str]:
    """The lines of git's output. Not by `splitlines`: a name may contain U+2028 or U+0085, and its end would look like
    another name."""
    return text.decode(errors="replace").split("\n")[:-1]


def list_origin(git: Git, remote: str, patterns: Iterable[str], deadline: float) -> Origin:
    """The remote's current refs. Raises `UnreachableError` with git's words if it does not answer in time."""
    try:
        out = git.run("ls-remote", "--refs", "--end-of-options", remote, *patterns, deadline=deadline)
    except GitError as error:
        raise unreachable(remote, error.words) from error
    except UnreachableError as error:
        raise unreachable(remote, error.message) from error
    pairs = (line.partition("\t") for line in _lines(out))
    return Origin({ref: oid for oid, _, ref in pairs})


def fetch(  # what is fetched, from where, how
    git: Git,
    remote: str,
    refspecs: Iterable[str],
    deadline: float,
    *,
    options: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Fetch refs. A tag that would be overwritten is left alone (the caller compares with `list_origin`).

    Nothing is pruned, whatever the configuration: a local ref may be a transaction not yet published. Raises
    `UnreachableError` if the remote does not answer.
    """
    try:
        code, _, words = git.attempt(
            "fetch", "--no-tags", "--no-prune", "--no-prune-tags", "--no-write-fetch-head", "--no-recurse-submodules",
            "--quiet", *options, "--stdin", remote, stdin="".join(f"{spec}\n" for spec in refspecs).encode(),
            deadline=deadline, environment=environment,
        )  # fmt: skip
    except (GitError, UnreachableError) as error:
        raise unreachable(remote, error.message) from error
    if code not in {0, 1}:
        raise unreachable(remote, words)


def read_recorded(git: Git, lost: Iterable[Lost]) -> dict[str, TagObject]:
    """The tag objects of lost tags, from the bytes in their journal entries, by name."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for one in lost:
        wanted[one.entry.commit][one.recorded.name] = one.recorded.oid
    found = {}
    for commit, oids in wanted.items():
        for raw in recorded_bytes(git, commit):
            name = _header(raw).get("tag", "")
            if name in oids and is_tag(raw, oids[name]) and (tag := parse_tag(git, raw)) is not None:
                found[name] = tag._replace(oid=oids[name])
    return found


def recorded_bytes(git: Git, commit: str) -> list[bytes]:
    """The bytes of the tag objects in a journal entry; unreadable ones are left out."""
    lines = [line.partition(b"\t") for line in git.run("ls-tree", "-z", commit).split(b"\0")]
    found = [git.objects.read(meta.split()[2].decode()) for meta, _, name in lines if name.startswith(b"tag-")]
    return [one[1] for one in found if one is not None and one[0] == "blob"]


def is_tag(raw: bytes, oid: str) -> bool:
    """Whether these bytes are the tag that an id names."""
    algorithm = "sha256" if len(oid) == 64 else "sha1"
    return hashlib.new(algorithm, b"tag %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest() == oid


def _header(raw: bytes) -> dict[str, str]:
    header = raw.partition(b"\n\n")[0].decode(errors="replace")
    return dict(line.partition(" ")[::2] for line in header.split("\n"))


def parse_tag(git: Git, raw: bytes) -> TagObject | None:
    """A tag object from its bytes, or `None` for invalid bytes; its `oid` is left empty."""
    lines = _header(raw)
    if lines.get("type") != "commit" or not lines.keys() >= {"tag", "object"}:
        return None
    message = raw.partition(b"\n\n")[2].decode(errors="replace")
    if signatures := list(_SIGNATURE.finditer(message)):  # the last one is git's (gpg-interface.c)
        message = message[: signatures[-1].start()]
    tagger, _, date = lines.get("tagger", "").rpartition("> ")
    seconds = date.partition(" ")[0]
    commit = lines["object"]
    if not _OID.fullmatch(commit):
        return None
    code, tree, _ = git.attempt("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
    when = int(seconds) if seconds.isdigit() else 0
    text = tree.decode().strip() if code == 0 else ""
    return TagObject(lines["tag"], "", commit, text, when, f"{tagger}>", message, lines["tag"])


def read_tag(git: Git, name: str, oid: str) -> tuple[TagObject | None, bool]:
    """The annotated tag of a commit that an id names, as the tag called `name`, and whether the object is missing here.

    `None` for an object of another kind, too.
    """
    found = git.objects.read(oid)
    if found is None:
        return None, True
    kind, raw = found
    tag = parse_tag(git, raw) if kind == "tag" else None
    return (tag and tag._replace(name=name, oid=oid)), False


def compare_with_origin(journal: Journal, origin: Origin) -> tuple[Finding, ...]:
    """Findings about recorded tags that origin lacks or has as another object."""
    findings = []
    for _, recorded in journal.recorded:
        there = origin.tag(recorded.name)
        if there is None:
            text = f"tag {recorded.name} was deleted on origin; the journal has it as {recorded.oid[:12]}"
            findings.append(Finding(Flaw.DELETED, recorded.name, text))
        elif there != recorded.oid:
            text = f"tag {recorded.name} was moved on origin: {there[:12]} there, {recorded.oid[:12]} in the journal"
            findings.append(Finding(Flaw.MOVED, recorded.name, text))
    return tuple(findings)


def unreachable(remote: str, words: str, *, hint: str = "") -> UnreachableError:
    """The error for a git remote that cannot be used, with git's words."""
    said = " ".join(words.split()) or "no message"
    return UnreachableError(
        f"git remote {remote} cannot be reached: {said}",
        hint=hint or f"check `git ls-remote {remote}`; reading commands work without --fetch",
        unchanged=True,
    )
