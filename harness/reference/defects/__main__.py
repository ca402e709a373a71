"""Run a service of the reference stack with one seeded defect."""

from __future__ import annotations

import importlib
import os
import sys

# Before grpc is imported: its C core would write lines of its own form to stderr.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from harness.reference.defects import DEFECTS, services_of


def run(arguments: list[str]) -> int:
    """Apply the named defect, then be the service: the one named, else the defect's first. 2: no such defect."""
    if not arguments or arguments[0] not in DEFECTS:
        print(f"name one of the seeded defects: {', '.join(sorted(DEFECTS))}", file=sys.stderr)
        return 2
    name, *rest = arguments
    services = services_of(DEFECTS[name])
    service = rest.pop(0) if rest and rest[0] in services else services[0]
    DEFECTS[name].apply()
    process = importlib.import_module(f"harness.reference.{service}.process")
    code: int = process.main(rest) if service == "connector" else process.main()
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
