"""Generated input for what reads what others wrote: mutations of the corpus, the same ones each time. A parser answers
or raises its own error, and what people are shown holds no character that could steer a terminal."""

import io
import random
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from packaging.markers import default_environment

from lastgood.adapters.dvc.bounded import EndlessError, require_finite
from lastgood.cli.output import text
from lastgood.core import tags
from lastgood.core.config import Config
from lastgood.core.events import Event, TagObject
from lastgood.core.journal import Entry
from lastgood.core.listing import parse_listing, why_unsafe
from lastgood.core.loading import find_code
from lastgood.core.manifest import Manifest
from lastgood.core.messages import Message, format_message, parse_message
from lastgood.core.pins import Target, UnusableLockError
from lastgood.core.requirements import parse_lock
from lastgood.core.secrets import mask
from lastgood.core.version import SemanticVersion
from lastgood.errors import FindingsError, UsageError
from tests.reliability import corpus, figures

pytestmark = pytest.mark.sweep

GOOD: dict[str, object] = {
    "artifact": "a",
    "version": "v1.0.0",
    "commit": "c" * 40,
    "tree": "t" * 40,
    "project": ".",
    "path": "m",
    "outputs": [],
}
HERE = Target({name: str(value) for name, value in default_environment().items()})
LINE = re.compile(
    r"[a-z0-9-]+(\[[a-z0-9,-]+\])?([=<>!~]=?=?[A-Za-z0-9.+!*,<>=~-]*| @ https://[A-Za-z0-9.:-]+/[^ ${}\\\\]+)?"
    r"( --hash=sha(256|384|512):[0-9a-f]+)*"
)
LOCKS = (
    f"numpy==1.0 --hash=sha256:{'0' * 64}",
    "\ufeff",
    "${HOME}",
    "[extra]",
    "; os_name == 'posix'",
    "===",
    "[[packages]]\nname = 'numpy'\nversion = '1'\n",
    "[[package]]\nname = 'a'\nsource = { virtual = '.' }\ndependencies = [{ name = 'b' }]\n",
    "version = 1\n",
    "-r other.txt",
    "-c ../x",
    "--index-url https://e",
    "-e .",
    "x @ https://e/x.whl",
    "\\\n",
    "#",
)


def pieces() -> list[str]:
    """What is cut and put together."""
    short = [
        one for one in (*corpus.names(), *corpus.texts(), *corpus.settings(), *corpus.PATHS, *LOCKS) if len(one) < 2000
    ]
    files = [content for files in corpus.pipelines() for content in files.values() if len(content) < 2000]
    raw = [one.decode(errors="replace") for one in (*corpus.listings(), *corpus.manifests(GOOD)) if len(one) < 2000]
    return [
        *short,
        *files,
        *raw,
        "flights@v1.0.0",
        "flights#prod#1",
        "v1.2.3-rc.1+b",
        '[{"md5": "' + "0" * 32 + '", "relpath": "a"}]',
    ]


def mutated(parts: list[str], chance: random.Random) -> str:
    """One to four pieces, cut, doubled, swapped, with odd characters in between."""
    found = ""
    for _ in range(chance.randint(1, 4)):
        piece = chance.choice(parts)
        start = chance.randrange(len(piece) + 1) if chance.random() < 0.5 else 0
        piece = piece[start : start + chance.randrange(1, 400)] * chance.choice((1, 1, 1, 2, 9))
        found += piece + chance.choice(
            ("", "", "\n", "\n\n", "/", "@", "#", "\0", "\u202e", "\x1b", "é", chr(chance.randrange(0x250)))
        )
    return found


def _event(given: str) -> None:
    tag = TagObject("flights#prod#1", "0" * 40, "c" * 40, "t" * 40, 10**30 if len(given) % 2 else -5, given[:40], given)
    name = tags.parse(tag.name)
    assert name is not None
    event = Event.read(tag, name, "v1.0.0")
    assert event.at.year >= 1970
    message = parse_message(given)
    ours = {"Artifact": "a", "Actor": "b"}  # which every message of ours has: no reason can pass for more
    written = parse_message(format_message(Message(message.subject, message.reason, None, ours)))
    assert (written.trailers, written.manifest) == (ours, None)


def _shown(given: str) -> None:
    for line in (
        text.one_line(given),
        text.block(given),
        text.bullets([given]),
        text.prose(given),
        text.table([(given, given)]),
    ):
        assert all(character == "\n" or character.isprintable() for character in line)
    assert mask(mask(given)) == mask(given)


def _manifest(given: str) -> None:
    with suppress(ValueError):
        for output in Manifest.parse(given).outputs:
            assert not why_unsafe(str(output.path))


def _listing(given: str) -> None:
    import hashlib

    data = given.encode("utf-8", "surrogatepass")
    with suppress(FindingsError):
        members = parse_listing(data, hashlib.md5(data).hexdigest() + ".dir", subject="m")
        assert not any(why_unsafe(member.path) for member in members)


def _lock(given: str) -> None:
    """What is written for uv is a name with a version or an address, and hashes: whatever the lock says."""
    content = given.encode("utf-8", "surrogatepass")
    files = dict.fromkeys(("requirements.txt", "pylock.toml", "uv.lock"), content)
    for lock in files:
        beside = {"other.txt": b"-r requirements.txt\n", "pyproject.toml": b'[project]\nname = "a"\n'}
        with suppress(UnusableLockError):
            wanted = parse_lock(lock, {**beside, **files}.get, HERE)
            assert all(LINE.fullmatch(line) for line in (*wanted.lines, *wanted.constraints))


def _config(given: str) -> None:
    with suppress(UsageError):
        Config.parse(given)


def _names(given: str) -> None:
    parsed = tags.parse(given)
    if parsed is not None:
        assert given.isascii()
        assert ".." not in tags.file_name(parsed.artifact).split("/")
    SemanticVersion.parse(given)
    assert all(tag.name.startswith(("a@", "a#")) for tag in Entry.parse("c", given, "a").tags)


def _files(given: str) -> None:
    raw = given.encode("utf-8", "surrogatepass")
    for name in ("m.pkl", "m.pt", "m.h5", "m"):
        find_code(PurePosixPath(name), io.BytesIO(raw))
        find_code(PurePosixPath(name), io.BytesIO(b"PK\x03\x04" + raw))
        find_code(PurePosixPath(name), io.BytesIO(b"\x80\x04" + raw))
    with suppress(EndlessError):
        require_finite(given, "params.yaml")


PARSERS: tuple[Callable[[str], None], ...] = (_event, _shown, _manifest, _listing, _lock, _config, _names, _files)


def test_no_generated_input_stops_a_parser_or_steers_a_terminal() -> None:
    begun, wrong = figures.begin(), []
    chance, parts = random.Random(20), pieces()  # noqa: S311  # repeatable
    cases = 50_000 if figures.SOAK else 600
    for _ in range(cases):
        given = mutated(parts, chance)
        for parser in PARSERS:
            try:
                parser(given)
            except Exception as error:  # noqa: BLE001  # what the sweep looks for
                wrong.append(f"{parser.__name__}: {type(error).__name__}: {error!s:.200}: {given[:200]!r}")
    figures.record("generated", begun, cases=cases, parsers=len(PARSERS), wrong=len(wrong))
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:20])
