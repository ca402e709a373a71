"""`python -m harness.reference.market_maker`: one process from start to graceful stop."""

from __future__ import annotations

import os
import sys

# Before grpc is imported: its C core would write lines of its own form to stderr.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from harness.reference.market_maker.process import main

if __name__ == "__main__":
    sys.exit(main())
