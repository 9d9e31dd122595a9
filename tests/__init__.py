# SPDX-License-Identifier: Apache-2.0
"""A package, because some libraries install a package `tests` of their own that would hide this one."""
