"""What can be configured: one class per section, one documented attribute per key.

A new section is a new class, here or in ``access`` or ``sources``. The docstrings
and the JSON schema make ``docs/reference/configuration.md``.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from sidecar.config.access import Actions, Auth, Limits, Listen, Project
from sidecar.config.backstage_proxy import ProxyRoute
from sidecar.config.fields import AnySecret, Boolean, FileName, Integer, Number, Origin, StoreUrl, Url
from sidecar.config.section import Section, require_distinct
from sidecar.config.sources import CatalogSettings, Instance, SyncSettings


class MetricsSettings(Section):
    """Who may scrape."""

    public: Boolean = False
    """Whether `GET /metrics` needs no credential."""
    max_experiments: Annotated[Integer, Field(ge=0, le=1_000_000)] = 2_000
    """With more experiments than this altogether there are no series per experiment; a metric says so."""


class Pages(Section):
    """The pages under `/litmus`."""

    frame_ancestors: tuple[Origin, ...] = ()
    """Origins that may show the pages in a frame, as `https://backstage.example.com`; none unless given."""


class LogSettings(Section):
    """What is written to the log."""

    requests: Literal["all", "errors", "off"] = "all"
    """Which requests have a line: `all`; `errors`: those that failed; `off`: none. Refusals, actions,
    failures of the service and requests slower than a second have one in any case."""


class Tracing(Section):
    """OpenTelemetry traces; needs the extra `otel`."""

    endpoint: Url | None = None
    """OTLP collector over HTTP, such as `http://collector:4318`; without it nothing is traced."""
    sample_ratio: Annotated[Number, Field(ge=0, le=1)] = 1.0
    """Part of the requests that is traced; a caller may keep its own from being traced, not force it."""


class Store(Section):
    """Where snapshots and run history are kept."""

    url: StoreUrl = SecretStr("sqlite:///litmus-sidecar.db")
    """`sqlite:///FILE`, `postgresql://…` (needed for several replicas), or `memory:`. Or give `urlFile`."""
    url_file: FileName | None = None
    """File that holds the URL, where it contains a password."""


class HistorySettings(Section):
    """How long runs are kept."""

    retention_days: Annotated[Integer, Field(ge=1, le=3_650)] = 400
    """Older runs are deleted here, and not read from Litmus at all."""


class AttentionSettings(Section):
    """When an experiment needs attention."""

    not_run_days: Annotated[Integer, Field(ge=1, le=3_650)] = 30
    """It did not run for so many days."""
    score_drop: Annotated[Number, Field(gt=0, le=100)] = 10.0
    """Its latest score lies more than so many points below the mean of those before."""
    failures_in_row: Annotated[Integer, Field(ge=1, le=1_000)] = 3
    """It failed so many times in a row."""


class SidecarSection(Section):
    """The section `litmusSidecar` of app-config.yaml."""

    public_url: Url | None = None
    """Address of the sidecar itself as browsers see it, for absolute links. With a path, an ingress takes
    that path off each request, and pages, redirects and links carry it."""
    proxy: Literal["env", "off"] = "env"
    """`env`: Litmus and Backstage are asked through the proxy that `HTTPS_PROXY` or `HTTP_PROXY` names,
    except what `NO_PROXY` lists. `off`: always directly."""
    listen: Listen = Listen()
    instances: tuple[Instance, ...] = ()
    """Without any, one named `default`: `litmus.baseUrl` with the token in `$LITMUS_AUTH_TOKEN`."""
    catalog: CatalogSettings = CatalogSettings()
    sync: SyncSettings = SyncSettings()
    auth: Auth = Auth()
    metrics: MetricsSettings = MetricsSettings()
    actions: Actions = Actions()
    projects: tuple[Project, ...] = ()
    """Whose projects are, where several teams' entities name one or nobody but its owners shall act. Without
    an entry: the owners in tags `backstage-owner:<reference>` of it and its environments in Litmus."""
    limits: Limits = Limits()
    store: Store = Store()
    history: HistorySettings = HistorySettings()
    attention: AttentionSettings = AttentionSettings()
    pages: Pages = Pages()
    log: LogSettings = LogSettings()
    tracing: Tracing = Tracing()

    @model_validator(mode="after")
    def _distinct_instances(self) -> Self:
        names = [instance.name for instance in self.instances]
        require_distinct(names, "names of instances")
        for index, project in enumerate(self.projects):
            if project.instance not in {None, *names}:
                raise ValueError(f"has no instance of the name in projects[{index}].instance")
        first = names[0] if names else ""
        require_distinct(
            [f"{project.instance or first} {project.id}" for project in self.projects], "projects"
        )
        return self


class OtherSections(Section):
    """What is read of the rest of app-config.yaml."""

    litmus_base_url: Url | None = None
    """`litmus.baseUrl`: where people's browsers open Litmus."""
    display_token: AnySecret | None = None
    """`litmus.apiToken`, which the plugin shows to every visitor; a secret here, for it may be a real one."""
    backend_base_url: Url | None = None
    """`backend.baseUrl`: where browsers find Backstage's backend."""


class Config(SidecarSection, OtherSections):
    """The whole configuration, valid and complete."""

    proxy_routes: tuple[ProxyRoute, ...] = ()
    """Routes of Backstage's proxy that send one of our keys, and the plugin's, for `check` alone."""
    notices: tuple[str, ...] = ()
    """Sentences about how the files were read, for `check`; the service works all the same."""
