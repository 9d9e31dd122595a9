# SPDX-License-Identifier: Apache-2.0
"""Rebuilds every epoch from public data and strikes what is false."""
