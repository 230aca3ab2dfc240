"""The actor of an event: git's identity, or the person that a CI runner names."""

import os
from dataclasses import dataclass

from lastgood.adapters.git.command import Git
from lastgood.errors import LastgoodError


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and an address as git writes them."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class Start:
    """The trigger of this process: `manual`, or `ci` with the run's address."""

    trigger: str = "manual"
    run: str | None = None


def find_identity(git: Git) -> Identity:
    """The committer by git's rules without its guesses from the host name, else the CI runner's user.

    Raises `LastgoodError` before anything is written: an event without an actor is worth nothing.
    """
    environ = os.environ
    said = git.settings
    name = environ.get("GIT_COMMITTER_NAME") or said.get("committer.name") or said.get("user.name", "")
    email = environ.get("GIT_COMMITTER_EMAIL") or said.get("committer.email") or said.get("user.email")
    email = email or environ.get("EMAIL", "")
    if not (name and email) and (actor := environ.get("GITHUB_ACTOR")):
        number = environ.get("GITHUB_ACTOR_ID", "0")
        name, email = actor, f"{number}+{actor}@users.noreply.github.com"
    if not (name and email) and environ.get("GITLAB_USER_EMAIL"):
        name, email = environ.get("GITLAB_USER_NAME") or environ["GITLAB_USER_EMAIL"], environ["GITLAB_USER_EMAIL"]
    name, email = _clean(name), _clean(email)
    if not (name and email):
        raise LastgoodError(
            "git does not know who you are, and an event needs an actor",
            hint='git config user.name "Your Name" && git config user.email you@example.com',
            unchanged=True,
        )
    return Identity(name, email)


def find_start() -> Start:
    """The trigger of this process, from a CI run's environment."""
    environ = os.environ
    if environ.get("GITHUB_RUN_ID"):
        server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
        return Start("ci", f"{server}/{repository}/actions/runs/{environ['GITHUB_RUN_ID']}")
    if environ.get("CI_JOB_URL"):
        return Start("ci", environ["CI_JOB_URL"])
    return Start("ci" if environ.get("CI") else "manual")


def _clean(text: str) -> str:
    """The text without characters that would break a tagger line (git's own rule, ident.c)."""
    return " ".join("".join(" " if character in "<>\n\0" else character for character in text).split())
