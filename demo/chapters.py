"""The chapters of the story, in order; each shows what a person types, and what it answers."""

import json
import re
import time
from collections.abc import Callable, Mapping

import evidence
from judging import Judgement, judge
from scratch import configure, git, make_origin
from steps import Story, edit, follow, live, note, offline, prove_same, refs, release

FIRST, GOOD, BAD = "v1.0.0", "v1.1.0", "v2.0.0"
FEATURE = '    "distance",\n'
LEAK = '    "dep_delay",\n'
REASON = "bad on July: dep_delay is empty when a flight is to be scored"
ROLLBACK = ("lastgood", "rollback", "flights", "--from", BAD, "--reason", REASON)


def begin(story: Story) -> None:
    """A git remote, a DVC remote and a clone, all new."""
    console, scratch = story.console, story.scratch
    make_origin(story.repository, scratch.origin, dict(console.environment))
    commit = git(scratch.origin, "log", "-1", "--format=%h (%s)", "main")
    console.say(f"origin.git holds this repository at {commit}, without tags. The DVC remote lies beside it.")
    if git(story.repository, "status", "--porcelain"):
        console.say("(What is not committed there is no part of the story.)")
    console.run("git", "clone", "origin.git", "engineer")
    configure(scratch.engineer)
    console.enter(scratch.engineer)
    console.run("dvc", "remote", "list")
    console.run("lastgood", "list")


def two_good(story: Story) -> None:
    """Two versions that are good, and two machines that run the second."""
    console = story.console
    for version, through, month in ((FIRST, 3, "March"), (GOOD, 6, "June")):
        console.say(f"{version}: flights through {month}, which is held out; the model learns from the months before.")
        edit(story, "params.yaml", r"(?m)^  through: \d+", f"  through: {through}")
        console.run("git", "diff", "--unified=0", "--no-prefix", "params.yaml", only="+  ")
        release(story, version, f"Flights through {month}")
        if version == FIRST:
            console.say("Two machines follow prod: this clone, and a server that begins with the repository's address.")
        follow(story)
        console.run("lastgood", "mark", f"flights@{version}", "stable", "--reason", "works in prod")
    console.say(f"With {GOOD} live, what it is and what it says of July's flights before they depart is noted:")
    console.run("python", "scripts/scorable.py", "7", "--output", "../july.csv")
    note(story, GOOD)


def leak(story: Story) -> None:
    """A version that looks better than any before."""
    console = story.console
    console.say(
        "Somebody adds the departure delay to the features. In history it is there; when a flight is to be scored, "
        "nobody knows it yet. The gate and the evaluation look at history, where nothing is amiss."
    )
    edit(story, "scripts/features.py", re.escape(FEATURE), FEATURE + LEAK)
    console.run("git", "diff", "--unified=1", "--no-prefix", "scripts/features.py", limit=12)
    release(story, BAD, "Use the departure delay")
    follow(story)
    console.run("lastgood", "diff", GOOD, BAD, limit=30)
    console.run("lastgood", "list", limit=12)
    good, bad = (offline(story)[version]["roc_auc"] for version in (GOOD, BAD))
    found = f"{bad:.3f}, {good:.3f} before"
    story.proofs.show(f"{BAD} looks splendid: ROC AUC on June, held out", bad > good + 0.05, found)


def july(story: Story) -> None:
    """The truth about both versions."""
    console = story.console
    console.say("July is over, and it is known which of its flights were late. Was the live release right?")
    console.run("python", "scripts/scorable.py", "7", "--output", "../july.csv", "--outcome", "../july-outcome.csv")
    console.run("lastgood", "where", "flights", "--stage", "prod")
    note(story, BAD)
    judged = {version: judge(story.predictions(version), story.outcome) for version in (GOOD, BAD)}
    good, bad = judged.values()
    console.say(f"The {bad.flights} flights of July that arrived; the model had not seen July:")
    console.table(figures(offline(story), judged))
    worse = bad.roc_auc < good.roc_auc and bad.log_loss > good.log_loss
    story.proofs.show(f"{BAD} is worse than {GOOD} on July", worse)
    story.proofs.show(f"{BAD} is worse than knowing only how many are late", bad.log_loss > bad.uninformed)


def figures(metrics: Mapping[str, Mapping[str, float]], judged: Mapping[str, Judgement]) -> list[tuple[str, ...]]:
    """A table of what was promised offline and what came."""
    rows: list[tuple[str, ...]] = [("", "AUC offline", "AUC July", "log loss July", "mean prediction")]
    for version, found in judged.items():
        promised = metrics[version]["roc_auc"]
        row = (f"{promised:.3f}", f"{found.roc_auc:.3f}", f"{found.log_loss:.3f}", f"{found.mean:.3f}")
        rows.append((version, *row))
    truth = next(iter(judged.values()))
    return [*rows, ("only how many were late", "", "0.500", f"{truth.uninformed:.3f}", f"{truth.base_rate:.3f}")]


def back(story: Story) -> None:
    """The rollback, and the same again."""
    console = story.console
    started = time.monotonic()
    console.run(*ROLLBACK, limit=20)
    story.facts.append(("rollback, recorded on origin and switched here", f"{time.monotonic() - started:.2f} s"))
    console.say("The same job runs again, as jobs do:")
    before = refs(story)
    console.run(*ROLLBACK, limit=20)
    story.proofs.show("the second rollback wrote nothing, here or on origin", refs(story) == before)


def proof(story: Story) -> None:
    """The state is the one that was noted, for git and DVC too."""
    console, noted = story.console, story.noted[GOOD]
    console.say(f"Is it {GOOD} as it was? The live release is hashed file by file, and scores July's flights again.")
    now = note(story, "again")
    prove_same(story, f"{GOOD} again", now, noted)
    tagged = console.ask("git", "rev-parse", f"flights@{GOOD}^{{commit}}")
    story.proofs.show(f"the tag flights@{GOOD} points to that commit", now.commit == tagged)
    pinned = evidence.locked(live(story) / "dvc.lock")
    story.proofs.show("dvc.lock has the same MD5", now.outputs == pinned)


def neighbours(story: Story) -> None:
    """The same without this tool."""
    console, scratch = story.console, story.scratch
    console.enter(scratch.directory)
    console.run("git", "clone", "--quiet", "origin.git", "plain")
    console.enter(scratch.plain)
    console.run("git", "checkout", f"flights@{GOOD}")
    console.run("dvc", "pull")
    console.enter(scratch.engineer)
    same = evidence.compare(live(story), scratch.plain)
    what = f"git clone, git checkout, dvc pull: the same {same.files} files, {same.size / 1e6:.0f} MB"
    story.proofs.show(what, not same.different and same.files > 0, ", ".join(same.different[:5]))
    console.run("gto", "show", "flights", "--plain")
    shown = json.loads(console.ask("gto", "show", "flights#prod", "--json"))
    story.proofs.show(f"gto: prod is {GOOD}", [one["version"] for one in shown] == [GOOD])
    console.run("dvc", "artifacts", "get", ".", "flights", "--stage", "prod", "--out", "../got.txt")
    model = dict(story.noted[GOOD].outputs)["models/flights.txt"]
    story.proofs.show("dvc artifacts get: the same model", evidence.md5_of(scratch.directory / "got.txt") == model)


def second_machine(story: Story) -> None:
    """The machine that only follows."""
    console = story.console
    console.enter(story.scratch.directory)
    console.run("lastgood", "sync", "flights", "--stage", "prod", "--root", "server")
    there = note(story, "server", "--root", "server")
    prove_same(story, "on the server", there, story.noted[GOOD])
    console.enter(story.scratch.engineer)
    console.run("lastgood", "history", "flights", limit=20)
    console.run("lastgood", "status", limit=20)
    console.run("lastgood", "verify", limit=20)


CHAPTERS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("A pipeline, and no version yet", begin),
    ("Two good versions, two machines", two_good),
    ("A version that looks better", leak),
    ("July", july),
    ("Back", back),
    ("Proof", proof),
    ("The same with git, DVC and GTO alone", neighbours),
    ("The second machine", second_machine),
)
