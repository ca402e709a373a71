"""`python -m harness.reference.connector`: one process from start to graceful stop."""

from __future__ import annotations

import sys

from harness.reference.connector.process import main

if __name__ == "__main__":
    sys.exit(main())
