# SPDX-License-Identifier: Apache-2.0
"""`python -m offchain.cli`."""

from offchain.cli import main

if __name__ == "__main__":
    main()
