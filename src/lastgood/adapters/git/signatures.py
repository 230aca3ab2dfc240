"""Signatures of tags: ssh-keygen and gpg check them, git makes them. `core.signing` decides who may sign what.

The programs are those of the user's own configuration, never of a repository's: it could name any other.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lastgood.adapters import process
from lastgood.adapters.children import child_environment
from lastgood.adapters.git.command import Git
from lastgood.core.signing import Signature
from lastgood.errors import RefusedError

_BEGIN = re.compile(rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE)
_ARMOR = re.compile(
    rb"-----BEGIN (PGP|SSH) SIGNATURE-----\r?\n(?:(?!-----)[\x20-\x7e\r\n])*-----END \1 SIGNATURE-----\s*"
)
_TAGGER = re.compile(rb"^tagger [^\n]*> ([0-9]{1,12}) [+-][0-9]{4}$", re.MULTILINE)
_SETTINGS = r"^(gpg\..*|user\.signingkey)$"
_OWN = ("user.signingkey", "gpg.format")
"""Settings of signing that a repository may have: the key, and one of the two formats."""
_BAD = frozenset({"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA", "FAILURE"})
PATIENCE = 60.0
"""Seconds for one check. Signing has no limit: a person may be typing a passphrase."""
UNSIGNED = Signature()
BROKEN = Signature(why="has a bad signature")


@dataclass(frozen=True)
class Programs:
    """The user's programs and settings for signatures, from git's configuration outside of repositories."""

    settings: Mapping[str, str] = field(default_factory=dict)
    repository: Mapping[str, str] = field(default_factory=dict)

    @property
    def ssh(self) -> str:
        """The program that checks ssh signatures."""
        return self.settings.get("gpg.ssh.program", "ssh-keygen")

    @property
    def gpg(self) -> str:
        """The program that checks OpenPGP signatures."""
        return self.settings.get("gpg.openpgp.program") or self.settings.get("gpg.program", "gpg")

    @property
    def allowed_signers(self) -> str:
        """The path of the user's own file of allowed signers; empty without one."""
        named = self.settings.get("gpg.ssh.allowedsignersfile")
        return str(Path(named).expanduser()) if named else ""


def find_programs(git: Git) -> Programs:
    """git's configuration of signatures; for programs and files only settings that do not come from a repository."""
    out = git.attempt("config", "--show-scope", "-z", "--get-regexp", _SETTINGS)[1].decode(errors="surrogateescape")
    words = iter(out.split("\0"))
    own: dict[str, str] = {}
    local: dict[str, str] = {}
    for scope, pair in zip(words, words, strict=False):
        key, _, value = pair.partition("\n")
        if scope not in {"local", "worktree"}:
            own[key] = value
        elif key in _OWN:
            local[key] = value
    return Programs(own, local)


@dataclass(frozen=True)
class Checker:
    """Checks signatures against a file of allowed ssh signers and a gpg keyring, of which `keys` count.

    `signers` and `home` are `None` if there is none; an empty `home` is gpg's own.
    """

    programs: Programs
    signers: Path | None
    home: str | None = None
    keys: Sequence[str] = ()

    @cached_property
    def state(self) -> bytes:
        """Everything besides the tag that a check depends on: the signers, and gpg's facts about the keys."""
        known = self.signers.read_bytes() if self.signers else b""
        listed = _run(*self._gpg("--list-keys", "--with-colons", *self.keys))[1] if self.keys else b""
        lines = [line for line in listed.splitlines() if not line.startswith(b"tru:")]
        return b"\0".join((known, *lines, repr(self.keys).encode()))

    def check(self, raws: Iterable[bytes]) -> list[Signature]:
        """The signers of each of these tag objects; several at once, because each costs a process of 5 ms."""
        with tempfile.TemporaryDirectory(prefix="lastgood-") as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
            numbered = enumerate(raws)
            return list(pool.map(lambda one: self._check(one[1], Path(scratch, str(one[0]))), numbered))

    def _check(self, raw: bytes, scratch: Path) -> Signature:
        begins = [match.start() for match in _BEGIN.finditer(raw)]
        if not begins:
            return UNSIGNED
        payload, signature = raw[: begins[-1]], raw[begins[-1] :]  # the last one is git's (gpg-interface.c)
        armor, tagged = _ARMOR.fullmatch(signature), _TAGGER.search(payload.partition(b"\n\n")[0])
        if armor is None or tagged is None:
            return Signature(why="is signed in a way that is not supported")
        scratch.write_bytes(signature)
        if armor[1] == b"PGP":
            return self._check_gpg(payload, scratch)
        return self._check_ssh(payload, scratch, int(tagged[1]))

    def _check_ssh(self, payload: bytes, scratch: Path, when: int) -> Signature:
        """As git does it (gpg-interface.c): the key must be valid at the date of the tag."""
        if self.signers is None:
            return Signature(why="is signed with ssh, and no file of allowed signers is configured")
        # Without a zone it is local time, which `_run` makes UTC; OpenSSH before 9.1 knows no `Z`.
        at = f"-Overify-time={datetime.fromtimestamp(min(when, 253402300799), UTC):%Y%m%d%H%M%S}"
        program, file = self.programs.ssh, str(self.signers.absolute())
        code, found, _ = _run(program, "-Y", "find-principals", "-f", file, "-s", str(scratch), at)
        names = [name.strip() for name in found.decode(errors="replace").splitlines() if name.strip()]
        if code != 0 or not names:
            return Signature(why="is signed by nobody who is an allowed signer at its date")
        verify = (program, "-Y", "verify", "-n", "git", "-f", file, "-s", str(scratch), at, "-I")
        good = tuple(name for name in dict.fromkeys(names) if _run(*verify, name, stdin=payload)[0] == 0)
        return Signature(good) if good else BROKEN

    def _check_gpg(self, payload: bytes, scratch: Path) -> Signature:
        if not self.keys:
            return Signature(why="is signed with gpg, and no fingerprint is listed as a signer")
        # Which keys count is said by fingerprint, not by the keyring's web of trust.
        verify = self._gpg("--status-fd=1", "--trust-model=always", "--verify", str(scratch), "-")
        code, out, _ = _run(*verify, stdin=payload)
        status = [line.split()[1:] for line in out.decode(errors="replace").splitlines() if line.startswith("[GNUPG:]")]
        words = [line[0] for line in status if line]
        valid = [line for line in status if line[:1] == ["VALIDSIG"]]
        if "NO_PUBKEY" in words:
            return Signature(why="is signed by a gpg key that is not in the keyring")
        if code != 0 or len(valid) != 1 or words.count("GOODSIG") != 1 or _BAD.intersection(words):
            expired = {"EXPKEYSIG": "by an expired key", "REVKEYSIG": "by a revoked key"}
            why = next((f"is signed {text}" for word, text in expired.items() if word in words), BROKEN.why)
            return Signature(why=why)
        return Signature(tuple(dict.fromkeys((valid[0][1], valid[0][-1]))))  # the key's, and its primary key's

    def _gpg(self, *arguments: str) -> tuple[str, ...]:
        home = ("--homedir", self.home) if self.home else ()
        quiet = ("--batch", "--no-tty", "--no-auto-key-retrieve", "--no-auto-key-locate")
        return (self.programs.gpg, *home, *quiet, *arguments)


def _run(*command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error; a program that hangs or does not exist has failed."""
    environment = {**child_environment(os.environ), "TZ": "UTC", "LC_ALL": "C"}
    try:
        done = process.run(command, Path("/"), environment, PATIENCE, stdin=stdin)
    except FileNotFoundError as error:
        raise RefusedError(f"{command[0]} is not installed here, and signatures must be checked") from error
    except OSError:
        return 1, b"", b""
    return 1 if done.code is None else done.code, done.out, done.err


def sign(git: Git, programs: Programs, raw: bytes) -> bytes:
    """A tag object with the user's signature, made by `git tag --sign` in a repository of its own: the ref that it
    writes exists only there, and no setting of the clone names a program.

    Raises `RefusedError` with git's words if it cannot sign.
    """
    header, _, message = raw.partition(b"\n\n")
    commit, _, name, tagger = (line.partition(" ")[2] for line in header.decode().split("\n"))
    who, _, dated = tagger.rpartition("> ")
    person, _, address = who.partition(" <")
    objects, form = git.line(
        "rev-parse", "--path-format=absolute", "--git-path", "objects", "--show-object-format"
    ).split("\n")
    settings = [f"{key}={programs.repository[key]}" for key in _OWN if key in programs.repository]
    options = [word for setting in (*settings, "core.fsync=none") for word in ("-c", setting)]
    with tempfile.TemporaryDirectory(prefix="lastgood-", ignore_cleanup_errors=True) as scratch:
        private = Path(scratch)
        for part in ("refs", "objects"):
            (private / part).mkdir()
        (private / "HEAD").write_text("ref: refs/heads/none\n")
        text = f"[core]\nrepositoryformatversion = 1\nbare = true\n[extensions]\nobjectFormat = {form}\n"
        (private / "config").write_text(text)
        there = Git(
            git.directory,
            environment={
                "GIT_DIR": scratch,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects,
                "GIT_COMMITTER_NAME": person,
                "GIT_COMMITTER_EMAIL": address,
                "GIT_COMMITTER_DATE": f"@{dated}",
            },
        )
        tag = ("tag", "--sign", "--cleanup=verbatim", "--file=-", "--end-of-options", name, commit)
        code, _, words = there.attempt(*options, *tag, stdin=message)
        signed = there.attempt("cat-file", "tag", f"refs/tags/{name}")[1] if code == 0 else b""
    if not signed.startswith(raw) or _BEGIN.search(signed, len(raw)) is None:
        said = " ".join(words.split()) or "git made another tag than it was given"
        raise RefusedError(
            f"{name} cannot be signed: {said}",
            hint="git config user.signingkey names your key, gpg.format = ssh or openpgp its kind (docs/signing.md); "
            "where nothing requires signatures, git config tag.gpgSign false does without",
        )
    return signed
