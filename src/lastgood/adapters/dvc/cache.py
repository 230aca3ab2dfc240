"""DVC's cache as files, read without DVC: the path of an object, the members of a directory, the missing objects."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lastgood.core.listing import Member, is_listing, is_md5, parse_listing
from lastgood.core.manifest import Output
from lastgood.core.preflight import Missing
from lastgood.errors import Finding, FindingsError, Flaw


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache directory, as `dvc cache dir` names it."""

    directory: Path

    def path_of(self, md5: str, *, legacy: bool = False) -> Path:
        """The path of the object, existing or not: DVC 3's layout, or DVC 2's for `md5-dos2unix`."""
        return Path(self.place_of(md5, legacy))

    def place_of(self, md5: str, legacy: bool) -> str:  # the builder's own signature
        """As `path_of`, as text: a version may have 100,000 objects."""
        return f"{self.directory}/{md5[:2]}/{md5[2:]}" if legacy else f"{self.directory}/files/md5/{md5[:2]}/{md5[2:]}"

    def has(self, md5: str, *, legacy: bool = False) -> bool:
        """Whether the object exists. A file's content is not read; a listing must be intact to count."""
        path = self.place_of(md5, legacy)
        if not os.path.isfile(path):  # noqa: PTH113  # 100,000 times
            return False
        return not md5.endswith(".dir") or is_listing(Path(path).read_bytes(), md5)

    def members(self, output: Output) -> tuple[Member, ...]:
        """The files of a directory output; none for a file. Raises `FindingsError` as `parse_listing` does, and if the
        listing is not in the cache."""
        if not output.is_directory:
            return ()
        path = self.path_of(output.md5, legacy=output.legacy)
        try:
            data = path.read_bytes() if path.is_file() else None  # a FIFO would not end
        except FileNotFoundError:
            data = None
        if data is None:
            message = f"the listing of {output.path} ({output.md5}) is not in the cache"
            raise FindingsError(message, [Finding(Flaw.MISSING, str(output.path), message)])
        return parse_listing(data, output.md5, subject=str(output.path))

    def objects(self, output: Output) -> Iterator[Missing]:
        """Every object that `output` needs, as if each were missing: members first, its own last."""
        for member in self.members(output):
            yield Missing(output, member.md5, member.path)
        yield Missing(output, output.md5)

    def stored(self) -> Iterator[tuple[str, bool, Path]]:
        """Every object here: md5, whether in DVC 2's layout, and its path; other files are skipped."""
        for legacy, base in ((False, self.directory / "files" / "md5"), (True, self.directory)):
            for path in sorted(base.glob("[0-9a-f][0-9a-f]/*")):
                if is_md5(path.parent.name + path.name) and path.is_file():
                    yield path.parent.name + path.name, legacy, path

    def missing(self, outputs: Iterable[Output]) -> tuple[Missing, ...]:
        """The missing objects. A missing listing hides its members: only the listing is named."""
        found: list[Missing] = []
        for output in outputs:
            if not self.has(output.md5, legacy=output.legacy):
                found.append(Missing(output, output.md5))
            elif output.is_directory:
                found += [need for need in self.objects(output) if not self.has(need.md5, legacy=output.legacy)]
        return tuple(found)

    def size_of_missing(self, needs: Iterable[Missing]) -> int | None:
        """How many bytes these missing objects have; `None` if that is unknown.

        DVC's listings have no sizes. So for a directory it is the recorded size of the whole, less the members that are
        here.
        """
        wanted: dict[Output, set[str]] = {}
        seen: set[tuple[str, bool]] = set()
        for need in needs:
            if (need.md5, need.output.legacy) in seen or (need.member is None and need.output.is_directory):
                return None  # an object that is counted twice in these sums, or a listing
            seen.add((need.md5, need.output.legacy))
            wanted.setdefault(need.output, set()).add(need.md5)
        sizes = [self._size_of_missing(output, absent) for output, absent in wanted.items()]
        known = [size for size in sizes if size is not None and size >= 0]
        return sum(known) if len(known) == len(sizes) else None

    def _size_of_missing(self, output: Output, absent: Collection[str]) -> int | None:
        if output.size is None:
            return None
        here = (self.place_of(one.md5, output.legacy) for one in self.members(output) if one.md5 not in absent)
        try:
            return output.size - sum(os.stat(path).st_size for path in here)  # noqa: PTH116  # 100,000 times
        except FileNotFoundError:  # not requested either
            return None
