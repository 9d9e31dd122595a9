# SPDX-License-Identifier: Apache-2.0
"""A package, because some library installs a package `tests` that would hide this one."""
