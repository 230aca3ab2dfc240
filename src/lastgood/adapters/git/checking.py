"""Whether git's own store is whole: every object is read and hashed by git, which it does at no other time."""

from lastgood.adapters.git.command import Git
from lastgood.errors import Finding, Flaw

MOST = 20
_FORM = ("error in ", "warning in ", "notice", "Checking ", "dangling ")
"""What fsck says of the form of old or odd objects, which are whole all the same."""


def check_store(git: Git) -> tuple[Finding, ...]:
    """Damaged or missing objects of a clone, as `git fsck` names them. Not of our mirror, which lacks some."""
    if git.git_dir is not None:
        return ()
    code, out, words = git.attempt("fsck", "--full", "--no-dangling", "--no-progress")
    if code == 0:
        return ()
    lines = (out.decode(errors="replace") + words).splitlines()
    told = [line for line in dict.fromkeys(lines) if line.strip() and not line.startswith(_FORM)]
    return tuple(Finding(Flaw.GIT, line.split()[-1], f"git's object store is damaged: {line}") for line in told[:MOST])
