"""Steps from outside lastgood in the stateful test: what people, other tools and bad disks do to its world.

Commands of lastgood are started here too, since they are processes like the others.
"""

import os
import sys
from collections.abc import Callable
from contextlib import chdir
from hashlib import md5
from pathlib import Path

from dvc.cli import main as dvc_main
from gto.cli import app as gto_app
from pygit2 import Signature
from scmrepo.git.backend.pygit2 import Pygit2Backend

from lastgood.cli.app import main
from tests.builders import ARTIFACT, Project, git
from tests.reliability.checker import objects
from tests.reliability.killing import child, killed, killed_at, skip_sleeps
from tests.reliability.tracing import traced

Work = Callable[[], int | None]


class OutsideSteps:
    """Runs commands and changes files in one world, by that world's clock. The output of a command goes to `said`."""

    def __init__(self, project: Project, now: int) -> None:
        self.project, self.now = project, now
        self.said = project.base / "said.txt"
        self._words = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def lastgood(self, *arguments: str, kill: int | tuple[str, str] | None = None, fault: tuple[str, ...] = ()) -> int:
        """A command of lastgood: its exit code. It may be killed before a change, or run under strace."""
        work = self._heard(lambda: main(["-C", str(self.project.root), *arguments]))
        if fault:
            return traced(work, *fault)
        if isinstance(kill, tuple):
            return killed_at(work, *kill)
        return child(work) if kill is None else killed(work, kill)

    def gto(self, *arguments: str) -> int:
        """A command of gto, in our clone."""

        def work() -> int:
            # its clock: libgit2 asks the system, not Python
            Pygit2Backend.committer = property(lambda _self: Signature("Ada", "ada@example.org", self.now))
            with chdir(self.project.root):
                gto_app([*arguments], standalone_mode=False)
            return 0

        return child(self._heard(work))

    def dvc(self, *arguments: str) -> int:
        """A command of DVC, in our clone."""

        def work() -> int:
            with chdir(self.project.root):
                return int(dvc_main([*arguments]))

        return child(self._heard(work))

    def _heard(self, work: Work) -> Work:
        """`work` with the clock of this world, without real sleeps, and with its output in a file."""

        os.ftruncate(self._words, 0)  # open already: a fault may hit the first opening of the child

        def heard() -> int | None:
            for stream in (1, 2):
                os.dup2(self._words, stream)
            sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
            sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
            skip_sleeps(lambda: self.now)
            return work()

        return heard

    def close(self) -> None:
        """No more commands."""
        os.close(self._words)

    def words(self) -> str:
        """The output of the last command."""
        return self.said.read_text(errors="replace") if self.said.exists() else ""

    def check_out(self, commit: str) -> None:
        """`git checkout` and `dvc checkout`, after `dvc fetch` where the cache lacks something."""
        self.project.git("checkout", "--quiet", "--force", "--detach", commit)
        if self.dvc("checkout", "--force", "--quiet") != 0:
            self.dvc("pull", "--force", "--quiet")

    def fetch_tags(self) -> None:
        """`git fetch --tags`, as people do before they use gto."""
        self.project.git("fetch", "--quiet", "--tags", "origin")

    def tag(self, name: str, commit: str) -> None:
        """An annotated tag by hand, and its push."""
        self.project.tag(name, commit=commit, when=self.now)

    def delete_tag(self, name: str) -> None:
        """Delete a tag on origin and here."""
        self.project.git("push", "--quiet", "--delete", "origin", f"refs/tags/{name}")
        self.project.git("tag", "--delete", name)

    def break_tag(self, name: str, where: str, how: str, commit: str) -> None:
        """Delete or move a tag on origin or in the clone alone."""
        repository = self.project.origin if where == "origin" else self.project.root
        if how == "deleted":
            git(repository, "update-ref", "-d", f"refs/tags/{name}")
        else:
            git(repository, "tag", "--force", "--annotate", "--message=moved", name, commit, when=self.now)

    def litter(self, number: int) -> str:
        """Put an object on the remote that nothing references; its id."""
        content = f"litter {number}\n".encode()
        name = md5(content).hexdigest()
        place = self.project.remote / "files/md5" / name[:2] / name[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return name

    def damage_object(self, store: str, name: str, *, remove: bool) -> None:
        """Flip a bit of a stored object, or remove it. `store` is `cache` or `remote`."""
        root = self.project.root / ".dvc/cache" if store == "cache" else self.project.remote
        damage(objects(root)[name], remove=remove)

    def damage_release(self, name: str, which: int, *, remove: bool) -> None:
        """Damage or remove one file of a release."""
        release = self.project.root / ".git/lastgood/releases" / ARTIFACT / name
        files = sorted(path for path in release.rglob("*") if path.is_file())
        damage(files[which % len(files)], remove=remove)


def damage(path: Path, *, remove: bool) -> None:
    """Flip the first bit of a file, or remove it. Other hard links to the file keep their content."""
    mode = path.parent.stat().st_mode
    path.parent.chmod(0o755)
    content = path.read_bytes()
    path.unlink()
    if not remove:
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:] if content else b"x")
    path.parent.chmod(mode)
