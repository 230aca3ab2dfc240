"""Steps of the random walk that are not commands of lastgood: gto, plain git, DVC, bad disks, time; and queries."""

import json
from dataclasses import replace
from typing import Any

from tests.reliability.model import ARTIFACT, MARKS, Model
from tests.reliability.observations import STAGES, name_of
from tests.reliability.random_walk import DAY, FREE, NOBODY, RandomWalk

MOST_WRONG_TAGS, MOST_DAMAGE = 2, 4


class ForeignSteps(RandomWalk):
    """A random walk with all its steps. What cannot be done in this state counts as skipped."""

    def plain(self, version: int, _stage: int, _flag: int) -> None:
        """`git checkout` of any commit and `dvc checkout`."""
        self._tick()
        self._bring(self.commits[version % len(self.commits)])

    def gto(self, version: int, stage: int, flag: int) -> None:
        """A stage or a mark by gto; or a version, where a commit has none."""
        self._tick()
        if self.model.wrong_tags:  # it would count other tags than there are
            return self._skipped("gto")
        self.outside.fetch_tags()
        free = [one for one in self.commits if one not in self.model.commits.values()]
        higher = [one for one in ("v5.0.0", "v10.0.0") if one not in self.model.commits]
        if flag % 4 == 0 and free and higher and "v10.0.0" not in self.model.commits:
            arguments: tuple[str, ...] = ("register", ARTIFACT, free[0], "--version", higher[0], "--push")
            model = self.model.registered(higher[0], free[0], self.now, own=False)
        else:
            name = self._version(version + 1)
            name = name if name != NOBODY else next(iter(self.model.commits))
            where = (*STAGES, *MARKS)[(stage + flag) % 4]
            arguments = ("assign", ARTIFACT, "--version", name, "--stage", where, "--force", "--push")
            model = self.model.with_event(self.model.staged(where, name, self.now, own=False))
        code = self.outside.gto(*arguments)
        assert code == 0, self._report([f"gto {' '.join(arguments)} ends with {code}"])
        return self._after_foreign("gto", model, f"gto {' '.join(arguments)}")

    def by_hand(self, version: int, stage: int, flag: int) -> None:
        """A tag by `git tag -a`, pushed: a version, or a stage; or one of these is taken back."""
        self._tick()
        own = [event for event in self.model.events if event.tag not in self.model.recorded]
        free = [one for one in self.commits if one not in self.model.commits.values()]
        names = [one for one in FREE if one not in self.model.commits]
        if own and flag % 3 == 0 and own[-1].stage and own[-1].tag in self.seen.clone:
            self.outside.delete_tag(own[-1].tag)
            self.judged_back |= own[-1].stage in MARKS
            return self._after_foreign("by hand", self.model.without(own[-1]), f"git tag -d {own[-1].tag}, and pushed")
        if free and names and flag % 3 == 1:
            model = self.model.registered(names[version % len(names)], free[0], self.now, own=False)
        else:
            where = (*STAGES, *MARKS)[stage % 4]
            commits = [*self.model.commits]
            model = self.model.with_event(
                self.model.staged(where, commits[version % len(commits)], self.now, own=False)
            )
        self.outside.tag(model.events[-1].tag, model.events[-1].commit)
        return self._after_foreign("by hand", model, f"git tag -a {model.events[-1].tag}, and pushed")

    def break_tag(self, version: int, stage: int, flag: int) -> None:
        """A recorded tag is deleted or moved, on origin or in the clone."""
        where, how = ("origin", "clone")[flag % 2], ("deleted", "moved")[stage % 2]
        names = sorted(self.seen.origin.keys() & self.seen.clone.keys() & self.model.recorded)
        if len(self.model.wrong_tags) >= MOST_WRONG_TAGS or not names:
            return self._skipped("wrong tag")
        registrations = [name for name in names if "@" in name]
        name = (
            (registrations or names)[version % len(registrations or names)] if flag % 3 else names[version % len(names)]
        )
        commit = next(one for one in self.commits if one != self.seen.origin[name][1])
        self.outside.break_tag(name, where, how, commit)
        ways = {**self.model.wrong_tags, name: self.model.wrong_tags.get(name, frozenset()) | {f"{where} {how}"}}
        self._after_foreign("wrong tag", self._with_wrong_tags(ways), f"{name} {how} on {where}")
        return None

    def _with_wrong_tags(self, wrong_tags: dict[str, frozenset[str]]) -> Model:
        return replace(self.model, wrong_tags=wrong_tags)

    def damage(self, version: int, stage: int, flag: int) -> None:
        """An object of cache or remote, or a file of a release, rots or is lost; seldom one that is lost elsewhere."""
        kind, remove = ("cache", "remote", "release")[stage % 3], flag % 2 == 1
        lost = sum(bool(self.seen.lacking(commit)) for commit in self.commits)
        if len(self.seen.damage) + lost >= MOST_DAMAGE:
            return self._skipped("damage")
        if kind == "release":
            names = sorted(self.seen.releases)
            if not names:
                return self._skipped("damage")
            name = names[version % len(names)]
            self.outside.damage_release(name, flag, remove=remove)
        else:
            here, there = self.seen.cache, self.seen.remote
            store, other = (here, there) if kind == "cache" else (there, here)
            needed = {one for commit in self._wanted(flag) for one in self.seen.needed[commit]}
            names = sorted(one for one in needed & store.keys() if store[one] and (other.get(one) or flag == 7))
            if not names:
                return self._skipped("damage")
            name = names[version % len(names)]
            self.outside.damage_object(kind, name, remove=remove)
        told = f"{kind} {name} {'loses a file or itself' if remove else 'rots'}"
        return self._after_foreign(f"damage {kind}", self.model, told, damaging=True)

    def _wanted(self, flag: int) -> list[str]:
        """The commits whose objects are damaged: mostly of versions that have no release here yet."""
        unbuilt = [
            commit
            for version, commit in self.model.commits.items()
            if name_of(version, commit) not in self.seen.releases and self.model.mark_of(version) != "failed"
        ]
        return unbuilt if unbuilt and flag % 4 else [*self.commits]

    def add_litter(self, version: int, _stage: int, _flag: int) -> None:
        """An object comes onto the remote that nothing names."""
        self.litter.add(self.outside.litter(version))
        self._after_foreign("litter", self.model, "litter on the remote")

    def a_while(self, _version: int, _stage: int, flag: int) -> None:
        """Time passes: more than the settle time, or days."""
        self._tick(2 * DAY if flag % 4 == 0 else 700)
        self.steps.append("time passes")
        self.counts["a while passes"] += 1

    def query(self, _version: int, _stage: int, _flag: int) -> None:
        """lastgood's own answers: its list of versions is the model's, and status says what waits here."""
        code = self.outside.lastgood("list", ARTIFACT, "--fetch", "--json")
        said = self._answer() if code == 0 else {}
        listed = [(one["version"], one["mark"], sorted(one["stages"])) for one in said["artifacts"][0]["versions"]]
        stages = {stage: event.version for stage in STAGES if (event := self.model.newest(stage)) is not None}
        wanted = [
            (version, self.model.mark_of(version), sorted(stage for stage, at in stages.items() if at == version))
            for version in self.model.commits
        ]
        listed = [(version, mark if mark in MARKS else None, at) for version, mark, at in listed]
        assert listed == wanted, self._report([f"list says {listed}, not {wanted}"])
        here = self.model.follows | self.model.live.keys()  # who dies after the first switch does not follow yet
        failed = {stage for stage, version in stages.items() if self.model.mark_of(version) == "failed"}
        behind = {stage for stage, version in stages.items() if version != self.model.live.get(stage)}
        damaged = {stage for stage, name in self.seen.live.items() if not self.seen.releases.get(name, True)}
        waiting = here & (failed | behind | damaged)
        code = self.outside.lastgood("status")
        assert code == (7 if waiting else 0), self._report([f"status ends with {code}; waiting are {waiting}"])
        self._after_foreign("query", self.model, "list, status")

    def agree(self, _version: int, _stage: int, _flag: int) -> None:
        """gto's own answer, where nobody tampered with tags: versions and what the stages hold."""
        if self.model.wrong_tags:
            return self._skipped("agree")
        self.outside.fetch_tags()
        code = self.outside.gto("show", "--json")
        assert code == 0, self._report([f"gto show ends with {code}"])
        said = self._answer()[ARTIFACT]
        stages = {stage: event.version for stage in STAGES if (event := self.model.newest(stage)) is not None}
        answered = {stage: version for stage, version in said["stage"].items() if version and stage not in MARKS}
        assert answered == stages, self._report([f"gto says {answered}, not {stages}"])
        stable = self.model.last_stable
        mine = self.model.newest("stable")
        if mine is not None and mine.own and stable is not None and self._is_last_mark(mine.tag):
            assert said["stage"]["stable"] == stable, self._report([f"gto says {said['stage']}, not stable {stable}"])
        return self._after_foreign("agree", self.model, "gto show")

    def _is_last_mark(self, tag: str) -> bool:
        """Whether nobody else judged anything, or took a judgement back: only then `#stable` is ours to keep."""
        marks = [event for event in self.model.events if event.stage in MARKS]
        return all(event.own for event in marks) and not self.judged_back and bool(tag)

    def _answer(self) -> Any:
        """The JSON document in what the last command said."""
        words = self.outside.words()
        return json.JSONDecoder().raw_decode(words[words.index("{") :])[0]

    def finish(self) -> None:
        """At the end everything that is not lost is put right, nothing is left over, and verify says so."""
        self.command("repair", 0, 0, 1)
        self.command("adopt", 0, 0, 0)
        for place, stage in enumerate(STAGES):
            if stage in self.model.follows:
                self.command("sync", 0, place, 0)
        self.command("prune", 0, 0, 2)
        self.command("verify", 0, 0, 1)
        # what `status` tells and `checkout` ends; and empty directories that had no lock yet, for a day
        unfinished = (".new", *(("checkout.json", ".tmp") if self.seen.checkout_state else ()))
        note = f"{self.observer.checker.place}/.new-"  # a dead checkout's, which the next one takes away
        left = [one for one in self.observer.lasting() if not one.endswith(unfinished) and note not in one]
        assert not left, self._report(left)
