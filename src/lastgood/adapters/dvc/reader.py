"""The worker's part of reading versions: one fork for each commit, which ends at its limits and leaves nothing behind.

The cost of a version's files cannot be seen from outside (a `matrix:` over `${…}`, a `.dvcignore` of a hundred `*`), so
the system counts what DVC really uses.
"""

import json
import os
import resource
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.failures import describe
from lastgood.errors import LastgoodError

MEMORY = 1 << 30
"""Bytes on top of those after the imports. 10,000 outputs and 4.6 MB of parameters take 0.4 GB."""

PATIENCE = 5
"""The longest time for one read on the clock, as a multiple of its processor time: other processes run too."""

LONGEST = 64 << 20
"""Bytes of an answer, which the parent must hold and which becomes a manifest."""

OUT_OF_MEMORY = 3
WORDS = {signal.SIGXCPU: "{cpu} s of processor time", signal.SIGALRM: "{wall} s"}


def serve(first: str, requests: IO[str], say: Callable[..., None]) -> None:
    """Answer requests, one after the other, until there are none."""
    line = first
    while line:
        request = json.loads(line)
        say(**_answer(request))
        line = requests.readline()


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(readable)
        _read_and_end(request, writable)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        data = pipe.read(LONGEST + 1)
    if len(data) > LONGEST:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 0 and len(data) <= LONGEST:
        document: dict[str, Any] = json.loads(data)
        return document
    return _exceeded(request, code, long=len(data) > LONGEST)


def _exceeded(request: Mapping[str, Any], code: int, *, long: bool) -> dict[str, Any]:
    commit, cpu = str(request["commit"]), request["seconds"]
    begin = f"the pipeline files of commit {commit[:12]} cannot be read"
    if long:
        message = f"{begin}: they make a manifest of more than {LONGEST >> 20} MiB"
    elif code == OUT_OF_MEMORY:
        message = f"{begin} within {MEMORY >> 20} MiB of memory"
    elif words := WORDS.get(signal.Signals(-code)) if code < 0 else None:
        message = f"{begin} within {words.format(cpu=cpu, wall=cpu * PATIENCE)} ([registry] reading allows more)"
    else:
        message = f"{begin}: DVC ended with {signal.Signals(-code).name if code < 0 else code}"
    finding = {"kind": "limits", "subject": commit, "message": message}
    return {"error": "FindingsError", "message": message, "hint": "", "findings": [finding]}


def _read_and_end(request: Mapping[str, Any], answers: int) -> NoReturn:
    """In the fork: read within the limits, write the answer, end without cleaning up what was forked."""
    code = 1
    try:
        _limit(int(request["seconds"]))
        try:
            document = {"missing": [_read(request)]}
        except LastgoodError as error:
            document = describe(error)
        with os.fdopen(answers, "wb") as stream:
            stream.write(json.dumps(document).encode())
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _limit(seconds: int) -> None:
    """Limit this process: a signal ends it after its time, and the system refuses it more memory."""
    for number in (signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    # Not RLIMIT_AS: git's packs are mapped, and may be larger than any memory.
    with suppress(OSError, ValueError):  # if the system does not report the memory in use: time alone
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))
    signal.setitimer(signal.ITIMER_REAL, seconds * PATIENCE)


def _read(request: Mapping[str, Any]) -> dict[str, Any]:
    from lastgood.adapters.dvc.version import read_version

    trusted = request["trusted"]
    pinned = read_version(
        Path(request["git_dir"]),
        request["commit"],
        PurePosixPath(request["project"]),
        trusted_remotes=None if trusted is None else frozenset(trusted),
        cache=Cache(Path(request["cache"])),
    )
    return pinned.to_json()
