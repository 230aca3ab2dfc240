"""The picture of README: two versions and one rollback between them, drawn from what lastgood really said.

`make picture` runs lastgood in a scratch project, keeps what it said in `docs/picture.json`, and draws
`docs/picture.svg` from that. A test draws it again, and compares what was kept with a new run.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import small
from console import Console, typed
from scratch import remove

DOCS = Path(__file__).parents[1] / "docs"
ROLLBACK = ("lastgood", "rollback", "flights", "--from", "v2.0.0", "--reason", "calls late flights on time")
WHERE = ("lastgood", "where", "flights", "--stage", "prod")
PARTS = ("code", "data", "model", "environment")
WIDTH, MARGIN, CARD, TOP, LINE = 800, 20, 300, 20, 20
TALL = 150
"""Height of a card."""
CHARACTER = 7.9
"""Width of a character of the terminal's font, 13 pixels high: no common font has wider ones."""
_STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.code { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre }
.small { fill: #59636e }
.typed { font-weight: 600 }
.card { fill: #f6f8fa; stroke: #d1d9e0 }
.good { stroke: #1a7f37; stroke-width: 2 }
.stable { fill: #1a7f37; font-weight: 600 }
.failed { fill: #d1242f; font-weight: 600 }
.now { stroke: #1a7f37; stroke-width: 2; fill: none }
.before { stroke: #59636e; stroke-dasharray: 5 5; fill: none }
.tip { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .card { fill: #151b23; stroke: #3d444d }
  .good, .now { stroke: #3fb950 }
  .stable, .tip { fill: #3fb950 }
  .failed { fill: #f85149 }
  .before { stroke: #9198a1 }
}"""


@dataclass(frozen=True)
class Version:
    """One card: the version's tag, its mark, and the first characters of what identifies each part of it."""

    tag: str
    mark: str
    parts: dict[str, str]


@dataclass(frozen=True)
class Run:
    """What lastgood said: both versions after the rollback, and the terminal's lines, those typed with a `$`."""

    good: Version
    bad: Version
    terminal: list[str]


def record(console: Console) -> Run:
    """Roll back in a project that `small.make` made. Raises `StoryError` when a command fails."""
    terminal: list[str] = []
    for command in (ROLLBACK, WHERE):
        said = console.ask(*command).replace(str(console.directory.parent), "~")
        terminal += [*typed(command), *said.splitlines(), ""]
    return Run(_version(console, "v1.0.0"), _version(console, "v2.0.0"), terminal[:-1])


def _version(console: Console, name: str) -> Version:
    shown = json.loads(console.ask("lastgood", "show", f"flights@{name}", "--json"))
    manifest = shown["manifest"]
    files = {output["path"]: output["sha256"] for output in manifest["outputs"]}
    parts = (
        manifest["commit"],
        files["data/flights.csv"],
        files["models/model.txt"],
        manifest["environment"]["digest"].removeprefix("sha256:"),
    )
    return Version(shown["tag"], shown["mark"], {part: full[:12] for part, full in zip(PARTS, parts, strict=True)})


def load(text: str) -> Run:
    """The run that `docs/picture.json` keeps."""
    kept = json.loads(text)
    return Run(Version(**kept["good"]), Version(**kept["bad"]), kept["terminal"])


def draw(run: Run) -> str:
    """The picture as SVG, for light and dark pages."""
    screen = TOP + TALL + 90
    height = screen + LINE * len(run.terminal) + 2 * MARGIN
    right = WIDTH - MARGIN - CARD
    title = f"A rollback from {run.bad.tag} to {run.good.tag}: code, data, model and environment go back together"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        *_card(run.good, MARGIN, "card good"),
        *_card(run.bad, right, "card"),
        *_stage(right),
        f'<rect class="card" x="1" y="{screen}" width="{WIDTH - 2}" height="{height - screen - 1}" rx="8"/>',
        *_terminal(run.terminal, screen + MARGIN + 10),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _card(version: Version, x: int, kind: str) -> list[str]:
    """A version: its tag and mark, then a line for each part."""
    rows = [
        f'<text class="small" x="{x + 16}" y="{TOP + 60 + 24 * row}">{escape(part)}</text>'
        f'<text class="code" x="{x + 130}" y="{TOP + 60 + 24 * row}">{escape(version.parts[part])}</text>'
        for row, part in enumerate(PARTS)
    ]
    end, mark = x + CARD - 16, escape(version.mark)
    return [
        f'<rect class="{kind}" x="{x}" y="{TOP}" width="{CARD}" height="{TALL}" rx="8"/>',
        f'<text class="code typed" x="{x + 16}" y="{TOP + 28}">{escape(version.tag)}</text>',
        f'<text class="{mark}" text-anchor="end" x="{end}" y="{TOP + 28}">{mark}</text>',
        *rows,
    ]


def _stage(right: int) -> list[str]:
    """The stage below the cards: a broken line to the version before, an arrow to the version now."""
    low, middle, under = TOP + TALL + 46, WIDTH // 2, TOP + TALL
    good, bad = MARGIN + CARD // 2, right + CARD // 2
    return [
        f'<path class="before" d="M{middle + 50} {low} H{bad} V{under}"/>',
        f'<path class="now" d="M{middle - 50} {low} H{good} V{under + 10}"/>',
        f'<path class="tip" d="M{good} {under + 2} l-6 12 h12 z"/>',
        f'<rect class="card" x="{middle - 50}" y="{low - 18}" width="100" height="36" rx="18"/>',
        f'<text class="code typed" text-anchor="middle" x="{middle}" y="{low + 5}">prod</text>',
        f'<text class="small" text-anchor="middle" x="{(good + middle) // 2}" y="{low - 10}">now</text>',
        f'<text class="small" text-anchor="middle" x="{(bad + middle) // 2}" y="{low - 10}">before</text>',
    ]


def _terminal(lines: Sequence[str], y: int) -> list[str]:
    """The lines as typed and said; a typed one goes on after a backslash."""
    typed_lines = {row for row, line in enumerate(lines) if line.startswith("$")}
    typed_lines |= {row + 1 for row in typed_lines if lines[row].endswith("\\")}
    return [
        f'<text class="code{" typed" if row in typed_lines else ""}" xml:space="preserve" x="{MARGIN}" '
        f'y="{y + LINE * row}">{escape(line)}</text>'
        for row, line in enumerate(lines)
        if line
    ]


def main() -> int:
    """Run lastgood in a scratch project and write both files anew."""
    directory = Path(tempfile.mkdtemp(prefix="lastgood-picture-"))
    try:
        run = record(small.make(directory))
    finally:
        remove(directory)
    text = json.dumps(asdict(run), indent=2, ensure_ascii=False) + "\n"
    (DOCS / "picture.json").write_text(text, encoding="utf-8")
    (DOCS / "picture.svg").write_text(draw(run), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
