"""Start the services of a target as containers on a private network of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import docker
from docker.models.containers import Container
from docker.types import EndpointConfig
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from harness.evidence.records import Record
from harness.target.container import ContainerService, identity_of
from harness.target.engine import Engine, reason_of
from harness.target.errors import TargetError
from harness.target.launcher import VENUE_PORT, LogPath
from harness.target.mooring import Lasting, Mooring
from harness.target.networks import ENGINE_ERRORS, PrivateNetwork
from harness.target.owner import LABEL_OWNER, LABEL_SERVICE, Owner
from harness.target.ports import LOOPBACK, HeldPort, hold_quiet_port
from harness.target.profile_shape import Profile
from harness.target.recipe import Place, Recipe
from harness.target.started import StartedService, nobody
from harness.target.starting import VENUE, Order, StartingLauncher

CONFIG_PATH = "/nfr-config.yaml"
PYTHON = "python3"
EVERYWHERE = "0.0.0.0"

ImageOf = Callable[[str], str]
"""The image of a service of the profile, or of VENUE, made or pulled when it is asked for. Blocks; TargetError."""


def settle_testcontainers(engine: Engine) -> None:
    """Use testcontainers' reaper where its image is at hand; elsewhere our own labels and sweep have to do.

    They do in any case: the reaper only covers what testcontainers started and a session that died.
    """
    if testcontainers_config.tc_host_override is None:
        testcontainers_config.tc_host_override = LOOPBACK
    stated = os.environ.get("TESTCONTAINERS_RYUK_DISABLED")
    if stated is None and not engine.digest_of(testcontainers_config.ryuk_image):
        testcontainers_config.ryuk_disabled = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A container as testcontainers makes it; see `container.Birth`."""

    container: DockerContainer
    network: str

    @property
    def image(self) -> str:
        """See `container.Birth`."""
        return str(self.container.image)

    def start(self) -> Container:
        """See `container.Birth`."""
        return self.container.start().get_wrapped_container()

    def remove(self) -> None:
        """See `container.Birth`."""
        self.container.stop()


@dataclass(frozen=True, slots=True)
class Moored:
    """A container that another launcher has made; see `container.Birth`."""

    client: docker.DockerClient
    identity: str
    network: str

    @property
    def image(self) -> str:
        """See `container.Birth`."""
        return f"of container {self.identity[:12]}"

    def start(self) -> Container:
        """The container, as it is."""
        return self.client.containers.get(self.identity)

    def remove(self) -> None:
        """See `container.Birth`."""
        self.client.containers.get(self.identity).remove(force=True, v=True)


class ContainerLauncher(StartingLauncher):
    """See `launcher.Launcher`. One network a launcher."""

    kind = "container"
    way = "image"

    def __init__(
        self,
        profile: Profile,
        image_of: ImageOf,
        run: str,
        log_path: LogPath,
        record: Callable[[Record], None] = nobody,
        lasting: Lasting | None = None,
    ) -> None:
        super().__init__(profile, run, log_path, record, lasting)
        self._image_of = image_of
        self._network: PrivateNetwork | None = None

    async def reach(self) -> str:
        """See `launcher.Launcher`: the gateway of the private network, which is this host."""
        return (await self._network_of_run()).gateway

    async def _make(self, order: Order, mooring: Mooring | None = None) -> ContainerService:
        network = await self._network_of_run()
        if mooring is not None:
            ports = {name: HeldPort.in_use(port) for name, port in mooring.ports.items()}
            found = Moored(network.client, mooring.identity.partition("@")[0], network.name)
            return ContainerService(
                order.name, order.profile, found, ports, order.log, self.record, ready_by=order.ready_by
            )
        image = await asyncio.to_thread(self._image_of, order.kind)
        recipe = order.recipe(Place(order.profile.ports, CONFIG_PATH, PYTHON, EVERYWHERE))
        if order.kind != VENUE:
            recipe = replace(recipe, command=())  # the image's entry point is the command
        with contextlib.ExitStack() as held:
            ports = {name: held.enter_context(hold_quiet_port()) for name in order.profile.ports}
            birth = Plan(self._planned(order, recipe, image, network, ports), network.name)
            service = ContainerService(
                order.name, order.profile, birth, ports, order.log, self.record, ready_by=order.ready_by
            )
            held.pop_all()  # from here on the service holds them
        return service

    def _planned(
        self, order: Order, recipe: Recipe, image: str, network: PrivateNetwork, ports: Mapping[str, HeldPort]
    ) -> DockerContainer:
        plan = DockerContainer(image)
        plan.with_envs(**recipe.environment)
        if recipe.arguments:
            plan.with_command(list(recipe.arguments))
        for name, held in ports.items():
            # On the loopback only: the address is for this harness, not for the neighbourhood.
            plan.ports[f"{order.profile.ports[name]}/tcp"] = (LOOPBACK, held.port)  # type: ignore[assignment]
        if recipe.config_text is not None:
            plan.with_copy_into_container(recipe.config_text.encode(), recipe.config_path)
        plan.with_name(f"{network.name}-{order.name}-{ports[order.profile.serving_port].port}")
        version = plan.get_docker_client().client.api.api_version
        return plan.with_kwargs(
            labels={**self._tag.labels(), LABEL_SERVICE: order.name},
            network=network.name,
            networking_config={
                network.name: EndpointConfig(version, aliases=[order.name], ipv4_address=network.address())
            },
            # The image's own health check connects to the service now and then and would be counted as a client.
            healthcheck={"test": ["NONE"]},
            **({"entrypoint": list(recipe.command)} if recipe.command else {}),
        )

    def _venue_url(self, service: StartedService) -> str:
        return f"http://{service.name}:{VENUE_PORT}"

    async def _network_of_run(self) -> PrivateNetwork:
        if self._network is None:
            self._network = await asyncio.to_thread(self._made_network)
        return self._network

    def _made_network(self) -> PrivateNetwork:
        left = (
            {one.network for one in self._lasting.moorings} if self._lasting is not None and self._takes_over else set()
        )
        if left:
            network = PrivateNetwork.found(left.pop())
        else:
            network = PrivateNetwork.create(f"nfr-{uuid.uuid4().hex[:12]}", self._tag.labels())
        if self._lasting is not None:
            testcontainers_config.ryuk_disabled = True  # it would reap with this process what is to outlive it
        try:
            settle_testcontainers(Engine(network.client))
        except ENGINE_ERRORS as error:
            network.remove()
            raise TargetError(f"the engine does not tell its images: {reason_of(error)}: is it well?") from None
        return network

    async def _is_there(self, mooring: Mooring) -> bool:
        return await asyncio.to_thread(container_runs, mooring.identity)

    def _remove_but(self, owner: Owner, kept: Collection[str]) -> None:
        engine = Engine.reach()
        if engine is None:
            return
        ids = {one.partition("@")[0] for one in kept}
        networks = {one.network for one in self._moored.values()}
        try:
            engine.remove_labelled(
                lambda labels: labels.get(LABEL_OWNER) == str(owner), but=lambda thing: thing in ids | networks
            )
        finally:
            engine.close()

    async def _close_rest(self) -> None:
        network, self._network = self._network, None
        if network is not None:
            await asyncio.to_thread(network.remove)


def container_runs(identity: str) -> bool:
    """Whether that very container runs, since that very start."""
    engine = Engine.reach()
    if engine is None:
        return False
    try:
        container = engine.client.containers.get(identity.partition("@")[0])
        return identity_of(container) == identity and container.status == "running"
    except ENGINE_ERRORS:
        return False
    finally:
        engine.close()
