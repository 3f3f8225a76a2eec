"""Tasks whose first step is done at once, as Python 3.12's ``eager_task_factory`` makes them.

An answer that waits for nothing (all that is read from SQLite) is written in the round of the loop in which the request
came. With a common task it is the next round, behind whatever else the desk has to do by then.
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task  # for whoever takes the steps of tasks
from collections.abc import Coroutine
from contextvars import Context
from typing import Any


class _Begun(Coroutine[Any, Any, None]):
    """A coroutine whose first step is done: whatever it came to is told to who takes that step."""

    __slots__ = ("_ended", "_error", "_rest", "_work")

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._rest: Any = None  # what it waits for
        self._ended = False
        self._error: BaseException | None = None

    def begin(self, task: "asyncio.Task[None]", context: Context) -> None:
        """Do the first step, as the task would."""
        loop = task.get_loop()
        _enter_task(loop, task)
        try:
            self._rest = context.run(self._work.send, None)
        except StopIteration:
            self._ended = True
        except BaseException as error:
            self._error = error
        finally:
            _leave_task(loop, task)

    def send(self, value: Any) -> Any:
        """Go on; the first time, tell what is waited for already."""
        self._tell_the_end()
        if self._rest is not None:
            rest, self._rest = self._rest, None
            return rest
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an error, such as a cancellation."""
        self._tell_the_end()
        self._rest = None
        return self._work.throw(*error)

    def _tell_the_end(self) -> None:
        if self._error is not None:
            raise self._error
        if self._ended:
            raise StopIteration  # one that was kept would keep all that it has seen

    def close(self) -> None:
        """End it."""
        self._work.close()

    def __await__(self) -> Any:
        raise NotImplementedError  # it is for a task


def begin(work: Coroutine[Any, Any, None], context: Context) -> "asyncio.Task[None]":
    """Make a task and do its first step, unless that would be inside the step of another task."""
    loop = asyncio.get_running_loop()
    if asyncio.current_task() is not None:
        return loop.create_task(work, context=context)
    begun = _Begun(work)
    task = loop.create_task(begun, context=context)
    begun.begin(task, context)
    return task
