"""Running commands in versions: each in its own code, data, model and environment, and nothing of it is left."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import IO

import pytest

from lastgood.core.references import find_version
from lastgood.errors import FindingsError, NotCarriedOutError
from lastgood.operations.exec import CommandError, execute
from lastgood.registry.view import read
from lastgood.releases.release import description_path, release_directories
from lastgood.releases.use import in_use
from lastgood.versions import environments
from lastgood.versions.restorable import require_restorable
from tests.adapters.wheels import make_wheel, use_only
from tests.conftest import isolate
from tests.world import World, files

PREDICT = """\
import sys
from pathlib import Path
import tiny
print("CODE", Path("models/model.txt").read_text(), tiny.ANSWER, Path("data/raw/a.csv").read_text().strip(), sys.prefix)
"""
PROGRAM = [sys.executable, "-m", "lastgood.cli.app"]


@pytest.fixture(scope="session")
def _wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("packages") / "wheels"
    for version in ("1.0", "2.0"):
        make_wheel(directory, version)
    return directory


@pytest.fixture(autouse=True)
def wheels(_wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_only(_wheels, monkeypatch)
    return _wheels


@pytest.fixture(scope="session")
def _pair(_blank: object, session_home: Path, _wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("pair")))  # type: ignore[attr-defined]  # a Project
        for number in (1, 2):
            code = {
                "scripts/predict.py": PREDICT.replace("CODE", f"code {number}"),
                "requirements.txt": f"tiny=={number}.0\n",
            }
            world.release(f"v{number}.0.0", model=f"model {number}", data={"a.csv": f"data {number}\n"}, code=code)
        return world


@pytest.fixture
def pair(_pair: World, tmp_path: Path) -> World:
    """v1.0.0 and v2.0.0, whose code, data, model and environment all differ; the working tree is v2.0.0."""
    return _pair.copy(tmp_path)


def start(world: World, *command: str, version: str = "v1.0.0") -> "subprocess.Popen[str]":
    line = [*PROGRAM, "exec", f"flights@{version}", "--", *command]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=world.root, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def say(world: World, *command: str, version: str = "v1.0.0") -> str:
    with start(world, *command, version=version) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def scratches(world: World) -> list[Path]:
    return [path for path in (world.place / "staging").iterdir() if path.name != ".lock"]


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def test_two_versions_side_by_side_give_each_its_own_answer(pair: World) -> None:
    with ThreadPoolExecutor() as pool:
        ask = [pool.submit(say, pair, "python", "scripts/predict.py", version=f"v{one}.0.0") for one in (1, 2, 1, 2)]
        answers = [future.result() for future in ask]
    assert answers[:2] == answers[2:]
    for number, answer in zip((1, 2), answers, strict=False):
        *words, prefix = answer.split()
        assert " ".join(words) == f"code {number} model {number} {number}.0 data {number}"
        assert Path(prefix).parent == pair.place / "environments"
    assert len([*(pair.place / "environments").iterdir()]) == 2
    assert scratches(pair) == []


UV_LOCK = """\
version = 1
requires-python = ">=3.11"
[[package]]
name = "flights"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "tiny" }]
[package.metadata]
requires-dist = [{ name = "tiny" }]
[[package]]
name = "tiny"
version = "1.0"
source = { registry = "http://127.0.0.1:9/simple" }
wheels = [{ url = "http://127.0.0.1:9/tiny-1.0-py3-none-any.whl", hash = "sha256:HASH" }]
"""
PROJECT = """\
[project]
name = "flights"
version = "1"
requires-python = ">=3.11"
dependencies = ["tiny"]
"""
PYLOCK = """\
lock-version = "1.0"
created-by = "by hand"
[[packages]]
name = "tiny"
version = "1.0"
[[packages.wheels]]
name = "tiny-1.0-py3-none-any.whl"
url = "http://127.0.0.1:9/tiny-1.0-py3-none-any.whl"
hashes = { sha256 = "HASH" }
"""


@pytest.mark.parametrize(
    "locks", [{"uv.lock": UV_LOCK, "pyproject.toml": PROJECT}, {"pylock.toml": PYLOCK}], ids=["uv.lock", "pylock.toml"]
)
def test_a_version_runs_in_the_environment_of_its_lock(world: World, wheels: Path, locks: dict[str, str]) -> None:
    digest = sha256((wheels / "tiny-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    code = {path: text.replace("HASH", digest) for path, text in locks.items()}
    world.release("v1.0.0", model="model", data={"a.csv": "data\n"}, code={**code, "scripts/predict.py": PREDICT})
    *words, prefix = say(world, "python", "scripts/predict.py").split()
    assert words == ["CODE", "model", "1.0", "data"]
    assert Path(prefix).parent == world.place / "environments"


def test_a_package_without_a_wheel_is_built_where_the_configuration_allows_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, index = tmp_path / "tiny-3.0", tmp_path / "index"
    make_wheel(source, "3.0")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny"\nversion = "3.0"\n'
    )
    (source / "backend.py").write_text(
        "import glob, os, shutil\n"
        "def build_wheel(target, *_):\n"
        "    return os.path.basename(shutil.copy(glob.glob('*.whl')[0], target))\n"
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 3.0\n")
    index.mkdir()
    subprocess.run(["tar", "czf", index / "tiny-3.0.tar.gz", "-C", tmp_path, "tiny-3.0"], check=True)
    use_only(index, monkeypatch)
    code = {"requirements.txt": "tiny==3.0\n", "scripts/predict.py": PREDICT}
    world.release("v1.0.0", model="model", data={"a.csv": "data\n"}, code=code)
    with start(world, "python", "scripts/predict.py") as process:
        assert "tiny" in process.communicate(timeout=120)[1]
        assert process.returncode != 0
    world.settings("[environment]\nbuild = true\n")
    assert say(world, "python", "scripts/predict.py").split()[2] == "3.0"


def test_nothing_is_switched_or_recorded(pair: World) -> None:
    before = pair.snapshot()
    assert execute(pair.open(), "flights@v1.0.0", ["true"]) == 0
    assert pair.snapshot() == before


def test_code_and_outputs_are_writable_and_the_release_stays_as_it_is(pair: World) -> None:
    execute(pair.open(), "flights@v1.0.0", ["true"])
    release = next((pair.place / "releases/flights").iterdir())
    before, cache = files(release), files(pair.root / ".dvc/cache")
    script = "for f in models/model.txt data/raw/a.csv scripts/predict.py; do echo bad > $f; done; touch data/raw/b"
    assert execute(pair.open(), "flights@v1.0.0", ["sh", "-ec", script]) == 0
    assert files(release) == before
    assert files(pair.root / ".dvc/cache") == cache
    assert say(pair, "cat", "models/model.txt") == "model 1"


def test_it_knows_which_version_it_is_and_nothing_of_our_python(pair: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("GIT_DIR", str(pair.root / ".git"))
    out = say(pair, "python", "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    found = json.loads(out)
    assert (found["LASTGOOD_ARTIFACT"], found["LASTGOOD_VERSION"]) == ("flights", "v1.0.0")
    assert description_path(Path(found["LASTGOOD_RELEASE"])).is_file()
    assert found["PATH"].startswith(found["VIRTUAL_ENV"])
    assert not {"PYTHONPATH", "PYTHONHOME", "GIT_DIR"} & found.keys()


def test_git_and_dvc_do_not_see_the_outer_repository(pair: World) -> None:
    seen = Path(say(pair, "git", "rev-parse", "--show-toplevel"))
    assert seen.parent == pair.place / "staging"
    assert say(pair, "git", "for-each-ref") == ""
    dvc = str(Path(sys.executable).with_name("dvc"))
    assert Path(say(pair, dvc, "root")) == Path()
    assert Path(say(pair, "sh", "-c", f"cd .. && {dvc} root")) == Path()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["false"], 1),
        (["sh", "-c", "exit 42"], 42),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-command"], 127),
        (["./params.yaml"], 126),
    ],
)
def test_the_exit_code_is_what_a_shell_would_answer(pair: World, command: list[str], code: int) -> None:
    with start(pair, *command) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert ("error: " in said) is (code in {126, 127})
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_command_once_and_its_answer_counts(pair: World, number: signal.Signals) -> None:
    script = f"trap 'echo got; exit 7' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.1; done"
    with start(pair, "sh", "-c", script) as process:
        assert first_line(process.stdout) == "ready"
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (7, "got\n"), said
    assert scratches(pair) == []


def test_an_interrupt_from_the_keyboard_comes_once(pair: World) -> None:
    count = "import signal; n = []; signal.signal(signal.SIGINT, lambda *_: (n.append(1), print('got', flush=True)));"
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(pair.root)
        script = f"{count} print('ready', flush=True); input(); print('times', len(n))"
        os.execv(sys.executable, [*PROGRAM, "exec", "flights@v1.0.0", "--", "python", "-c", script])  # noqa: S606  # in the terminal's session
    said = b""
    for wanted, answer in ((b"ready", b"\x03"), (b"got", b"\n"), (b"times 1", b"")):
        while wanted not in said:
            assert select.select([terminal], [], [], 120)[0], said
            said += os.read(terminal, 1000)
        os.write(terminal, answer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)


def test_a_command_that_dies_of_a_signal_is_told_by_the_exit_code(pair: World) -> None:
    with start(pair, "sh", "-c", "echo ready; exec sleep 300") as process:
        assert first_line(process.stdout) == "ready"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM


def test_it_holds_release_and_environment_and_a_killed_one_leaves_only_what_the_next_removes(pair: World) -> None:
    with start(pair, "sh", "-c", "echo ready; read line") as process:
        assert first_line(process.stdout) == "ready"
        place = pair.open().place
        held = [*release_directories(place), *place.environments.iterdir()]
        assert [in_use(place, one) for one in held] == [True, True]
        process.kill()
        process.communicate(timeout=60)
    assert [in_use(place, one) for one in held] == [False, False]
    assert len(scratches(pair)) == 1
    say(pair, "true")
    assert scratches(pair) == []


def test_input_and_output_are_the_command_s_own(pair: World) -> None:
    with start(pair, "sh", "-c", "cat; echo beside >&2") as process:
        out, said = process.communicate("what came in", timeout=60)
    assert (process.returncode, out, said.splitlines()[-1]) == (0, "what came in", "beside")


def test_a_version_without_a_lock_runs_in_the_caller_s_environment_with_a_warning(pair: World) -> None:
    (pair.root / "requirements.txt").unlink()
    pair.release("v3.0.0", model="model 3")
    with start(pair, sys.executable, "-c", "import sys; print(sys.prefix)", version="v3.0.0") as process:
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out.strip()) == (0, sys.prefix)
    assert "v3.0.0 pins no environment lock" in said


def test_what_is_not_here_is_fetched_and_what_is_lost_is_refused(pair: World) -> None:
    other = pair.clone("other")
    assert say(other, "cat", "models/model.txt") == "model 1"
    pair.lose("model 2")
    with pytest.raises(FindingsError, match="cannot be restored"):
        execute(pair.open(), "flights@v2.0.0", ["true"])


def test_from_a_serving_host(pair: World) -> None:
    pair.assign("v1.0.0")
    host = str(pair.project.base / "host")
    address = f"file://{pair.project.origin}"
    serve = [*PROGRAM, "sync", "--stage", "prod", "--root", host, "--repo", address]
    subprocess.run(serve, check=True, capture_output=True)
    line = [*PROGRAM, "exec", "--root", host, "flights#prod", "--", "python", "scripts/predict.py"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=pair.project.base)
    assert done.stdout.startswith("code 1 model 1 1.0 data 1")


def test_a_command_that_is_not_there_is_told_apart_from_one_that_fails(pair: World) -> None:
    with pytest.raises(CommandError) as caught:
        execute(pair.open(), "flights@v1.0.0", ["scripts/gone.py"])
    assert caught.value.code == 127


def check(world: World, version: str) -> list[str]:
    project = world.open()
    history, found = find_version(read(project, fetch=False).registry, f"flights@{version}")
    manifest = require_restorable(project, history, found, here=True, stage=None)
    return [finding.kind for finding in environments.check_environment(project, manifest)]


def test_a_python_that_is_not_here_is_a_finding_that_names_it(pair: World) -> None:
    pair.project.put(".python-version", "3.3\n")
    pair.release("v3.0.0", model="model 3")
    assert check(pair, "v3.0.0") == ["python"]
    assert check(pair, "v1.0.0") == []
    with pytest.raises(FindingsError, match=r"v3\.0\.0 needs Python 3\.3"):
        execute(pair.open(), "flights@v3.0.0", ["true"])


def test_a_lock_that_cannot_be_had_says_why_and_leaves_nothing(pair: World) -> None:
    pair.project.put("requirements.txt", "tiny==9.0\n")
    pair.release("v3.0.0", model="model 3")
    with pytest.raises(NotCarriedOutError, match=r"(?s)cannot be built from requirements.txt.*tiny"):
        execute(pair.open(), "flights@v3.0.0", ["true"])
    assert scratches(pair) == []


def test_an_editable_lock_is_refused_by_name(pair: World) -> None:
    pair.project.put("requirements.txt", "-e .\n")
    pair.release("v3.0.0", model="model 3")
    with pytest.raises(FindingsError, match=r"-e \."):
        execute(pair.open(), "flights@v3.0.0", ["true"])
