"""Makes registries of any size as lastgood itself writes them: versions, marks, assignments and their journal.

`python -m benchmarks.registry DIR VERSIONS [--no-journal]` writes one into the git repository at DIR.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from hashlib import sha1, sha256
from pathlib import Path, PurePosixPath

from lastgood.core.journal import GENESIS, Recorded, format_entry
from lastgood.core.manifest import Environment, Manifest, Output
from lastgood.core.messages import Message, format_message
from lastgood.core.tags import file_name, stage_tag, version_tag

ARTIFACT = "flights"
ACTOR = "Ada Lovelace <ada@example.org>"
BEGIN = 1_600_000_000
"""Seconds since 1970 of the first commit and the first event; each later one is a minute later."""
STAGES = ("staging", "stable", "prod")
"""What is said of each version after it was registered, in this order: three events, with the registration four."""
_CODE = {
    ".dvc/config": "[core]\n    analytics = false\n",
    "dvc.yaml": "artifacts:\n  flights:\n    path: models/model.txt\n",
    "requirements.txt": "# nothing\n",
}
Event = tuple[str, bytes, Manifest | None]
"""A tag's name, its bytes, and the whole manifest of a registration."""


def write_registry(repository: Path, versions: int, *, journal: bool = True, branch: str = "main") -> None:
    """Add so many versions to a repository, bare or not, each on a new commit of `branch`; no working tree changes.

    With `journal` every event is journaled and its tag carries lastgood's trailers; without, tags are as people and GTO
    make them. The refs are packed, as after a clone.
    """
    commits = _import(repository, _code(versions, branch))[-versions:]
    tree = _git(repository, "rev-parse", f"{commits[0]}^{{tree}}")
    events = [event for number, commit in enumerate(commits) for event in _events(number, commit, tree, own=journal)]
    stream = b"".join(_tag(name, raw) for name, raw, _ in events)
    _import(repository, stream + (b"".join(_journal(events)) if journal else b""))
    _git(repository, "pack-refs", "--all")


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.check_output(["git", "-C", str(repository), *arguments], text=True).strip()


def _import(repository: Path, stream: bytes) -> list[str]:
    """Give a stream to `git fast-import`; the objects that it marked, in order."""
    with tempfile.TemporaryDirectory() as directory:
        marks = Path(directory) / "marks"
        command = ["git", "-C", str(repository), "fast-import", "--quiet", "--force", f"--export-marks={marks}"]
        subprocess.run(command, input=stream, check=True)
        pairs = [line.split() for line in marks.read_text().splitlines()]
        return [oid for _, oid in sorted((int(mark[1:]), oid) for mark, oid in pairs)]


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _commit(ref: str, number: int, message: str, *, mark: int | None = None) -> bytes:
    marked = f"mark :{mark}\n" if mark else ""
    who = f"{ACTOR} {BEGIN + 60 * number} +0000"
    return f"commit {ref}\n{marked}author {who}\ncommitter {who}\n".encode() + _data(message.encode())


def _code(versions: int, branch: str) -> bytes:
    files = b"".join(f"M 100644 inline {path}\n".encode() + _data(text.encode()) for path, text in _CODE.items())
    ref = f"refs/heads/{branch}"
    commits = (_commit(ref, number, f"Train model {number}\n", mark=number + 1) for number in range(versions))
    return next(commits) + files + b"".join(commits) if versions else b""


def _events(number: int, commit: str, tree: str, *, own: bool) -> Iterator[Event]:
    version = f"v{number // 100}.{number % 100}.0"
    when = BEGIN + 60 * (len(STAGES) + 1) * number
    manifest = _manifest(version, commit, tree)
    message = Message(
        f"Register {ARTIFACT} {version}",
        "trained on the newest flights",
        manifest.short(),
        {**_trailers(version), "Manifest": manifest.digest},
    )
    yield _event(version_tag(ARTIFACT, version), commit, when, message, manifest, own=own)
    for place, stage in enumerate(STAGES, 1):
        counter = number * len(STAGES) + place
        said = Message(f"Say {stage} of {version}", "as planned", None, {**_trailers(version), "Stage": stage})
        yield _event(stage_tag(ARTIFACT, stage, counter), commit, when + 60 * place, said, None, own=own)


def _event(name: str, commit: str, when: int, said: Message, manifest: Manifest | None, *, own: bool) -> Event:
    message = format_message(said) if own else f"{said.subject}\n"
    raw = f"object {commit}\ntype commit\ntag {name}\ntagger {ACTOR} {when} +0000\n\n{message}"
    return name, raw.encode(), manifest


def _trailers(version: str) -> dict[str, str]:
    return {"Artifact": ARTIFACT, "Version": version, "Actor": ACTOR, "Trigger": "manual"}


def _manifest(version: str, commit: str, tree: str) -> Manifest:
    def output(path: str, suffix: str = "") -> Output:
        digest = sha256(f"{path} {version}".encode()).hexdigest()
        return Output(PurePosixPath(path), digest[:32] + suffix, 1_000_000, 12, digest)

    outputs = (output("data/raw", ".dir"), output("data/prepared", ".dir"), output("models/model.txt"))
    return Manifest(
        artifact=ARTIFACT,
        version=version,
        commit=commit,
        tree=tree,
        project=".",
        path="models/model.txt",
        outputs=outputs,
        data=("data/raw", "data/prepared"),
        metrics={"models/metrics.json:score": 0.9, "models/metrics.json:rows": 250_000},
        parameters={"params.yaml:model": "gradient boosting", "params.yaml:score": 0.9},
        environment=Environment("3.11", "requirements.txt", f"sha256:{sha256(b'# nothing').hexdigest()}"),
    )


def _tag(name: str, raw: bytes) -> bytes:
    header, _, message = raw.partition(b"\n\n")
    target, _, _, tagger = header.decode().split("\n")
    return f"tag {name}\nfrom {target.removeprefix('object ')}\n{tagger}\n".encode() + _data(message)


def _journal(events: list[Event]) -> Iterator[bytes]:
    """The journal's commits, one for each event, after the first one that every journal begins with."""
    ref = f"refs/lastgood/{file_name(ARTIFACT)}"
    nobody = "lastgood <lastgood@localhost> 0 +0000"
    yield f"commit {ref}\nauthor {nobody}\ncommitter {nobody}\n".encode() + _data(GENESIS.encode())
    for number, (name, raw, manifest) in enumerate(events):
        oid = sha1(b"tag %d\0%s" % (len(raw), raw), usedforsecurity=False).hexdigest()
        said = raw.partition(b"\n\n")[2].partition(b"\n")[0].decode()
        entry = format_entry(said, [Recorded(oid, name)]) + f"Writer: {oid[:16]}\n"
        yield _commit(ref, number, entry)
        if manifest is not None:
            yield f"merge {manifest.commit}\n".encode()
        yield b"deleteall\nM 100644 inline tag-1\n" + _data(raw)
        if manifest is not None:
            yield b"M 100644 inline manifest.json\n" + _data(str(manifest).encode() + b"\n")


def main() -> None:
    """Write a registry where the command line says."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("repository", type=Path)
    parser.add_argument("versions", type=int)
    parser.add_argument("--no-journal", dest="journal", action="store_false")
    given = parser.parse_args()
    write_registry(given.repository, given.versions, journal=given.journal)


if __name__ == "__main__":
    main()
