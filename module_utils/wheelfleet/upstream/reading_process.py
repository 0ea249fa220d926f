"""Requests and parses pages in a process of its own, so that this one can write what was read meanwhile.

Threads would take turns: parsing and writing are both work of the interpreter.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Generic, NoReturn, TypeVar

from ..processes import die_with_parent
from .client import Answer, ProjectRequest, Upstream, UpstreamUnreachable

T = TypeVar("T")

#: Answers are sent so many at once.
_BATCH = 50
#: Requests that the process has at least, so that it never waits for one while it holds answers back. More than a
#: batch and those under way.
_AHEAD = 400


class ReadingProcess(Generic[T]):
    """One child, which requests pages as `Upstream.projects` does, and adds `think` of each answer to it.

    Both the upstream and `think` are inherited by a fork, and used there alone until the process has ended.
    """

    def __init__(self, upstream: Upstream, think: Callable[[Answer], T]) -> None:
        self._upstream = upstream
        self._think = think

    def projects(
        self, requests: Iterable[ProjectRequest], *, readable: bool = False
    ) -> Generator[tuple[str, Answer, T], None, None]:
        """Yield (name as requested, answer, thought) as they arrive. Raises UpstreamUnreachable."""
        # A connection that both processes know would mix their answers.
        self._upstream.close()
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        child = context.Process(target=self._work, args=(theirs, ours, readable, os.getpid()), name="pages")
        child.start()
        theirs.close()
        try:
            yield from _exchange(ours, iter(requests))
        except (EOFError, OSError) as error:
            raise UpstreamUnreachable(
                "The process that reads upstream's pages ended by force, perhaps for want of memory; start again: "
                "it carries on where it stopped."
            ) from error
        finally:
            ours.close()
            child.kill()
            child.join()

    def _work(self, connection: Connection, parents_end: Connection, readable: bool, parent: int) -> NoReturn:
        """In the child; it ends without what a fork would clean up twice."""
        try:
            die_with_parent(signal.SIGKILL, parent)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            parents_end.close()
            try:
                answers = self._upstream.projects(_received(connection), readable=readable)
                while batch := [(name, answer, self._think(answer)) for name, answer in islice(answers, _BATCH)]:
                    connection.send(batch)
                connection.send(None)
            except UpstreamUnreachable as error:
                connection.send(error)
            except Exception:
                traceback.print_exc()
        finally:
            os._exit(0)


def _received(connection: Connection) -> Iterator[ProjectRequest]:
    """The requests that are sent, until None. They are taken in at once, so that the sender never waits."""
    received: SimpleQueue[list[ProjectRequest] | None] = SimpleQueue()

    def take() -> None:
        while (some := connection.recv()) is not None:
            received.put(some)
        received.put(None)

    threading.Thread(target=take, daemon=True).start()
    while (some := received.get()) is not None:
        yield from some


def _exchange(connection: Connection, requests: Iterator[ProjectRequest]) -> Iterator[tuple[str, Answer, T]]:
    sent = received = 0
    ended = False
    while True:
        if not ended and (wanted := _AHEAD - (sent - received)) > 0:
            some = list(islice(requests, wanted))
            sent += len(some)
            if some:
                connection.send(some)
            if len(some) < wanted:
                ended = True
                connection.send(None)
        batch = connection.recv()
        if batch is None:
            return
        if isinstance(batch, UpstreamUnreachable):
            raise batch
        yield from batch
        received += len(batch)
