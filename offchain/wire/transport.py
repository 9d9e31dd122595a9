# SPDX-License-Identifier: Apache-2.0
"""WebSocket connections by picows: dialling, listening, and what an HTTP client gets to see."""

import asyncio
import errno
import logging
import resource
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from picows import (
    WSError,
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

from offchain.wire import handshake
from offchain.wire.egress import Egress, Endpoint
from offchain.wire.errors import Code, HandshakeError, WireConfigError
from offchain.wire.handshake import Dialer, Hello, Keys
from offchain.wire.limits import Limits

_STATUS = {
    Code.UNAUTHENTIC: HTTPStatus.UNAUTHORIZED,
    Code.DENIED: HTTPStatus.FORBIDDEN,
    Code.CLOCK_SKEW: HTTPStatus.CONFLICT,
    Code.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
}
_CODE = {int(status): code for code, status in _STATUS.items()}
_READ_BUFFER = 4_096  # grows when needed; small so that idle connections are cheap
# The library logs every malformed request of a stranger, with its bytes: a way to fill a disk.
_QUIET = logging.getLogger("picows.evmtensor")
_QUIET.setLevel(logging.CRITICAL + 1)


async def dial(
    endpoint: Endpoint,
    dialer: Dialer,
    make_link: Callable[[Keys], WSListener],
    *,
    egress: Egress,
    limits: Limits,
    chain_time: Callable[[], int],
    tls: ssl.SSLContext | None = None,
) -> Any:
    """Connect, prove who we are, check who answers; returns the link.

    Raises EgressError for a forbidden address, HandshakeError for a refusal or a wrong hotkey,
    OSError for no connection.
    """
    address = await egress.resolve(endpoint)

    def on_upgrade(_request: WSUpgradeRequest, response: WSUpgradeResponse) -> WSListener:
        header = response.headers.get(handshake.HEADER, "")
        return make_link(
            dialer.finish(header.encode("ascii", "replace"), chain_time(), limits.skew_s)
        )

    host = f"[{address}]" if ":" in address else address
    options: dict[str, Any] = {"server_hostname": endpoint.host} if endpoint.tls else {}
    try:
        _, link = await ws_connect(
            on_upgrade,
            f"{'wss' if endpoint.tls else 'ws'}://{host}:{endpoint.port}{handshake.PATH}",
            ssl_context=tls if endpoint.tls else None,
            extra_headers={handshake.HEADER: dialer.header()},
            max_redirects=0,
            max_frame_size=limits.message_bytes,
            websocket_handshake_timeout=limits.handshake_s,
            enable_auto_ping=True,
            auto_ping_idle_timeout=limits.idle_ping_s,
            auto_ping_reply_timeout=limits.idle_ping_s,
            read_buffer_init_size=_READ_BUFFER,
            logger_name=_QUIET,
            use_aiofastnet=not endpoint.tls,
            **options,
        )
    except WSError as error:
        status = getattr(getattr(error, "response", None), "status", 0)
        code = _CODE.get(int(status or 0), Code.UNAUTHENTIC)
        raise HandshakeError(
            f"handshake: {endpoint.hotkey} refused with status {int(status or 0)}", code
        ) from error
    if link is None:  # the library's way to say that the connection ended before the upgrade
        raise ConnectionResetError("connection reset during the handshake")
    return link


async def listen(
    host: str,
    port: int,
    accept: Callable[[Hello], tuple[WSListener, str]],
    *,
    limits: Limits,
    http: Callable[[str], bytes | None] = lambda _path: None,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """Serve connections whose Hello `accept` takes: it returns the link and the header of the
    answer, or raises HandshakeError. `http` answers plain GET requests (health, metrics) by path.
    WireConfigError if the port is taken.
    """
    _raise_file_limit()

    def on_request(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        _name_upgrade_alone(request)
        path = request.path.decode("ascii", "replace")
        if path != handshake.PATH:
            body = http(path)
            if body is None:
                return _refuse(HTTPStatus.NOT_FOUND)
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(body), None)
        try:
            header = request.headers.get(handshake.HEADER, "")
            link, answer = accept(handshake.read_hello(header.encode("ascii", "replace")))
        except HandshakeError as error:
            return _refuse(_STATUS.get(error.code, HTTPStatus.UNAUTHORIZED))
        response = WSUpgradeResponse.create_101_response({handshake.HEADER: answer})
        return WSUpgradeResponseWithListener(response, link)

    try:
        return await ws_create_server(
            on_request,
            host,
            port,
            ssl=tls,
            backlog=1_024,
            max_frame_size=limits.message_bytes,
            websocket_handshake_timeout=limits.handshake_s,
            enable_auto_ping=True,
            auto_ping_idle_timeout=limits.idle_ping_s,
            auto_ping_reply_timeout=limits.idle_ping_s,
            read_buffer_init_size=_READ_BUFFER,
            logger_name=_QUIET,
            # its TLS reports every failed handshake of a stranger to the loop's exception handler
            use_aiofastnet=tls is None,
        )
    except (OSError, OverflowError) as error:
        is_taken = getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES)
        raise WireConfigError(
            f"listen: cannot open {host}:{port}: {error}",
            next_step="Choose a free port." if is_taken else "Name an address of this machine.",
        ) from error


def _name_upgrade_alone(request: WSUpgradeRequest) -> None:
    # RFC 9110: `Connection` is a list, over one or several lines, and browsers and proxies send
    # "keep-alive, Upgrade". The library compares the whole value, after this callback.
    lines = request.headers.getall("connection", [])
    tokens = {token.strip().lower() for line in lines for token in line.split(",")}
    if "upgrade" in tokens:
        request.headers["connection"] = "Upgrade"


def _refuse(status: HTTPStatus) -> WSUpgradeResponseWithListener:
    # The same few bytes for every reason: nothing to learn, nothing to amplify.
    response = WSUpgradeResponse.create_error_response(status, str(int(status)).encode())
    return WSUpgradeResponseWithListener(response, None)


def _raise_file_limit() -> None:
    # When accept() runs out of descriptors, asyncio stops accepting for a second: strangers must
    # not reach that.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 20), hard))
