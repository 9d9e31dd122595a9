# SPDX-License-Identifier: Apache-2.0
"""A loaded model, and what is known of how long its rows take."""

from typing import Any

from miners.checks import model_hash
from miners.engine_bound import open_bound
from miners.engine_port import Arrays
from miners.providers import CPU

# Where rows cost no more in batches of this size than in larger ones, they run in such batches: so
# the first answers are on their way, and new questions come in, while the rest is computed.
SMALL_BATCH = 32
_NO_WORSE = 1.1
_LOOK_AGAIN = 512  # batches: a large one may cost a model with much state many small ones


class LoadedModel:
    """One loaded model and the name that receipts give it."""

    __slots__ = (
        "bound",
        "hash",
        "large_row_s",
        "outputs",
        "provider",
        "row_s",
        "session",
        "small_row_s",
    )

    def __init__(self, content: bytes, providers: list[str] | None) -> None:
        self.session, self.provider, self.bound = open_bound(content, providers)
        self.hash = model_hash(content)
        self.outputs = [value.name for value in self.session.get_outputs()]
        self.row_s = 1.0  # seconds per row, as measured lately; slow until known
        self.small_row_s = self.large_row_s = 0.0  # in batches of about SMALL_BATCH, and in larger

    @property
    def is_on_cpu(self) -> bool:
        """Several threads may run it at once, each on its own core."""
        return self.provider == CPU

    def run(self, feed: Arrays) -> list[Any]:
        """Outputs in order."""
        if self.bound is not None:
            outputs: list[Any] = self.bound.run(feed)
        else:
            outputs = self.session.run(self.outputs, feed)
        return outputs

    def learn(self, rows: int, seconds: float) -> None:
        """Note what a batch took."""
        self.row_s = row_s = seconds / rows
        if rows > SMALL_BATCH:
            self.large_row_s = _mean(self.large_row_s, row_s)
        elif rows > SMALL_BATCH // 2:
            self.small_row_s = _mean(self.small_row_s, row_s)

    def best_rows(self, number: int, most: int) -> int:
        """How many rows the batch of this number should have at most; now and then another size,
        so that both are known.
        """
        if number % _LOOK_AGAIN < 2:
            return min(SMALL_BATCH, most) if number % _LOOK_AGAIN else most
        known = self.small_row_s and self.large_row_s
        is_good = known and self.small_row_s <= _NO_WORSE * self.large_row_s
        return min(SMALL_BATCH, most) if is_good else most


def _mean(known: float, new: float) -> float:
    return 0.7 * known + 0.3 * new if known else new
