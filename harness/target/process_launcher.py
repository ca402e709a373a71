"""Start the services of a target as processes of this host."""

from __future__ import annotations

import contextlib
import sys
import uuid
from pathlib import Path

from harness.target.mooring import Mooring
from harness.target.ports import LOOPBACK, HeldPort, hold_quiet_port
from harness.target.process import ProcessService
from harness.target.profile_shape import ServiceProfile
from harness.target.recipe import Place, Recipe
from harness.target.started import StartedService
from harness.target.starting import Order, StartingLauncher


class ProcessLauncher(StartingLauncher):
    """See `launcher.Launcher`."""

    kind = "process"
    way = "command"

    async def reach(self) -> str:
        """See `launcher.Launcher`: the services are on this very host."""
        return LOOPBACK

    async def _make(self, order: Order, mooring: Mooring | None = None) -> ProcessService:
        own = f"{order.name}-{uuid.uuid4().hex[:8]}"
        scratch = self._tag.scratch()
        config_path, data_folder = str(scratch / f"{own}.yaml"), str(scratch / own)
        output = scratch / f"{own}.out" if self._lasting is not None else None
        if mooring is not None:
            config_path, data_folder, output = mooring.config_path, mooring.data_folder, Path(mooring.output)
        with contextlib.ExitStack() as held:
            ports = _ports(order.profile, mooring)
            for one in ports.values():
                held.callback(one.release)
            numbers = {name: one.port for name, one in ports.items()}
            recipe = order.recipe(Place(numbers, config_path, sys.executable, LOOPBACK, data_folder))
            if mooring is None:
                _prepare(recipe, Path(data_folder))
            service = ProcessService(
                order.name, order.profile, recipe, ports, order.log, self._tag, self.record, ready_by=order.ready_by,
                output=output, data_folder=data_folder,
            )  # fmt: skip
            held.pop_all()  # from here on the service holds them
        return service

    def _venue_url(self, service: StartedService) -> str:
        return f"http://{service.address}"

    async def _close_rest(self) -> None:
        """Processes share nothing that would be left; the scratch folder is the run's."""


def _prepare(recipe: Recipe, data_folder: Path) -> None:
    """What it finds on the disk when it starts."""
    data_folder.mkdir(mode=0o700)
    if recipe.config_text is not None:
        Path(recipe.config_path).write_text(recipe.config_text, encoding="utf-8")


def _ports(profile: ServiceProfile, mooring: Mooring | None) -> dict[str, HeldPort]:
    """Free ones, or those that the service has already."""
    if mooring is not None:
        return {name: HeldPort.in_use(port) for name, port in mooring.ports.items()}
    with contextlib.ExitStack() as held:
        ports = {name: held.enter_context(hold_quiet_port()) for name in profile.ports}
        held.pop_all()
    return ports
