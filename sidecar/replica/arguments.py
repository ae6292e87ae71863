"""What the list arguments of the schema do: ids, filters, sorting, paging, on rows in memory.

Names are matched as plain substrings, never as regular expressions; sorting
does what its argument says (Litmus inverts ``NAME``); without arguments all
rows are served. Arguments arrive coerced by the schema; what it cannot express
(a negative page) is refused here, before any snapshot is looked at.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from sidecar.domain.errors import QueryRefusedError
from sidecar.domain.model import Environment, Experiment, Hub

Row = TypeVar("Row")
Predicate = Callable[[Row], bool]
_CRON_TYPE: Final = "cronexperiment"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The rows asked for, and how many match before paging."""

    total: int
    rows: Sequence[Any]


Selector = Callable[[Sequence[Row]], Page]


def select_experiments(request: Mapping[str, Any] | None) -> Selector[Experiment]:
    """Return what a ``ListExperimentRequest`` does to experiments.

    Raises:
        QueryRefusedError: If the page or the date range makes no sense.
    """
    request = request or {}
    wanted = request.get("filter") or {}
    predicates: list[Predicate[Experiment]] = []
    if ids := _ids(request, "experimentIDs"):
        predicates.append(lambda row: row.experiment_id in ids)
    if name := wanted.get("experimentName"):
        predicates.append(lambda row: name in row.name)
    if infra_name := (wanted.get("infraName") or "").casefold():
        predicates.append(lambda row: row.infra is not None and infra_name in row.infra.name.casefold())
    infra_id = wanted.get("infraID")
    if infra_id not in {None, "", "All"}:
        predicates.append(lambda row: row.infra is not None and row.infra.infra_id == infra_id)
    active = wanted.get("infraActive")
    if active is not None:  # as in Litmus, an experiment whose infrastructure is gone stays listed
        predicates.append(lambda row: row.infra is None or row.infra.is_active == active)
    schedule = wanted.get("scheduleType")
    if schedule in {"CRON", "NON_CRON"}:
        predicates.append(lambda row: _is_scheduled(row) == (schedule == "CRON"))
    if types := frozenset(one for one in _items(wanted.get("infraTypes")) if one is not None):
        predicates.append(lambda row: row.infra is not None and row.infra.infra_type in types)
    if dates := wanted.get("dateRange"):
        predicates.append(_updated_within(dates))
    return _selector(request, predicates)


def select_environments(request: Mapping[str, Any] | None) -> Selector[Environment]:
    """Return what a ``ListEnvironmentRequest`` does to environments.

    Raises:
        QueryRefusedError: If the page makes no sense.
    """
    request = request or {}
    wanted = request.get("filter") or {}
    predicates: list[Predicate[Environment]] = []
    if ids := _ids(request, "environmentIDs"):
        predicates.append(lambda row: row.environment_id in ids)
    if kind := wanted.get("type"):
        predicates.append(lambda row: row.type == kind)
    predicates += _description_filters(wanted, "name")
    return _selector(request, predicates)


def select_hubs(request: Mapping[str, Any] | None) -> Selector[Hub]:
    """Return what a ``ListChaosHubRequest`` does to hubs; the built-in hub is no exception."""
    request = request or {}
    wanted = request.get("filter") or {}
    predicates: list[Predicate[Hub]] = []
    if ids := _ids(request, "chaosHubIDs"):
        predicates.append(lambda row: row.hub_id in ids)
    predicates += _description_filters(wanted, "chaosHubName")
    return _selector({}, predicates)


def _description_filters(wanted: Mapping[str, Any], name_key: str) -> list[Predicate[Any]]:
    """The filters hubs and environments share: name and description ignore case, tags are any of."""
    predicates: list[Predicate[Any]] = []
    if name := (wanted.get(name_key) or "").casefold():
        predicates.append(lambda row: name in row.name.casefold())
    if text := (wanted.get("description") or "").casefold():
        predicates.append(lambda row: text in (row.description or "").casefold())
    if tags := frozenset(_items(wanted.get("tags"))):
        predicates.append(lambda row: not tags.isdisjoint(row.tags))
    return predicates


def _selector(request: Mapping[str, Any], predicates: Iterable[Predicate[Any]]) -> Selector[Any]:
    checks = tuple(predicates)
    sort = request.get("sort")
    page = _page_slice(request.get("pagination"))

    def select(rows: Sequence[Any]) -> Page:
        chosen = [row for row in rows if all(check(row) for check in checks)] if checks else rows
        if sort:
            key = _by_name if sort["field"] == "NAME" else _by_time
            chosen = sorted(chosen, key=key, reverse=not sort.get("ascending"))
        return Page(total=len(chosen), rows=chosen[page] if page else chosen)

    return select


def _by_name(row: Experiment | Environment) -> tuple[str, str]:
    return row.name.casefold(), row.name


def _by_time(row: Experiment | Environment) -> int:
    return row.updated_at_ms or 0


def _page_slice(pagination: Mapping[str, int] | None) -> slice | None:
    if pagination is None:
        return None
    page, limit = pagination["page"], pagination["limit"]
    if page < 0:
        raise QueryRefusedError("Negative page: pagination.page counts from 0")
    if limit < 1:
        raise QueryRefusedError("No rows asked for: pagination.limit must be at least 1")
    return slice(page * limit, (page + 1) * limit)


def _updated_within(dates: Mapping[str, str | None]) -> Predicate[Experiment]:
    """Both ends belong to the range, as in Litmus; without an end it is open."""
    start = _milliseconds(dates.get("startDate"), "startDate")
    end = dates.get("endDate")
    last = _milliseconds(end, "endDate") if end else None

    def within(row: Experiment) -> bool:
        at = row.updated_at_ms
        return at is not None and at >= start and (last is None or at <= last)

    return within


def _milliseconds(text: str | None, argument: str) -> int:
    if text and text.isascii() and text.isdigit() and len(text) <= len(str(2**63)):
        return int(text)
    raise QueryRefusedError(f"Not a time: dateRange.{argument} is Unix milliseconds as text")


def _is_scheduled(row: Experiment) -> bool:
    return bool(row.cron_syntax) or row.experiment_type == _CRON_TYPE


def _ids(request: Mapping[str, Any], argument: str) -> frozenset[str | None]:
    """An empty or missing list means no filter, as in Litmus; a null among the ids matches nothing."""
    return frozenset(_items(request.get(argument)))


def _items(value: Sequence[Any] | None) -> Sequence[Any]:
    return value or ()
