"""Text for people: what came from git or DVC made harmless, aligned tables, times and sizes; it knows no command."""

import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from lastgood.core.secrets import mask

NARROWEST = 24
"""Columns that the last column of a table needs to be wrapped beside the others; with fewer it stands below them."""


def clean(text: object, *, keep: str = "") -> str:
    """`text` with control, bidirectional and invisible characters shown as escapes: a tag's message is not ours.

    Everything that comes from git or DVC passes here, or it could move the cursor, hide lines or swap them.
    """
    words = str(text)
    if (words.replace(keep, "") if keep else words).isprintable():
        return words  # nearly always, and a hundred times faster than to look at each character
    return "".join(_shown(character, keep) for character in words)


def _shown(character: str, keep: str) -> str:
    if character in keep or character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def one_line(text: object) -> str:
    """`text` cleaned and on one line: runs of white space become one space."""
    words = str(text)
    if words.isprintable() and "  " not in words and words.strip() == words:
        return words  # nearly always: there may be 200,000 cells
    return clean(" ".join(words.split()))


def without_secrets(text: str) -> str:
    """`text` without the user and password parts of addresses, and without tokens in their queries."""
    return mask(text)


def when(moment: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return f"{moment.astimezone(UTC).isoformat(' ', 'minutes')[:16]}Z" if moment else "-"


def stamp(moment: datetime) -> str:
    """A time in UTC, to the second, as a log has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def size(number: int | None) -> str:
    """A number of bytes, as people read it."""
    if number is None:
        return "-"
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def count(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def person(actor: str) -> str:
    """An actor without the address, short enough for a table."""
    name = one_line(actor.partition(" <")[0])
    return name if len(name) <= 20 else f"{name[:19]}…"


def source(*, adopted: bool, external: bool) -> str:
    """What to write behind the actor of a tag that is not from lastgood's own transaction; empty for the others."""
    return " (adopted)" if adopted else " (external)" if external else ""


def value(given: object) -> str:
    """A metric or parameter as text: strings as they are, numbers as Python writes them."""
    return one_line("-" if given is None else given)


def table(rows: Iterable[Sequence[object]], header: Sequence[str] = (), *, indent: int = 0) -> str:
    """Aligned columns; the last one is wrapped at the terminal's width, so that nothing is cut off, or stands below."""
    cells = [[one_line(cell) for cell in row] for row in ([header] if header else []) + list(rows)]
    if not cells:
        return ""
    widths = [max(map(_width, column)) for column in list(zip(*cells, strict=True))[:-1]]
    across = columns()  # asked once: there may be 10,000 rows
    return "\n".join(_row(row, widths, " " * indent, across) for row in cells)


def fields(pairs: Iterable[tuple[str, object]], *, indent: int = 0) -> str:
    """Names with values, one a line; pairs without a value are left out."""
    return table([pair for pair in pairs if pair[1] not in {None, ""}], indent=indent)


def block(text: str, *, indent: int = 2) -> str:
    """Somebody's words of several lines, each cleaned and indented."""
    return "\n".join(" " * indent + clean(line) for line in text.strip().splitlines())


def prose(words: object, *, indent: int = 0) -> str:
    """A sentence, wrapped at the terminal's width; paths and commands in it are never broken."""
    return _wrapped(one_line(words), columns(), indent)


def _wrapped(line: str, across: int, indent: int) -> str:
    blank = " " * indent
    if line.isascii() and indent + len(line) <= across:
        return blank + line  # as it would come out below, at a tenth of the cost
    options = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": f"{blank}  "}
    return textwrap.fill(line, across, initial_indent=blank, **options)  # type: ignore[arg-type]  # a plain dict


def bullets(lines: Iterable[object]) -> str:
    """A list, one item a line."""
    return "\n".join(f"  - {one_line(line)}" for line in lines)


def few(items: Sequence[object], most: int = 20) -> str:
    """A list of at most so many items, and how many more there are."""
    more = [f"and {len(items) - most} more"] if len(items) > most else []
    return bullets([*items[:most], *more])


def paragraphs(*parts: str) -> str:
    """What is not empty of the parts, one after the other."""
    return "\n".join(part for part in parts if part)


def columns() -> int:
    """The terminal's width, 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def _row(row: Sequence[str], widths: Sequence[int], indent: str, across: int) -> str:
    """One row of a table `across` columns wide."""
    *first, last = row
    room = across - len(indent) - sum(widths) - 2 * len(widths)
    start = indent + "".join([_padded(cell, width + 2) for cell, width in zip(first, widths, strict=True)])
    if _width(last) <= room:
        return (start + last).rstrip()
    if room < NARROWEST:
        return f"{start.rstrip()}\n{_wrapped(last, across, len(indent) + 4)}"
    lines = textwrap.wrap(last, room, break_long_words=False, break_on_hyphens=False) or [""]
    hang = len(indent) + sum(width + 2 for width in widths)
    return f"\n{' ' * hang}".join((start + lines[0], *lines[1:])).rstrip()


def _padded(cell: str, width: int) -> str:
    return cell.ljust(width) if cell.isascii() else cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
