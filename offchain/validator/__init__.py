# SPDX-License-Identifier: Apache-2.0
"""The validator: query, score, commit, reveal, settle, claim."""
