"""Forms of the pages: read once it is sure that one of our pages sent them for this very caller."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from sidecar.domain.errors import BadRequestError, ForbiddenError, UnsupportedMediaTypeError
from sidecar.http.gate.body import BODY_SECONDS, read_bounded
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.origins import own_origins
from sidecar.http.pages.frame import FORM_PURPOSE, TOKEN_FIELD, form_binding
from sidecar.http.services import SERVICES
from sidecar.identity.origins import refuse_foreign_form

MAX_FORM_BYTES: Final = 16 * 1024
_MAX_FIELDS: Final = 32
_FORM: Final = "application/x-www-form-urlencoded"


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form of the caller's; the first value of each counts.

    Raises:
        UnsupportedMediaTypeError: If it is no form.
        ForbiddenError: If a foreign page sent it, or it was made for somebody else.
        BadRequestError: If it cannot be read.
        StoreError: If the keys of its token cannot be had.
    """
    services = request.app[SERVICES]
    refuse_foreign_form(request.headers, own_origins(request, services))
    fields = await read_fields(request)
    given = fields.get(TOKEN_FIELD, "")
    if not await services.signing.holds(FORM_PURPOSE, form_binding(request[CALLER]), given):
        raise ForbiddenError(
            "Form not accepted: it is too old, or was made for somebody else; load it again."
        )
    return fields


async def read_fields(request: web.Request, seconds: float = BODY_SECONDS) -> Mapping[str, str]:
    """Return the fields of a form, whoever sent it, if it is here within these seconds.

    Raises:
        UnsupportedMediaTypeError: If it is no form.
        TooLargeError: If it is longer than any of ours.
        BadRequestError: If it cannot be read, or is too slow.
    """
    if request.content_type != _FORM:
        raise UnsupportedMediaTypeError(f"A form is sent as {_FORM}.")
    body = await read_bounded(request, MAX_FORM_BYTES, seconds)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError as exc:
        raise BadRequestError("Form cannot be read: it is no URL-encoded text.") from exc
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields
