"""The table of routes of the JSON API."""

from typing import Final

from sidecar.actions.kinds import KINDS
from sidecar.domain.action import ActionKind, ActionOutcome
from sidecar.domain.runs import Outcome
from sidecar.http.api import actions, content, entities, groups, overview, runs, tokens
from sidecar.http.reading.parameters import CURSOR, GROUP, LIMIT, OWNER, TEXT, TIME, WINDOW
from sidecar.http.route import (
    ANY_SCOPE,
    Parameter,
    Route,
)
from sidecar.http.shapes.actions import ActionShape, AuditShape, BegunShape
from sidecar.http.shapes.card import CardOverviewShape
from sidecar.http.shapes.content import ContentShape
from sidecar.http.shapes.entities import EntityListShape
from sidecar.http.shapes.groups import AttentionListShape, NowShape, PortfolioShape
from sidecar.http.shapes.runs import RunListShape
from sidecar.http.shapes.tokens import (
    CreatedTokenShape,
    DisplayTokenShape,
    TokenBody,
    TokenListShape,
    TokenStatusShape,
)

_ENTITY: Final = "/api/v1/entities/{kind}/{namespace}/{name}"
_INSTANCE: Final = "/api/v1/instances/{instance}"

API_ROUTES: Final = (
    Route(
        method="GET",
        path="/api/v1/entities",
        name="entities",
        handler=entities.entities,
        scope="read",
        summary="Entities that name a Litmus project.",
        parameters=(OWNER, LIMIT, CURSOR),
        answer=EntityListShape,
        errors=(400,),
    ),
    Route(
        method="GET",
        path=f"{_ENTITY}/overview",
        name="overview",
        handler=overview.overview,
        scope="read",
        summary="All of a card: scores and results of a window, score now, attention, what runs.",
        parameters=WINDOW,
        answer=CardOverviewShape,
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path=f"{_ENTITY}/content",
        name="content",
        handler=content.content,
        scope="read",
        summary="Hubs, environments, experiments as the plugin shows them; infrastructures, schedules, now.",
        answer=ContentShape,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=f"{_ENTITY}/runs",
        name="runs",
        handler=runs.runs,
        scope="read",
        summary="Run history, newest first; CSV gives all that match.",
        parameters=(
            Parameter(
                name="outcome",
                description=f"Only these outcomes, separated by commas: {', '.join(Outcome)}.",
                schema=TEXT,
            ),
            Parameter(name="phase", description="Only this phase, as Litmus writes it.", schema=TEXT),
            Parameter(name="experiment", description="Only the experiment of this id.", schema=TEXT),
            Parameter(name="since", description="Created at or after.", schema=TIME),
            Parameter(name="until", description="Created before.", schema=TIME),
            Parameter(
                name="format",
                description="JSON in pages, or CSV whole.",
                schema={"type": "string", "enum": ["json", "csv"], "default": "json"},
            ),
            LIMIT,
            CURSOR,
        ),
        answer=RunListShape,
        content_types=("application/json", "text/csv"),
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path="/api/v1/portfolio",
        name="portfolio",
        handler=groups.portfolio_view,
        scope="read",
        summary="Scores, results and trends by owner, system or domain, worst first.",
        parameters=(
            GROUP,
            *WINDOW,
            OWNER,
            LIMIT,
            CURSOR,
        ),
        answer=PortfolioShape,
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/api/v1/attention",
        name="attention",
        handler=groups.attention_view,
        scope="read",
        summary="What needs attention, most urgent first.",
        parameters=(OWNER, LIMIT, CURSOR),
        answer=AttentionListShape,
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/api/v1/now",
        name="now",
        handler=groups.now_view,
        scope="read",
        summary="What runs or waits now, longest first.",
        parameters=(OWNER, LIMIT, CURSOR),
        answer=NowShape,
        errors=(400,),
    ),
    *(
        Route(
            method="POST",
            path=f"{_ENTITY}/experiments/{{id}}/{kind.path}",
            name=f"action_{kind.path.replace('/', '_')}",
            handler=actions.begin(name),
            scope=ANY_SCOPE,
            summary=kind.summary,
            body=kind.body,
            body_required=kind.body_required,
            answer=BegunShape,
            status=202,
            errors=(400, 404, 409, 410, 413, 415, 429, 502),
        )
        for name, kind in KINDS.items()
    ),
    Route(
        method="GET",
        path="/api/v1/actions/{id}",
        name="action",
        handler=actions.action,
        scope=ANY_SCOPE,
        summary="State and outcome of an action: your own, or of a project you may act in.",
        answer=ActionShape,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/api/v1/audit",
        name="audit",
        handler=actions.audit,
        scope="admin",
        summary="Audit: who requested which action, and its outcome; newest first.",
        parameters=(
            Parameter(name="who", description="Only this caller, by name.", schema=TEXT),
            Parameter(name="projectID", description="Only this project.", schema=TEXT),
            Parameter(
                name="instance", description="Instance of that project; the first if absent.", schema=TEXT
            ),
            Parameter(
                name="kind",
                description="Only actions of this kind.",
                schema={"type": "string", "enum": list(ActionKind)},
            ),
            Parameter(
                name="outcome",
                description="Only this outcome.",
                schema={"type": "string", "enum": list(ActionOutcome)},
            ),
            Parameter(name="since", description="At or after.", schema=TIME),
            Parameter(name="until", description="Before.", schema=TIME),
            LIMIT,
            CURSOR,
        ),
        answer=AuditShape,
        errors=(400,),
    ),
    Route(
        method="GET",
        path=f"{_INSTANCE}/tokens",
        name="tokens",
        handler=tokens.tokens,
        scope="admin",
        summary="API tokens of the Litmus user that the sidecar uses, without values.",
        answer=TokenListShape,
        errors=(404, 502),
    ),
    Route(
        method="POST",
        path=f"{_INSTANCE}/tokens",
        name="token_create",
        handler=tokens.create,
        scope="admin",
        summary="Create an API token for that user. Only this answer has its value.",
        body=TokenBody,
        status=201,
        answer=CreatedTokenShape,
        errors=(400, 404, 409, 413, 415, 502),
    ),
    Route(
        method="DELETE",
        path=f"{_INSTANCE}/tokens/{{id}}",
        name="token_revoke",
        handler=tokens.revoke,
        scope="admin",
        summary="Revoke a token for good; sent as `application/json`, without a body.",
        status=204,
        content_types=(),
        errors=(404, 409, 415, 502),
    ),
    Route(
        method="POST",
        path=f"{_INSTANCE}/tokens/rotate",
        name="token_rotate",
        handler=tokens.rotate,
        scope="admin",
        summary="Rotate the managed token now; sent as `application/json`, without a body. The one before "
        "is revoked after 2 to 10 minutes, once no replica uses it.",
        answer=TokenStatusShape,
        errors=(404, 409, 415, 502),
    ),
    Route(
        method="GET",
        path=f"{_INSTANCE}/display-token",
        name="display_token",
        handler=tokens.display,
        scope="admin",
        summary="The display token for `litmus.apiToken`: links lead to that user, Litmus rejects it.",
        answer=DisplayTokenShape,
        errors=(404,),
    ),
)
