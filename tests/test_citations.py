"""What pages and code name exists: a citation that leads nowhere is worse than none."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "CHANGELOG.md"]
TEST = re.compile(r"`(test_[a-z0-9_]+)(…|\.py)?`")


def known_tests() -> tuple[set[str], set[str]]:
    """The names of all test modules and of all tests."""
    modules = [*ROOT.glob("tests/**/test_*.py")]
    texts = (path.read_text(encoding="utf-8") for path in modules)
    return {path.stem for path in modules}, {name for text in texts for name in re.findall(r"def (test_\w+)", text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    modules, tests = known_tests()
    for name, ending in TEST.findall(page.read_text(encoding="utf-8")):
        if ending == "…":
            assert any(one.startswith(name) for one in tests), name
        else:
            assert name in (modules if ending else modules | tests), name
