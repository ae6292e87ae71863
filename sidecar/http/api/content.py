"""JSON of an entity's page, with what the caller may do.

What everybody gets is made once, with a slot in each experiment; callers who
may do different things get different bytes of it, and callers who may do the
same get the same.
"""

from collections.abc import Iterable
from secrets import token_hex
from typing import Final

import msgspec
from aiohttp import web

from sidecar.actions.permissions import Permissions
from sidecar.domain.model import Content, Experiment
from sidecar.http.answers.cache import ANSWER_CACHE, ROWS_AT_ONCE, Answer, conditional_response, encode_answer
from sidecar.http.api.action_requests import acting_caller
from sidecar.http.api.entities import content_changes, read_content
from sidecar.http.gate.caller import CALLER
from sidecar.http.reading.entity import note_reuse, read_entity
from sidecar.http.services import SERVICES
from sidecar.http.shapes.actions import AllowedShape, allowed_shapes
from sidecar.http.shapes.content import CONTENT_SECTIONS
from sidecar.insight.narrowing import narrow_content
from sidecar.runtime.turns import Work

# Nobody outside knows it, so no name in Litmus can pass for it.
_SLOT: Final = {"slot": AllowedShape(allowed=False, reason=token_hex(16))}
_SLOT_BYTES: Final = msgspec.json.encode(_SLOT)
COPIED_AT_ONCE_BYTES: Final = 256 * 1024
"""Of what follows the last experiment, between two places where others have their turn."""


async def content(request: web.Request) -> web.Response:
    """Give an entity's page: the plugin's lists, infrastructures, schedules, what runs and may be done."""
    services, cache = request.app[SERVICES], request.app[ANSWER_CACHE]
    reading = await read_entity(request, services, CONTENT_SECTIONS)
    known = reading.snapshot.content if reading.snapshot else Content()
    acting = await acting_caller(services, request[CALLER], reading.entity.project)
    permissions = services.actions.permissions(acting, reading.entity, known)
    made_from = (reading.litmus_version, reading.version)

    async def make_slotted() -> Answer:
        shape = await read_content(services, reading, _SLOT)
        until = await services.turns.aside(content_changes, reading)
        return await encode_answer(services.turns, shape, as_of=reading.age.as_of, until=until)

    async def make() -> Answer:
        slotted = await cache.get(("slotted content", *made_from), reading.now, make_slotted)
        experiments = narrow_content(known, reading.entity).experiments or ()
        pieces = await services.turns.run(object(), _filled(slotted.body, permissions, experiments))
        body = await services.turns.join(pieces)
        return await encode_answer(services.turns, body, as_of=slotted.as_of, until=slotted.until)

    key = ("content", *made_from, permissions.outcome)
    answer = await cache.get(key, reading.now, make)
    if request[CALLER].is_fixed:
        note_reuse(
            request,
            services,
            reading,
            answer,
            sections=CONTENT_SECTIONS,
            also=lambda: (
                services.actions.permissions(acting, reading.entity, known).outcome == permissions.outcome
            ),
        )
    return conditional_response(request, answer)


def _filled(slotted: bytes, permissions: Permissions, experiments: Iterable[Experiment]) -> Work[list[bytes]]:
    """Return the bytes, in pieces, with what may be done with each of the experiments in its slot."""
    pieces: list[bytes] = []
    begin = 0
    for number, refusals in enumerate(permissions.of(experiments)):
        slot = slotted.index(_SLOT_BYTES, begin)
        pieces += [slotted[begin:slot], msgspec.json.encode(allowed_shapes(refusals))]
        begin = slot + len(_SLOT_BYTES)
        if number % ROWS_AT_ONCE == 0:
            yield
    if slotted.find(_SLOT_BYTES, begin) >= 0:
        raise ValueError("there are more slots than experiments")
    for start in range(begin, len(slotted), COPIED_AT_ONCE_BYTES):
        pieces.append(slotted[start : start + COPIED_AT_ONCE_BYTES])
        yield
    return pieces
