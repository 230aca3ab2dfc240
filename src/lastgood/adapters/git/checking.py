"""Whether git's own object store is intact: git reads and hashes every object, which it does at no other time."""

from lastgood.adapters.git.command import Git
from lastgood.errors import Finding, Flaw

MOST = 20
_FORM = ("error in ", "warning in ", "notice", "Checking ", "dangling ")
"""Messages of fsck about the form of old or odd objects, which are intact."""


def check_store(git: Git) -> tuple[Finding, ...]:
    """Damaged or missing objects of a clone, as `git fsck` names them. Not for the mirror, which lacks some on
    purpose."""
    if git.git_dir is not None:
        return ()
    code, out, words = git.attempt("fsck", "--full", "--no-dangling", "--no-progress")
    if code == 0:
        return ()
    lines = (out.decode(errors="replace") + words).splitlines()
    damaged = [line for line in dict.fromkeys(lines) if line.strip() and not line.startswith(_FORM)]
    return tuple(
        Finding(Flaw.GIT, line.split()[-1], f"git's object store is damaged: {line}") for line in damaged[:MOST]
    )
