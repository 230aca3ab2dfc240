"""Steps that the story takes more than once, and what its chapters share."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import evidence
from console import Console, StoryError
from evidence import State
from proofs import Proofs
from scratch import Scratch, git

METRICS = "models/metrics.json:"


@dataclass
class Story:
    """What the chapters share: the places, the console, and what was noted on the way."""

    repository: Path
    scratch: Scratch
    console: Console
    proofs: Proofs = field(default_factory=Proofs)
    noted: dict[str, State] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def outcome(self) -> Path:
        """What became of July's flights that arrived; `july.csv` beside it is what is known before they depart."""
        return self.scratch.directory / "july-outcome.csv"

    def predictions(self, name: str) -> Path:
        """What a release said of July's flights, under the name it was noted."""
        return self.scratch.directory / f"july-{name}.csv"


def edit(story: Story, path: str, pattern: str, replacement: str) -> None:
    """Change one place in a file of the clone, and show the change. Raises `StoryError` if it is not just one."""
    file = story.scratch.engineer / path
    text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"))
    if count != 1:
        raise StoryError(f"{path} was to be changed in one place, but {pattern!r} is in {count}")
    file.write_text(text, encoding="utf-8")


def release(story: Story, version: str, message: str) -> None:
    """Reproduce, commit, register, assign to prod."""
    console = story.console
    console.run("dvc", "repro", only="Running")
    console.run("git", "commit", "--quiet", "--all", "--message", message)
    console.run("lastgood", "register", "flights", "--version", version, "--push-branch", limit=20)
    console.run("lastgood", "assign", f"flights@{version}", "--stage", "prod", "--reason", message)


def follow(story: Story) -> None:
    """Both machines bring prod to what is assigned; the server begins with nothing but the address."""
    console, scratch = story.console, story.scratch
    sync = ("lastgood", "sync", "flights", "--stage", "prod")
    first = () if scratch.server.exists() else ("--repo", "origin.git")
    console.run(*sync)
    console.enter(scratch.directory)
    console.run(*sync, "--root", "server", *first)
    console.enter(scratch.engineer)


def live(story: Story, *where: str) -> Path:
    """The release that is live in prod, as `lastgood where` has it."""
    return Path(story.console.ask("lastgood", "where", "flights", "--stage", "prod", *where))


def note(story: Story, name: str, *where: str) -> State:
    """What the live release is, and what it says of July's flights with its own code; shown."""
    console = story.console
    release = live(story, *where)
    script, flights, output = (
        os.path.relpath(path, console.directory)
        for path in (release / "scripts" / "predict.py", story.scratch.directory / "july.csv", story.predictions(name))
    )
    console.run("python", script, flights, "--output", output)
    state = evidence.look(release, story.predictions(name))
    console.table([("commit", state.commit)])
    console.table([("md5", path, digest) for path, digest in state.outputs if path.startswith(("data/", "models/f"))])
    story.noted[name] = state
    return state


def prove_same(story: Story, where: str, now: State, noted: State) -> None:
    """Prove that a release is what was noted of another."""
    show = story.proofs.show
    flights = noted.predictions.count(b"\n") - 1
    show(f"{where}: the commit", now.commit == noted.commit)
    show(f"{where}: the MD5 of data and model", now.outputs == noted.outputs and len(now.outputs) > 0)
    same = now.predictions == noted.predictions and flights > 0
    show(f"{where}: the predictions of {flights} flights, to the last bit", same)


def offline(story: Story) -> dict[str, Mapping[str, float]]:
    """The metrics of each version, as registered."""
    document = json.loads(story.console.ask("lastgood", "list", "flights", "--json"))
    return {
        one["version"]: {key.removeprefix(METRICS): value for key, value in (one["metrics"] or {}).items()}
        for one in document["artifacts"][0]["versions"]
    }


def refs(story: Story) -> tuple[str, str]:
    """All that is recorded in git, here and on origin."""
    places = (story.scratch.engineer, story.scratch.origin)
    here, there = (git(place, "for-each-ref", "refs/tags", "refs/heads", "refs/lastgood") for place in places)
    return here, there
