"""The chart: for each row how far apart the two sides are, on a logarithmic scale, as an SVG without any library."""

from collections.abc import Callable, Sequence
from html import escape
from math import log10

from benchmarks.results import Result
from benchmarks.rows import Goal

WIDTH, LEFT, RIGHT, LINE, TOP = 880, 300, 90, 34, 56
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.grid { stroke: #d1d9e0 }
.one { stroke: #59636e }
.bar { fill: #2a6fc9 }
.missed { fill: #b0642a }
.target { stroke: #1f2328; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .one { stroke: #9198a1 }
  .bar { fill: #6aa5f0 }
  .missed { fill: #e09a5f }
  .target { stroke: #e6edf3 }
}"""


def draw(results: Sequence[Result]) -> str:
    """One bar for each row: to the right of 1 × ours is the faster or smaller side, a tick is the target."""
    ends = [1.0, *(_times(one.row.goal, value) for one in results for value in (one.ratio, one.row.factor))]
    low, high = log10(min(ends)) - 0.1, log10(max(ends)) + 0.1
    scale = (WIDTH - LEFT - RIGHT) / (high - low)

    def x(times: float) -> float:
        return LEFT + (log10(times) - low) * scale

    height = TOP + LINE * len(results) + 24
    powers = range(int(low // 1), int(high // 1) + 2)
    marks = [
        factor * 10.0**power for power in powers for factor in (1, 3) if low <= log10(factor * 10.0**power) <= high
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>How many times faster, or smaller, lastgood is than the other side of each row</title>",
        f"<style>{_STYLE}</style>",
        f'<text x="{LEFT}" y="18">times faster than the other side (memory: times smaller)</text>',
        f'<text class="small" x="{LEFT}" y="{height - 4}">short line: the target; brown bar: not reached</text>',
        *(_grid(x(mark), mark, height) for mark in marks),
        *(_bar(one, TOP + LINE * place, x) for place, one in enumerate(results)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _times(goal: Goal, value: float) -> float:
    """How many times faster or smaller ours is: a ratio that should be small, turned over."""
    return value if goal is Goal.FASTER else 1 / value


def _grid(x: float, mark: float, height: int) -> str:
    line = (
        f'<line class="{"one" if mark == 1 else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 20}"/>'
    )
    return f'{line}<text class="small" text-anchor="middle" x="{x:.1f}" y="{TOP - 14}">{mark:g} ×</text>'


def _bar(result: Result, y: int, x: Callable[[float], float]) -> str:
    times, target = _times(result.row.goal, result.ratio), _times(result.row.goal, result.row.factor)
    left, right = sorted((x(1), x(times)))
    label = f"{result.row.number}  {result.row.label}"
    kind = "bar" if result.reached else "bar missed"
    return "\n".join(
        (
            f"<g><title>{escape(result.row.what)}, against {escape(result.row.against.replace('`', ''))}</title>",
            f'<text text-anchor="end" x="{LEFT - 12}" y="{y + 16}">{escape(label)}</text>',
            f'<rect class="{kind}" x="{left:.1f}" y="{y + 3}" width="{max(right - left, 1):.1f}" height="18" rx="2"/>',
            f'<line class="target" x1="{x(target):.1f}" x2="{x(target):.1f}" y1="{y}" y2="{y + 24}"/>',
            f'<text x="{max(right, x(target)) + 8:.1f}" y="{y + 16}">{times:.3g} ×</text></g>',
        )
    )
