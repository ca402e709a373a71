"""Run the reference connector with one seeded defect."""

from __future__ import annotations

import sys

from harness.reference.connector.process import main
from harness.reference.defects import DEFECTS


def run(arguments: list[str]) -> int:
    """Apply the named defect, then be the connector. 2: no such defect."""
    if not arguments or arguments[0] not in DEFECTS:
        print(f"name one of the seeded defects: {', '.join(sorted(DEFECTS))}", file=sys.stderr)
        return 2
    DEFECTS[arguments[0]].apply()
    return main(arguments[1:])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
