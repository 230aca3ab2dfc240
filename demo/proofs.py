"""What the story has to show: each proof is told when it is made, and the story succeeds only if all of them hold."""

from dataclasses import dataclass, field


@dataclass
class Proofs:
    """The proofs made so far: what was to be shown, and whether it holds."""

    made: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def failed(self) -> tuple[str, ...]:
        """What does not hold."""
        return tuple(what for what, holds in self.made if not holds)

    def show(self, what: str, holds: bool, detail: object = "") -> None:
        """Make one proof; `detail` is what was found."""
        self.made.append((what, holds))
        found = f": {detail}" if detail != "" else ""
        print(f"  [{'ok' if holds else 'FAILED'}] {what}{found}", flush=True)
