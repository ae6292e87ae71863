"""The query engine: bodies to requests, requests and snapshots to bytes, each remembered.

Four caches, all bounded in bytes: body → request, text → document, (request,
project, content version) → answer, and what of bodies and answers was refused,
so that asking again for what is refused costs nothing. Keys are digests, so what a
client sends never sits in memory as a key. Not thread-safe; one per event
loop.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import copy
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar

import msgspec
from cachetools import LRUCache

from sidecar.domain.errors import BadRequestError, NoDataError, QueryRefusedError, TooLargeError
from sidecar.domain.model import Section, Snapshot
from sidecar.replica.document import Document, coerce_arguments, coerce_variables, parse_document
from sidecar.replica.limits import Budget, Limits, check_json_depth, json_too_deep
from sidecar.replica.plan import TYPENAME, Plan, compile_plan
from sidecar.replica.projection import CONTENT_OF_SECTION, ROOT_FIELDS, Source
from sidecar.runtime.turns import Work, run_whole

_MEBIBYTE: Final = 1024 * 1024
_REFUSAL_BYTES: Final = 1_024
"""Rough memory of a refusal with its key."""
_BYTES_PER_CHARACTER: Final = 128
"""Rough memory of a document's tree and plan, per character of its text (measured: about 100)."""
_ENTRY_BYTES: Final = 2_048
"""Rough memory of an entry beside its bytes."""
_PROJECT_ARGUMENT: Final = "projectID"

Value = TypeVar("Value")


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A query that may be answered: valid, within limits, about one project."""

    project_id: str
    root_fields: tuple[str, ...]
    """Names of the root fields, each once, in order; from the schema, never client text."""
    sections: frozenset[Section]
    """What the answer uses; its freshness is theirs."""
    plan: Plan
    sources: tuple[Source | None, ...]
    """One per selection of the plan; ``None`` for ``__typename``."""
    key: bytes
    """Digest of the plan and its coerced, declared arguments."""

    @property
    def label(self) -> str:
        """A metric label out of a small closed set: the root field, or ``several``."""
        return self.root_fields[0] if len(self.root_fields) == 1 else "several"


class MutationRequest(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A mutation that may be asked for; whether it may be *done* is for the actions to say."""

    project_id: str
    field: str
    """``runChaosExperiment``, ``stopExperimentRuns`` or ``updateCronExperimentState``."""
    arguments: Mapping[str, Any]
    """Coerced, by Litmus's argument names; optional ones that were not given are absent."""
    plan: Plan

    @property
    def label(self) -> str:
        """A metric label out of a small closed set."""
        return self.field

    def data(self, result: str | bool) -> bytes:  # noqa: FBT001  (the result itself)
        """Return the JSON of ``data``: ``result`` is the notify id of a run, else what Litmus returned."""
        values = [None if one.name == TYPENAME else result for one in self.plan.selections]
        return run_whole(self.plan.encode(values, Budget(Limits())))


Prepared = QueryRequest | MutationRequest


class QueryStats(msgspec.Struct):
    """What the engine did since it was made, for metrics."""

    request_hits: int = 0
    """Bodies recognised by their digest."""
    plans_compiled: int = 0
    plan_hits: int = 0
    answers_built: int = 0
    answer_hits: int = 0
    refusals: int = 0
    """Bodies or answers refused, whatever the reason."""


class _ByteCache(Generic[Value]):
    """Least recently used out first, bounded in bytes; what is larger than a quarter is not kept."""

    def __init__(self, max_bytes: int) -> None:
        self._entries: LRUCache[Hashable, tuple[Value, int]] = LRUCache(
            max_bytes, getsizeof=lambda entry: entry[1]
        )

    def get(self, key: Hashable) -> Value | None:
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        if size <= self._entries.maxsize / 4:
            self._entries[key] = (value, size)

    @property
    def size(self) -> int:
        return int(self._entries.currsize)


class _Body(msgspec.Struct, frozen=True):
    query: str
    variables: Mapping[str, Any]
    operation_name: str | None


class QueryEngine:
    """Answers the GraphQL of the plugin from snapshots; does no I/O and knows no clock."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        plan_cache_bytes: int = 16 * _MEBIBYTE,
        answer_cache_bytes: int = 64 * _MEBIBYTE,
    ) -> None:
        self.limits = limits or Limits()
        self.stats = QueryStats()
        self._requests: _ByteCache[Prepared] = _ByteCache(plan_cache_bytes // 2)
        self._documents: _ByteCache[_CompiledDocument] = _ByteCache(plan_cache_bytes // 2)
        self._answers: _ByteCache[bytes] = _ByteCache(answer_cache_bytes)
        # On their own, so that no crowd of them takes the place of what is asked for rightly.
        self._refusals: _ByteCache[BadRequestError | QueryRefusedError] = _ByteCache(_MEBIBYTE)

    @property
    def cached_bytes(self) -> int:
        """Bytes all caches hold now, as far as they are counted."""
        return sum(cache.size for cache in (self._requests, self._documents, self._answers, self._refusals))

    def known_request(self, body: bytes) -> Prepared | None:
        """Return what a body is known to ask for, at little cost; ``None``: only :meth:`prepare` can tell.

        Raises:
            BadRequestError: It was refused before; see :meth:`prepare`.
            QueryRefusedError: It was refused before; see :meth:`prepare`.
        """
        return self._cached_request(sha256(body).digest())

    def prepare(self, body: bytes) -> Prepared:
        """Return what the body of a request asks for.

        Raises:
            TooLargeError: The body is over the limit.
            BadRequestError: It is not a JSON object with the text of a query.
            QueryRefusedError: GraphQL says no: grammar, schema, limits, variables, projects.
        """
        if len(body) > self.limits.body_bytes:
            self.stats.refusals += 1
            raise TooLargeError(f"Body too large: at most {self.limits.body_bytes} bytes")
        digest = sha256(body).digest()
        if (known := self._cached_request(digest)) is not None:
            return known
        try:
            prepared = self._request(_parse_body(body, self.limits))
        except (BadRequestError, QueryRefusedError) as refusal:
            self._cache_refusal(digest, refusal)
            raise
        self._requests.put(digest, prepared, _ENTRY_BYTES + _BYTES_PER_CHARACTER * len(body))
        return prepared

    def answer(self, request: QueryRequest, snapshot: Snapshot) -> bytes:
        """Return what :meth:`answer_work` comes to, at once. Raises as that does."""
        return run_whole(self.answer_work(request, snapshot))

    def answer_work(self, request: QueryRequest, snapshot: Snapshot) -> Work[bytes]:
        """Return the JSON of ``data``, from memory if this content was asked for like this before.

        Raises:
            NoDataError: A section the query needs was never fetched.
            QueryRefusedError: The answer would be over the limits.
        """
        key = answer_key(request, snapshot)
        known = self._answers.get(key)
        if known is not None:
            self.stats.answer_hits += 1
            return known
        _check_data(request, snapshot)
        self._raise_cached_refusal(key)
        # Chosen one by one: each of many selections goes through all rows.
        values = (None if source is None else source(snapshot.content) for source in request.sources)
        try:
            data = yield from request.plan.encode(values, Budget(self.limits))
        except QueryRefusedError as refusal:
            self._cache_refusal(key, refusal)
            raise
        self.stats.answers_built += 1
        self._answers.put(key, data, _ENTRY_BYTES // 8 + len(data))
        return data

    def _cached_request(self, digest: bytes) -> Prepared | None:
        self._raise_cached_refusal(digest)
        known = self._requests.get(digest)
        self.stats.request_hits += known is not None
        return known

    def _raise_cached_refusal(self, key: Hashable) -> None:
        refusal = self._refusals.get(key)
        if refusal is not None:
            self.stats.refusals += 1
            # Each raise adds its frames to what is raised.
            raise copy(refusal)

    def _cache_refusal(self, key: Hashable, refusal: BadRequestError | QueryRefusedError) -> None:
        self.stats.refusals += 1
        # A copy holds no frames, and with them no document.
        self._refusals.put(key, copy(refusal), _REFUSAL_BYTES)

    def _request(self, body: _Body) -> Prepared:
        compiled = self._compiled_document(body.query)
        document = compiled.document
        if body.operation_name and body.operation_name != document.name:
            raise QueryRefusedError("Unknown operationName: the document holds no operation of that name")
        variables = coerce_variables(document, body.variables)
        plan = self._plan(compiled, _flag_values(document, variables.coerced))
        arguments = [
            {}
            if selection.name == TYPENAME
            else coerce_arguments(document.root_type.fields[selection.name], selection.node, variables)
            for selection in plan.selections
        ]
        project_id = _project_of(arguments)
        if document.is_mutation:
            return _mutation_request(plan, arguments, project_id)
        root_fields = tuple(dict.fromkeys(one.name for one in plan.selections if one.name != TYPENAME))
        return QueryRequest(
            project_id=project_id,
            root_fields=root_fields,
            sections=frozenset(ROOT_FIELDS[name].section for name in root_fields),
            plan=plan,
            sources=tuple(
                None if one.name == TYPENAME else ROOT_FIELDS[one.name].prepare(given)
                for one, given in zip(plan.selections, arguments, strict=True)
            ),
            key=_digest(compiled.digest, _flag_values(document, variables.coerced), arguments),
        )

    def _compiled_document(self, text: str) -> "_CompiledDocument":
        digest = sha256(text.encode()).digest()
        known = self._documents.get(digest)
        if known is None:
            known = _CompiledDocument(digest, parse_document(text, self.limits))
            self._documents.put(digest, known, _ENTRY_BYTES + _BYTES_PER_CHARACTER * len(text))
        return known

    def _plan(self, compiled: "_CompiledDocument", flags: Mapping[str, bool]) -> Plan:
        chosen = tuple(flags.items())
        if compiled.last_plan is not None and compiled.last_plan[0] == chosen:
            self.stats.plan_hits += 1
            return compiled.last_plan[1]
        plan = compile_plan(compiled.document, flags)
        self.stats.plans_compiled += 1
        compiled.last_plan = (chosen, plan)
        return plan


def answer_key(request: QueryRequest, snapshot: Snapshot) -> Hashable:
    """Return what an answer depends on: the same key, the same bytes."""
    project = snapshot.project
    return (request.key, project.instance, project.project_id, snapshot.version)


class _CompiledDocument:
    """A document with the plan it was last compiled to.

    One plan suffices: a document is asked for with the same flags again and
    again, and the cache of requests knows the others.
    """

    def __init__(self, digest: bytes, document: Document) -> None:
        self.digest = digest
        self.document = document
        self.last_plan: tuple[tuple[tuple[str, bool], ...], Plan] | None = None


def _parse_body(body: bytes, limits: Limits) -> _Body:
    try:
        parsed = msgspec.json.decode(body)
    except ValueError:
        raise BadRequestError("Not JSON: the body must be a JSON object with the text of a query") from None
    except RecursionError:
        # From how many levels on the parser gives up differs between releases of Python.
        raise json_too_deep(limits.json_depth) from None
    check_json_depth(parsed, limits.json_depth)
    if isinstance(parsed, list):
        raise BadRequestError("Batches are not served: send one JSON object per request")
    if not isinstance(parsed, dict):
        raise BadRequestError("Not an object: the body must be a JSON object with the text of a query")
    query = parsed.get("query")
    if not isinstance(query, str) or not query.strip():
        raise BadRequestError(
            "No query: the body must have the text of a document as query", parameter="query"
        )
    variables = parsed.get("variables")
    if variables is None:
        variables = {}
    if not isinstance(variables, dict):
        raise QueryRefusedError("Wrong variables: they must be a JSON object of names and values")
    operation_name = parsed.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise QueryRefusedError("Wrong operationName: it must be text")
    return _Body(query, variables, operation_name)


def _flag_values(document: Document, coerced: Mapping[str, Any]) -> dict[str, bool]:
    flags: dict[str, bool] = {}
    for name in document.flags:
        value = coerced.get(name)
        if not isinstance(value, bool):
            raise QueryRefusedError(f'Missing variable "${name[:60]}": @skip and @include need true or false')
        flags[name] = value
    return flags


def _project_of(arguments: Sequence[Mapping[str, Any]]) -> str:
    named = {given[_PROJECT_ARGUMENT] for given in arguments if given}
    if not named:
        raise QueryRefusedError("No project: select at least one field that takes projectID")
    if len(named) > 1:
        raise QueryRefusedError("Several projects: all fields of one request must name the same projectID")
    project_id = str(named.pop())
    if not project_id:
        raise QueryRefusedError("No project: projectID is empty")
    return project_id


def _mutation_request(plan: Plan, arguments: Sequence[Mapping[str, Any]], project_id: str) -> MutationRequest:
    asked = [
        (selection.name, given)
        for selection, given in zip(plan.selections, arguments, strict=True)
        if selection.name != TYPENAME
    ]
    if len(asked) > 1:
        raise QueryRefusedError("Several actions: a mutation may have one field")
    field, given = asked[0]
    return MutationRequest(project_id=project_id, field=field, arguments=given, plan=plan)


def _digest(document: bytes, flags: Mapping[str, bool], arguments: Iterable[Mapping[str, Any]]) -> bytes:
    return sha256(document + msgspec.json.encode((flags, list(arguments)), order="sorted")).digest()


def _check_data(request: QueryRequest, snapshot: Snapshot) -> None:
    for name in request.root_fields:
        root = ROOT_FIELDS[name]
        if root.needs_data and CONTENT_OF_SECTION[root.section](snapshot.content) is None:
            freshness = snapshot.freshness.get(root.section)
            reason = f": {freshness.error.message}" if freshness and freshness.error else ""
            raise NoDataError(f"No data for {name} yet{reason}")
