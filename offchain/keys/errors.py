# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with keys; all of it is the operator's to mend.

    ConfigError
    +-- KeysError
        +-- KeyMissing      no key file of that name
        +-- KeyExists       a new key would overwrite one
        +-- KeyLocked       no password, or the wrong one
        +-- KeyExposed      other users of this machine can read a key without a password
        +-- KeyDamaged      the file is not a keystore of version 3
        +-- PasswordWeak    a coldkey without a real password
        +-- DevKeyRefused   a public test key was asked for outside a local chain

No message ever carries a key or a password.
"""

from offchain.protocol.errors import ConfigError


class KeysError(ConfigError):
    """Base of every error about a key."""


class KeyMissing(KeysError):
    """There is no key of that name."""


class KeyExists(KeysError):
    """A key of that name exists; it is never overwritten."""


class KeyLocked(KeysError):
    """The key needs a password that is missing or wrong."""


class KeyExposed(KeysError):
    """A key without a password can be read by other users."""


class KeyDamaged(KeysError):
    """The file does not hold a keystore."""


class PasswordWeak(KeysError):
    """A coldkey holds money, so it gets a real password."""


class DevKeyRefused(KeysError):
    """Everybody knows the test keys, so they sign on local chains only."""
