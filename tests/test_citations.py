"""What pages and code name exists: a citation that leads nowhere is worse than none."""

import re
import subprocess
from pathlib import Path

import pytest

from lastgood.cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "CHANGELOG.md"]
CODE = [
    *(path for part in ("src", "tests", "scripts", "demo", "benchmarks") for path in (ROOT / part).rglob("*.py")),
    *(ROOT / name for name in ("pyproject.toml", "Makefile", "lastgood.toml", ".github/workflows/rollback.yml")),
]
TEST = re.compile(r"`(test_[a-z0-9_]+)(…|\.py)?`")
CITATION = re.compile(
    r"\b((?:docs/(?:design/)?)?(?:" + "|".join(sorted({page.stem for page in PAGES})) + r")\.md)\b"
    r'(?:, ((?:[A-Z]\d+(?:(?:, | and )(?=[A-Z]\d))?)+|"[^"\n]+"))?'
)
"""A page and what is cited of it: rules or facts (`ordering.md, O1 and O5`) or a section (`refs.md, "Trust"`)."""
PAGE_LIKE = re.compile(r"(?<![\w/.])((?:docs/)?(?:design/)?[A-Za-z]+\.md)(?=, (?:[A-Z]\d|\"))")
ROOMS = ("cli", "operations", "machine", "worktree", "versions", "registry", "adapters", "releases", "core")
MODULE = re.compile(rf"`((?:{'|'.join(ROOMS)})/[a-z_/]+)(?:\.(?!py`)(\w+))?(?:\.py)?`|`(tests/[a-z_/]+\.py)`")
RETIRED = re.compile(r"\b(?:DESIGN|FIELD|STYLE|EVIDENCE)\b")
"""Pages that were never in this repository."""


def known_tests() -> tuple[set[str], set[str]]:
    """The names of all test modules and of all tests."""
    modules = [*ROOT.glob("tests/**/test_*.py")]
    texts = (path.read_text(encoding="utf-8") for path in modules)
    return {path.stem for path in modules}, {name for text in texts for name in re.findall(r"def (test_\w+)", text)}


def flat(path: Path) -> str:
    """The text of a file on one line: citations are broken across lines, in comments too."""
    return re.sub(r"\s*\n\s*(?:#:? )?", " ", path.read_text(encoding="utf-8"))


def unresolved(text: str) -> list[str]:
    """The citations in a text that lead nowhere."""
    return [
        f"{name}, {part}"
        for name, cited in CITATION.findall(text)
        for part in (re.findall(r"[A-Z]\d+", cited) if cited[:1] != '"' else [cited.strip('"')])
        if not has(page_of(name), part)
    ] + [name for name in PAGE_LIKE.findall(text) if page_of(name) is None]


def page_of(name: str) -> Path | None:
    """The page that a citation means: a path from the root, or the name of one page."""
    if "/" in name:
        return ROOT / name if (ROOT / name).exists() else None
    return next((page for page in PAGES if page.name == name), None)


def has(page: Path | None, part: str) -> bool:
    """Whether a page has a rule or fact of that number, in the first column of a table, or a section of that name."""
    text = page.read_text(encoding="utf-8") if page else ""
    if re.fullmatch(r"[A-Z]\d+", part):
        return f"\n| {part} | " in text
    return part in re.findall(r"^#+ (.+)$", text.replace("`", ""), re.MULTILINE)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    modules, tests = known_tests()
    for name, ending in TEST.findall(page.read_text(encoding="utf-8")):
        if ending == "…":
            assert any(one.startswith(name) for one in tests), name
        else:
            assert name in (modules if ending else modules | tests), name


def test_every_page_section_rule_and_fact_that_is_cited_exists() -> None:
    wrong = {
        shown(path): found for path in (*CODE, *PAGES) if path != Path(__file__) and (found := unresolved(flat(path)))
    }
    assert not wrong
    cited = sum(bool(part) for path in CODE for _, part in CITATION.findall(flat(path)))
    assert cited > 40, "the search finds what the code cites"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(ordering.md, O1 and O5)", []),
        ("(ordering.md, O1, O99)", ["ordering.md, O99"]),
        ("(facts.md, D9 and D999)", ["facts.md, D999"]),
        ('(refs.md, "Trust").', []),
        ('(refs.md, "Mistrust").', ["refs.md, Mistrust"]),
        ("(gone.md, O1)", ["gone.md"]),
        ("see docs/design/refs.md", []),
        ("(docs/refs.md, O1)", ["docs/refs.md, O1", "docs/refs.md"]),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str, found: list[str]) -> None:
    assert unresolved(text) == found


def test_every_page_that_is_named_by_its_path_exists() -> None:
    for path in (*CODE, *PAGES):
        if path != Path(__file__):
            for name in re.findall(r"(?<![\w/.])docs/(?:design/)?[a-z-]+\.md", flat(path)):
                assert (ROOT / name).exists() or name in FOREIGN, f"{shown(path)} names {name}"


FOREIGN = {"docs/spec.md", "docs/format.md"}
"""Pages of other projects, and files that a test makes."""


def test_nothing_names_a_page_that_was_never_in_the_repository() -> None:
    wrong = {
        shown(path): found
        for path in (*CODE, *PAGES)
        if path != Path(__file__) and (found := RETIRED.findall(flat(path)))
    }
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_module_and_test_file_that_a_page_names_exists(page: Path) -> None:
    for module, name, path in MODULE.findall(page.read_text(encoding="utf-8")):
        base = ROOT / "src/lastgood" / module.rstrip("/")
        places = [ROOT / path] if path else [base, base.with_suffix(".py"), base / "__init__.py"]
        found = [place for place in places if place.exists()]
        assert found, module or path
        text = "".join(place.read_text(encoding="utf-8") for place in found if place.is_file())
        assert not name or re.search(rf"^(?:def|class) {name}\b|^{name} =", text, re.MULTILINE), f"{module}.{name}"


def test_the_map_in_contributing_has_a_row_for_every_command() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("\n## The map\n", 1)[1].split("\n## ", 1)[0]
    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.+) \|$", section, re.MULTILINE))
    assert list(rows) == list(COMMANDS)
    for command, row in rows.items():
        operation, _, tests = row.split(" | ")
        assert MODULE.search(operation), command
        assert "`tests/" in tests, command
        assert (ROOT / f"src/lastgood/cli/{command}.py").exists()


def test_make_help_shows_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == targets
    assert all(len(line.split(maxsplit=1)) == 2 for line in done.stdout.splitlines()), "each says what it does"
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert phony[1].split() == targets
