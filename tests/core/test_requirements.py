"""What environment locks ask for, and what of them is not obeyed."""

import pytest

from lastgood.core.requirements import UnusableLockError, Wanted, parse_requirements, sources

PYLOCK = """\
lock-version = "1.0"
[[packages]]
name = "tiny"
version = "1.0"
marker = "python_version >= '3.11'"
index = "https://elsewhere.example/simple"
sdist = { url = "https://elsewhere.example/tiny.tar.gz", hashes = { sha256 = "bb" } }
wheels = [{ url = "https://elsewhere.example/tiny.whl", hashes = { sha256 = "aa" } }]
"""


def parse(files: dict[str, str], lock: str = "requirements.txt") -> Wanted:
    return parse_requirements(lock, lambda path: files[path].encode() if path in files else None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# nothing\n", Wanted()),
        ("a==1  # why\n\nb>=2 ; python_version > '3'\n", Wanted(("a==1", "b>=2 ; python_version > '3'"))),
        ("a==1 \\\n    --hash=sha256:aa\n", Wanted(("a==1      --hash=sha256:aa",), hashed=True)),
        ("--index-url=https://x.example\n-i https://y.example\na\n", Wanted(("a",), ignored=("--index-url", "-i"))),
        ("--find-links ./wheels\n--no-binary :all:\na\r\n", Wanted(("a",), ignored=("--find-links", "--no-binary"))),
        ("a @ https://x.example/a.whl#sha256=aa\n", Wanted(("a @ https://x.example/a.whl#sha256=aa",))),
    ],
)
def test_a_requirements_file_asks_for_packages_only(text: str, wanted: Wanted) -> None:
    assert parse({"requirements.txt": text}) == wanted


def test_included_files_are_part_of_the_lock() -> None:
    files = {
        "env/lock.txt": "-r ../more.txt\n--constraint=limits.txt\na==1\n",
        "more.txt": "b==2\n",
        "env/limits.txt": "c<3\n",
    }
    assert parse(files, "env/lock.txt") == Wanted(("b==2", "a==1"), constraints=("c<3",))
    read = sources("env/lock.txt", lambda path: files[path].encode())
    assert [content.decode() for content in read] == [files["env/lock.txt"], files["more.txt"], files["env/limits.txt"]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-e .\n", "a directory"),
        ("--editable=src\n", "a directory"),
        ("./vendor/tiny.whl\n", "a directory"),
        ("-r ../../etc/passwd\n", "outside"),
        ("-r /etc/passwd\n", "outside"),
        ("-r https://x.example/lock.txt\n", "outside"),
        ("-r requirements.txt\n", "itself"),
        ("-r gone.txt\n", "gone.txt is not there"),
    ],
)
def test_what_is_no_package_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(UnusableLockError, match=why):
        parse({"requirements.txt": text})


def test_a_pylock_is_read_without_its_addresses() -> None:
    found = parse({"pylock.toml": PYLOCK}, "pylock.toml")
    line = "tiny==1.0 ; python_version >= '3.11' --hash=sha256:aa --hash=sha256:bb"
    assert found == Wanted((line,), hashed=True, closed=True)


@pytest.mark.parametrize(
    "text", ["[[packages]]\n", '[[packages]]\nname = "a"\nvcs = {}\n', "packages = 1\n", "no toml"]
)
def test_a_pylock_that_asks_for_something_else_is_refused(text: str) -> None:
    with pytest.raises(UnusableLockError):
        parse({"pylock.toml": text}, "pylock.toml")


def test_uv_needs_the_project_beside_its_lock() -> None:
    with pytest.raises(UnusableLockError, match=r"model/pyproject\.toml is not there"):
        sources("model/uv.lock", lambda path: b"" if path == "model/uv.lock" else None)
