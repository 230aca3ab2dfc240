"""DVC's exceptions as lastgood's errors. No foreign exception leaves this package, and no URL with a secret."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lastgood.errors import LastgoodError, LockedError, UnreachableError

ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*)://[^\s'\"]*", re.IGNORECASE)
LOCAL_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE})
REFUSED = LOCAL_TROUBLE | {errno.EACCES, errno.EPERM, errno.EIO}


def scrub(text: str) -> str:
    """`text` on one line with every URL cut to its scheme: URLs contain user names, passwords and tokens."""
    return ADDRESS.sub(r"\1://…", " ".join(text.split()))


def quiet() -> None:
    """Make DVC print and send nothing from this process."""
    import logging
    import os

    import dvc  # noqa: F401  # its import sets the loggers up; the levels below must come after

    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    for name in ("dvc", "dvc_data", "dvc_objects", "scmrepo"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the errors of DVC, fsspec and the system as a `LastgoodError`; `doing` begins its message."""
    import sqlite3

    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc_objects.fs.errors import AuthError, ConfigError, RemoteMissingDepsError
    from scmrepo.exceptions import SCMError

    try:
        yield
    except LastgoodError:
        raise
    except (ImportError, RemoteMissingDepsError) as error:
        raise missing_plug_in(doing, error) from error
    except LockError as error:
        raise LockedError(f"{doing}: another DVC process holds the lock") from error
    except (DvcException, AuthError, ConfigError, SCMError) as error:
        raise LastgoodError(f"{doing}: {_words(error)}") from error
    except sqlite3.Error as error:  # DVC's state: a full or broken disk
        raise LastgoodError(f"{doing}: {_words(error)}") from error
    except OSError as error:
        here = isinstance(error, FileNotFoundError | PermissionError) or error.errno in LOCAL_TROUBLE
        if not here:
            raise UnreachableError(f"{doing}: {_words(error)}") from error
        raise LastgoodError(f"{doing}: {_words(error)}") from error
    except Exception as error:
        refused = _refusal(error)
        if refused is None:
            raise
        raise LastgoodError(f"{doing}: {_words(refused)}") from error


def _refusal(error: BaseException | None) -> OSError | None:
    """The system's error when DVC failed in its own handling of it (`dvc_objects.fs.utils._chmod`)."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in REFUSED:
            return error
        error = error.__context__
    return None


def missing_plug_in(doing: str, error: Exception) -> LastgoodError:
    """The package to install if `error` is DVC's complaint about an address with a missing plug-in."""
    named = re.match(r"(\w+) is supported, but requires", str(error))  # dvc_objects.fs.known_implementations
    protocol = named[1] if named else str(getattr(error, "protocol", ""))
    if not protocol:
        return LastgoodError(f"{doing}: {_words(error)}")
    extra = {"webdavs": "webdav"}.get(protocol, protocol)
    return LastgoodError(f"{doing}: DVC's plug-in for {protocol} is not installed", hint=f"pip install 'dvc[{extra}]'")


def _words(error: BaseException) -> str:
    """The exception and its direct cause, scrubbed; DVC often keeps the reason in the cause only."""
    parts = [scrub(str(part)) or type(part).__name__ for part in (error, error.__cause__) if part is not None]
    return ": ".join(dict.fromkeys(parts))


@contextmanager
def foreign(doing: str) -> Iterator[None]:
    """As `translated`, for plug-ins: each raises its own library's exceptions (botocore, aiohttp, asyncssh …)."""
    try:
        yield
    except (LastgoodError, OSError, MemoryError):
        raise
    except Exception as error:
        module = type(error).__module__.partition(".")[0]
        if module in {"builtins", "lastgood", "dvc", "dvc_data", "dvc_objects"}:
            raise
        raise UnreachableError(f"{doing}: {type(error).__name__}: {_words(error)}") from error
