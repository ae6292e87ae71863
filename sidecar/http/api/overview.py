"""JSON of an entity at a glance: one request for all that a card shows."""

import msgspec
from aiohttp import web

from sidecar.http.answers.cache import ANSWER_CACHE, Answer, conditional_response, encode_answer
from sidecar.http.api.entities import content_changes, read_overview
from sidecar.http.api.groups import thresholds
from sidecar.http.reading.entity import EntityReading, note_reuse, read_entity, read_window
from sidecar.http.reading.paging import single
from sidecar.http.services import SERVICES, Services
from sidecar.http.shapes.card import CARD_SECTIONS, PressingShape, card_shape, pressing_shape
from sidecar.http.shapes.grades import GradedItem, graded
from sidecar.insight.next_change import earliest, next_window_change
from sidecar.insight.portfolio import Part, needs_attention
from sidecar.insight.running import running_runs


async def overview(request: web.Request) -> web.Response:
    """Give an entity's overview of a window, what needs attention and what runs now."""
    services = request.app[SERVICES]
    window = read_window(request, services.clock())
    reading = await read_entity(request, services, CARD_SECTIONS)
    window = read_window(request, reading.now)
    version = reading.litmus_version
    fixed = () if window.name or window.ends_now else (window.since, window.until)
    key = ("overview", window.name, window.zone, *fixed, single(request, "since"), version, reading.version)

    async def make() -> Answer:
        shape = card_shape(
            await read_overview(services, reading, window),
            await _pressing(request, services, reading, version),
            reading.snapshot,
            reading.age,
        )
        window_until = next_window_change(window, reading.digest.runs, reading.now)
        content_until = await services.turns.aside(content_changes, reading)
        until = earliest(reading.now, (window_until, content_until))
        return await encode_answer(services.turns, shape, as_of=reading.age.as_of, until=until)

    answer = await request.app[ANSWER_CACHE].get(key, reading.now, make)
    note_reuse(request, services, reading, answer, sections=CARD_SECTIONS)
    return conditional_response(request, answer)


async def _pressing(
    request: web.Request, services: Services, reading: EntityReading, version: str | None
) -> PressingShape:
    """Return what asks for a look, worked out once for all windows."""

    async def make() -> Answer:
        part = part_of(reading)
        shape = pressing_shape(
            await read_attention(services, reading),
            await services.turns.aside(lambda: running_runs(part.content, part.runs, reading.now)),
            reading.links,
            version,
        )
        until = await services.turns.aside(content_changes, reading)
        return Answer(shape, as_of=reading.age.as_of, until=until)

    key = ("pressing", version, reading.version)
    answer = await request.app[ANSWER_CACHE].get(key, reading.now, make)
    return msgspec.json.decode(answer.body, type=PressingShape)


async def read_attention(services: Services, reading: EntityReading) -> list[GradedItem]:
    """Return what needs attention of an entity, the worst first, for every answer that shows it."""

    def find() -> list[GradedItem]:
        found = needs_attention([part_of(reading)], thresholds(services), reading.now)
        return graded(found, reading.now)

    return await services.turns.aside(find)


def part_of(reading: EntityReading) -> Part:
    """Return the entity as the part of the portfolio that it is."""
    return Part(
        project=reading.entity.project,
        entities=(reading.entity,),
        snapshot=reading.snapshot,
        digest=reading.digest,
    )
