"""Tokens that cannot be created, revoked or rotated so."""

from typing import Final

from sidecar.insight.finding_codes.explanation import TOKENS, explained

CODES: Final = {
    "token_unknown": explained(
        "The user of this instance has no API token of this id",
        "List the tokens again; ids are fingerprints of the values",
        TOKENS,
    ),
    "token_in_use": explained(
        "A replica uses this very token, in this instance or another",
        "Rotate first (`credentials`), or put another into place",
        TOKENS,
    ),
    "token_name_reserved": explained(
        "A token was to be created under `credentials.tokenName`, where the sidecar uses the "
        "newest and removes the others",
        "Choose another name; rotating replaces the managed one",
        TOKENS,
    ),
    "token_name_taken": explained(
        "On the page, a token was to be created with a name that a living one has, as at a "
        "second click; REST and the command line create another of that name",
        "Choose another name, or revoke that one if nobody kept its value",
        TOKENS,
    ),
    "token_not_managed": explained(
        "Only a token that the sidecar manages can be rotated by it",
        "Configure `credentials`, or replace the token where it comes from",
        TOKENS,
    ),
}
