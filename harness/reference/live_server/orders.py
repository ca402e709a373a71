"""Orders: what is known of each order, so that nothing old overwrites something newer and nothing is told twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from harness.reference.live_server.views import UNKNOWN_STATUS, OrderView, number, same

REMEMBERED_CLOSED = 2_000
"""Closed orders are kept this long, so that a late or repeated update of one is recognised."""
_NOT_THE_ORDER = frozenset({"update_time"})
Key = int | str


class Orders:
    """The orders of one symbol. `tell` and `fetch` return the views that clients have to hear of."""

    def __init__(self) -> None:
        self._open: dict[Key, OrderView] = {}
        self._closed: OrderedDict[Key, OrderView] = OrderedDict()
        self._told_meanwhile: set[Key] = set()
        self._open_before: tuple[Key, ...] = ()

    def open(self) -> tuple[OrderView, ...]:
        """Open orders in the order of their ids."""
        return tuple(sorted(self._open.values(), key=lambda one: (one.order_id, one.client_order_id)))

    def tell(self, view: OrderView) -> tuple[OrderView, ...]:
        """An update of the stream: told unless it is the very same as the last, or overtaken by what was fetched."""
        self._told_meanwhile.add(_key(view))
        known = self._known(view)
        if known is not None and (same(known, view) or _is_older(view, known)):
            return ()
        return self._keep(view)

    def begin_fetch(self) -> None:
        """What the stream tells from now on is not judged by the answers of this round."""
        self._told_meanwhile = set()
        self._open_before = tuple(self._open)

    def fetch(self, found: Iterable[OrderView]) -> tuple[OrderView, ...]:
        """Orders as fetched: told when they differ from what is known in more than their time."""
        news: tuple[OrderView, ...] = ()
        for view in found:
            known = self._known(view)
            if known is None or not (same(known, view, besides=_NOT_THE_ORDER) or _is_older(view, known)):
                news += self._keep(view)
        return news

    def doubtful(self, found: Iterable[OrderView]) -> tuple[OrderView, ...]:
        """Orders open when the round began, silent since, and not among the open ones found."""
        seen = {_key(one) for one in found} | self._told_meanwhile
        return tuple(self._open[key] for key in self._open_before if key in self._open and key not in seen)

    def forget(self, view: OrderView) -> tuple[OrderView, ...]:
        """The venue no longer knows this order: it is open no more, and nobody can say how it ended."""
        return self._keep(replace(view, status=UNKNOWN_STATUS)) if _key(view) in self._open else ()

    def _known(self, view: OrderView) -> OrderView | None:
        key = _key(view)
        return self._open.get(key) or self._closed.get(key)

    def _keep(self, view: OrderView) -> tuple[OrderView, ...]:
        key = _key(view)
        if view.is_open:
            self._closed.pop(key, None)
            self._open[key] = view
            return (view,)
        self._open.pop(key, None)
        self._closed[key] = view
        self._closed.move_to_end(key)
        if len(self._closed) > REMEMBERED_CLOSED:
            self._closed.popitem(last=False)
        return (view,)


def _key(view: OrderView) -> Key:
    return view.order_id or view.client_order_id


def _progress(view: OrderView) -> tuple[int, Decimal]:
    finished = 0 if view.status == UNKNOWN_STATUS or view.is_open else 1
    return finished, number(view.executed_qty)


def _is_older(view: OrderView, known: OrderView) -> bool:
    """An order never comes back from its end and is never unfilled; at equal progress its time decides."""
    if _progress(view) != _progress(known):
        return _progress(view) < _progress(known)
    return view.update_time < known.update_time
