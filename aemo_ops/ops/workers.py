"""Workers: what parses fetched files. Threads of this process, spawned processes (never forked), or a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from aemo_ops.errors import SettingsError
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.parsing import Task

_CONNECT_SECONDS = 20


@dataclass(frozen=True)
class Workers:
    """`make` makes the executor; `in_flight`: how many files may wait, fetched, for one that parses."""

    make: Callable[[], Executor]
    in_flight: int = 2


def here(count: int) -> Workers:
    """`count` spawned processes; a thread of this process for none."""
    if count == 0:
        return Workers(_thread)
    return Workers(lambda: Local(count), 2 * count)


def _thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="parse")


class Local(Executor):
    """`count` spawned processes, begun when they are needed, and a thread for monthly tables.

    A bundle's hundreds of members keep Python busy, which is for another process; a monthly table is one stream that
    compiled code reads while this process goes on, and it need not be carried from one to the other.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads = _thread()
        self._processes: Executor | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if any(isinstance(argument, Task) and argument.level is Level.MMSDM for argument in args):
            return self._threads.submit(fn, *args, **kwargs)
        if self._processes is None:
            self._processes = ProcessPoolExecutor(self._count, mp_context=multiprocessing.get_context("spawn"))
        return self._processes.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for executor in (self._threads, self._processes):
            if executor is not None:
                executor.shutdown(wait, cancel_futures=cancel_futures)


def on_dask(address: str) -> Workers:
    """The workers of a Dask cluster, which need this package too. Raises SettingsError without the extra, or an answer."""
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsError(
            "--dask needs the extra `dask`: install it with `pip install 'aemo-ops[dask]'`, or use --workers"
        ) from error
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SettingsError(f"no Dask scheduler answers at {address} ({error}); start one, or use --workers") from error
    threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
    return Workers(lambda: Cluster(client), 2 * max(1, threads))


class Cluster(Executor):
    """A Dask cluster as an executor that behaves as one of processes does; its connection ends with it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        told: Future[Any] = Future()
        told.set_running_or_notify_cancel()
        self._executor.submit(fn, *args, **kwargs).add_done_callback(lambda done: _pass_on(done, told))
        return told

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the connection; the cluster itself goes on."""
        self._executor.shutdown(wait and not cancel_futures)
        self._client.close()


def _pass_on(done: Future[Any], told: Future[Any]) -> None:
    """A task that was given up, because workers died with it or the scheduler is gone, is a broken pool's."""
    from distributed import KilledWorker

    if done.cancelled():
        told.set_exception(BrokenProcessPool("the Dask cluster gave the task up"))
    elif isinstance(error := done.exception(), KilledWorker):
        told.set_exception(BrokenProcessPool(str(error)))
    elif error is not None:
        told.set_exception(error)
    else:
        told.set_result(done.result())
