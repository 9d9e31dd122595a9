# SPDX-License-Identifier: Apache-2.0
"""FI-31: TLS, IPv6 and moving endpoints; what goes wrong is a clear error."""

import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from offchain.wire import CallError, Code, Endpoint
from tests.wire.worlds import PATIENT_S, Double, double, in_loop, new_hotkey, world

NOW = datetime.datetime.now(datetime.UTC)


def contexts(
    folder: Path, *, days: int = 1, name: str = "127.0.0.1"
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server, client) contexts around a self-signed certificate that the client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "miner")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - datetime.timedelta(days=10))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "miner.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


def test_tls__trusted_certificate__answers_over_wss(tmp_path: Path) -> None:
    server, client = contexts(tmp_path)

    @in_loop
    async def run() -> None:
        async with world() as w:
            axon = w.new_axon(new_hotkey(), tls=server).attach(double)
            await axon.serve("127.0.0.1")
            there = Endpoint(axon.hotkey, "127.0.0.1", axon.port, tls=True)
            dendrite = w.new_dendrite(tls=client)
            reply = await dendrite.call(there, Double(number=2), PATIENT_S)
            assert reply.synapse.result == 4
            await dendrite.close()
            await axon.close()

    run()


@pytest.mark.parametrize(
    "flaw", [{"days": -1}, {"name": "127.0.0.2"}, None], ids=["expired", "other name", "unknown"]
)
def test_FI_31_tls__bad_certificate__refused_with_a_reason(
    flaw: dict[str, object] | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, client = contexts(tmp_path, **(flaw or {}))

    @in_loop
    async def run() -> None:
        async with world() as w:
            axon = w.new_axon(new_hotkey(), tls=server).attach(double)
            await axon.serve("127.0.0.1")
            there = Endpoint(axon.hotkey, "127.0.0.1", axon.port, tls=True)
            dendrite = w.new_dendrite(tls=client if flaw else None)
            with pytest.raises(CallError, match=r"(?i)certificate") as caught:
                await dendrite.call(there, Double(number=2), PATIENT_S)
            assert caught.value.code is Code.UNREACHABLE
            await axon.close()

    run()
    assert not caplog.records  # strangers must not be able to fill the miner's log


@pytest.mark.parametrize("tls", [True, False])
def test_tls__one_side_only__unreachable_not_a_hang(tls: bool, tmp_path: Path) -> None:
    server, client = contexts(tmp_path)

    @in_loop
    async def run() -> None:
        async with world() as w:
            axon = w.new_axon(new_hotkey(), tls=None if tls else server).attach(double)
            await axon.serve("127.0.0.1")
            there = Endpoint(axon.hotkey, "127.0.0.1", axon.port, tls=tls)
            (reply,) = await w.new_dendrite(tls=client).query([(there, Double(number=2))], 2.0)
            assert reply.code in (Code.UNREACHABLE, Code.LATE, Code.UNAUTHENTIC)
            await axon.close()

    run()


@in_loop
async def test_FI_31_ipv6_only__works() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey()).attach(double)
        await axon.serve("::1")
        there = Endpoint(axon.hotkey, "::1", axon.port)
        assert (await w.dendrite.call(there, Double(number=2), PATIENT_S)).ok
        await axon.close()


@in_loop
async def test_FI_31_endpoint_moves__the_new_one_is_dialled() -> None:
    async with world() as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        await w.axon.close()
        (reply,) = await w.dendrite.query([(w.endpoint, Double(number=1))], PATIENT_S)
        assert reply.code in (Code.UNREACHABLE, Code.CLOSED)
        moved = w.new_axon().attach(double)
        await moved.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", moved.port)
        assert (await w.dendrite.call(there, Double(number=1), PATIENT_S)).ok
        await moved.close()
