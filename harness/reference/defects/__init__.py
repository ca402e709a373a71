"""The registry of seeded defects: each breaks one behaviour of one service of the reference stack on purpose.

`python -m harness.reference.defects NAME [SERVICE] [its arguments]` runs the service with that defect.
"""

from __future__ import annotations

from types import ModuleType

from harness.reference.defects import (
    abrupt_farewell,
    blocking_broadcast,
    constant_pauses,
    doubled_update,
    dropped_under_load,
    dropped_update,
    early_port,
    endless_attempts,
    error_at_start,
    false_success,
    global_lock,
    growing_cache,
    ignored_filter,
    late_order,
    leaked_descriptor,
    leaked_memory,
    leaked_task,
    orders_left_open,
    resent_order,
    slow_call,
    slow_decision,
    socket_per_client,
    task_per_reconnect,
    unreconciled_orders,
    unreconciled_page,
    unsaid_farewell,
    wrong_order_id,
)

_ALL = (
    abrupt_farewell, blocking_broadcast, constant_pauses, doubled_update, dropped_under_load, dropped_update,
    early_port, endless_attempts, error_at_start, false_success, global_lock, growing_cache, ignored_filter, late_order,
    leaked_descriptor, leaked_memory, leaked_task, orders_left_open, resent_order, slow_call, slow_decision,
    socket_per_client, task_per_reconnect, unreconciled_orders, unreconciled_page, unsaid_farewell, wrong_order_id,
)  # fmt: skip
DEFECTS: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in _ALL}
"""Name -> module with `CATCHES`, the (case, criterion) pairs that must fail, `apply()`, and `SERVICE`."""


def services_of(defect: ModuleType) -> tuple[str, ...]:
    """The services that can have the defect; all of them have to, for its criteria to fail."""
    named: str | tuple[str, ...] = getattr(defect, "SERVICE", "connector")
    return (named,) if isinstance(named, str) else named
