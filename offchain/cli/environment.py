# SPDX-License-Identifier: Apache-2.0
"""The only file that reads the environment.

EVMTENSOR_RPC            addresses of nodes, separated by commas; else APE_FOUNDRY_HOST, else local
EVMTENSOR_HOME           keys, outboxes and journals; else ~/.evmtensor
EVMTENSOR_DEPLOYMENT     the deployment file; else deployments/<chain id>.json here or in the home
EVMTENSOR_PASSWORD_FILE  a file whose first line is the password of keys
EVMTENSOR_PASSWORD       the password itself
EVMTENSOR_KEY            the coldkey to use, when --key is not given
EVMTENSOR_HOTKEY         the hotkey to use, when --hotkey is not given
EVMTENSOR_ENGINE_TOKEN   what a miner says to the inference server that it stands in front of
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8545"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says; empty strings count as unset."""

    urls: tuple[str, ...]
    home: Path
    deployment: Path | None
    password_file: Path | None
    password: str | None
    key: str
    hotkey: str
    engine_token: str = field(default="", repr=False)


def read_environment(values: Mapping[str, str] | None = None) -> Environment:
    """From a mapping in tests, from the process otherwise."""
    env = os.environ if values is None else values

    def path(name: str) -> Path | None:
        return Path(env[name]).expanduser() if env.get(name) else None

    urls = env.get("EVMTENSOR_RPC") or env.get("APE_FOUNDRY_HOST") or DEFAULT_URL
    return Environment(
        urls=split_urls(urls),
        home=path("EVMTENSOR_HOME") or Path("~/.evmtensor").expanduser(),
        deployment=path("EVMTENSOR_DEPLOYMENT"),
        password_file=path("EVMTENSOR_PASSWORD_FILE"),
        password=env.get("EVMTENSOR_PASSWORD") or None,
        key=env.get("EVMTENSOR_KEY", ""),
        hotkey=env.get("EVMTENSOR_HOTKEY", ""),
        engine_token=env.get("EVMTENSOR_ENGINE_TOKEN", ""),
    )


def split_urls(text: str) -> tuple[str, ...]:
    """Addresses separated by commas."""
    return tuple(url.strip() for url in text.split(",") if url.strip())
