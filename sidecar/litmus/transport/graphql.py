"""What a document asks, and what its answer says: the queries of one request together. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from sidecar.domain.errors import (
    AccessDeniedError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamUnavailableError,
)
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.documents import Query, document
from sidecar.litmus.wire.responses import Envelope, unreadable
from sidecar.runtime.turns import Work, interruptible

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a document, by root field.

    A field in neither mapping was not answered, because Litmus nulls the whole
    answer when one field fails: ask for it again without those in ``failed``.
    """

    values: Mapping[str, object]
    failed: Mapping[str, UpstreamError]

    def value(self, query: Query[T]) -> T:
        """Return the field's value, or raise its error."""
        if query.field in self.failed:
            raise self.failed[query.field]
        return cast("T", self.values[query.field])


@interruptible
def read_answer(queries: Sequence[Query[Any]], envelope: Envelope) -> Work[Answer]:
    """Return what came of a document's fields, each read by its query."""
    values: dict[str, object] = {}
    failed = dict(envelope.failed)
    for query in queries:
        if query.field in envelope.answered:
            try:
                answer, read = envelope.answered[query.field], query.read
                values[query.field] = (
                    (yield from read.work(answer)) if isinstance(read, interruptible) else read(answer)
                )
                yield
            except UNREADABLE as exc:
                failed[query.field] = unreadable(query.field, exc)
    return Answer(values=values, failed=failed)


def proves_token(queries: Sequence[Query[Any]], answer: Answer) -> bool:
    """Tell whether Litmus took the token to answer, or to deny, a field of these."""
    is_answered = any(query.proves_token and query.field in answer.values for query in queries)
    return is_answered or any(isinstance(error, AccessDeniedError) for error in answer.failed.values())


def shows_auth(queries: Sequence[Query[Any]], answer: Answer) -> bool:
    """Tell whether Litmus must have heard of its auth server to answer this."""
    return any(
        query.asks_auth
        and (query.field in answer.values or isinstance(answer.failed.get(query.field), AccessDeniedError))
        for query in queries
    )


def request_body(queries: Sequence[Query[Any]], variables: Mapping[str, object]) -> bytes:
    """Return a document of these queries with its variables as Litmus takes it.

    Raises:
        UpstreamProtocolError: If a variable is no valid Unicode text.
    """
    try:
        return msgspec.json.encode({"query": document(queries), "variables": variables})
    except UnicodeEncodeError as exc:
        raise UpstreamProtocolError(
            "An id to ask for is no valid Unicode text; Litmus was not asked."
        ) from exc


def gravest(failed: Mapping[str, UpstreamError]) -> UpstreamError | None:
    """Return the error that stands for the request: one of availability first, else any."""
    errors = list(failed.values())
    away = [error for error in errors if isinstance(error, UpstreamUnavailableError)]
    return next(iter(away or errors), None)
