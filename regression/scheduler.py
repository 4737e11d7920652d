"""Tasks in processes of this machine, or on a Dask cluster that is running.

Both do the same with a task (:func:`regression.task.perform`), so the numbers do not
depend on where it is done, nor on how often a worker was killed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from benchmarks.runs import Record, parameters_hash
from regression.children import Children
from regression.task import Task, perform


def performed(
    tasks: Sequence[Task], n_at_once: int = 1, scheduler: str | None = None
) -> Iterator[Record]:
    """Do the tasks; their records, each as soon as it is there.

    Closing the iterator kills local refinements; those of a cluster go on, and what
    they give is found when the command is started again.

    :param n_at_once: local refinements at a time; a cluster decides for itself.
    :param scheduler: address of a Dask scheduler (``tcp://host:8786``). Its workers
        need this checkout, its Python and the directories, under the same paths.
    :raises SystemExit: Dask is not installed.
    """
    if scheduler is None:
        return _locally(tasks, n_at_once)
    return _on_cluster(tasks, scheduler)


def _locally(tasks: Sequence[Task], n_at_once: int) -> Iterator[Record]:
    children = Children()
    pool = ThreadPoolExecutor(n_at_once)
    try:
        futures = [pool.submit(perform, task, children) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    finally:
        children.end()
        pool.shutdown(cancel_futures=True)


def _on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Record]:
    try:
        import distributed
    except ImportError:
        raise SystemExit(
            "--scheduler needs Dask, which is not installed: pip install "
            "'hnmref[cluster]', or leave the option out"
        ) from None
    with distributed.Client(address) as client:
        # A failed refinement is a record; what raises here is Dask's or a disk's.
        asked = {client.submit(perform, task, pure=False): task for task in tasks}
        for future in distributed.as_completed(asked):
            error = future.exception()
            if isinstance(error, distributed.KilledWorker):
                yield _lost(asked[future], error)
            else:
                yield future.result()


def _lost(task: Task, error: BaseException) -> Record:
    """Of a task whose workers died again and again; it is tried again next time."""
    run = task.run
    return Record(
        entry=run.entry.id,
        row=run.row,
        parameters=list(run.parameters),
        parameters_hash=parameters_hash(run.parameters),
        source=task.source,
        seconds=0.0,
        peak_mb=0.0,
        error=f"its workers were lost: {error}",
    )
