# SPDX-License-Identifier: Apache-2.0
"""The watcher's accounts book every transaction once, through restarts, reorganisations, damage."""

from offchain.watcher.accounts import RECENT, AccountBook, Accounts, Spending

STRIKE = Spending("0xa", 300_000, 2, struck=1)
LOSS = Spending("0xb", 50_000, 2, is_reverted=True)
BOTH = Accounts(sent=2, reverted=1, struck=1, gas_used=350_000, spent_wei=700_000)


def test_accounts__booked_twice_and_restarted__counted_once(tmp_path):
    book = AccountBook(tmp_path / "a" / "book.json")
    book.book(STRIKE)
    book.book(LOSS)
    book.book(STRIKE)
    again = AccountBook(tmp_path / "a" / "book.json")
    again.book(LOSS)
    assert again.totals == BOTH


def test_accounts__reorganisation_takes_a_transaction_back__not_counted(tmp_path):
    book = AccountBook(tmp_path / "book.json")
    book.book(STRIKE)
    book.book(LOSS)
    book.reconcile(lambda transaction_hash: transaction_hash == "0xb")
    left = AccountBook(tmp_path / "book.json")
    assert left.totals == Accounts(sent=1, reverted=1, gas_used=50_000, spent_wei=100_000)
    left.reconcile(lambda _: True)  # it is there again, or a node had lagged
    assert left.totals == BOTH
    left.book(STRIKE)
    assert left.totals == BOTH


def test_accounts__many_transactions__only_the_newest_are_kept_one_by_one(tmp_path):
    book = AccountBook(tmp_path / "book.json")
    for number in range(RECENT + 10):
        book.book(Spending(hex(number), 1, 1))
    book.reconcile(lambda _: False)
    assert AccountBook(tmp_path / "book.json").totals.sent == 10


def test_accounts__damaged_file__is_kept_aside(tmp_path):
    path = tmp_path / "book.json"
    path.write_text('{"totals": {"sent": "many"}}')
    assert AccountBook(path).totals == Accounts()
    assert path.with_suffix(".damaged").exists()
