"""The rows of the table: what is compared with what, what is to be reached, and why it is not where it is not."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from benchmarks import against_mlflow, building, hosts, rollbacks, tags
from benchmarks.bench import Bench
from benchmarks.measuring import OURS, THEIRS, Measured


class Goal(StrEnum):
    """What a row's ratio says, and whether more or less of it is better."""

    FASTER = "faster"
    """Their time over ours: at least so much."""
    WITHIN = "within"
    """Our time over theirs: at most so much."""
    BELOW = "below"
    """Our peak memory over theirs: less than so much."""


@dataclass(frozen=True)
class Row:
    """One row. `slug` names its file, `label` its bar in the chart.

    `note` is shown with it always, `reason` where the factor is not reached.
    """

    number: int
    slug: str
    label: str
    what: str
    against: str
    goal: Goal
    factor: float
    measure: Callable[[Bench], Measured]
    note: str = ""
    reason: str = ""
    words: str = ""
    """The target, where the factor does not say it."""

    @property
    def target(self) -> str:
        """What is to be reached, in words."""
        if self.words:
            return self.words
        if self.goal is Goal.FASTER:
            return f"{self.factor:g} × faster"
        return f"within {self.factor:g} ×"

    def ratio(self, measured: Measured) -> float:
        """The ratio of the medians."""
        ours, theirs = measured[OURS], measured[THEIRS]
        if self.goal is Goal.FASTER:
            return theirs.seconds / ours.seconds
        return ours.seconds / theirs.seconds if self.goal is Goal.WITHIN else ours.peak / theirs.peak

    def reached(self, ratio: float) -> bool:
        """Whether that is what was to be reached."""
        if self.goal is Goal.FASTER:
            return ratio >= self.factor
        return ratio <= self.factor if self.goal is Goal.WITHIN else ratio < self.factor


CHECKOUT = "`git checkout TAG && dvc checkout` into the changed tree"
ROWS = (
    Row(
        1,
        "from-nothing",
        "rollback, nothing built, 10,000 files",
        "From command to live, nothing built before, warm cache: 10,000 files of 4 KiB and a 200 MB model",
        CHECKOUT,
        Goal.FASTER,
        1,
        rollbacks.from_nothing,
        "The release and `proofs.db` are removed before each run, so that every byte is hashed; DVC hashes nothing, "
        "and its own state database is warm.",
        words="at least as fast",
    ),
    Row(
        2,
        "built",
        "rollback, built, 10,000 files",
        "Rollback to a built release, the same project",
        CHECKOUT,
        Goal.FASTER,
        10,
        rollbacks.built,
        reason="DVC needs 1.2 s here, half of what was measured before, so that a tenth of it is 0.12 s. Below is "
        "what ours is made of: interpreter, imports, and a fetch and a push that are flushed to the disk. "
        "Nothing in it grows with the version.",
    ),
    Row(
        3,
        "built-large",
        "rollback, built, 100,000 files",
        "Rollback to a built release, 100,000 files and the model",
        CHECKOUT,
        Goal.FASTER,
        100,
        rollbacks.built_large,
        reason="A hundredth of DVC's time is less than twice the floor below; what is in the way is importing "
        "Python modules. The ratio grows with the files: ours is the same at 100 and at 100,000.",
    ),
    Row(
        4,
        "sizes",
        "rollback at 100,000 files against 100",
        "Rollback to a built release at 100,000 files",
        "itself at 100 files",
        Goal.WITHIN,
        1.2,
        rollbacks.sizes,
    ),
    Row(
        5,
        "build",
        "build against dvc checkout with links",
        "Building a release from proved files, 10,000 files and the model",
        "`dvc checkout` into an empty tree with hard links",
        Goal.FASTER,
        4,
        building.against_dvc,
        "Whole processes, interpreter and imports included; ours also exports the code and waits for the disk.",
        reason="Half of ours is start-up: Python, DVC's configuration for the place of the cache, which takes "
        "DVC's import, and the reading of the listing; then 10,000 links, each looked at before and "
        "after, and a flush to the disk. DVC flushes nothing and looks at nothing.",
    ),
    Row(
        6,
        "build-inside",
        "build against cp -al",
        "The same, start-up apart",
        "`cp -al` of that tree",
        Goal.WITHIN,
        3,
        building.against_cp,
        "Ours is the time inside the process from the step `build` to the finished release: proofs looked up, code "
        "exported, links made and looked at, fsync. `cp` looks at nothing and does not wait for the disk.",
        reason="A look before, a link and a look after cost 0.1 s for 10,000 files in Python, twice `cp`. The "
        "rest is what `cp` does not do: the listing checked, proofs read and moved on in SQLite, digests "
        "of the tree, code exported, a flush.",
    ),
    Row(
        7,
        "empty-host",
        "sync on an empty host",
        "`sync` on an empty host, local remote: 10,000 files and the model",
        "`git clone && git checkout TAG && dvc pull`",
        Goal.FASTER,
        1.5,
        hosts.empty_host,
        "Every byte fetched is hashed by lastgood.",
        reason="Every object is copied, hashed and flushed before it has a name; DVC copies and flushes nothing. "
        "The disk decides, which the spread shows.",
    ),
    Row(
        8,
        "list",
        "list at 4,000 tags",
        "`list` at 4,000 tags",
        "`gto show`",
        Goal.FASTER,
        100,
        tags.listing,
        "`list` prints all versions, `gto show` one line for each artifact.",
    ),
    Row(
        9,
        "record-only",
        "rollback --record-only at 4,000 tags",
        "`rollback --record-only` at 4,000 tags",
        "`gto assign --force --push`",
        Goal.FASTER,
        100,
        tags.recording,
        "Both push to origin. Only ours chooses the version and asks the DVC remote for every object of it.",
        "More than half of ours is a process that imports DVC to ask the remote, beside the fetch from origin. Another "
        "run of five, the same day and before refs' names were flushed on origin, gave 98.5 times.",
    ),
    Row(
        10,
        "mlflow",
        "rollback against MLflow",
        "The whole rollback command, release built",
        "MLflow: set the alias and download the model with its client",
        Goal.FASTER,
        1,
        against_mlflow.whole,
        words="faster",
    ),
    Row(
        11,
        "memory",
        "peak memory of a rollback",
        "Peak memory of a rollback to a built release, 10,000 files",
        "`dvc checkout`",
        Goal.BELOW,
        1,
        rollbacks.built,
        "RSS of the largest process on each side, from the same runs as row 2.",
        words="below it",
    ),
)
BY_NUMBER = {row.number: row for row in ROWS}
