"""The long run: schedule, checkpoints, resume, early stop."""

import os

# Read when Arrow is loaded, and before anything here loads it: its own allocator holds on to 14 MB that it used once.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
