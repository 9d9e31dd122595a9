# SPDX-License-Identifier: Apache-2.0
"""The watcher's accounts survive restarts and damage."""

from offchain.watcher.accounts import AccountBook, Accounts


def test_accounts__spend_and_strike__are_there_after_a_restart(tmp_path):
    book = AccountBook(tmp_path / "a" / "book.json")
    book.spend(300_000, 2)
    book.spend(50_000, 2, reverted=True)
    book.strike(10**9)
    again = AccountBook(tmp_path / "a" / "book.json").totals
    assert again == Accounts(sent=2, reverted=1, struck=1, spent_wei=700_000, earned_rao=10**9)


def test_accounts__damaged_file__is_kept_aside(tmp_path):
    path = tmp_path / "book.json"
    path.write_text('{"sent": "many"}')
    assert AccountBook(path).totals == Accounts()
    assert path.with_suffix(".damaged").exists()
