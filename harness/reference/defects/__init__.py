"""The registry of seeded defects: each breaks one behaviour of the reference connector on purpose.

`python -m harness.reference.defects NAME [connector's arguments]` runs a connector with that defect.
"""

from __future__ import annotations

from types import ModuleType

from harness.reference.defects import (
    blocking_broadcast,
    doubled_update,
    dropped_update,
    early_port,
    ignored_filter,
    leaked_task,
)

DEFECTS: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (blocking_broadcast, doubled_update, dropped_update, early_port, ignored_filter, leaked_task)
}
"""Name -> module with `CATCHES`, the (case, criterion) pairs that must fail, and `apply()`."""
