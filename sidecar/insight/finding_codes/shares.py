"""Addresses of shared pictures."""

from typing import Final

from sidecar.insight.finding_codes.explanation import explained

_PICTURES: Final = "how-to/pictures.md"

CODES: Final = {
    "share_invalid": explained(
        "The address of a picture was changed, signed with a key that is gone, or used for "
        "another picture, window or entity",
        "Share the picture again",
        _PICTURES,
    ),
    "share_expired": explained(
        "The address of a picture has expired",
        "Share it again, for longer",
        _PICTURES,
    ),
    "share_revoked": explained(
        "Somebody revoked the address, or the store that knew of it is gone",
        "Share it again, if it was not meant",
        _PICTURES,
    ),
}
