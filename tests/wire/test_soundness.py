# SPDX-License-Identifier: Apache-2.0
"""Every guard with its seeded bug: with the guard taken out, the test that holds it must fail."""

import functools
import gc
from collections.abc import Callable
from typing import Any

import pytest

from offchain.wire import Egress, Tensor, axon, dendrite, door, handshake, link, session, transport
from offchain.wire.limits import TokenBucket
from tests.wire import (
    test_egress,
    test_handshake,
    test_hostile_callers,
    test_hostile_miners,
    test_proxies,
    test_receipts,
    test_replay,
    test_round_trip,
    test_session,
    test_tensor,
    worlds,
)

Seed = Callable[[pytest.MonkeyPatch], None]
pytestmark = pytest.mark.soundness


def nothing(*_: Any, **__: Any) -> None:
    return None


def any_mac(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session, "compare_digest", lambda _a, _b: True)


def any_sequence(patch: pytest.MonkeyPatch) -> None:
    opened = session.Session.open

    def open_any(self: Any, message: bytes, max_head: int) -> Any:
        if len(message) >= 28:
            self._received = int.from_bytes(message[16:24], "big")
        return opened(self, message, max_head)

    patch.setattr(session.Session, "open", open_any)


def no_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handshake.HelloMemory, "admit", nothing)


def no_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handshake, "_check_time", nothing)


def any_domain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handshake.Domain, "digest", lambda _self, struct_hash: struct_hash)


def any_high_s(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("offchain.wire.identity._HALF_ORDER", 2**256)


def anybody_in(patch: pytest.MonkeyPatch) -> None:
    init = door.Door.__init__

    def init_open(self: Any, node: Any, mode: Any, _permitted: Any, stake_of: Any) -> None:
        init(self, node, mode, lambda _hotkey: True, stake_of)

    patch.setattr(door.Door, "__init__", init_open)


def no_seat_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(axon.Axon, "_seated", lambda *_: True)


def no_displacing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door.Door, "opened", nothing)


def no_handshake_timer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(link.Link, "_expire_handshake", nothing)


def no_quota(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(axon.Axon, "_refusal", nothing)


def full_bucket(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TokenBucket, "take", lambda *_: True)


def private_addresses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Egress, "_check", nothing)


def redirects(patch: pytest.MonkeyPatch) -> None:
    connect = transport.ws_connect

    async def follow(*args: Any, **options: Any) -> Any:
        return await connect(*args, **{**options, "max_redirects": 5})

    patch.setattr(transport, "ws_connect", follow)


def any_number(patch: pytest.MonkeyPatch) -> None:
    numpy = Tensor.numpy
    patch.setattr(Tensor, "numpy", lambda self, **o: numpy(self, **{**o, "finite": False}))


def any_root(patch: pytest.MonkeyPatch) -> None:
    dispatched = link.Link._on_receipt

    def take(self: Any, frame: Any) -> None:
        leaves = [self._unreceipted[n] for n in frame.ids if n in self._unreceipted]
        hashes = [link.receipts.leaf(a.request, a.answer, frame.model) for a in leaves]
        frame.root = link.receipts.merkle_root(hashes)
        dispatched(self, frame)

    patch.setattr(link.Link, "_on_receipt", take)
    patch.setattr(link, "recover", lambda *_: _LAST_PEER[0])
    init = link.Link.__init__

    def remember(self: Any, node: Any, peer: Any, keys: Any) -> None:
        init(self, node, peer, keys)
        if node.serve is None:
            _LAST_PEER[0] = peer.hotkey

    patch.setattr(link.Link, "__init__", remember)


def no_deadline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dendrite, "_expire_all", nothing)


def one_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transport, "_name_upgrade_alone", nothing)


_LAST_PEER = [""]

SEEDS: list[tuple[Seed, Callable[[], None]]] = [
    (
        one_token,
        lambda: test_proxies.test_upgrade__connection_is_a_list__taken(test_proxies.LISTS[0]),
    ),
    (any_mac, test_session.test_I1_open__any_bit_altered__refused),
    (any_sequence, test_session.test_I1_open__repeated_skipped_or_reordered__refused),
    (
        no_memory,
        test_replay.test_I1_whole_connection__replayed_to_the_same_miner__401_and_no_model_call,
    ),
    (no_memory, test_handshake.test_FI_25_memory__second_use_or_before_our_start__refused),
    (
        no_clock,
        functools.partial(
            test_handshake.test_FI_26_clock__apart__refused_beyond_the_skew, 31, False
        ),
    ),
    (any_domain, test_handshake.test_I1_hello__for_another_listener_or_deployment__refused),
    (any_domain, test_round_trip.test_call__another_deployment__refused),
    (any_high_s, test_handshake.test_hello__high_s_twin__refused),
    (anybody_in, test_round_trip.test_call__no_seat__denied_before_any_frame),
    (no_seat_check, test_round_trip.test_call__seat_lost_while_connected__denied),
    (no_displacing, test_hostile_callers.test_I2_connections_of_one_hotkey__capped_newest_wins),
    (
        no_handshake_timer,
        test_hostile_callers.test_I1_handshake__without_its_key__dropped_and_displaces_nobody,
    ),
    (
        no_deadline,
        test_hostile_miners.test_FI_22_answered_before_and_hangs_now__ends_at_the_deadline,
    ),
    (
        no_quota,
        test_hostile_callers.test_I5_one_hotkey_floods__it_is_told_busy_and_the_other_is_served,
    ),
    (
        full_bucket,
        lambda: _with_patch(
            test_hostile_callers.test_I5_rate__over_the_bucket__busy_reconnecting_is_no_help
        ),
    ),
    (full_bucket, test_egress.test_B7_dials_to_one_address__metered),
    (
        private_addresses,
        lambda: _with_patch(
            lambda patch: test_egress.test_B8_host__private_or_none__no_socket_opened(
                "127.0.0.1", patch
            )
        ),
    ),
    (redirects, test_egress.test_FI_28_redirect__never_followed),
    (any_number, lambda: test_tensor.test_I7_tensor__not_finite__refused(float("nan"))),
    (any_root, lambda: test_receipts.test_receipt__false__ends_the_connection("root")),
    (any_root, lambda: test_receipts.test_receipt__false__ends_the_connection("signature")),
]


def _with_patch(test: Callable[[pytest.MonkeyPatch], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        test(patch)


@pytest.mark.parametrize(
    ("seed", "holds"), SEEDS, ids=[f"{seed.__name__}-{i}" for i, (seed, _) in enumerate(SEEDS)]
)
def test_seeded_bug__makes_the_guarding_test_fail(
    seed: Seed, holds: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    holds()  # it passes with the guard in place
    seed(monkeypatch)
    for name in ("PATIENT_S", "HANGS_S"):  # what never comes is not waited for long
        monkeypatch.setattr(worlds, name, 3.0)
    with pytest.raises((Exception, pytest.fail.Exception)):
        holds()
    # What the broken run has left is reported here. Later its tracebacks could be printed in the
    # middle of another test's `ast.parse`, and parse their lines: CPython 3.11 cannot bear that.
    gc.collect()
