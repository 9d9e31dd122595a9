# SPDX-License-Identifier: Apache-2.0
"""From a bare Python to a working checkout; only the standard library, as nothing else is there.

The order of work is `plan` in `__main__`; each step leaves a stamp, so that a second run does
nothing.
"""
