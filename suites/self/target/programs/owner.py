"""An owner of services, to be killed: starts one small server as a process, says what it started, and waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from harness.target.process_launcher import ProcessLauncher
from harness.target.profile import load_profile


async def main(profile: str, logs: str) -> None:
    launcher = ProcessLauncher(load_profile(profile), "owned", lambda name: Path(logs, f"{name}.log"))
    service = await launcher.start_connector("mock")
    sys.stdout.write(f"{service.pid}\n")
    sys.stdout.flush()
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
