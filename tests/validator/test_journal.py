# SPDX-License-Identifier: Apache-2.0
"""The journal survives crashes, damage and a full disk (security D2, FI-01 to FI-07)."""

import errno
import os

import pytest

from offchain.chain import files
from offchain.validator.errors import JournalCorrupt, JournalFull, JournalLocked
from offchain.validator.journal import Entry, Journal, SaltScope

SCOPE = SaltScope(chain_id=31337, weights="0x" + "ab" * 20)


def entry(epoch: int = 7) -> Entry:
    return Entry(1, epoch, 0, 3, 1, b"\x00\x01" * 16, b"\x02" * 32, b"\x03" * 32)


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "j", SCOPE)
    yield opened
    opened.close()


def test_read__after_write_and_restart__same_entry(tmp_path):
    first = Journal(tmp_path, SCOPE)
    first.write(entry())
    first.close()
    second = Journal(tmp_path, SCOPE)
    assert second.read(1, 7) == entry()
    assert second.read(1, 8) is None


def test_D2_salts_are_unique_and_come_back_after_a_restart(tmp_path):
    first = Journal(tmp_path, SCOPE)
    salts = {first.salt(netuid, epoch) for netuid in range(10) for epoch in range(1000)}
    again = first.salt(3, 77)
    first.close()
    assert len(salts) == 10_000
    assert bytes(32) not in salts
    assert Journal(tmp_path, SCOPE).salt(3, 77) == again


def test_D2_salt_key_of_another_validator_gives_other_salts(tmp_path):
    one, other = Journal(tmp_path / "a", SCOPE), Journal(tmp_path / "b", SCOPE)
    assert one.salt(1, 1) != other.salt(1, 1)
    assert one.salt(1, 1) != one.salt(1, 1, attempt=1)


def test_FI_05_one_damaged_copy__the_other_is_read(tmp_path, journal):
    journal.write(entry())
    (tmp_path / "j" / "1-7.entry").write_bytes(b"half a fi")
    assert journal.read(1, 7) == entry()


def test_FI_05_both_copies_damaged__says_so_and_does_not_guess(tmp_path, journal):
    journal.write(entry())
    for name in ("1-7.entry", "1-7.entry2"):
        path = tmp_path / "j" / name
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="epoch 7"):
        journal.read(1, 7)


def test_FI_06_disk_full__refuses_and_keeps_the_old_entry(tmp_path, journal, monkeypatch):
    journal.write(entry())

    def no_space(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(JournalFull, match="No space left"):
        journal.write(entry(epoch=8))
    with pytest.raises(JournalFull):
        journal.write(Entry(1, 7, 5, 9, 1, b"", b"", b""))
    monkeypatch.undo()
    assert journal.read(1, 7) == entry()
    assert journal.read(1, 8) is None


def test_FI_07_second_process_with_the_same_hotkey__refuses(tmp_path, journal):
    with pytest.raises(JournalLocked, match="already runs"):
        Journal(tmp_path / "j", SCOPE)


def test_forget_before__keeps_what_can_still_be_revealed(journal):
    for epoch in range(5):
        journal.write(entry(epoch))
    journal.forget_before(1, 3)
    assert [journal.read(1, e) is not None for e in range(5)] == [False, False, False, True, True]
