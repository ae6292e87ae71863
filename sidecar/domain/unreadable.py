"""What reading foreign bytes can raise: the one table that every decoder catches.

Litmus, Backstage, a token, a file and a row that another release wrote are all
foreign: whatever they hold is an error of that one reading. Decoders raise from
many libraries; one that is missing here would end more than its reading.
"""

import zlib
from typing import Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm

UNREADABLE: Final[tuple[type[Exception], ...]] = (
    # Cut off, another shape, a number out of range.
    msgspec.MsgspecError,
    # No UTF-8, half a surrogate pair, bad base64, digits without end, a year that no calendar has.
    ValueError,
    # Nested deeper than a decoder goes.
    RecursionError,
    # Numbers that no float or time holds.
    ArithmeticError,
    # Libraries that take the type of a claim, or of a key's member, for granted; unknown charsets.
    TypeError,
    LookupError,
    AttributeError,
    # Tokens, and keys of kinds that our cryptography does not have.
    jwt.PyJWTError,
    UnsupportedAlgorithm,
    # Compressed bytes that are none.
    zlib.error,
)
"""Wrap the decoding itself in it and nothing else, or it would hide mistakes of ours."""
