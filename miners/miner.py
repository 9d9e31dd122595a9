# SPDX-License-Identifier: Apache-2.0
"""A miner: a model or a function, served to the validators of one subnet."""

import asyncio
import signal
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import structlog

from miners.chain_port import ChainPort
from miners.checks import ModelReport, check_content, read_model, self_test
from miners.engine import Engine
from miners.engine_port import AnyEngine
from miners.errors import MinerError
from miners.handlers import Forward, annotated, argument_of, function_hash, model_handler
from miners.llm.engine import DecoderEngine, TextEngine, is_text
from miners.payday import Payday
from miners.profile import Profile, profile_here
from miners.publishing import Shelf, check_publishing
from miners.reach import check_reachable
from miners.settings import Settings
from offchain.protocol.errors import ChainError, ConfigError
from offchain.subnets.base import load
from offchain.wire import Axon, Egress, Endpoint, Hotkey
from offchain.wire.receipts import NO_MODEL

if TYPE_CHECKING:
    from miners.edge import Edge

log = structlog.get_logger("evmtensor.miner")


class Miner:
    """Serves one model or function.

        miner = Miner.from_torch(module, "vision")        # or Miner.from_onnx("model.onnx")
        miner.run(chain, hotkey, Settings(port=8091))     # blocks until SIGTERM or Ctrl-C

        miner = Miner("vision")
        @miner.forward
        def answer(synapse: Vision) -> Vision: ...

    `chain` is a `ChainPort`. Everything that can be wrong is checked before anything is sent to
    the chain.
    """

    def __init__(
        self, subnet: str = "vision", *, model_hash: bytes = NO_MODEL, threads: int = 0
    ) -> None:
        """`model_hash` is what a function (an engine elsewhere, say) commits to, else the hash of
        its source: validators give nothing to a miner that commits to nothing. A model file names
        itself. `threads` that run the model at once; 0: one per core.
        """
        self._claimed = model_hash
        self.subnet: ModuleType = load(subnet)
        self.report: ModelReport | None = None
        self.axon: Axon | None = None
        self.edge: Edge | None = None
        self.engine: AnyEngine | TextEngine | None = None
        self._forward: Forward | None = None
        self._shelf = Shelf()  # what may be published
        self._content: bytes | None = None  # of a model's file
        self._folder: Path | None = None  # of a decoder
        self._threads = threads
        self._is_publishing = False
        self._retiring: set[asyncio.Task[None]] = set()
        self._path: Path | None = None  # where SIGHUP finds a better model
        self._hotkey: Hotkey | None = None
        self._chain: ChainPort | None = None
        self.payday: Payday | None = None
        self.profile: Profile | None = None
        self._egress: Egress | None = None  # of a miner that dials out
        self._refresher: asyncio.Task[None] | None = None
        self._collector: asyncio.Task[None] | None = None

    @classmethod
    def from_onnx(cls, path: str | Path, subnet: str = "vision", *, threads: int = 0) -> "Miner":
        """A miner for a model file. ModelError unless the file is safe, fits the subnet and
        works.
        """
        miner = cls(subnet, threads=threads)
        miner._path = Path(path)
        return miner._with_content(read_model(miner._path, miner.subnet.MODEL))

    @classmethod
    def from_bytes(cls, content: bytes, subnet: str = "vision", *, threads: int = 0) -> "Miner":
        """The same for a model in memory."""
        miner = cls(subnet, threads=threads)
        check_content(content, miner.subnet.MODEL)
        return miner._with_content(content)

    @classmethod
    def from_engine(cls, engine: AnyEngine | TextEngine, subnet: str = "vision") -> "Miner":
        """A miner in front of an engine elsewhere, such as `remote.OipEngine`. MinerError if the
        engine writes text and the subnet wants tensors, or the other way round.
        """
        miner = cls(subnet)
        if is_text(engine) == bool(miner.subnet.MODEL.inputs):
            wanted = "tensors" if miner.subnet.MODEL.inputs else "text"
            raise MinerError(
                f"miner: subnet {subnet} wants {wanted}, which this engine does not make",
                next_step="Name another subnet with --subnet.",
            )
        miner.engine = engine
        return miner

    @classmethod
    def from_decoder(cls, path: str | Path, subnet: str = "text", *, threads: int = 1) -> "Miner":
        """A miner for a decoder's folder (see `miners.llm`). ModelError if it cannot be served."""
        from miners.llm import open_decoder

        miner = cls.from_engine(open_decoder(Path(path), threads=threads), subnet)
        miner._folder, miner._threads = Path(path), threads
        return miner

    @classmethod
    def from_torch(
        cls,
        module: Any,
        subnet: str = "vision",
        path: str | Path = "model.onnx",
        *,
        threads: int = 0,
    ) -> "Miner":
        """Export a torch module to `path` and serve it. ModelError if it cannot be exported
        faithfully.
        """
        from miners.export import export

        miner = cls(subnet, threads=threads)
        return miner._with_content(export(module, miner.subnet.MODEL, Path(path)))

    def forward(self, function: Forward) -> Forward:
        """Decorator: serve this function, `(synapse) -> synapse`, sync or async, instead of a
        model; or `(list[synapse]) -> list[synapse]`, which gets what came together.
        """
        taken, _ = argument_of(function, self.subnet.SYNAPSE)
        if not issubclass(self.subnet.SYNAPSE, taken):  # `Synapse` itself takes any message
            raise MinerError(
                f"forward: takes another message than subnet {self.subnet.NAME}'s "
                f"{self.subnet.SYNAPSE.__name__}",
                next_step=f"Annotate its argument with {self.subnet.SYNAPSE.__name__}.",
            )
        self._forward = function
        if self._claimed == NO_MODEL:
            self._claimed = function_hash(function)
        return function

    @property
    def model_hash(self) -> bytes:
        """SHA-256 of the model's file or of a function's source, or what was given for it."""
        return self.engine.model_hash if self.engine else self._claimed

    async def start(
        self, chain: ChainPort, hotkey: Hotkey, settings: Settings | None = None
    ) -> "Miner":
        """Register if asked, commit the model's hash, listen, publish the endpoint: in this order.

        Raises MinerError if the hotkey is not registered and may not register; ConfigError and
        ChainError as `chain`.
        """
        settings = settings or Settings()
        check_publishing(self.subnet, settings.publish)
        if not settings.dial_out:
            check_reachable(settings.public_host or settings.host, chain.domain().chain_id)
        self._chain, self._hotkey = chain, hotkey
        try:
            await self._open(chain, hotkey, settings)
        except BaseException:
            await self.close()
            raise
        assert self.axon is not None  # `_open` made it
        if settings.dial_out:
            self._egress = Egress(localnet=settings.localnet)
            self._dial_validators(self._egress)
        if settings.claim is not None:
            self.payday = Payday(chain, settings.claim)
            collecting = self._collect_forever(self.payday, settings.refresh_s)
            self._collector = asyncio.create_task(collecting)
        self._refresher = asyncio.create_task(self._refresh_forever(settings.refresh_s))
        log.info(
            "miner serving",
            subnet=self.subnet.NAME,
            hotkey=hotkey.address,
            port=self.axon.port,
            model=self.model_hash.hex()[:16],
            provider=self.engine.provider if self.engine else "function",
        )
        return self

    async def _open(self, chain: ChainPort, hotkey: Hotkey, settings: Settings) -> None:
        """What can fail, the free things first."""
        if self.engine is not None:
            await self.engine.check()
        await asyncio.to_thread(chain.refresh)
        self.axon = Axon(
            hotkey,
            chain.domain(),
            has_seat=chain.has_seat,
            stake_of=chain.stake_of,
            chain_time=chain.chain_time,
            limits=settings.limits,
            model_hash=self.model_hash,
        )
        self.axon.attach(self._handler())
        if settings.publish:
            self.axon.attach(self._publisher())
        if not settings.dial_out:  # a taken port costs nothing on chain
            await self.axon.serve(settings.host, settings.port)
        if settings.http_port is not None:
            from miners.edge import Edge  # aiohttp costs a tenth of a second to import

            self.edge = Edge(self, settings.http_token)
            await self.edge.serve(port=settings.http_port)
        await self._ensure_registered(settings.max_burn_rao)
        await self._commit(self.model_hash, self._content)
        if not settings.dial_out:
            public = settings.public_host or settings.host
            port = settings.public_port or self.axon.port
            await asyncio.to_thread(chain.serve_axon, public, port)

    async def swap(self, path: str | Path) -> bytes:
        """Exchange the model without dropping a request: check, commit the new hash, then use it.
        Returns the hash.
        """
        if self._folder is not None:
            return await self._swap_decoder(Path(path))
        if not isinstance(self.engine, Engine):
            raise MinerError("swap: this miner computes no model of its own")
        content = await asyncio.to_thread(read_model, Path(path), self.subnet.MODEL)
        report = await asyncio.to_thread(self_test, content, self.subnet.MODEL)
        self._keep(content)
        await self._commit(report.model_hash, content)
        await asyncio.to_thread(self.engine.swap, content)  # loading would hold answers up
        self.report = report
        log.info("model swapped", model=report.model_hash.hex()[:16])
        return report.model_hash

    async def _swap_decoder(self, path: Path) -> bytes:
        from miners.llm import open_decoder

        engine = await asyncio.to_thread(open_decoder, path, threads=self._threads)
        try:
            await engine.check()
            if self._is_publishing:
                self._put_folder(path)
            await self._commit(engine.model_hash, None)
        except BaseException:
            engine.close()
            raise
        old, self.engine, self._folder = self.engine, engine, path
        if self.axon is not None:
            self.axon.model_hash = engine.model_hash
        assert isinstance(old, DecoderEngine)  # a folder is served by nothing else
        task = asyncio.create_task(old.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        task.add_done_callback(lambda _done: old.close())  # also if it never took its first step
        log.info("model swapped", model=engine.model_hash.hex()[:16])
        return engine.model_hash

    async def reload(self) -> None:
        """Swap to what the model's file or folder holds now; if that is wrong, the old model
        stays.
        """
        path = self._path or self._folder
        if path is None:
            log.warning("nothing to reload", reason="this miner was not made from a file")
            return
        try:
            await self.swap(path)
        except (ChainError, ConfigError) as error:
            log.warning("not reloaded", path=str(path), error=str(error))

    async def close(self) -> None:
        """Send due receipts, close every connection, end the engine."""
        for task in (self._refresher, self._collector, *self._retiring):
            if task is not None:
                task.cancel()
        if self.edge is not None:
            await self.edge.close()
        if self.axon is not None:
            await self.axon.close()
        if self.engine is not None:
            self.engine.close()
            await asyncio.sleep(0)  # what an engine closes in a task of its own has begun

    def run(self, chain: ChainPort, hotkey: Hotkey, settings: Settings | None = None) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reads the model again."""
        asyncio.run(self._run(chain, hotkey, settings))

    async def _run(self, chain: ChainPort, hotkey: Hotkey, settings: Settings | None) -> None:
        stop = asyncio.Event()
        _on_stop(stop.set)
        await self.start(chain, hotkey, settings)
        _on_stop(stop.set)  # again: Ray has put handlers of its own in place
        reloading: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = asyncio.create_task(self.reload())
            reloading.add(task)
            task.add_done_callback(reloading.discard)

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        await stop.wait()
        await self.close()

    def _keep(self, content: bytes) -> None:
        self._content = content
        self._shelf.put({sha256(content).digest(): content})

    def _publisher(self) -> Forward:
        self._is_publishing = True
        if self._folder is not None:
            self._put_folder(self._folder)
        return self._shelf.publisher()

    def _put_folder(self, path: Path) -> None:
        from miners.llm.folder import published_files

        self._shelf.put(published_files(path, self.subnet.MODEL.max_bytes))

    def _with_content(self, content: bytes) -> "Miner":
        self.report = self_test(content, self.subnet.MODEL)
        self._keep(content)
        self.engine = Engine(content, threads=self._threads)
        return self

    def _handler(self) -> Forward:
        kind = self.subnet.SYNAPSE
        if self._forward is not None:
            return annotated(self._forward, kind)
        if self.engine is None:
            raise MinerError(
                "miner: nothing to serve", next_step="Use from_onnx, from_torch or forward."
            )
        if is_text(self.engine):
            from miners.llm.answers import current_text_handler

            return current_text_handler(self._text_engine)
        return model_handler(self.engine, self.subnet)

    def _text_engine(self) -> TextEngine:
        assert is_text(self.engine)  # a decoder is exchanged for decoders only
        return self.engine

    async def _ensure_registered(self, max_burn_rao: int) -> None:
        chain, hotkey = self._chain, self._hotkey
        assert chain is not None
        assert hotkey is not None
        if await asyncio.to_thread(chain.uid_of, hotkey.address) is not None:
            return
        if max_burn_rao <= 0:
            raise MinerError(
                f"miner: hotkey {hotkey.address} is not registered in this subnet",
                next_step="Register it, or allow a burn with --max-burn.",
            )
        uid = await asyncio.to_thread(chain.register, max_burn_rao)
        log.info("miner registered", uid=uid)

    async def _commit(self, model_hash: bytes, content: bytes | None) -> None:
        """Commit the model, and how it is run, unless both are committed already."""
        chain = self._chain
        assert chain is not None
        if model_hash == NO_MODEL:
            log.warning(
                "commits to nothing", reason="validators give nothing to a miner without a model",
                next_step="Give Miner a model_hash.",
            )  # fmt: skip
            return
        provider = self.engine.provider if self.engine else "function"
        self.profile = await asyncio.to_thread(profile_here, provider, content)
        wanted = model_hash, self.profile.hash
        if await asyncio.to_thread(chain.committed_model) != wanted:
            await asyncio.to_thread(chain.commit_model, *wanted)

    async def _refresh_forever(self, pause_s: float) -> None:
        assert self._chain is not None
        while True:
            await asyncio.sleep(pause_s)
            try:
                await asyncio.to_thread(self._chain.refresh)
            except (
                ChainError
            ) as error:  # serve on with what is known: validators keep their seats for an epoch
                log.warning("chain not reachable", error=str(error))
            if self._egress is not None:
                self._dial_validators(self._egress)

    def _dial_validators(self, egress: Egress) -> None:
        """Keep a connection to every validator that listens, and to nobody else."""
        assert self._chain is not None
        assert self.axon is not None
        wanted = {Endpoint(*listener) for listener in self._chain.listeners()}
        for gone in self.axon.dialling - wanted:
            self.axon.hang_up(gone)
        for validator in wanted - self.axon.dialling:
            log.info("dialling out", to=validator.hotkey, host=validator.host)
            self.axon.dial_out(validator, egress)

    async def _collect_forever(self, payday: Payday, pause_s: float) -> None:
        while True:  # a task of its own: a claim may wait for its block longer than seats may age
            await payday.step()
            await asyncio.sleep(pause_s)


def _on_stop(act: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)
