"""What environment locks ask for, and what of them is not obeyed."""

import pytest

from lastgood.core.pins import Target, UnusableLockError
from lastgood.core.requirements import Wanted, parse_lock, sources

HERE = Target(
    {
        "implementation_name": "cpython",
        "implementation_version": "3.11.7",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1",
        "platform_system": "Linux",
        "platform_version": "1",
        "python_full_version": "3.11.7",
        "python_version": "3.11",
        "sys_platform": "linux",
    }
)
AA, BB = "a" * 64, "b" * 64
WHEEL = "https://x.example/a-1-py3-none-any.whl"
PYLOCK = f"""\
lock-version = "1.0"
[[packages]]
name = "tiny"
version = "1.0"
marker = "python_version >= '3.11'"
index = "https://elsewhere.example/simple"
sdist = {{ url = "https://elsewhere.example/tiny.tar.gz", hashes = {{ sha256 = "{BB}" }} }}
wheels = [{{ url = "https://elsewhere.example/tiny.whl", hashes = {{ sha256 = "{AA}" }} }}]
[[packages]]
name = "for-windows"
directory = {{ path = "here" }}
marker = "sys_platform == 'win32'"
"""


def parse(files: dict[str, str | bytes], lock: str = "requirements.txt") -> Wanted:
    content = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return parse_lock(lock, content.get, HERE)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# nothing\n", Wanted()),
        ("a==1  # why\n\nb>=2 ; python_version > '3'\n", Wanted(("a==1", "b>=2"))),
        ("a==1 ; sys_platform == 'win32'\nb==1 ; extra == 'x'\n", Wanted()),
        (f"a==1 \\\n    --hash=sha256:{AA}\n", Wanted((f"a==1 --hash=sha256:{AA}",), hashed=True)),
        (f"A_b.C[y,X] == 1.0\t--hash sha256:{AA}", Wanted((f"a-b-c[x,y]==1.0 --hash=sha256:{AA}",), hashed=True)),
        ("--index-url=https://x.example\n-i https://y.example\na\n", Wanted(("a",), ignored=("--index-url", "-i"))),
        ("--find-links ./wheels\n--no-binary :all:\na\r\n", Wanted(("a",), ignored=("--find-links", "--no-binary"))),
        ("a==1 --index-url https://x.example --pre\n", Wanted(("a==1",), ignored=("--index-url", "--pre"))),
        (f"a @ {WHEEL}#sha256={AA}\n", Wanted((f"a @ {WHEEL}#sha256={AA}",))),
        (f"{WHEEL} --hash=sha256:{AA}\n", Wanted((f"a @ {WHEEL} --hash=sha256:{AA}",), hashed=True)),
        ("# a comment is not continued \\\na==1\n", Wanted(("a==1",))),
        ("a==1 \\", Wanted(("a==1",))),
        ("\f\na===1\rb==2 # \x00 \u2028\n", Wanted(("a===1", "b==2"))),
        ("\ufeffa==1\n", Wanted(("a==1",))),
        ("\ufeff--index-url https://x.example\na==1\n", Wanted(("a==1",), ignored=("--index-url",))),
    ],
)
def test_a_requirements_file_asks_for_packages_only(text: str, wanted: Wanted) -> None:
    assert parse({"requirements.txt": text}) == wanted


def test_included_files_are_part_of_the_lock() -> None:
    files: dict[str, str | bytes] = {
        "env/lock.txt": "-r ../more.txt\n--constraint=limits.txt\n-rlast.txt\na==1\n",
        "more.txt": "\ufeffb==2\n",
        "env/limits.txt": "c<3\n-r ../more.txt\n",
        "env/last.txt": "d\n",
    }
    assert parse(files, "env/lock.txt") == Wanted(("b==2", "d", "a==1"), constraints=("c<3", "b==2"))
    read = sources("env/lock.txt", lambda path: str(files[path]).encode())
    assert [content.decode() for content in read] == [
        files[path] for path in ("env/lock.txt", "more.txt", "env/limits.txt", "env/last.txt")
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-e .\n", "a directory"),
        ("\ufeff-e .\n", "a directory"),
        ("--editable=src\n", "a directory"),
        ("./vendor/tiny.whl\n", "a directory"),
        ("vendor/tiny.whl\n", "not a valid requirement"),
        ("-r ../../etc/passwd\n", "outside"),
        ("\ufeff-r /etc/passwd\n", "outside"),
        ("-r https://x.example/lock.txt\n", "outside"),
        ("-r requirements.txt\n", "itself"),
        ("-r gone.txt\n", "gone.txt does not exist"),
    ],
)
def test_what_is_no_package_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(UnusableLockError, match=why):
        parse({"requirements.txt": text})


@pytest.mark.parametrize(
    "line",
    [
        "a==1\u2028-e .",
        "a==1\x0b-e .",
        "a==1\x00",
        "a==1\\b",
        "\ufeff\ufeff-e .",
        "a==1 \ufeff",
        "\u200ba==1",
        "\uff41==1",
        "a===../x",
        "a===$HOME",
        "a[${HOME}]==1",
        "a==1 ; python_version >",
        "a==1 ; " + "(" * 2000 + "os_name == 'x'" + ")" * 2000,
        "a==1 --hash=sha256:aa",
        f"a==1 --hash=md5:{'a' * 32}",
        f"a==1 --hash={AA}",
        "a @ file:///etc/passwd",
        "a @ git+https://x.example/a",
        f"a @ {WHEEL}",
        f"a @ {WHEEL.replace('https', 'http')}#sha256={AA}",
        f"a @ https://${{TOKEN}}.example/a-1-py3-none-any.whl#sha256={AA}",
        f"a @ https://x.example/${{TOKEN}}/a-1-py3-none-any.whl#sha256={AA}",
        f"a @ https://me:secret@x.example/a-1-py3-none-any.whl#sha256={AA}",
        f"a @ https://x.example/a-1.tar.gz#sha256={AA}",
        f"a @ {WHEEL}#sha256={AA}&subdirectory=x",
        f"b @ {WHEEL}#sha256={AA}",
        f"a @ https://[::1]/a-1-py3-none-any.whl#sha256={AA}",
        f"https://x.example/a.whl#sha256={AA}",
    ],
)
def test_a_line_with_a_field_that_is_not_valid_is_refused(line: str) -> None:
    with pytest.raises(UnusableLockError) as caught:
        parse({"requirements.txt": f"b==1\n{line}\n"})
    assert "secret" not in str(caught.value)
    assert str(caught.value).isascii()


def test_a_file_in_another_encoding_is_refused() -> None:
    with pytest.raises(UnusableLockError, match="characters"):
        parse({"requirements.txt": "a==1\n".encode("utf-16")})


def test_a_pylock_is_read_without_its_addresses() -> None:
    found = parse({"pylock.toml": PYLOCK}, "pylock.toml")
    line = f"tiny==1.0 --hash=sha256:{AA} --hash=sha256:{BB}"
    assert found == Wanted((line,), hashed=True, closed=True)


@pytest.mark.parametrize(
    ("marker", "there"),
    [
        ("'dev' in dependency_groups", True),
        ("'docs' in dependency_groups", False),
        ("'docs' not in dependency_groups and os_name == 'posix'", True),
        ("'x' in extras", False),
    ],
)
def test_the_default_groups_of_a_pylock_are_wanted(marker: str, *, there: bool) -> None:
    text = 'default-groups = ["dev"]\n' + PYLOCK.replace("python_version >= '3.11'", marker)
    assert bool(parse({"pylock.toml": text}, "pylock.toml").lines) is there


@pytest.mark.parametrize(
    "text",
    [
        "[[packages]]\n",
        '[[packages]]\nname = "a"\nvcs = {}\n',
        "packages = 1\n",
        "no toml",
        "a = " + "[" * 9000,
        PYLOCK.replace('"tiny"', '"--index-url=http://x.example"'),
        PYLOCK.replace('"tiny"', '"-e ."'),
        PYLOCK.replace('"tiny"', '"tiny @ file:///x"'),
        PYLOCK.replace('"tiny"', '"\\ufeff-e ."'),
        PYLOCK.replace('"1.0"', '"1.0\\n-e ."'),
        PYLOCK.replace('version = "1.0"', 'version = "1.0 --no-verify-hashes"'),
        PYLOCK.replace('version = "1.0"', "version = 1.0"),
        PYLOCK.replace("python_version >= '3.11'", "os_name != 'x'\\n--index-url http://x.example"),
        PYLOCK.replace("python_version >= '3.11'", "os_name != 'x' --hash=sha256:00"),
        PYLOCK.replace("python_version >= '3.11'", "strange == 'x'"),
        PYLOCK.replace("python_version >= '3.11'", "extras == 'x'"),
        PYLOCK.replace(AA, f"{AA}\\n-e ."),
        PYLOCK.replace(AA, "aa"),
        PYLOCK.replace("sha256", "sha1"),
    ],
)
def test_a_pylock_that_asks_for_something_else_is_refused(text: str) -> None:
    with pytest.raises(UnusableLockError, match=r"pylock\.toml"):
        parse({"pylock.toml": text}, "pylock.toml")


def test_uv_needs_the_project_beside_its_lock() -> None:
    with pytest.raises(UnusableLockError, match=r"model/pyproject\.toml does not exist"):
        sources("model/uv.lock", lambda path: b"" if path == "model/uv.lock" else None)
