"""The worker's part of `gc`: find the objects on the remotes that nothing needs, and remove them. Worker only."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from lastgood.adapters.dvc.contents import Found
from lastgood.adapters.dvc.hashing import hash_file
from lastgood.adapters.dvc.holding import is_right, sha256_of
from lastgood.adapters.dvc.jobs import Job, Where, load
from lastgood.adapters.dvc.repository import opened
from lastgood.core.listing import is_md5
from lastgood.core.manifest import Output
from lastgood.core.needed import hashes_in
from lastgood.core.preflight import Missing
from lastgood.errors import Finding, FindingsError, Flaw, counted

Document = dict[str, Any]
LAYOUTS = (False, True)
NOBODY = "the needed objects are unknown"


def survey(job: Job, more: Mapping[str, Any]) -> Iterator[Document]:
    """The objects on the remotes that neither of two readings needs, their total number, and those of `more["taken"]`
    that are needed again.

    The first reading counts as needed whatever looks like a hash in `more["written"]`, in the outputs' listings, and in
    any listing that these name. The second uses DVC: the outputs in its index at each of the commits (`commit`,
    `project`, `name`), and the members that its own parser finds. `more["parts"]` has for each DVC project of the
    checkout its `root`, and its `outputs` and `commits`; what one project needs is needed everywhere.

    Raises `FindingsError` for a commit that DVC cannot read and for a listing that is missing everywhere: then the
    needs are unknown.
    """
    written = {str(one) for one in more["written"]}
    there: dict[tuple[str, str, bool], dict[str, Found]] = {}
    ours, dvcs = set(written), set[str]()
    for part in more["parts"]:
        own = load(Path(part["root"]), [Output.from_json(one) for one in part["outputs"]], job.meter)
        pinned = _pinned(own, more["git"], part["commits"])
        expected = {own.where(output) for output in (*own.outputs, *pinned)}
        for where in _wheres(own, pinned):
            if where in expected:
                own.remote(where).require_there()
            own.meter.start(f"listing `{where[0]}`", 0)
            there[part["root"], *where] = own.remote(where).contents(own.meter)
        directories = [output for output in (*own.outputs, *pinned) if output.is_directory]
        _bring_listings(own, directories, written & set(chain(*there.values())))
        ours |= _read_as_text(own, written | {output.md5 for output in (*own.outputs, *directories)})
        dvcs |= _read_by_dvc(own, pinned)
    for (root, name, legacy), found in there.items():
        remote_key = {"root": root, "remote": name, "legacy": legacy}
        yield {"kind": "remote", **remote_key, "objects": len(found), "doubted": len(found.keys() & (ours ^ dvcs))}
        for md5 in sorted(found.keys() - ours - dvcs):
            yield {
                "kind": "unneeded",
                **remote_key,
                "md5": md5,
                "size": found[md5].size,
                "modified": found[md5].modified,
            }
    for md5 in (ours | dvcs) & {str(one) for one in more["taken"]} - set(chain(*there.values())):
        yield {"kind": "lost", "md5": md5}


def _wheres(job: Job, pinned: Iterable[Output]) -> list[Where]:
    """Both layouts of the default remote and of every one that an output names."""
    default = Output(PurePosixPath(), "")
    names = {job.where(output)[0] for output in (default, *job.outputs, *pinned)}
    return [(name, legacy) for name in sorted(names) for legacy in LAYOUTS]


def _pinned(job: Job, git: str, commits: Sequence[Sequence[str]]) -> list[Output]:
    """The outputs of the commits in DVC's index, without those that `dvc import` takes from elsewhere."""
    found: dict[tuple[str, bool, str | None], Output] = {}
    job.meter.start("reading commits", len(commits))
    for commit, project, name in commits:
        try:
            with opened(Path(git), commit, PurePosixPath(project)) as repo:
                for output in _outputs(repo):
                    found.setdefault((output.md5, output.legacy, output.remote), output)
        except FindingsError as error:
            message = f"{name}: {error.message}"
            raise FindingsError(f"{message}; {NOBODY}", [Finding(Flaw.UNREADABLE, name, message)]) from error
        job.meter.beat(objects=1)
    return list(found.values())


def _outputs(repo: Any) -> Iterator[Output]:
    for out in repo.index.outs:
        value = str(out.hash_info.value or "")
        if out.use_cache and is_md5(value) and not out.stage.is_repo_import:
            path = PurePosixPath(str(out.fs_path).removeprefix("/"))
            yield Output(path, value, legacy=out.hash_name == "md5-dos2unix", remote=out.remote)


def _bring_listings(job: Job, directories: Sequence[Output], offered: Iterable[str]) -> None:
    """Fetch listings into the cache: those of outputs, which are required, and others that the remotes have."""
    each = {(output.md5, output.legacy, output.remote): output for output in directories}
    lost = job.bring([Missing(output, output.md5) for output in each.values()])
    if lost:
        found = [
            Finding(
                Flaw.MISSING,
                str(one.path),
                f"the listing of {one.path} ({one.md5}) is neither in the cache nor on the remote",
            )
            for one in lost
        ]
        hint = "lastgood repair, or dvc push in a clone that has them"
        raise FindingsError(f"{counted(len(found), 'listing')} cannot be read; {NOBODY}", found, hint=hint)
    known = {output.md5 for output in directories}
    others = [one for one in offered if one.endswith(".dir") and one not in known]
    job.bring([Missing(Output(PurePosixPath(one), one, legacy=legacy), one) for one in others for legacy in LAYOUTS])


def _read_as_text(job: Job, hashes: Iterable[str]) -> set[str]:
    needed = set(hashes)
    for one in [one for one in needed if one.endswith(".dir")]:
        for legacy in LAYOUTS:
            if job.cache.has(one, legacy=legacy):
                needed |= hashes_in(job.cache.path_of(one, legacy=legacy).read_bytes())
    return needed


def _read_by_dvc(job: Job, pinned: Iterable[Output]) -> set[str]:
    from dvc_data.hashfile.db.local import LocalHashFileDB
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.fs import localfs

    needed: set[str] = set()
    for output in pinned:
        needed.add(output.md5)
        if output.is_directory:
            kind = "md5-dos2unix" if output.legacy else "md5"
            directory = str(job.cache.directory if output.legacy else job.cache.directory / "files" / "md5")
            odb = LocalHashFileDB(localfs, directory, hash_name=kind)
            tree = Tree.load(odb, HashInfo(kind, output.md5))
            needed.update(str(info.value) for _, _, info in tree)
    return needed


def remove(job: Job, more: Mapping[str, Any]) -> Iterator[Document]:
    """Remove `more["objects"]` that are still on their remotes as they were shown. Returns the removed ones.

    Listings of all remotes go first: one that stays must mean that its members are there (facts.md, D10).
    """
    wanted: dict[tuple[str, str, bool], dict[str, Document]] = {}
    for one in more["objects"]:
        wanted.setdefault((one["root"], one["remote"], one["legacy"]), {})[one["md5"]] = one
    remotes = {remote_key: load(Path(remote_key[0]), (), job.meter).remote(remote_key[1:]) for remote_key in wanted}
    job.meter.start("removing objects", len(more["objects"]))
    for directories in (True, False):
        for remote_key, objects in wanted.items():
            there = remotes[remote_key].contents(job.meter)
            # Who put it there again since it was shown may be about to name it (ordering.md, O7).
            gone = [
                md5
                for md5, one in objects.items()
                if md5.endswith(".dir") is directories and md5 in there and there[md5].modified == one["modified"]
            ]
            remotes[remote_key].remove(gone, job.meter)
            yield from (objects[md5] for md5 in gone)


def mend(job: Job, more: Mapping[str, Any]) -> Iterator[Document]:
    """Push the objects that the remotes lack and the cache has intact, and those in `more["replace"]`, which are
    corrupted there. Returns the pushed ones. A listing is not pushed while one of its members is missing everywhere
    (facts.md, D10)."""
    lost = job.listings()
    needs = job.needs(lost)
    absent = job.absent(needs)
    absent += [need for need in needs if need.md5 in more["replace"] and need not in absent]
    whole = {(need.md5, need.output.legacy): _is_whole(job, need) for need in absent}
    broken = {need.output for need in absent if need.member is not None and not whole[need.md5, need.output.legacy]}
    sent = [
        need
        for need in absent
        if whole[need.md5, need.output.legacy] and (need.member is not None or need.output not in broken)
    ]
    job.push(sent)
    yield from ({"md5": md5} for md5 in dict.fromkeys(need.md5 for need in sent))


def _is_whole(job: Job, need: Missing) -> bool:
    legacy = need.output.legacy
    path = job.cache.path_of(need.md5, legacy=legacy)
    job.meter.beat(objects=1)
    if not path.is_file():
        return False
    strong = sha256() if sha256_of(need) else None
    copy = strong.update if strong else None
    md5 = hash_file(str(path), lambda size: job.meter.beat(size=size), legacy=legacy, copy=copy)
    return is_right(need, (md5, strong.hexdigest() if strong else None))


JOBS: dict[str, Callable[[Job, Mapping[str, Any]], Iterator[Document]]] = {
    "survey": survey,
    "remove": remove,
    "mend": mend,
}
