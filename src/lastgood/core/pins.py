"""The lines of the requirements file that lastgood writes. Each field of a lock is checked here, and a line has nothing
else.

A stranger writes what a lock names. uv reads options, directories, addresses and `${VARIABLES}` in a requirements file,
so no text of a version is copied there: only names, versions, addresses and hashes, one by one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from lastgood.core.secrets import mask

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9._~/%+!,=&?@:-]+")
"""An address without user and password, quotes, backslashes, spaces and everything that uv expands."""
_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""Hexadecimal digits of the hash algorithms that pip accepts."""
_LONGEST = 100_000
"""Characters of a marker; uv writes some of 20,000 where extras are in conflict."""
_MEMBER = re.compile(
    r"""extra\s*(?P<op>==|!=)\s*(['"])(?P<conflict>(?:extra|group|project)-\d+-[\w.-]+)\2"""
    r"""|(['"])(?P<name>[\w.-]+)\4\s+(?P<not>not\s+)?in\s+(?:extras|dependency_groups)\b"""
)
_TRUE, _FALSE = "python_version >= '0'", "python_version < '0'"


class UnusableLockError(ValueError):
    """A lock that names something other than packages: a directory, an address, a file that does not exist."""


@dataclass(frozen=True, slots=True)
class Target:
    """The interpreter that packages are for: the variables of its markers (PEP 508), and the `chosen` extras and groups
    that uv.lock (`extra == 'group-7-project-dev'`) and pylock.toml (`'dev' in dependency_groups`) test."""

    variables: Mapping[str, str]
    chosen: frozenset[str] = frozenset()

    def choose(self, names: Iterable[str]) -> "Target":
        """The same interpreter, with other extras and groups."""
        return replace(self, chosen=frozenset(names))

    def accepts(self, marker: object) -> bool:
        """Whether a marker is true for this interpreter; `None` is always true. Raises `UnusableLockError` for an
        invalid marker."""
        if marker is None:
            return True
        from packaging.requirements import Requirement

        if not isinstance(marker, str) or len(marker) > _LONGEST:
            raise UnusableLockError(f"{_shown(marker)} is not a valid marker")
        with _refusing(marker, "marker"):
            text = _MEMBER.sub(self._decide, _text(marker))
            found = Requirement(f"x ; {text}").marker  # `Marker` of packaging 23 stops where it understands no more
            return found is None or found.evaluate(dict(self.variables))

    def _decide(self, found: re.Match[str]) -> str:
        """Tests of membership, rewritten as a condition that every version of packaging knows."""
        name, negated = found["conflict"] or found["name"], found["op"] == "!=" or found["not"]
        return _FALSE if (name in self.chosen) is bool(negated) else _TRUE


def format_pin(name: object, version: object, hashes: Iterable[str]) -> str:
    """The line of a package in one version. Raises `UnusableLockError`."""
    from packaging.version import Version

    with _refusing(version, f"version of {_shown(name)}"):
        pinned = str(Version(_text(version)))
    return _line(f"{check_name(name)}=={pinned}", hashes)


def format_requirement(text: str, hashes: Iterable[str], target: Target) -> str | None:
    """The line of one requirement in pip's format, `None` if its marker is false. Raises `UnusableLockError`."""
    from packaging.requirements import Requirement

    hashes = tuple(hashes)
    if text.startswith("https://"):
        return format_wheel(None, text, hashes)
    with _refusing(text, "requirement"):
        found = Requirement(_text(text))
        if found.marker and not found.marker.evaluate(dict(target.variables)):
            return None
    extras = ",".join(sorted(check_name(extra) for extra in found.extras))
    name = check_name(found.name) + (f"[{extras}]" if extras else "")
    if found.url:
        return format_wheel(name, found.url, hashes)
    for one in found.specifier:
        if one.operator == "===":  # takes any text for a version
            format_pin(found.name, one.version, ())
    return _line(name + str(found.specifier), hashes)


def format_wheel(name: str | None, address: object, hashes: Iterable[str]) -> str:
    """The line of a wheel at an address of its own, which must have a hash. Raises `UnusableLockError`."""
    from packaging.utils import parse_wheel_filename

    where, _, fragment = _text(address).partition("#")
    stated = tuple(check_hash(part.replace("=", ":", 1)) for part in fragment.split("&") if part)
    hashes = tuple(hashes)
    if not _ADDRESS.fullmatch(where):
        raise UnusableLockError(f"{_shown(address)} is not an https address of a wheel without user and variables")
    with _refusing(address, "address of a wheel"):
        wheel = parse_wheel_filename(unquote(urlsplit(where).path).rpartition("/")[2])[0]
    if not stated and not hashes:
        raise UnusableLockError(f"{_shown(address)} has no hash: #sha256=")
    if name is not None and check_name(name.partition("[")[0]) != wheel:
        raise UnusableLockError(f"{_shown(address)} is not a wheel of {name}")
    pinned = "" if hashes else "#" + stated[0].replace(":", "=")
    return _line(f"{name or check_name(wheel)} @ {where}{pinned}", hashes)


def check_name(name: object) -> str:
    """The canonical name of a package, an extra or a group. Raises `UnusableLockError`."""
    text = _text(name)
    if not _NAME.fullmatch(text):
        raise UnusableLockError(f"{_shown(name)} is not a valid name of a package")
    return re.sub(r"[-_.]+", "-", text).lower()


def check_hash(text: object) -> str:
    """A hash as `sha256:…`. Raises `UnusableLockError`, also for algorithms that pip does not accept."""
    kind, _, digest = _text(text).partition(":")
    if not re.fullmatch(r"[0-9a-fA-F]+", digest) or _LENGTHS.get(kind) != len(digest):
        raise UnusableLockError(f"{_shown(text)} is not a valid hash: sha256, sha384 and sha512 count")
    return f"{kind}:{digest.lower()}"


@contextmanager
def _refusing(given: object, kind: str) -> Iterator[None]:
    """Turn the errors of packaging into `UnusableLockError`. They are `ValueError`s, except for unknown marker names
    (`KeyError` in some versions) and brackets without end."""
    try:
        yield
    except UnusableLockError:
        raise
    except (ValueError, KeyError, RecursionError) as error:
        raise UnusableLockError(f"{_shown(given)} is not a valid {kind}") from error


def _line(wanted: str, hashes: Iterable[str]) -> str:
    return " ".join([_text(wanted), *(f"--hash={check_hash(one)}" for one in dict.fromkeys(hashes))])


def _text(given: object) -> str:
    """Printable ASCII and no character that ends a line, continues it or starts a variable."""
    if not isinstance(given, str) or not (given.isascii() and given.isprintable()) or set("\\${}") & set(given):
        raise UnusableLockError(f"{_shown(given)} has characters that no requirement has")
    return given


def _shown(given: object) -> str:
    text = mask(given) if isinstance(given, str) else repr(given)
    return ascii(text if len(text) <= 200 else text[:200] + "…")
