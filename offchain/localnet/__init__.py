# SPDX-License-Identifier: Apache-2.0
"""Chain process, supervisor, profiles and the demo: a whole network on one machine."""
