# SPDX-License-Identifier: Apache-2.0
"""Sparse matrices of Q32 numbers: one ordered mapping uid -> bits per row.

A listed zero is an entry, an absent uid is none; the order of a row is the order in which it was
stored. Rows are validators (i in the formulas), columns miners (j).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from offchain.yuma.specification.fixed_point import divide, multiply
from offchain.yuma.types import Rows

SparseRow: TypeAlias = dict[int, int]
Matrix: TypeAlias = list[SparseRow]


def load(rows: Rows, value_of: Callable[[int], int]) -> Matrix:
    """Stored rows as a matrix, each value through `value_of`."""
    return [{uid: value_of(value) for uid, value in row} for row in rows]


def store(matrix: Matrix) -> Rows:
    """The matrix as stored rows, zeros and order kept."""
    return tuple(tuple(row.items()) for row in matrix)


def keep(matrix: Matrix, wanted: Callable[[int, int], bool]) -> Matrix:
    """Only the entries whose (row, column) is `wanted`."""
    return [
        {column: value for column, value in row.items() if wanted(uid, column)}
        for uid, row in enumerate(matrix)
    ]


def row_sums(matrix: Matrix) -> tuple[int, ...]:
    return tuple(sum(row.values()) for row in matrix)


def column_sums(matrix: Matrix, n: int) -> tuple[int, ...]:
    return _fold_columns(matrix, n, sum)


def column_maxima(matrix: Matrix, n: int) -> tuple[int, ...]:
    return _fold_columns(matrix, n, lambda values: max(values, default=0))


def _fold_columns(matrix: Matrix, n: int, fold: Callable[[Iterable[int]], int]) -> tuple[int, ...]:
    columns: list[list[int]] = [[] for _ in range(n)]
    for row in matrix:
        for column, value in row.items():
            columns[column].append(value)
    return tuple(fold(values) for values in columns)


def divide_columns(matrix: Matrix, divisors: Sequence[int]) -> Matrix:
    """Each entry over its column's divisor; a column whose divisor is 0 stays as it is."""
    return [
        {
            column: divide(value, divisors[column]) if divisors[column] else value
            for column, value in row.items()
        }
        for row in matrix
    ]


def normalize_rows(matrix: Matrix) -> Matrix:
    """Each row divided by its sum; a row of zeros stays as it is."""
    return [
        {column: divide(value, total) if total else value for column, value in row.items()}
        for row, total in zip(matrix, row_sums(matrix), strict=True)
    ]


def normalize_columns(matrix: Matrix, n: int) -> Matrix:
    """Each column divided by its sum; a column of zeros stays as it is."""
    return divide_columns(matrix, column_sums(matrix, n))


def scale_rows(matrix: Matrix, factors: Sequence[int]) -> Matrix:
    """Each entry times its row's factor, rounded down."""
    return [
        {column: multiply(value, factor) for column, value in row.items()}
        for row, factor in zip(matrix, factors, strict=True)
    ]


def times_vector(matrix: Matrix, vector: Sequence[int]) -> tuple[int, ...]:
    """sum over j of matrix[i][j] * vector[j]; every product is rounded down on its own."""
    return tuple(
        sum(multiply(value, vector[column]) for column, value in row.items()) for row in matrix
    )
