"""An owner of services, to be killed or interrupted: starts one small server, says its pid, and waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from harness.target.compose_launcher import ComposeLauncher
from harness.target.compose_program import ComposeProgram, read_compose_file
from harness.target.container_launcher import ContainerLauncher
from harness.target.launcher import Launcher
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile import load_profile


async def main(profile_file: str, logs: str, image: str) -> None:
    """`image` "": as a process."""
    profile = load_profile(profile_file)

    def log_path(name: str) -> Path:
        return Path(logs, f"{name}.log")

    launcher: Launcher
    if profile.compose is not None:
        program = ComposeProgram.find()
        theirs = read_compose_file(program, profile.compose.file)
        launcher = ComposeLauncher(profile, program, theirs, lambda _: image, "owned", log_path)
    elif image:
        launcher = ContainerLauncher(profile, lambda _: image, "owned", log_path)
    else:
        launcher = ProcessLauncher(profile, "owned", log_path)
    service = await launcher.start_connector("mock")
    sys.stdout.write(f"{service.pid}\n")
    sys.stdout.flush()
    await asyncio.sleep(600)


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:4]))
    except KeyboardInterrupt:
        sys.exit(130)
