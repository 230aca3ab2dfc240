"""What `uv sync` would install from a `uv.lock`, found without uv; and what of it is refused by name."""

import pytest

from lastgood.core.pins import UnusableLockError
from lastgood.core.requirements import Wanted, parse_lock
from tests.core.test_requirements import AA, BB, HERE

HEAD = """\
version = 1
revision = 2
requires-python = ">=3.11"
[[package]]
name = "flights"
version = "1"
source = { virtual = "." }
"""
REGISTRY = 'source = { registry = "https://elsewhere.example/simple" }'
PROJECT = '[project]\nname = "Flights"\n'


def package(name: str, version: str = "1.0", more: str = "") -> str:
    return f"""\
[[package]]
name = "{name}"
version = "{version}"
{REGISTRY}
sdist = {{ url = "https://elsewhere.example/x.tar.gz", hash = "sha256:{BB}" }}
wheels = [{{ url = "https://elsewhere.example/x.whl", hash = "sha256:{AA}" }}]
{more}
"""


def pinned(*names: str) -> tuple[str, ...]:
    return tuple(f"{name} --hash=sha256:{AA} --hash=sha256:{BB}" for name in names)


def parse(lock: str, project: str = PROJECT) -> Wanted:
    return parse_lock("uv.lock", {"uv.lock": lock.encode(), "pyproject.toml": project.encode()}.get, HERE)


def test_dependencies_are_followed_with_their_markers_and_extras() -> None:
    lock = (
        HEAD
        + """\
dependencies = [
    { name = "a", extra = ["more"], marker = "python_full_version >= '3.11'" },
    { name = "b", marker = "sys_platform == 'win32'" },
]
[package.optional-dependencies]
cpu = [{ name = "c" }]
"""
        + package("a", more='dependencies = [{ name = "d" }]\n[package.optional-dependencies]\nmore = [{ name = "e" }]')
        + package("b")
        + package("c")
        + package("d", more='dependencies = [{ name = "a" }]')
        + package("e", more="[package.optional-dependencies]\nx = 1")
    )
    assert parse(lock) == Wanted(pinned("a==1.0", "d==1.0", "e==1.0"), hashed=True, closed=True)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ("", ("dev==1.0",)),
        ("[tool.uv]\ndefault-groups = []\n", ()),
        ('[tool.uv]\ndefault-groups = ["doc_s"]\n', ("docs==1.0",)),
        ('[tool.uv]\ndefault-groups = "all"\n', ("dev==1.0", "docs==1.0")),
    ],
)
def test_default_groups_are_followed(settings: str, names: tuple[str, ...]) -> None:
    groups = '[package.dev-dependencies]\ndev = [{ name = "dev" }]\ndoc-s = [{ name = "docs" }]\n'
    assert parse(HEAD + groups + package("dev") + package("docs"), PROJECT + settings).lines == pinned(*names)


def test_one_of_several_versions_is_the_one_that_the_edge_names() -> None:
    lock = HEAD + 'dependencies = [{ name = "a", version = "2.0", ' + REGISTRY + " }]\n"
    assert parse(lock + package("a") + package("a", "2.0")).lines == pinned("a==2.0")


def test_extras_in_conflict_are_those_that_are_asked_for() -> None:
    lock = (
        HEAD
        + """\
dependencies = [
    { name = "a", version = "1.0", marker = "extra == 'extra-7-flights-cpu'" },
    { name = "a", version = "2.0", marker = "extra != 'extra-7-flights-cpu' or extra == 'extra-7-flights-gpu'" },
]
[package.optional-dependencies]
cpu = [{ name = "c" }]
"""
        + package("a")
        + package("a", "2.0")
        + package("c")
    )
    assert parse(lock).lines == pinned("a==2.0")
    group = """\
[package.dev-dependencies]
dev = [
    { name = "flights", extra = ["cpu"], marker = "extra == 'extra-7-flights-cpu'" },
    { name = "a", version = "1.0", marker = "extra == 'group-7-flights-dev'" },
]
"""
    lock = lock.replace("[package.optional", group + "[package.optional", 1)
    assert parse(lock).lines == pinned("a==1.0", "c==1.0")


def test_projects_of_a_workspace_are_followed_and_not_installed() -> None:
    lock = (
        HEAD.replace("[[package]]", '[manifest]\nmembers = ["flights", "lib"]\n[[package]]')
        + 'dependencies = [{ name = "lib" }]\n'
        + '[[package]]\nname = "lib"\nsource = { editable = "lib" }\ndependencies = [{ name = "a" }]\n'
        + package("a")
        + package("b")
    )
    assert parse(lock).lines == pinned("a==1.0")
    alone = lock.replace("[[package]]", '[manifest.dependency-groups]\ndev = [{ name = "b" }]\n[[package]]', 1)
    assert parse(alone, "[tool.uv.workspace]\n").lines == pinned("a==1.0", "b==1.0")


def test_a_wheel_at_an_address_of_its_own_is_followed_with_its_hash() -> None:
    address = "https://x.example/a-1.0-py3-none-any.whl"
    lock = (
        HEAD + 'dependencies = [{ name = "a" }]\n' + package("a").replace(REGISTRY, f'source = {{ url = "{address}" }}')
    )
    assert parse(lock.replace(BB, AA)).lines == (f"a @ {address} --hash=sha256:{AA}",)
    with pytest.raises(UnusableLockError, match="has no hash"):
        parse(lock.replace(", hash =", ", none ="))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('{ git = "https://x.example/a#00" }', "a repository, not a package: a"),
        ('{ editable = "a" }', "a directory, not a package: a"),
        ('{ directory = "../a" }', "a directory"),
        ('{ path = "a-1.0-py3-none-any.whl" }', "a directory"),
        ('{ url = "http://x.example/a-1.0-py3-none-any.whl" }', "https"),
        ('{ url = "https://x.example/a-1.0.tar.gz" }', "wheel"),
        ('{ url = "https://x.example/${TOKEN}/a-1.0-py3-none-any.whl" }', "characters"),
    ],
)
def test_what_is_no_package_is_refused_by_name(source: str, why: str) -> None:
    lock = HEAD + 'dependencies = [{ name = "a" }]\n' + package("a").replace(REGISTRY, f"source = {source}")
    with pytest.raises(UnusableLockError, match=f"uv.lock.*{why}"):
        parse(lock)
    assert parse(lock.replace('{ name = "a" }', "")).lines == ()  # what is not wanted does no harm


@pytest.mark.parametrize(
    "lock",
    [
        "",
        "version = 2\n",
        HEAD.replace("flights", "another"),
        HEAD + 'dependencies = [{ name = "gone" }]\n',
        HEAD + "dependencies = [1]\n",
        HEAD + "dependencies = 1\n",
        HEAD + 'dependencies = [{ name = "a", marker = "no marker" }]\n' + package("a"),
        HEAD + 'dependencies = [{ name = "a" }]\n' + package("a") + package("a", "2.0"),
        HEAD + 'dependencies = [{ name = "-e" }]\n' + package("-e"),
        HEAD + 'dependencies = [{ name = "a" }]\n' + package("a", "1.0\\n-e ."),
        HEAD + 'dependencies = [{ name = "a" }]\n' + package("a").replace(AA, "aa"),
        HEAD + 'dependencies = [{ name = "a" }]\n' + package("a").replace(REGISTRY, "source = 1"),
        HEAD + 'dependencies = [{ name = "a" }]\n' + package("a").replace('version = "1.0"', ""),
    ],
)
def test_what_is_no_lock_of_uv_is_refused(lock: str) -> None:
    with pytest.raises(UnusableLockError, match=r"uv\.lock"):
        parse(lock)


def test_extras_that_ask_for_one_another_end() -> None:
    edges = "".join(
        f'    {{ name = "flights", extra = ["x{n + 1}"], marker = "extra == \'extra-7-flights-x{n}\'" }},\n'
        for n in range(40, 0, -1)
    )
    lock = HEAD + 'dependencies = [\n    { name = "flights", extra = ["x1"] },\n' + edges + "]\n"
    with pytest.raises(UnusableLockError, match="in a circle"):
        parse(lock)
