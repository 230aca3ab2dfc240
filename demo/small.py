"""A project as small as can be, for pictures: real git, DVC and lastgood, two versions, a machine that follows prod."""

from pathlib import Path

from console import Console
from scratch import environment, git

FILES = {
    "dvc.yaml": """\
stages:
  train:
    cmd: cat data/flights.csv params.yaml > models/model.txt
    deps: [data/flights.csv]
    params: [depth]
    outs: [models/model.txt]
artifacts:
  flights:
    path: models/model.txt
    type: model
""",
    ".dvc/config": "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../dvc-remote\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    "models/.gitignore": "/model.txt\n",
}


def make(directory: Path) -> Console:
    """A console in a clone of a new project below `directory`: v1.0.0 is stable, v2.0.0 is live in prod."""
    directory = directory.resolve()
    variables = environment(directory / "home")
    clone = directory / "work"
    git(directory, "init", "--quiet", "--bare", "origin.git", variables=variables)
    git(directory, "clone", "--quiet", "origin.git", "work", variables=variables)
    for key, value in {"user.name": "Ada", "user.email": "ada@example.org", "gc.auto": "0"}.items():
        git(clone, "config", key, value, variables=variables)
    for name, text in FILES.items():
        (clone / name).parent.mkdir(exist_ok=True)
        (clone / name).write_text(text, encoding="utf-8")
    console = Console(clone, variables)
    _release(console, "v1.0.0", ("UA,1545,4\n", 6, "1.8.0"), reason="first release")
    console.ask("lastgood", "mark", "flights@v1.0.0", "stable", "--reason", "a week without complaints")
    _release(console, "v2.0.0", ("UA,1545,4\nAA,1141,33\n", 12, "1.9.1"), reason="better on last month")
    return console


def _release(console: Console, version: str, made_of: tuple[str, int, str], *, reason: str) -> None:
    """Train with these rows, depth and scikit-learn, register the result, and make it live in prod on this machine."""
    clone = console.directory
    rows, depth, library = made_of
    (clone / "data").mkdir(exist_ok=True)
    (clone / "data/flights.csv").write_text(rows, encoding="utf-8")
    (clone / "params.yaml").write_text(f"depth: {depth}\n", encoding="utf-8")
    lock = f"scikit-learn=={library} --hash=sha256:{'0' * 64}\n"
    (clone / "requirements.txt").write_text(lock, encoding="utf-8")
    console.ask("dvc", "add", "--quiet", "data/flights.csv")
    console.ask("dvc", "repro", "--quiet")
    console.ask("git", "add", "--all")
    console.ask("git", "commit", "--quiet", "--message", f"Train {version}")
    console.ask("lastgood", "register", "flights", "--version", version, "--push-branch")
    console.ask("lastgood", "assign", f"flights@{version}", "--stage", "prod", "--reason", reason)
    console.ask("lastgood", "sync", "flights", "--stage", "prod")
