"""The remotes that are directories on this machine, where lastgood can help git as in the clone."""

from pathlib import Path

from lastgood.adapters.git.runner import Runner

_HERE = ("file://", "/", ".")
"""The beginnings of an address of a repository on this machine."""


def pushed_to(git: Runner, remote: str) -> list[Path]:
    """The directories on this machine that a push to `remote` goes to; empty if any of it goes elsewhere.

    This is git's own answer: a remote may have other addresses for pushing, and the configuration may rewrite them.
    """
    code, out, _ = git.attempt("remote", "get-url", "--push", "--all", remote)
    urls = out.decode(errors="replace").splitlines() if code == 0 else [remote]
    here = [git.directory / url.removeprefix("file://") for url in urls if url.startswith(_HERE)]
    return here if len(here) == len(urls) else []
