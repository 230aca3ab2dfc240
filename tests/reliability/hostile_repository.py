"""A repository written by an attacker with push rights: objects and refs that skip all checks of git."""

import io
import json
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from pathlib import Path

from lastgood.cli.app import main
from lastgood.core.registry import History
from lastgood.errors import LastgoodError
from lastgood.project import Project as Opened
from lastgood.registry.view import read
from lastgood.releases import proving
from lastgood.versions.manifests import read_manifest
from tests.builders import Project
from tests.reliability.corpus import SECRET

DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14})
_REFUSED = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^/|/$|//|\.$|(^|/)\.|\.lock(/|$)")
Entry = tuple[str, bytes, str]
"""Mode, name and id of a tree's entry."""


@dataclass
class HostileRepository:
    """Writes into a clone and its origin; `canary` is where a command that was run would leave a trace."""

    project: Project
    canary: Path
    refs: dict[bytes, str] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project) -> "HostileRepository":
        """A hostile copy of a project; origin shares the clone's objects."""
        canary = project.base / "canary"
        canary.mkdir()
        alternates = project.origin / "objects/info/alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{project.root}/.git/objects\n")
        return cls(project, canary)

    def armed(self, text: str) -> str:
        """A text whose commands would touch the canary."""
        return text.replace("@CANARY@", f"{self.canary}/run").replace("touch x", f"touch {self.canary}/run")

    def put(self, kind: str, content: bytes) -> str:
        """A loose object, whatever git would say of it."""
        raw = f"{kind} {len(content)}\0".encode() + content
        oid = sha1(raw).hexdigest()
        path = self.project.root / ".git/objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(zlib.compress(raw, 1))
        return oid

    def tree(self, entries: Iterable[Entry]) -> str:
        """A tree, in git's order."""
        ordered = sorted(entries, key=lambda entry: entry[1] + (b"/" if entry[0] == "40000" else b""))
        return self.put(
            "tree", b"".join(b"%s %s\0%s" % (m.encode(), name, bytes.fromhex(oid)) for m, name, oid in ordered)
        )

    def entries(self, commit: str) -> list[Entry]:
        """What lies at the top of a commit."""
        lines = self.project.git("ls-tree", "-z", commit).split("\0")[:-1]
        parts = [(line.partition("\t")[0].split(), line.partition("\t")[2]) for line in lines]
        return [(mode.lstrip("0"), name.encode(), oid) for (mode, _, oid), name in parts]

    def commit(self, tree: str, parents: Iterable[str] = (), message: bytes = b"x\n") -> str:
        """A commit."""
        lines = [f"tree {tree}", *(f"parent {one}" for one in parents)]
        lines += ["author A <a@b> 1700000000 +0000", "committer A <a@b> 1700000000 +0000"]
        return self.put("commit", "\n".join([*lines, "", ""]).encode() + message)

    def commit_files(self, base: list[Entry], files: Mapping[str, str]) -> str:
        """A commit of `base` with these files of its top changed."""
        kept = [entry for entry in base if entry[1].decode() not in files]
        new = [("100644", name.encode(), self.put("blob", _bytes(self.armed(text)))) for name, text in files.items()]
        return self.commit(self.tree(kept + new))

    def tag(self, name: str, target: str, message: str = "x", *, kind: str = "commit", **header: str) -> str | None:
        """An annotated tag and its ref; `None` where git could not have such a ref."""
        head = f"object {target}\ntype {kind}\ntag {header.get('tag', name)}\n"
        tagger = header.get("tagger", "A <a@b>")
        head += f"tagger {tagger} {header.get('date', '1700000000 +0000')}\n" if tagger != "none" else ""
        oid = self.put("tag", _bytes(f"{head}\n{self.armed(message)}\n"))
        return oid if self.ref(f"refs/tags/{name}", oid) else None

    def ref(self, name: str, oid: str) -> bool:
        """A ref here and on origin from the next `land` on, if git takes such a name."""
        short = name.removeprefix("refs/tags/")
        if (
            _REFUSED.search(name)
            or not short
            or short == "@"
            or any(len(_bytes(one)) > 250 for one in short.split("/"))
        ):
            return False
        self.refs[_bytes(name)] = oid
        return True

    def land(self) -> None:
        """Write the refs."""
        for directory in (self.project.root / ".git", self.project.origin):
            packed = directory / "packed-refs"
            lines = packed.read_bytes().split(b"\n") if packed.exists() else []
            lines = [line for line in lines if line and line[:1] not in b"#^" and line[41:] not in self.refs]
            lines += [oid.encode() + b" " + name for name, oid in self.refs.items()]
            packed.write_bytes(
                b"# pack-refs with: sorted \n"
                + b"".join(one + b"\n" for one in sorted(lines, key=lambda one: one[41:]))
            )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Run:
    """One run of the program, in this process."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str


def run(at: Path, *arguments: str) -> Run:
    """Run `lastgood -C AT …`."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(at), *arguments])
    return Run(arguments, code, out.getvalue(), err.getvalue())


def wrong_with(done: Run) -> list[str]:
    """What no run may ever do: an exit code that is not documented, a traceback, a raw control or bidirectional
    character, a secret."""
    said = done.out + done.err
    found = [] if done.code in DOCUMENTED else [f"exit code {done.code}"]
    found += ["a traceback"] if "Traceback" in said else []
    raw = {character for character in said if character != "\n" and not character.isprintable()}
    found += [f"raw {sorted(map(ascii, raw))}"] if raw else []
    found += ["a secret"] if SECRET in said else []
    return [f"{' '.join(done.arguments)}: {one}: {said[-500:]}" for one in found]


def outside(base: Path) -> dict[str, str]:
    """Everything below `base` but for what lastgood, git and DVC may write: their own directories."""
    mine = {f"{base}/{one}" for one in ("origin.git", "work/.git", "work/.dvc/cache", "work/.dvc/tmp", "dvc-remote")}
    found = {}
    for directory, names, files in os.walk(base):
        names[:] = [name for name in names if f"{directory}/{name}" not in mine]
        for name in files:
            path = Path(directory, name)
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[str(path)] = sha256(content).hexdigest()
    for objects in (base / "work/.dvc/cache", base / "dvc-remote"):
        found |= {str(path): "" for path in objects.rglob("*") if path.is_file() and not _is_object(path)}
    return found


def _is_object(path: Path) -> bool:
    return re.fullmatch(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?", str(path)) is not None


READING = [
    line.split()
    for line in """\
list
list --json
history flights
history flights --json
show flights@v1.0.0
show flights#prod --json
status
status --json --fetch
where flights --stage prod
diff flights@v1.0.0 flights@v2.0.0
verify flights
rollback flights --reason x --dry-run""".splitlines()
]


def survive(enemy: HostileRepository, more: Sequence[Sequence[str]] = ()) -> list[str]:
    """Everything wrong with the reading commands, with `more`, with a rollback and what it leaves."""
    at = enemy.project.root
    before = outside(enemy.project.base)
    wrong = [one for arguments in (*READING, *more) for one in wrong_with(run(at, *arguments))]
    listed = json.loads(run(at, "list", "flights", "--json").out)
    versions = {one["version"]: one["mark"] for one in listed["artifacts"][0]["versions"]}
    wrong += [] if versions == {"v1.0.0": "stable", "v2.0.0": "candidate"} else [f"listed {versions}"]
    done = run(at, "rollback", "flights", "--from", "v2.0.0", "--reason", "bad", "--json")
    wrong += wrong_with(done)
    model = at / ".git/lastgood/live/flights/prod/models/model.txt"
    wrong += [] if done.code == 0 and model.read_text() == "first" else [f"rollback: {done.code} {done.out}{done.err}"]
    return wrong + escapes(enemy, before)


def escapes(enemy: HostileRepository, before: dict[str, str]) -> list[str]:
    """What was run or written that must not be."""
    after = outside(enemy.project.base)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return [f"ran {one}" for one in enemy.canary.iterdir()] + [f"wrote {path}" for path in changed]


def versions_of(enemy: HostileRepository, artifact: str) -> tuple[Opened, History]:
    """The project, opened, and an artifact that the enemy made."""
    opened = Opened.open(enemy.project.root)
    return opened, read(opened, fetch=True).registry.artifacts[artifact]


def examine(opened: Opened, history: History) -> list[str]:
    """Read the manifest of every version and find its objects. What is accepted names nothing outside of the version,
    and no secret; what is not raises one of our errors."""
    wrong = []
    for version in history.versions:
        try:
            manifest = read_manifest(opened, history, version)
            store = opened.store(manifest.project)
            parts = proving.gather(manifest.outputs, store.cache().place_of, store.members)
            store.missing_in_cache(manifest.outputs)
        except LastgoodError as error:
            wrong += [f"{version.text}: a secret in {error.message}"] if SECRET in error.message else []
            continue
        except Exception as error:  # noqa: BLE001  # what the sweep looks for
            wrong.append(f"{version.text}: {type(error).__name__}: {str(error)[:300]}")
            continue
        strange = [part.path for part in parts if ".." in part.path.split("/") or part.path.startswith("/")]
        wrong += [f"{version.text}: {strange}"] if strange else []
        wrong += [f"{version.text}: a secret in its manifest"] if SECRET in str(manifest) else []
        wrong += [f"{version.text}: it holds {word}" for word in ("root:x:", "stolen") if word in str(manifest)]
    return wrong
