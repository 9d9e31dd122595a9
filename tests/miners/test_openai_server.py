# SPDX-License-Identifier: Apache-2.0
"""A miner in front of `transformers serve`, a server of OpenAI's shape that is not ours:
`make test-openai`.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from miners import Miner, ModelError
from miners.engines import EngineChoice, EngineName, make_miner
from miners.errors import EngineAway
from miners.llm import Sampling
from miners.llm.folder import folder_hash
from miners.openai_engine import OpenAiEngine
from offchain.subnets.text import Complete, Turn
from tests.miners.real_server import START_S, RealServer
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey

# an environment of its own over this one: transformers wants newer packages
BIN = Path(__file__).parents[2] / ".build" / "openai" / "bin"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BIN / "transformers").exists(),
        reason="make test-openai installs transformers and runs this",
    ),
]
PROMPT = "The assert statement is "
TURNS = (Turn("system", "Be brief."), Turn("user", "assert?"))
LENGTH = 24
# A Llama of 100,000 parameters drawn at random, whose tokens are printable characters and which
# never ends by itself; then what it answers when asked by hand.
MAKE = f"""
import json, sys, torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

names = ["<s>", "</s>", chr(0x120), *map(chr, range(33, 127))]
plain = Tokenizer(models.BPE({{name: number for number, name in enumerate(names)}}, []))
plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
plain.decoder = decoders.ByteLevel()
tokens = PreTrainedTokenizerFast(
    tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="</s>"
)
tokens.chat_template = (
    "{{% for m in messages %}}{{{{ m.role }}}}: {{{{ m.content }}}} {{% endfor %}}assistant:"
)
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=len(names), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, max_position_embeddings=512, bos_token_id=0, eos_token_id=1,
    initializer_range=0.2,
)).eval()
model.lm_head.weight.data[:2] = 0
model.generation_config.do_sample = True
tokens.save_pretrained(sys.argv[1])
model.save_pretrained(sys.argv[1])
asked = tokens({PROMPT!r}, return_tensors="pt")
made = model.generate(**asked, do_sample=False, max_new_tokens={LENGTH})
print(json.dumps(tokens.decode(made[0, asked["input_ids"].shape[1]:])))
"""


@dataclass
class Server(RealServer):
    """`transformers serve` with one model, named by its folder, and what it says to PROMPT."""

    says: str = ""

    @property
    def model(self) -> str:
        return str(self.folder / "model")

    def make(self) -> None:
        done = subprocess.run(
            [BIN / "python", "-c", MAKE, self.model],
            env=_environment(), capture_output=True, check=False, text=True, timeout=START_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2_000:]
        self.says = json.loads(done.stdout.splitlines()[-1])

    def start(self) -> None:
        command = [BIN / "transformers", "serve", self.model, "--device", "cpu"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        self.run(command, _environment())

    def wait(self) -> None:
        self.wait_for("/v1/models")

    @asynccontextmanager
    async def engine(self, model: str = "", **options: Any) -> AsyncIterator[OpenAiEngine]:
        made = OpenAiEngine(self.url, model or self.model, bytes(32), **options)
        try:
            yield made
        finally:
            made.close()
            await asyncio.sleep(0.01)


def _environment() -> dict[str, str]:
    return os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


async def _said(engine: OpenAiEngine, prompt: Any = PROMPT, **how: Any) -> tuple[Any, ...]:
    """Text, tokens of the prompt, tokens of the answer, why it ended."""
    pieces = [piece async for piece in engine.generate(prompt, Sampling(**how))]
    last = pieces[-1]
    return "".join(piece.text for piece in pieces), last.prompt_tokens, last.tokens, last.finish


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("transformers"))
    made.make()
    made.start()
    try:
        made.wait()
        yield made
    finally:
        made.kill()


def test_openai_server__whole_miner__streams_what_the_model_says(server: Server) -> None:
    @in_loop
    async def run() -> None:
        chain, key = FakeChain(), new_hotkey()
        folder = Path(server.model)
        choice = EngineChoice(folder, EngineName.OPENAI, url=server.url, model=server.model)
        miner = await make_miner(choice).start(chain, key, here())
        assert chain.model == folder_hash(folder)
        _, dendrite = new_validator(chain)
        there = endpoint_of(chain, key)
        question = Complete(prompts=(PROMPT,), max_tokens=LENGTH, stream=True)
        parts = [r.synapse async for r in dendrite.stream(there, question, PATIENT_S)]
        assert len(parts) > 3
        assert "".join(part.texts[0] for part in parts[:-1]) == server.says
        assert parts[-1].texts == [server.says]
        assert (parts[-1].prompt_tokens, parts[-1].tokens) == (len(PROMPT), LENGTH)
        two = Complete(prompts=(PROMPT, PROMPT[:-1]), max_tokens=8)
        (reply,) = await dendrite.query([(there, two)], PATIENT_S)
        assert reply.ok, reply.detail
        assert reply.synapse.texts[0] == server.says[:8]
        assert reply.synapse.finish == ["length", "length"]
        await dendrite.close()
        await miner.close()

    run()


def test_openai_server__prompts_and_conversations__alone_and_at_once(server: Server) -> None:
    @in_loop
    async def run() -> None:
        async with server.engine() as engine:
            await engine.check()
            prompts: list[Any] = [PROMPT, TURNS, "x", *["y" * n for n in range(1, 9)], TURNS]
            alone = [await _said(engine, prompt, max_tokens=LENGTH) for prompt in prompts]
            assert alone[0] == (server.says, len(PROMPT), LENGTH, "length")
            assert alone[1][1] == len("system: Be brief. user: assert? assistant:")
            asked = [_said(engine, prompt, max_tokens=LENGTH) for prompt in prompts]
            assert await asyncio.gather(*asked) == alone

    run()


def test_openai_server__conversation_behind_a_long_answer__waits_with_its_role_said(
    server: Server,
) -> None:
    @in_loop
    async def run() -> None:
        async with server.engine() as before, server.engine(gap_s=1.0) as engine:
            long = asyncio.create_task(_said(before, max_tokens=2_500))
            await asyncio.sleep(0.1)
            assert (await _said(engine, TURNS, max_tokens=3))[2] == 3
            assert (await long)[2] == 2_500

    run()


def test_openai_server__sampled__same_seed_same_text(server: Server) -> None:
    @in_loop
    async def run() -> None:
        async with server.engine() as engine:
            how = {"max_tokens": LENGTH, "temperature": 1.0, "top_p": 0.9}
            one, same, other = [await _said(engine, seed=seed, **how) for seed in (3, 3, 4)]
            assert one == same
            assert len({one[0], other[0], server.says}) == 3

    run()


def test_openai_server__stop_text_which_it_shows__is_cut_and_counted(server: Server) -> None:
    @in_loop
    async def run() -> None:
        stop = server.says[10:13]
        at = server.says.find(stop)
        async with server.engine() as engine:
            whole = await _said(engine, max_tokens=LENGTH, stop=(stop,))
            assert whole == (server.says[:at], len(PROMPT), at + len(stop), "stop")

    run()


def test_openai_server__caller_leaves__it_stops_writing(server: Server) -> None:
    @in_loop
    async def run() -> None:
        async with server.engine(first_s=PATIENT_S) as engine:
            for _ in range(3):
                pieces = engine.generate(PROMPT, Sampling(max_tokens=50_000))
                await anext(pieces)
                await pieces.aclose()
            # one answer at a time: this one would wait for minutes
            assert (await _said(engine, max_tokens=3))[0] == server.says[:3]

    run()


def test_openai_server__bad_input__fails_alone(server: Server) -> None:
    @in_loop
    async def run() -> None:
        async with server.engine() as engine:
            answers = await asyncio.gather(
                *[_said(engine, prompt, max_tokens=3) for prompt in ("", PROMPT, ())],
                return_exceptions=True,
            )
            assert [type(answer) for answer in answers] == [ModelError, tuple, ModelError]
            assert answers[1][0] == server.says[:3]

    run()


def test_openai_server__model_missing__one_sentence_and_nobody_is_blamed(server: Server) -> None:
    @in_loop
    async def run() -> None:
        async with server.engine("other") as engine:
            with pytest.raises(ModelError, match="no model 'other'") as caught:
                await engine.check()
            assert "Name" in caught.value.next_step
            with pytest.raises(EngineAway, match="400"):  # as if exchanged meanwhile
                await _said(engine)

    run()


def test_openai_server__killed_and_started_again__edge_says_503_and_comes_back(
    server: Server,
) -> None:
    @in_loop
    async def run() -> None:
        settings = here(http_port=0)
        async with server.engine() as engine:
            miner = await Miner.from_engine(engine, "text").start(
                FakeChain(), new_hotkey(), settings
            )
            assert miner.edge is not None
            there = f"http://127.0.0.1:{miner.edge.port}/v1/completions"
            async with httpx.AsyncClient(trust_env=False, timeout=PATIENT_S) as client:

                async def ask(max_tokens: int = 3, stream: bool = False) -> tuple[int, str]:
                    body = {"prompt": PROMPT, "max_tokens": max_tokens, "temperature": 0}
                    response = await client.post(there, json=body | {"stream": stream})
                    return response.status_code, response.text

                status, text = await ask()
                assert (status, json.loads(text)["choices"][0]["text"]) == (200, server.says[:3])
                under_way = [asyncio.create_task(ask(4_000)) for _ in range(4)]
                streamed = asyncio.create_task(ask(4_000, stream=True))
                await asyncio.sleep(0.5)
                server.kill()
                assert {status for status, _ in await asyncio.gather(*under_way)} == {503}
                status, text = await streamed
                assert status == 503 or "the answer broke off" in text
                assert (await ask())[0] == (await ask(stream=True))[0] == 503
                server.start()
                await asyncio.to_thread(server.wait)
                assert (await ask())[0] == (await ask(stream=True))[0] == 200
            await miner.close()

    run()
