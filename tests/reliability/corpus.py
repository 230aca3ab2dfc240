"""Things that an enemy or a careless tool would write: names, messages, dates, tag objects, pipeline files, listings,
manifests, settings. Pure data: `CANARY` stands for a command that leaves a trace when it is ever run."""

# mypy: disable-error-code="var-annotated"
# ruff: noqa: E501, RUF001  # lists of what somebody would write, look-alikes among them
import json
from collections.abc import Iterator

CANARY = "touch @CANARY@"
SECRET = "hunter2-of-nobodys-business"  # noqa: S105  # bait
DEEP = "[" * 50_000
OPTIONS = ("--upload-pack=", "--exec=", "-x", "--all", "--help", "-C", "--output=", "--git-dir=", "-c", "--")
INVISIBLE = "".join(map(chr, (0x200B, 0x200E, 0x200F, 0x202A, 0x202D, 0x202E, 0x2066, 0x2069, 0xFEFF, 0xAD, 0x61C)))
LINE_ENDS = "".join(map(chr, (0x85, 0x2028, 0x2029)))
CONTROLS = [chr(code) for code in (*range(1, 9), 11, 12, *range(14, 32), 127, *range(128, 160))]
PATHS = (
    "../escape", "../../escape", "a/../../escape", "/escape", "//escape", "./escape", "a//b", "a/./b", "a/", "", ".", "..",
    ".git/hooks/post-checkout", ".GIT/config", "a/.git/config", ".dvc/config", ".Dvc/config", "a/.dvc/x", ".LastGood/x", "a\0b",
    "../" * 40 + "etc/escape", "~/escape/..", "a/..", "..\\..\\escape/..", "b" * 300, "c/" * 3000 + "c", "\ud800",
)  # fmt: skip
HASHES = (
    "", "x", "../../../../escape", "..", "/etc/passwd", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "/x", "-" * 32,
    "0" * 32 + ".dir.dir", "0" * 32 + "\n", "--help", "00/../../../escape", "\0" * 32, "٠" * 32,
)  # fmt: skip


def names() -> Iterator[str]:
    """Tag names that git itself would refuse or take, none of which is a version of `flights`."""
    for option in OPTIONS:
        yield from (option, f"{option}@v1.0.0", f"flights{option}", f"{option}#prod#1", f"{option}touch")
    for character in INVISIBLE + LINE_ENDS:
        yield from (f"flights{character}@v1.0.0", f"flights@v1.0.0{character}", f"{character}flights@v1.0.0")
        yield from (f"flights#prod#1{character}", f"flights@v1.0.0{character}refs/tags/x")
    for twin in ("fl\u0456ghts", "ﬂights", "fl\u0131ghts", "flıghts", "ｆlights", "fIights", "Flights", "FLIGHTS"):
        yield from (f"{twin}@v1.0.0", f"{twin}#prod#1")
    for pair in ("é", "e\u0301", "ﬁ", "fi", "Å", "A\u030a"):
        yield f"{pair}@v1.0.0"
    for bad in (
        "$(touch x)",
        "`id`",
        ";id",
        "|id",
        "&id",
        "'",
        '"',
        "%s%n",
        "{0}",
        "!!",
        "#",
        "##",
        "@",
        "@@v1.0.0",
        "=@v1",
    ):
        yield f"flights{bad}"
    for odd in (
        "v01.0.0",
        "v1.0",
        "v1.0.0-",
        "v1.0.0+",
        "v-1.0.0",
        "v1.0.0-01",
        "v٣.0.0",
        "v1.0.0!",
        "deprecated",
        "created",
    ):
        yield from (f"evil@{odd}", f"evil@{odd}#1")
    for huge in (40, 200, 236):
        yield from (f"evil#prod#{'9' * (huge - 10)}", f"evil@v{'9' * (huge - 10)}.0.0", "e" * huge + "@v1")
    yield from (
        "evil=x@v1.0.0",
        "a/b/c=evil@v1.0.0",
        "evil#stable#0",
        "evil#stable#007",
        "refs/tags/flights@v1.0.0",
        "HEAD",
    )


def texts() -> Iterator[str]:
    """Messages and words of every kind."""
    for character in (*CONTROLS, *INVISIBLE, *LINE_ENDS):
        yield f"be{character}fore"
    yield from (
        "\x1b[2J\x1b[1;1Hall is well",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x07y\x1b]8;;\x07",
        "a\rb",
        "a\r\nb",
        "\b" * 9,
    )
    yield from ("", "\n", "\n\n\n", " ", "\t", "#123", "# a comment", "-x", "--", CANARY, f"$({CANARY})", f"`{CANARY}`")
    yield from ("a\n\nArtifact: x", "Artifact: x\nActor: y", "s\n\nArtifact: evil\nActor: root\nVersion: v9.9.9")
    yield from (
        "s\n\nArtifact: a\nActor: b\nVersion: ../../x",
        "s\n\nArtifact: a\nActor: b\nVersion: --help\nStage: -x",
    )
    yield from (
        f"s\n\nmanifest: {DEEP}\n\nArtifact: a\nActor: b\nManifest: x",
        's\n\nmanifest: {"metrics":[]}\n\nArtifact: a\nActor: b',
    )
    yield from (
        f"s\n\nmanifest: {one}\n\nArtifact: a\nActor: b\nManifest: x" for one in ("null", "[]", "1", "{", '"x"', "{}")
    )
    yield f's\n\nmanifest: {{"metrics": {{"a": {"9" * 5000}}}}}\n\nArtifact: a\nActor: b\nManifest: x'
    yield from ("-----BEGIN PGP SIGNATURE-----\nx", "a\n-----BEGIN SSH SIGNATURE-----", "tree 0000\nparent 1111")
    yield from (
        f"see https://me:{SECRET}@example.org/x",
        f"https://{SECRET}@example.org",
        f"https://example.org/?token={SECRET}",
    )
    yield from (
        "x" * 300_000,
        "word " * 60_000,
        "\n" * 100_000 + "x",
        "é" * 100_000,
        "{" * 9999,
        "e\u0301\u0327" * 3000,
    )


DATES = (
    "0 +0000", "-1 +0000", "1 +0000", "2147483648 +0000", "4070908800 +0000", "4294967296 +0000", "253402300800 +0000",
    "9223372036854775807 +0000", "9223372036854775808 +0000", "99999999999999999999999999 +0000", "-9999999999 +0000",
    "1700000000 +9999", "1700000000 -9999", "1700000000 +100000", "1700000000", "x +0000", "", "1e9 +0000", "٣ +0000",
)  # fmt: skip
TAGGERS = (
    "", "<>", "A <a>", "A B", "A <a@b> <c@d>", "\x1b[31mRed <r@e>", "\u202eevil <e@x>", "-x <--help>", "A" * 10_000 + " <a>",
    f"$({CANARY}) <a@b>", "a\tb <c>", "<<>>", ">x<",
)  # fmt: skip


def listings() -> Iterator[bytes]:
    """Directory objects, each with the md5 that its bytes have."""
    good = "0" * 32
    for path in PATHS:
        yield json.dumps([{"md5": good, "relpath": path}]).encode()
    for value in (*HASHES, None, 1, [], {}, True, good + ".dir"):
        yield json.dumps([{"md5": value, "relpath": "a"}]).encode()
    twins = (("a", "A"), ("a", "a/b"), ("a/b", "A/B"), ("é", "e\u0301"), ("ß", "ss"), ("x", "x"), ("a/b/c", "a/b"))
    for one, two in twins:
        yield json.dumps([{"md5": good, "relpath": one}, {"md5": good, "relpath": two}]).encode()
    yield from (
        b"",
        b"null",
        b"{}",
        b"[1]",
        b"[[]]",
        b'["a"]',
        b"[{}]",
        b'[{"md5": 1}]',
        b"\xff\xfe",
        b"[" * 200_000,
        b"x" * 9,
    )
    yield from (b'[{"relpath": 1, "md5": 2}]', b'[{"relpath": null, "md5": null}]', b'{"relpath": "a"}', b"[NaN]")


def pipelines() -> Iterator[dict[str, str]]:
    """Files of a DVC project, as a commit would hold them beside a good `.dvc/config`."""
    good = "d" * 32
    for path in PATHS:
        if "\0" not in path and path.isascii():
            yield {"m.dvc": f"outs:\n- md5: {good}\n  size: 1\n  hash: md5\n  path: {json.dumps(path)}\n"}
    for value in HASHES:
        if "\0" not in value:
            yield {"m.dvc": f"outs:\n- md5: {json.dumps(value)}\n  size: 1\n  hash: md5\n  path: m\n"}
            yield _locked(value)
    for text in (
        "", "null", "[]", "1", "x", "outs: 1", "outs: [1]", "outs:\n- path: [a]", "outs:\n- path: {a: b}", "outs:\n- path: null",
        "&a [*a]", "a: &a [*a, *a]", "!!python/object/apply:os.system [touch x]", "!!python/name:os.system", "\ttab", "\x07",
        "? [a]\n: b", "outs:\n- {path: m, md5: x, size: -1}", "outs:\n- {path: m, size: 1e400}", "deps: 7\nouts:\n- path: m",
        "outs:\n- path: m\n  remote: ../../x", "outs:\n- path: m\n  push: false", "wdir: ../../..\nouts:\n- path: x",
        "wdir: /etc\nouts:\n- path: passwd", f"deps:\n- path: https://me:{SECRET}@example.org/x\nouts:\n- path: m",
        "deps:\n- path: ext::touch\n  repo: {url: 'ext::sh -c touch', rev: --x}\nouts:\n- path: m", "frozen: maybe\nouts:\n- path: m",
        "md5: x\nouts:\n- path: remote://evil/x", "outs:\n- path: s3://evil/x", "[" * 5000, "a: " * 50, "{" * 5000,
    ):  # fmt: skip
        yield {"m.dvc": text}
        yield {"dvc.yaml": text, "dvc.lock": text}
    for stage in (
        "cmd: [1]", f"cmd: {CANARY}", "cmd: x\n    wdir: ../../..", "cmd: ${x}", "cmd: ${item}\n    foreach: 1", "foreach: [1]\n    do: 2",
        "cmd: x\n    outs: [../../escape]", "cmd: x\n    outs: [/etc/escape]", "cmd: x\n    deps: [/etc/passwd]", "cmd: x\n    vars: [/etc/passwd]",
        "cmd: x\n    params: [../../../etc/passwd:]", "cmd: x\n    metrics: [/etc/passwd]", "cmd: x\n    plots: [../../x]", "cmd: x\n    outs: [a, A]",
        "cmd: x\n    outs: [a, a/b]", "cmd: x\n    outs: [.git/hooks/pre-commit]", "cmd: x\n    outs: [.dvc/config]", "cmd: x\n    outs: [a\u202eb]",
        "cmd: x\n    outs: ['--x']", "cmd: x\n    outs: ['x y\\\nz']", "matrix: {a: 1}", "cmd: x\n    outs: [{a: 1}]", "cmd: x\n    outs: [{a: {cache: maybe}}]",
    ):  # fmt: skip
        yield {"dvc.yaml": f"stages:\n  s:\n    {stage}\nartifacts:\n  evil: {{path: m}}\n"}
    for entry in (
        "path: ../../escape", "path: /etc/passwd", f"path: https://me:{SECRET}@example.org/m", "path: 1", "path: []", "x: y", "path: ''",
        "{path: m, type: [1], desc: {a: b}, labels: 7}", "path: \"\\x1b[2J\"", "path: m\n    desc: \"\\u202e\"",
    ):  # fmt: skip
        yield {"dvc.yaml": f"artifacts:\n  evil:\n    {entry}\n"}
        yield {"dvc.yaml": f"artifacts:\n  '../x':\n    {entry}\n  '--x': {{path: m}}\n  evil: {{path: m}}\n"}
    yield from _values()


def _locked(value: str) -> dict[str, str]:
    """A cached metrics file whose object is named by the version: what is shown of it must not come from elsewhere."""
    lock = f"schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: m.yaml\n      hash: md5\n      size: 1\n      md5: {json.dumps(value)}\n"
    return {
        "dvc.yaml": "stages:\n  s:\n    cmd: x\n    metrics: [m.yaml]\nartifacts:\n  evil: {path: m.yaml}\n",
        "dvc.lock": lock,
    }


def _values() -> Iterator[dict[str, str]]:
    bomb = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}\n" for n in range(1, 40))
    for text in (
        bomb, f"db: postgres://me:{SECRET}@db/x\n", "a: !!python/object/apply:os.system [x]\n", "a: &a {b: *a}\n", "x\x07y", "a: \"\\x1b[2J\"\n",
        "a: .nan\nb: .inf\nc: 2001-01-01\n", f"a: {'9' * 5000}\n", "? {a: b}\n: c\n", "null: null\n", "[1, 2]\n", "7\n", "{" * 3000, "",
    ):  # fmt: skip
        yield {"params.yaml": text}
        yield {"m.yaml": text, "dvc.yaml": "metrics: [m.yaml]\nartifacts:\n  evil: {path: m.yaml}\n"}
    for code in (
        "import os\nos.system('touch x')\n",
        "x = __import__('os')",
        "class A:\n x = 1\n",
        "(" * 300,
        "x" * 99,
        "\0",
    ):
        yield {"params.py": code, "dvc.yaml": "params: [params.py]\nartifacts:\n  evil: {path: m}\n"}


def manifests(good: dict[str, object]) -> Iterator[bytes]:
    """`manifest.json` of a journal entry, each one thing away from a good one."""
    output = {"path": "m", "md5": "0" * 32, "sha256": "0" * 64, "size": 1, "files": 1}

    def of(**change: object) -> bytes:
        return json.dumps({**good, **change}).encode()

    for path in (*PATHS, None, 1, [], {}):
        yield of(outputs=[{**output, "path": path}])
        yield of(project=path)
    for value in (*HASHES, None, 1, [], {}, True):
        yield of(outputs=[{**output, "md5": value}])
        if value is not None:
            yield of(outputs=[{**output, "sha256": value}])
    for key in ("size", "files"):
        yield from (of(outputs=[{**output, key: value}]) for value in (-1, "1", 1.5, [], True, {}))
    yield from (of(outputs=[{**output, "storage": value}]) for value in ("", "x", 1, [], "../x"))
    yield from (of(outputs=[{**output, "remote": value}]) for value in (1, [], {}))
    yield from (
        of(outputs=value)
        for value in (1, "x", {}, [1], ["x"], [[]], [output, output], [output, {**output, "path": "M"}])
    )
    yield from (of(outputs=[output, {**output, "path": path}]) for path in ("m/a", "m", "M/b"))
    for key in ("metrics", "parameters", "data", "environment"):
        yield from (of(**{key: value}) for value in (1, "x", [1], [[]], True))
    yield from (of(environment={"lock": path, "digest": "x", "python": "3.11"}) for path in (*PATHS, 1, [], "--help"))
    yield from (of(environment={"python": one}) for one in (1, [], "--help", "/bin/sh", "3.11; x", "\u202e3.11"))
    yield from (of(path=value) for value in (1, None, [], "https://me:geheim@example.org/m", *PATHS[:6]))
    yield from (b"", b"null", b"[]", b"1", b"{}", b"\xff", DEEP.encode(), b'{"outputs": ' + DEEP.encode())


def settings() -> Iterator[str]:
    """Texts of `lastgood.toml`."""
    yield from (
        "=",
        "[",
        "x",
        "[a]\n[a]",
        "a = " + DEEP,
        "\x07",
        "[rollback]\nstage = 1",
        "[rollback]\naccept = 'all'",
        "release = 1",
    )
    yield from (
        "[release]\nprod = 1",
        "[release.prod]\noutputs = 'x'",
        "[release.prod]\noutputs = [1]",
        "[release.'../x']\noutputs = [[]]",
    )
    yield from (
        f"[registry]\n{line}"
        for line in ("journal = ''", "journal = 'x'", "journal = 'refs/x'", "remote = []", "deadline = -1")
    )
    yield from (f"[registry]\ndeadline = {value}" for value in ("0", "1e9", "nan", "true", "'1'", "9" * 50))
    yield from (
        f"[{section}]\n'\\u202e' = 1" for section in ("rollback", "register", "registry", "environment", "prune", "x")
    )
    yield from (
        f"[{section}]\n{key} = -1"
        for section, key in (("prune", "keep"), ("rollback", "timeout"), ("environment", "timeout"))
    )
