"""Start the services of a target by the user's own Compose file, on the networks that it describes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from docker.models.containers import Container

from harness.evidence.records import Record
from harness.target.compose_program import ComposeProgram, Tree
from harness.target.compose_project import ComposeProject, escaped, own_service
from harness.target.container import ContainerService
from harness.target.container_launcher import CONFIG_PATH, EVERYWHERE, PYTHON, ImageOf
from harness.target.engine import reason_of
from harness.target.errors import TargetError
from harness.target.images import find_image
from harness.target.launcher import VENUE_PORT, LogPath
from harness.target.mooring import Mooring
from harness.target.networks import ENGINE_ERRORS
from harness.target.owner import LABEL_SERVICE
from harness.target.ports import HeldPort, hold_quiet_port
from harness.target.profile_shape import Profile
from harness.target.recipe import Place, Recipe
from harness.target.started import StartedService, nobody
from harness.target.starting import VENUE, Order, StartingLauncher


@dataclass(eq=False)
class Composed:
    """A container as Compose makes it; see `container.Birth`."""

    project: ComposeProject
    key: str
    service: Tree
    network: str
    config: tuple[str, str] | None
    """Path in the container and text of the config file."""
    _container: Container | None = field(default=None, init=False)

    @property
    def image(self) -> str:
        """See `container.Birth`."""
        return str(self.service.get("image") or f"of service {self.key}")

    def start(self) -> Container:
        """See `container.Birth`."""
        self._container = self.project.up(self.key, self.service)
        if self.config is not None:
            # Copied and not mounted: the engine may see another file system than this process.
            self._container.put_archive("/", one_file(*self.config))
        self._container.start()
        return self._container

    def remove(self) -> None:
        """See `container.Birth`."""
        if self._container is not None:
            self._container.remove(force=True, v=True)
        self.project.release(self.key)


class ComposeLauncher(StartingLauncher):
    """See `launcher.Launcher`. One Compose project a launcher; the venue is one more service of it."""

    kind = "compose"
    way = "compose"

    def __init__(
        self,
        profile: Profile,
        program: ComposeProgram,
        theirs: Tree,
        image_of: ImageOf,
        run: str,
        log_path: LogPath,
        record: Callable[[Record], None] = nobody,
    ) -> None:
        """`theirs`: the user's Compose file worked out; `image_of` is asked for the VENUE's only."""
        super().__init__(profile, run, log_path, record)
        self._program = program
        self._theirs = theirs
        self._image_of = image_of
        self._made: ComposeProject | None = None

    async def reach(self) -> str:
        """See `launcher.Launcher`: the gateway of the connector's first network, which is this host."""
        return await asyncio.to_thread(self._gateway)

    def _gateway(self) -> str:
        project = self._project()
        name = self.profile.connector.compose
        networks = project.networks_of(name)
        with contextlib.suppress(*ENGINE_ERRORS):
            return project.gateway(next(iter(networks)))
        # Compose makes networks only for a service: this container is made anew when the connector is started.
        key = project.claim(name)
        bare = own_service(
            self._theirs["services"][name], networks=networks, environment={}, ports={}, labels=self._tag.labels()
        )
        try:
            project.up(key, bare)
            return project.gateway(next(iter(networks)))
        except ENGINE_ERRORS as error:
            raise TargetError(f"the connector's network cannot be looked at: {reason_of(error)}") from None
        finally:
            project.release(key)

    async def _make(self, order: Order, mooring: Mooring | None = None) -> ContainerService:
        return await asyncio.to_thread(self._make_now, order)

    def _make_now(self, order: Order) -> ContainerService:
        project = self._project()
        recipe = order.recipe(Place(order.profile.ports, CONFIG_PATH, PYTHON, EVERYWHERE))
        with contextlib.ExitStack() as held:
            ports = {name: held.enter_context(hold_quiet_port()) for name in order.profile.ports}
            service, network = self._service(project, order, recipe, ports)
            key = project.claim(order.profile.compose or order.name)
            config = (recipe.config_path, recipe.config_text) if recipe.config_text is not None else None
            birth = Composed(project, key, service, project.engine_name(network), config)
            made = ContainerService(
                order.name, order.profile, birth, ports, order.log, self.record, ready_by=order.ready_by
            )
            held.pop_all()  # from here on the service holds them
        return made

    def _service(
        self, project: ComposeProject, order: Order, recipe: Recipe, ports: Mapping[str, HeldPort]
    ) -> tuple[Tree, str]:
        """What goes into our file, and the network in which it has its direct address."""
        if order.kind == VENUE:
            entrypoint = [escaped(word) for word in recipe.command]
            theirs = {"image": self._image_of(VENUE), "entrypoint": entrypoint, "healthcheck": {"disable": True}}
            networks = dict.fromkeys(project.networks_of(self.profile.connector.compose))
        else:
            theirs = self._theirs["services"][order.profile.compose]
            networks = project.networks_of(order.profile.compose)
            if not theirs.get("build"):
                find_image(project.engine, str(theirs.get("image")))
        service = own_service(
            theirs,
            networks=networks,
            environment=recipe.environment,
            ports={order.profile.ports[name]: one.port for name, one in ports.items()},
            labels={**self._tag.labels(), LABEL_SERVICE: order.name},
            arguments=recipe.arguments,
        )
        return service, next(iter(networks))

    def _project(self) -> ComposeProject:
        if self._made is None:
            self._made = ComposeProject(self._program, self._theirs, self._tag, self._tag.scratch())
        return self._made

    def _venue_url(self, service: StartedService) -> str:
        return f"http://{service.name}:{VENUE_PORT}"

    async def _close_rest(self) -> None:
        project, self._made = self._made, None
        if project is not None:
            await asyncio.to_thread(project.down)


def one_file(path: str, text: str) -> bytes:
    """A tar archive with one file that everybody may read."""
    data = text.encode()
    info = tarfile.TarInfo(path.lstrip("/"))
    info.size, info.mode = len(data), 0o644
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()
