"""The child process that talks to remotes: one JSON request on stdin, JSON lines on stdout, then the end. Or it reads
versions, one request after the other (`reader`).

Lines are `{"subject": …}`, which names the remote, and `{"progress": {…}}`, at last `{"missing": […]}` or `{"error":
…}`. It ends when stdin does, so it cannot outlive its parent; the parent ends it if it is silent for too long
(facts.md, D13).
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lastgood.adapters.dvc.failures import describe
from lastgood.adapters.dvc.progress import Meter, Progress
from lastgood.core.manifest import Output
from lastgood.errors import LastgoodError


def main() -> None:
    """Answer one request."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a plug-in prints must not end up between the answers
    lock = threading.Lock()

    def say(**line: Any) -> None:
        with lock:
            answers.write(json.dumps(line) + "\n")
            answers.flush()

    _import()
    line = sys.stdin.readline()
    if not line:
        os._exit(0)  # started ahead, and not needed
    request = json.loads(line)
    if request["job"] == "read":
        from lastgood.adapters.dvc import reader

        reader.serve(line, sys.stdin, say)
        os._exit(0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        meter = Meter(lambda progress: say(progress=_document(progress)))
        say(missing=_answer(request, meter, lambda subject: say(subject=subject)))
    except LastgoodError as error:
        say(**describe(error))
    # Event loops and connection pools of plug-ins may hang in their clean-up; nothing is left to do.
    sys.stderr.flush()
    os._exit(0)


def _import() -> None:
    """Import what every request needs while the parent may still be busy; an error is reported with the answer."""
    with suppress(ImportError):
        import dvc.config
        import dvc.data_cloud
        import dvc.fs  # noqa: F401  # for the next one who asks

        from lastgood.adapters.dvc import jobs  # noqa: F401  # as above


def _answer(request: dict[str, Any], meter: Meter, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    from lastgood.adapters.dvc import jobs
    from lastgood.adapters.dvc.translate import foreign, quiet, translated

    quiet()
    outputs = [Output.from_json(document) for document in request["outputs"]]
    with translated("DVC's configuration"):
        job = jobs.load(Path(request["root"]), outputs, meter, request["have"], expected=request.get("expected", True))
    names = {job.where(output)[0] for output in outputs} or {job.config["core"].get("remote", "")}
    subject = "remote " + ", ".join(f"`{name}`" for name in sorted(names))
    tell(subject)
    meter.start("starting", 0)
    with translated(subject), foreign(subject):
        if request["job"] not in jobs.JOBS:
            from lastgood.adapters.dvc import cleaning, holding

            return list({**cleaning.JOBS, **holding.JOBS}[request["job"]](job, request["more"]))
        found = jobs.JOBS[request["job"]](job)
    positions = {output: position for position, output in enumerate(outputs)}
    return [{"output": positions[need.output], "md5": need.md5, "member": need.member} for need in found]


def _document(progress: Progress) -> dict[str, object]:
    return asdict(progress)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
