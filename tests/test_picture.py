"""README's picture: drawn from what lastgood really said, fits, and is what it says today."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import picture
import small
from picture import CHARACTER, DOCS, WIDTH, draw, load

KEPT = load((DOCS / "picture.json").read_text(encoding="utf-8"))
TEXT = "{http://www.w3.org/2000/svg}text"


def shape(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run: commits, times and seconds."""
    text = re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", "\n".join(lines))
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", "TIME", text)
    return re.sub(r"\d+\.\d s\b", "SECONDS", text).splitlines()


def test_a_new_run_says_what_the_picture_shows(tmp_path: Path) -> None:
    run = picture.record(small.make(tmp_path))
    assert shape(run.terminal) == shape(KEPT.terminal), "make picture"
    assert [(one.tag, one.mark) for one in (run.good, run.bad)] == [
        (one.tag, one.mark) for one in (KEPT.good, KEPT.bad)
    ]
    for part in ("data", "model", "environment"):
        assert run.good.parts[part] == KEPT.good.parts[part]
        assert run.good.parts[part] != run.bad.parts[part]


def test_the_picture_is_drawn_from_the_run_that_is_kept() -> None:
    assert (DOCS / "picture.svg").read_text(encoding="utf-8") == draw(KEPT), "make picture"


def test_no_text_is_wider_than_the_picture() -> None:
    for one in ET.fromstring(draw(KEPT)).iter(TEXT):  # noqa: S314  # our own
        width = len(one.text or "") * CHARACTER
        before = {"middle": width / 2, "end": width}.get(one.get("text-anchor", ""), 0)
        left = float(one.get("x", "")) - before
        assert left >= 0, one.text
        assert left + width <= WIDTH, one.text


def test_every_colour_has_one_for_dark_pages() -> None:
    light, dark = draw(KEPT).split("@media (prefers-color-scheme: dark)")
    coloured = re.findall(r"^(?:\.)?([a-z]+) \{[^}]*#", light, re.MULTILINE)
    assert coloured
    for name in coloured:
        assert re.search(rf"\b{name}\b", dark.split("</style>")[0]), name
