# SPDX-License-Identifier: Apache-2.0
"""The demo's real models, trained once and kept as the set-up keeps them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.miners.worlds import MODELS


@contextmanager
def one_worker_at_a_time() -> Iterator[None]:
    """Whoever comes second finds what the first has made, whole."""
    MODELS.mkdir(parents=True, exist_ok=True)
    with (MODELS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def models() -> Path:
    """Folder with cnn.onnx, mlp.onnx, linear.onnx; made on the first run (under a minute)."""
    from miners.train import RECIPES, make

    with one_worker_at_a_time():
        for name in RECIPES:
            make(name, MODELS)
    return MODELS


@pytest.fixture(scope="session")
def decoder() -> Path:
    """Folder of a real decoder; trained on the first run (about twenty seconds)."""
    from miners.llm.train import make

    with one_worker_at_a_time():
        return make("decoder", MODELS)


@pytest.fixture(scope="session")
def small_decoder() -> Path:
    """Folder of a decoder that knows less."""
    from miners.llm.train import make

    with one_worker_at_a_time():
        return make("decoder-small", MODELS)
