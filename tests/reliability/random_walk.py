"""The random walk of the stateful test: each step acts on a real world, forecasts the result, and compares."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from tests.reliability import forecasts
from tests.reliability.checker import Known
from tests.reliability.forecasts import Forecast, Rollback
from tests.reliability.judging import Change, judge
from tests.reliability.model import ARTIFACT, MARKS, Model
from tests.reliability.observations import STAGES, Observation, Observer
from tests.reliability.outside_steps import OutsideSteps
from tests.world import World

DAY = 86400
FREE = ("v0.9.0", "v1.5.0", "v2.5.0-rc.1", "v2.5.0", "v3.1.0", "v5.0.0-rc.1", "v5.0.0", "v10.0.0")
"""Names that versions of this test get, beside v1.0.0 to v4.0.0."""
NOBODY = "v7.7.7"
"""A version that never is."""

DECISIVE = (
    ("subprocess.Popen", "'push'"),
    ("subprocess.Popen", "update-ref"),
    ("os.rename", "/live/"),
    ("open", "history.jsonl"),
    ("os.remove", "pushing"),
)
"""The writes between the old state and the new: audit events, with a part of their arguments."""


@dataclass(frozen=True)
class Line:
    """A command line with its forecast. `target` is the commit that it brings into the working tree."""

    arguments: tuple[str, ...]
    forecast: Forecast
    target: str | None = None
    fresh: bool = True
    """Whether it leaves the clone with all that origin has."""


@dataclass
class RandomWalk:
    """One world and the steps taken in it. Every step takes three small numbers that choose among what exists.

    `counts` has how often each kind of step changed something, was a no-op, or was refused.
    """

    world: World
    known: Known
    commits: tuple[str, ...]
    model: Model
    now: int
    counts: Counter[str] = field(default_factory=Counter)
    steps: list[str] = field(default_factory=list)
    litter: set[str] = field(default_factory=set)
    numbers: "count[int]" = field(default_factory=count)
    judged_back: bool = False

    def __post_init__(self) -> None:
        self.outside = OutsideSteps(self.world.project, self.now)
        self.observer = Observer(self.world.project.base, self.known)
        self.trees = {commit: json.dumps(tree, sort_keys=True) for commit, tree in self.known.trees.items()}
        self.seen = self.observer.look()
        self.oids = dict(self.seen.oids)

    def close(self) -> None:
        """Remove the world."""
        self.outside.close()
        for path in self.observer.checker.releases():
            path.chmod(0o755)
        shutil.rmtree(self.world.project.base, ignore_errors=True)

    # commands

    def lines(self) -> Mapping[str, Callable[[int, int, int], Line]]:
        """The commands, by name."""
        names = ("mark", "assign", "rollback", "sync", "adopt", "repair", "verify", "prune", "gc", "checkout")
        return {name: getattr(self, f"_{name}") for name in (*names, "register")}

    def _version(self, number: int) -> str:
        versions = [*self.model.commits]
        return NOBODY if number == 0 else versions[number % len(versions)]

    def _mark(self, version: int, _stage: int, flag: int) -> Line:
        name, mark = self._version(version), MARKS[flag % 4 == 3]
        arguments = ("mark", f"{ARTIFACT}@{name}", mark, "--reason", "judged")
        return Line(arguments, forecasts.mark(self.model, name, mark, self.now))

    def _assign(self, version: int, stage: int, flag: int) -> Line:
        name, where = self._version(version), STAGES[stage % 2]
        good = [one for one in self.model.commits if self.model.mark_of(one) != "failed"]
        if flag % 4 and good:  # the higher ones, which there is something below of
            name = good[-1 - version % max(1, len(good) // 2)]
        forecast = forecasts.assign(self.model, self.seen, name, where, self.now)
        return Line(("assign", f"{ARTIFACT}@{name}", "--stage", where, "--reason", "better"), forecast)

    def _rollback(self, version: int, stage: int, flag: int) -> Line:
        where = STAGES[stage % 2] if self.model.newest("staging") or flag == 0 else "prod"
        newest = self.model.newest(where)
        leaving = None if flag % 3 == 0 else newest.version if flag != 7 and newest else self._version(version)
        request = Rollback(where, leaving, record_only=flag % 4 == 1, again=flag == 6, mark=flag % 5 != 4)
        arguments = ["rollback", ARTIFACT, "--stage", where, "--reason", "bad"]
        arguments += ["--from", leaving] if leaving else []
        options = {"--record-only": request.record_only, "--again": request.again, "--no-mark": not request.mark}
        arguments += [option for option, said in options.items() if said]
        return Line(tuple(arguments), forecasts.rollback(self.model, self.seen, request, self.trees, self.now))

    def _sync(self, _version: int, stage: int, _flag: int) -> Line:
        where = STAGES[stage % 2]
        return Line(("sync", ARTIFACT, "--stage", where), forecasts.sync(self.model, self.seen, where))

    def _adopt(self, _version: int, _stage: int, _flag: int) -> Line:
        return Line(("adopt", ARTIFACT), forecasts.only(0, self.model.adopted()))

    def _repair(self, _version: int, _stage: int, flag: int) -> Line:
        options = [option for option, said in (("--deep", flag % 2), ("--moved", flag % 3)) if said]
        return Line(("repair", *options), Forecast(frozenset({0, 3}), self.model))

    def _verify(self, _version: int, _stage: int, flag: int) -> Line:
        deep = flag % 2 == 1
        found = forecasts.verify(self.model, self.seen, deep=deep)
        return Line(("verify", *(["--deep"] if deep else [])), found)

    def _prune(self, _version: int, _stage: int, flag: int) -> Line:
        return Line(("prune", ARTIFACT, "--keep", str(flag % 3)), forecasts.only(0, self.model))

    def _gc(self, _version: int, _stage: int, _flag: int) -> Line:
        arguments = ("gc", "--remote", "--yes", "--grace", "0", "--max-share", "100")
        readable = all(whole for name, whole in self.seen.remote.items() if name.endswith(".dir"))
        lost = any(self.seen.lacking(commit) for commit in self.commits)
        return Line(arguments, Forecast(frozenset({0} if readable and not lost else {0, 3, 14}), self.model))

    def _checkout(self, version: int, _stage: int, _flag: int) -> Line:
        name = self._version(version)
        forecast = forecasts.checkout(self.model, self.seen, name)
        if self.seen.worktree is None:  # somebody's files may be lost
            forecast = replace(forecast, codes=forecast.codes | {14, 7})
        return Line(("checkout", f"{ARTIFACT}@{name}"), forecast, self.model.commits.get(name))

    def _register(self, version: int, _stage: int, flag: int) -> Line:
        free = [one for one in self.commits if one not in self.model.commits.values()]
        if flag % 4 and free:
            self._bring(free[version % len(free)])
        names = [one for one in FREE if one not in self.model.commits] or [NOBODY]
        name = names[version % len(names)] if flag % 8 != 7 else self._version(version + 1)
        commit, clean = self.seen.head, self.seen.worktree is not None
        whole = all(self.seen.cache.get(one) for one in self.seen.needed[commit])
        forecast = forecasts.register(self.model, commit, name, clean=clean, whole=whole, now=self.now)
        return Line(("register", ARTIFACT, "--version", name), forecast)

    def command(self, name: str, version: int, stage: int, flag: int) -> None:
        """One command, without interruption."""
        self._tick()
        line = self.lines()[name](version, stage, flag)
        code = self.outside.lastgood(*line.arguments)
        self._judge(name, line, code, Change())

    def crash(self, name: str, version: int, stage: int, flag: int, number: int) -> None:
        """One command, killed before one of its changes, or before one of the decisive ones."""
        self._tick()
        line = self.lines()[name](version, stage, flag)
        place = DECISIVE[number % 16] if number % 16 < len(DECISIVE) else number
        code = self.outside.lastgood(*line.arguments, kill=place)
        self._judge(f"crash {name}", line, code, Change(killed=code < 0), f"killed before {place}")

    def fault(self, name: str, version: int, stage: int, flag: int, fault: tuple[str, ...]) -> None:
        """One command, with failing system calls."""
        self._tick()
        line = self.lines()[name](version, stage, flag)
        code = self.outside.lastgood(*line.arguments, fault=fault)
        self._judge(f"fault {name}", line, code, Change(faulty=True), fault[-1])

    def _judge(self, name: str, line: Line, code: int, change: Change, how: str = "") -> None:
        self.steps.append(f"{' '.join(line.arguments)} {how} -> {code}")
        before, self.seen = self.seen, self.observer.look()
        change = replace(
            change, code=code, codes=line.forecast.codes, fresh=line.fresh and code == 0, arguments=line.arguments,
            target=line.target, litter=frozenset(self.litter),
        )  # fmt: skip
        model, wrong = judge(self.model, line.forecast.after, before, self.seen, change, self.oids)
        reports = [one.read_text()[-1500:] for one in self.world.root.rglob("bug-*.txt")]
        assert not [*wrong, *reports], self._report([*wrong, *reports])
        outcome = "killed" if code < 0 else "refused" if code else "done" if self._changed(model, before) else "nothing"
        self.counts[f"{name} {outcome}"] += 1
        self.model = model
        self.oids = {**self.oids, **self.seen.oids}
        self.litter &= self.seen.remote.keys()

    def _after_foreign(self, name: str, model: Model, told: str, *, damaging: bool = False) -> None:
        """Judge a foreign step: the world must match the model, and nothing else may have changed."""
        self.steps.append(told)
        before, self.seen = self.seen, self.observer.look()
        base = self.seen if damaging else before
        model, wrong = judge(model, model, base, self.seen, Change(), self.oids)
        assert not wrong, self._report(wrong)
        self.counts[f"{name} done"] += 1
        self.model = model
        self.litter &= self.seen.remote.keys()

    def _skipped(self, name: str) -> None:
        self.counts[f"{name} skipped"] += 1

    def _bring(self, commit: str) -> None:
        """`git checkout` and `dvc checkout`. Where nothing is damaged, the working tree must then be that commit.

        DVC trusts the files that it checked out before, so damage in the working tree stays. It also stops at a bad
        listing on the remote although the cache has a good one.
        """
        clean = self.seen.worktree is not None
        needed, cache, remote = self.seen.needed[commit], self.seen.cache, self.seen.remote
        whole = all(map(cache.get, needed)) or all(remote.get(one) and cache.get(one, True) for one in needed)
        self.outside.check_out(commit)
        self._after_foreign("plain checkout", self.model, f"git checkout {commit[:7]} && dvc checkout", damaging=True)
        assert self.seen.worktree == commit or not (whole and clean), self._report(
            ["plain git and DVC do not bring the commit back"]
        )

    def _changed(self, model: Model, before: Observation) -> bool:
        return model != self.model or self.seen != before

    def _tick(self, seconds: int = 20) -> None:
        self.now += seconds
        self.outside.now = self.now

    def _report(self, wrong: list[str]) -> str:
        story = "\n".join(self.steps[-40:])
        return "\n".join([*wrong, "", f"after {len(self.steps)} steps, the last of them:", story, self.outside.words()])
