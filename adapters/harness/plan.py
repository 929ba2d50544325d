"""What is still to be asked of one target, in which order, and how far ahead of its judge."""

from collections import OrderedDict

from adapters.harness.settings import Request


class Held:
    """The bytes of the requests and answers of every target that are held at this moment."""

    total = 0


class Plan:
    """The cases of one target: those that wait, and those that were sent and are not answered.

    They go out in their planned order, within a window bounded by bytes; one that is asked for out
    of order goes next, whether there is room or not.
    """

    def __init__(self, requests: dict[str, Request], window: int, total: int, held: Held):
        self.waiting: OrderedDict[str, Request] = OrderedDict(requests)
        self.sent: OrderedDict[str, Request] = OrderedDict()
        self._window = window
        self._total = total
        self._held = held
        self._bytes: dict[str, int] = {}
        self._urgent: set[str] = set()

    def next(self) -> tuple[str, Request] | None:
        """Take the case that may be sent now out of those that wait."""
        if not self.waiting:
            return None
        case = next(iter(self.waiting))
        room = sum(self._bytes.values()) < self._window and self._held.total < self._total
        return self.waiting.popitem(last=False) if room or case in self._urgent else None

    def hurry(self, case: str) -> None:
        if case in self.waiting:
            self._urgent.add(case)
            self.waiting.move_to_end(case, last=False)

    def holds(self, case: str, size: int) -> None:
        """Take note of the bytes that are held for a case: its request, then its answer, then 0."""
        self._held.total += size - self._bytes.pop(case, 0)
        if size:
            self._bytes[case] = size

    def take_back(self) -> None:
        """Put those that were sent in front of those that wait: their process is gone."""
        for case in self.sent:
            self.holds(case, 0)
        self.waiting = OrderedDict([*self.sent.items(), *self.waiting.items()])
        self.sent.clear()

    def drop(self) -> None:
        """Ask nothing any more."""
        self.take_back()
        self.waiting.clear()
