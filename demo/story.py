"""The main job, whole, on real flights: register, break, find out, roll back, prove. Run: python demo/story.py."""

import argparse
import sys
import tempfile
import time
from io import TextIOWrapper
from pathlib import Path

from chapters import CHAPTERS
from console import Console, StoryError, told
from scratch import Scratch, environment, git, remove, require_tools
from steps import Story

TOOLS = ("git", "dvc", "gto", "lastgood", "python")


def main() -> int:
    """Tell the story. Returns 0 when every proof holds."""
    options = parse()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    return told(lambda: play(options.directory, removed=options.remove))


def parse() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="register, break, roll back and prove it, on real flights")
    parser.add_argument("--directory", type=Path, help="where; new or empty (default: a new temporary directory)")
    after = parser.add_mutually_exclusive_group()
    after.add_argument("--keep", dest="remove", action="store_false", help="keep the directory (default)")
    after.add_argument("--remove", action="store_true", help="remove the directory at the end")
    parser.set_defaults(remove=False)
    return parser.parse_args()


def play(wanted: Path | None, *, removed: bool) -> int:
    """Tell the story in a directory. Returns the exit code."""
    directory = prepare(wanted)
    code = told(lambda: tell(directory))
    if removed:
        remove(directory)
    else:
        print(f"everything is in {directory}", flush=True)
    return code


def prepare(wanted: Path | None) -> Path:
    """The directory, made. Raises `StoryError` when there is something in it."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="lastgood-demo-")).resolve()
    wanted.mkdir(parents=True, exist_ok=True)
    if any(wanted.iterdir()):
        raise StoryError(f"{wanted} is not empty; name a new directory")
    return wanted.resolve()


def tell(directory: Path) -> int:
    """All chapters, then what was shown."""
    started = time.monotonic()
    variables = environment(directory / "home")
    require_tools(TOOLS, variables)
    repository = Path(git(Path(__file__).parent, "rev-parse", "--show-toplevel"))
    story = Story(repository, Scratch(directory), Console(directory, variables))
    for title, chapter in CHAPTERS:
        story.console.chapter(title)
        chapter(story)
    story.console.close()
    return conclude(story, time.monotonic() - started)


def conclude(story: Story, seconds: float) -> int:
    """What was shown, and how long it took."""
    console, proofs = story.console, story.proofs
    print(f"\n== What was shown {'=' * 62}")
    console.table([(what, "ok" if holds else "FAILED") for what, holds in proofs.made])
    print()
    timings = [(f"{number}. {title}", f"{took:.1f} s") for number, (title, took) in enumerate(console.timings, 1)]
    console.table([*timings, ("in all", f"{seconds:.1f} s"), *story.facts])
    if proofs.failed:
        print(f"\nerror: {len(proofs.failed)} of {len(proofs.made)} proofs failed: {'; '.join(proofs.failed)}")
        return 1
    print(f"\nall {len(proofs.made)} proofs hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
