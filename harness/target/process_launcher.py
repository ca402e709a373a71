"""Start the services of a target as processes of this host."""

from __future__ import annotations

import contextlib
import sys
import uuid

from harness.target.ports import LOOPBACK, hold_quiet_port
from harness.target.process import ProcessService
from harness.target.recipe import Place
from harness.target.started import StartedService
from harness.target.starting import Order, StartingLauncher


class ProcessLauncher(StartingLauncher):
    """See `launcher.Launcher`."""

    kind = "process"
    way = "command"

    async def reach(self) -> str:
        """See `launcher.Launcher`: the services are on this very host."""
        return LOOPBACK

    async def _make(self, order: Order) -> ProcessService:
        own = f"{order.name}-{uuid.uuid4().hex[:8]}"
        config_path = self._tag.scratch() / f"{own}.yaml"
        data_folder = self._tag.scratch() / own
        with contextlib.ExitStack() as held:
            ports = {name: held.enter_context(hold_quiet_port()) for name in order.profile.ports}
            numbers = {name: one.port for name, one in ports.items()}
            recipe = order.recipe(Place(numbers, str(config_path), sys.executable, LOOPBACK, str(data_folder)))
            data_folder.mkdir(mode=0o700)
            if recipe.config_text is not None:
                config_path.write_text(recipe.config_text, encoding="utf-8")
            service = ProcessService(
                order.name, order.profile, recipe, ports, order.log, self._tag, self.record, ready_by=order.ready_by
            )
            held.pop_all()  # from here on the service holds them
        return service

    def _venue_url(self, service: StartedService) -> str:
        return f"http://{service.address}"

    async def _close_rest(self) -> None:
        """Processes share nothing that would be left; the scratch folder is the run's."""
