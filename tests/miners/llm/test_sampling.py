# SPDX-License-Identifier: Apache-2.0
"""The choice of a token, and text that comes in pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.errors import RequestError
from miners.llm.sampling import Sampling, pick
from miners.llm.tokens import ByteTokenizer, StopFinder, transcript
from offchain.subnets.text import Turn

LOGITS = np.log(np.array([0.1, 0.5, 0.3, 0.1], dtype=np.float32))


def drawn(sampling: Sampling, count: int = 2_000) -> np.ndarray:
    rng = sampling.generator()
    return np.bincount([pick(LOGITS, sampling, rng) for _ in range(count)], minlength=4) / count


def test_pick__temperature_0__takes_the_likeliest_and_among_equals_the_lowest() -> None:
    assert drawn(Sampling(), 5).tolist() == [0, 1, 0, 0]
    assert pick(np.array([1.0, 3.0, 3.0]), Sampling(), Sampling().generator()) == 1


def test_pick__temperature_1__draws_by_probability() -> None:
    assert np.allclose(drawn(Sampling(temperature=1.0)), [0.1, 0.5, 0.3, 0.1], atol=0.04)


def test_pick__high_temperature__is_flatter_than_low() -> None:
    hot, cold = (drawn(Sampling(temperature=t)) for t in (2.0, 0.5))
    assert hot[1] < 0.5 < cold[1]


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.4, {1}), (0.49, {1}), (0.6, {1, 2}), (1.0, {0, 1, 2, 3})]
)
def test_pick__top_p__draws_from_the_smallest_set_that_holds_it(top_p: float, kept: set) -> None:
    found = drawn(Sampling(temperature=1.0, top_p=top_p))
    assert set(np.flatnonzero(found)) == kept


def test_pick__same_seed__same_tokens() -> None:
    def tokens(seed: int) -> list[int]:
        sampling = Sampling(temperature=1.0, seed=seed)
        rng = sampling.generator()
        return [pick(LOGITS, sampling, rng) for _ in range(50)]

    assert tokens(7) == tokens(7) != tokens(8)


@pytest.mark.parametrize(
    "values",
    [
        {"max_tokens": 0}, {"temperature": -0.1}, {"temperature": 2.1},
        {"temperature": float("nan")},
        {"top_p": 0.0}, {"top_p": 1.1}, {"seed": -1}, {"seed": 2**60}, {"stop": ("",)},
        {"stop": ("x" * 65,)}, {"stop": ("x",) * 9},
    ],
)  # fmt: skip
def test_sampling__value_without_a_meaning__one_sentence(values: dict) -> None:
    with pytest.raises(RequestError, match=r"wanted|stop text"):
        Sampling(**values)


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=4), max_size=3), st.data())
def test_stop_finder__however_text_is_cut__shows_what_stands_before_the_first_stop(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    places = [text.find(stop) for stop in stops if stop in text]
    finder, shown, rest = StopFinder(stops), "", text
    while rest and not finder.found:
        cut = data.draw(st.integers(1, len(rest)))
        shown += finder.push(rest[:cut])
        rest = rest[cut:]
    if not finder.found:
        shown += finder.end()
    assert finder.found == bool(places)
    if not places:
        assert shown == text
    else:
        assert any(text.startswith(shown + stop) for stop in stops)


@given(st.text(max_size=30))
def test_byte_tokenizer__any_text__comes_back(text: str) -> None:
    tokenizer = ByteTokenizer()
    stream = tokenizer.stream()
    pieces = [stream.push(token) for token in tokenizer.encode(text)]
    assert "".join(pieces) + stream.end() == text.encode("utf-8", "replace").decode()


def test_byte_stream__half_a_character__is_held_back_and_marked_at_the_end() -> None:
    stream = ByteTokenizer().stream()
    euro = list("€".encode())
    assert [stream.push(token) for token in euro] == ["", "", "€"]
    assert stream.push(euro[0]) == ""
    assert stream.push(256) == ""
    assert stream.end() == "\ufffd"


def test_transcript__turns__end_where_the_assistant_speaks() -> None:
    turns = [Turn("system", "Be brief."), Turn("user", "Hello")]
    assert transcript(turns) == "system: Be brief.\nuser: Hello\nassistant:"
