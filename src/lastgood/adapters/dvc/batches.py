"""Dividing transfers into batches that overlap with what is done on this machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

BATCH = 512
"""Objects downloaded before they are hashed, flushed and named: with `HEAVY` the most that a kill loses."""


HEAVY = 1 << 30
"""Bytes, if known, that close a batch."""


def _overlapped(
    sizes: Mapping[str, int],
    bring: Callable[[Sequence[str]], dict[str, str]],
    keep: Callable[[Mapping[str, str]], None],
    stopped: Event,
) -> None:
    """Download batch after batch; while one is hashed, flushed and named, the next one is downloaded."""
    with ThreadPoolExecutor(1) as pool:
        keeping: Future[None] | None = None
        for batch in _batches(sizes):
            if stopped.is_set():
                break
            digests = bring(batch)
            if keeping is not None:
                keeping.result()
            keeping = pool.submit(keep, digests)
        if keeping is not None:
            keeping.result()


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    heavy = 0
    for one, size in sizes.items():
        batch.append(one)
        heavy += size
        if len(batch) >= BATCH or heavy >= HEAVY:
            yield batch
            batch, heavy = [], 0
    if batch:
        yield batch
