"""The table of routes of the pages; what :mod:`sidecar.http.routes` is for the rest."""

from typing import Final

from sidecar.actions.kinds import KINDS
from sidecar.http.pages import assets, entity, entity_forms, portfolio, project, runs, sign_in, tokens
from sidecar.http.pages.embedding import EMBED
from sidecar.http.pages.errors import SIGN_IN
from sidecar.http.reading.parameters import GROUP, TEXT, WINDOW
from sidecar.http.route import (
    ANY_SCOPE,
    PAGES,
    Parameter,
    Route,
)

_ENTITY: Final = f"{PAGES}/entities/{{kind}}/{{namespace}}/{{name}}"
_RUNS: Final = (
    Parameter(name="outcome", description="Only these outcomes, separated by commas.", schema=TEXT),
    Parameter(name="phase", description="Only this phase, as Litmus writes it.", schema=TEXT),
    Parameter(name="experiment", description="Only the experiment of this id.", schema=TEXT),
    Parameter(name="since", description="From this instant or day on.", schema=TEXT),
    Parameter(name="until", description="Before this instant, or to the end of this day.", schema=TEXT),
    Parameter(name="tz", description="IANA time zone of those days.", schema=TEXT),
)

PAGE_ROUTES: Final = (
    Route(
        method="GET",
        path=PAGES,
        name="portfolio_page",
        handler=portfolio.portfolio_page,
        scope="read",
        summary="Scores by owner, system or domain, what needs attention, what runs, every entity.",
        parameters=(
            *WINDOW,
            GROUP,
            Parameter(name="owner", description="Only this owner's entities; `me`.", schema=TEXT),
            Parameter(name="q", description="Words that an entity must match.", schema=TEXT),
            Parameter(name="from", description="How many entities to pass over.", schema=TEXT),
            Parameter(
                name="show",
                description="`all`: all groups, all that needs attention and all that runs.",
                schema={"type": "string", "enum": [portfolio.ALL]},
            ),
            EMBED,
        ),
        content_types=("text/html",),
        errors=(400,),
    ),
    Route(
        method="GET",
        path=f"{PAGES}/",
        name="to_portfolio",
        handler=portfolio.to_portfolio,
        scope="read",
        summary="Leads to the same without the slash.",
        status=308,
        content_types=("text/plain",),
    ),
    Route(
        method="GET",
        path=f"{PAGES}/projects/{{id}}",
        name="project_page",
        handler=project.project_page,
        scope="read",
        summary="Leads to the entity that names a Litmus project; of several, lists them.",
        parameters=(
            *WINDOW,
            Parameter(name="instance", description="Of which Litmus; any by default.", schema=TEXT),
            EMBED,
        ),
        content_types=("text/html",),
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path=_ENTITY,
        name="entity_page",
        handler=entity.entity_page,
        scope="read",
        summary="An entity: its card, what runs, experiments with their last runs, where they run.",
        parameters=(
            *WINDOW,
            Parameter(
                name="q", description="Words that the name of an experiment must contain.", schema=TEXT
            ),
            Parameter(name="outcome", description="Only with this outcome of the last run.", schema=TEXT),
            Parameter(name="infra", description="Only on the infrastructure of this id.", schema=TEXT),
            Parameter(name="from", description="How many experiments to pass over.", schema=TEXT),
            Parameter(name="action", description="Id of an action to tell about.", schema=TEXT),
            EMBED,
        ),
        content_types=("text/html",),
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path=f"{_ENTITY}/report",
        name="report_page",
        handler=entity.report_page,
        scope="read",
        summary="The same for managers, on one page to print.",
        parameters=(*WINDOW, EMBED),
        content_types=("text/html",),
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path=f"{_ENTITY}/runs",
        name="runs_page",
        handler=runs.runs_page,
        scope="read",
        summary="Run history, newest first, with filters.",
        parameters=(
            *_RUNS,
            Parameter(name="cursor", description="Where the page begins; opaque.", schema=TEXT),
            EMBED,
        ),
        content_types=("text/html",),
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path=f"{_ENTITY}/runs.csv",
        name="runs_csv",
        handler=runs.runs_csv,
        scope="read",
        summary="Every run that the filters leave, as CSV.",
        parameters=_RUNS,
        content_types=("text/csv",),
        errors=(400, 404),
    ),
    *(
        Route(
            method="POST",
            path=f"{_ENTITY}/experiments/{{id}}/{kind.path}",
            name=f"form_{kind.path.replace('/', '_')}",
            handler=entity_forms.form(name),
            scope=ANY_SCOPE,
            summary=kind.form_summary,
            status=303,
            content_types=(),
            errors=(400, 404, 409, 410, 413, 415, 502),
        )
        for name, kind in KINDS.items()
    ),
    Route(
        method="GET",
        path=tokens.TOKENS_PAGE,
        name="tokens_page",
        handler=tokens.tokens_page,
        scope="admin",
        summary="API tokens of the sidecar's Litmus user, and how it stands with the one in use.",
        parameters=(
            Parameter(name="instance", description="Of which Litmus; the first by default.", schema=TEXT),
            EMBED,
        ),
        content_types=("text/html",),
        errors=(404,),
    ),
    Route(
        method="POST",
        path=tokens.TOKENS_PAGE,
        name="tokens_form",
        handler=tokens.change_tokens,
        scope="admin",
        summary="Makes, revokes or rotates a token, as a form of that page says.",
        content_types=("text/html",),
        errors=(400, 404, 409, 415, 502),
    ),
    Route(
        method="GET",
        path=SIGN_IN,
        name="sign_in_page",
        handler=sign_in.sign_in_page,
        scope=None,
        summary="The form to sign in with a Litmus account.",
        parameters=(Parameter(name="next", description="Page to go to afterwards.", schema=TEXT), EMBED),
        content_types=("text/html",),
        errors=(404,),
    ),
    Route(
        method="POST",
        path=SIGN_IN,
        name="sign_in",
        handler=sign_in.sign_in,
        scope=None,
        summary="Signs in with user name and password of Litmus; begins a session of the pages.",
        status=303,
        content_types=("text/html",),
        errors=(403, 404, 415, 503),
    ),
    Route(
        method="POST",
        path=f"{PAGES}/sign-out",
        name="sign_out",
        handler=sign_in.sign_out,
        scope=None,
        summary="Ends the session on every replica and revokes its token at Litmus.",
        status=303,
        content_types=("text/html",),
        errors=(403, 404, 503),
    ),
    Route(
        method="GET",
        path=f"{assets.ASSETS}/{{file}}",
        name="asset",
        handler=assets.asset,
        scope=None,
        summary="Style sheet, script and icon of the pages.",
        content_types=("text/css", "text/javascript", "image/svg+xml"),
    ),
)
