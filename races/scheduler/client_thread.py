"""The thread of a client, with its own connections."""

import threading
from collections.abc import Callable

import redis

from stampede.patterns.caching.cache_pattern import Source
from stampede.races.hooks.bypass import ExplorersThread
from stampede.races.hooks.connection_pool import open_descriptors
from stampede.races.hooks.database_connection import ScheduledDatabaseConnection
from stampede.races.scheduler.virtual_time import VirtualClock, set_clock_of_this_thread


class ClientThread:
    """A thread with its own connections, in which one client of each schedule runs."""

    def __init__(self, database: ScheduledDatabaseConnection, source: Source, client: redis.Redis) -> None:
        self.database = database
        self.cursor = database.cursor()
        self.source = source
        self.redis = client
        self._job: tuple[VirtualClock, Callable[[], None]] | None = None
        self._go = threading.Lock()
        self._go.acquire()
        self._thread = ExplorersThread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, clock: VirtualClock, job: Callable[[], None]) -> None:
        """Run a job in this thread, which sees the time of the given clock."""
        self._job = (clock, job)
        self._go.release()

    def _work(self) -> None:
        while True:
            self._go.acquire()
            if self._job is None:
                return
            clock, job = self._job
            set_clock_of_this_thread(clock)
            job()

    def descriptors(self) -> list[int]:
        """The file descriptors of its open connections."""
        return [*self.database.descriptors(), *open_descriptors(self.redis.connection_pool)]

    def close(self) -> None:
        self._job = None
        self._go.release()
        self.database.close()
        self.redis.connection_pool.disconnect()
