"""What the pages tell to type and ``tests/e2e/test_typed_commands.py`` does not type, and why.

That test types whatever is in neither table. A row that no page needs any more
fails a test, as does one whose test is gone.
"""

from typing import Final

import msgspec

from tests.support.markdown import ROOT, code_blocks
from tests.support.typed_commands import split


class Played(msgspec.Struct, frozen=True):
    """A test elsewhere that does the same."""

    test: str
    """Its id for pytest."""
    says: tuple[str, ...]
    """Words that are written for the command, there or in what it calls."""
    calls: str | None = None
    """The file of what it calls, where that is a script."""


_WHEEL: Final = (
    "tests/packaging/test_wheel.py::test_a_newcomer_gets_from_the_wheel_to_the_answers_of_the_plugin"
)


def _newcomer(*says: str) -> Played:
    return Played(_WHEEL, says, "benchmarks/newcomer.py")


PLAYED: Final = {
    # The block about the demonstration, which is typed as it stands.
    **{
        line: Played(
            "tests/packaging/test_docs.py::test_what_the_tutorial_asks_the_demo_is_answered",
            ('code_blocks(TUTORIAL, "sh")', "typed_by_bash"),
        )
        for block in code_blocks((ROOT / "docs/tutorial.md").read_text(), "sh")
        for line in split(block)
    },
    "make help": Played(
        "tests/packaging/test_habits.py::test_make_alone_lists_every_target_with_a_sentence", ('"help"',)
    ),
    "make release": Played(
        "tests/packaging/test_release.py::test_release_is_judged_first_checked_and_neither_signed_nor_uploaded",
        ('"release"', "--dry-run"),
    ),
    "make audit": Played(
        "tests/packaging/test_supply_chain.py::test_an_audit_that_could_not_look_something_up_fails",
        ('"audit"', "--dry-run"),
    ),
    "make bench": Played(
        "tests/benchmarks/test_bench.py::test_each_part_is_a_table_and_all_are_one_file",
        ("benchmarks.bench", "--quick"),
    ),
    ".venv/bin/python -m benchmarks.abuse": Played(
        "tests/benchmarks/test_abuse.py::test_attacks_are_measured_beside_quiet_moments_and_the_service_lives",
        ("benchmarks.abuse",),
    ),
    "pg_dump --host=postgres --port=5432 --dbname=sidecar --format=custom --file=litmus-sidecar.dump": Played(
        "tests/e2e/test_store_commands.py::test_commands_for_postgresql_that_are_named_back_up_and_restore",
        ('"backup"', "shlex"),
    ),
    "python3 -m venv /opt/litmus-sidecar": Played(
        "tests/packaging/test_dockerfile.py::test_the_install_steps_give_a_command_that_needs_nothing_of_the_checkout",
        ('"venv"',),
    ),
    "/opt/litmus-sidecar/bin/litmus-sidecar serve --config app-config.yaml": Played(
        "tests/e2e/test_commands.py::test_sigterm_drains_then_finishes_what_is_asked_and_ends_well",
        ('"serve"', '"--config"'),
    ),
    # It asks for the address and the token.
    "litmus-sidecar init --write app-config.litmus.yaml --write-env litmus.env": Played(
        "tests/e2e/test_init.py::test_on_a_terminal_init_asks_shows_progress_and_echoes_no_secret",
        ('"init"', '"--write"', '"--write-env"'),
    ),
    'kill -HUP "$(pidof -x litmus-sidecar)"': Played(
        "tests/e2e/test_reload.py::test_a_bad_file_changes_nothing_and_one_line_says_what_is_wrong",
        ("signal.SIGHUP",),
    ),
    ". ./litmus.env": _newcomer(". ./litmus.env && "),
    "litmus-sidecar check --config app-config.litmus.yaml": _newcomer(
        "litmus-sidecar check {config}", "--config app-config.litmus.yaml"
    ),
    "litmus-sidecar serve --config app-config.litmus.yaml": _newcomer(
        "litmus-sidecar serve {config}", "--config app-config.litmus.yaml"
    ),
}

_INDEX: Final = "takes packages from an index; `make newcomer` installs the wheel from one"
_TOOL: Final = "needs a tool of yours and takes packages from an index; `make newcomer` installs with pip"
_ITSELF: Final = "is the run of these tests itself, or of more of them"
_DOCKER: Final = "needs Docker; tests/packaging/test_dockerfile.py runs the steps of the image"
_COMPOSE: Final = "needs Docker; tests/e2e/test_compose.py starts the services' own commands"
_CLUSTER: Final = "needs a cluster; tests/e2e/test_pods.py starts the pods' own commands"
_SIGNAL: Final = "needs a container; tests/e2e/test_reload.py sends the signal itself"
_LITMUS: Final = "needs a cluster with an infrastructure of Litmus"
_CHART: Final = "needs a cluster; tests/packaging/test_chart.py renders the chart with each example"
_APP: Final = "needs a Backstage app of yours; tests/backstage_app installs the same file with npm"
_NPM: Final = "takes packages from an index; `make test` does it before the tests, by the Makefile"
_LOCKS: Final = "asks an index for the newest versions"

NOT_TYPED: Final = {
    "make demo": "installs from an index; `make newcomer` types it in a fresh clone",
    "make newcomer": "installs from an index; tests/packaging/test_wheel.py plays what needs none",
    "make test": _ITSELF,
    "make check": _ITSELF,
    "make soak": _ITSELF,
    ".venv/bin/pytest tests/replica -k healing": _ITSELF,
    "make format": "changes the files under test; `make lint` asks the same of ruff",
    "make lock": _LOCKS,
    "make sbom": "installs from an index; tests/packaging/test_dockerfile.py makes that of the image",
    "pip install .": _INDEX,
    "/opt/litmus-sidecar/bin/pip install .": _INDEX,
    "python3 -m pip install --requirement requirements/runtime.txt"
    " && python3 -m pip install --no-deps WHEEL": _INDEX,
    "pipx install .": _TOOL,
    "pipx install WHEEL": _TOOL,
    "uvx --from . litmus-sidecar demo": _TOOL,
    "uvx --from WHEEL litmus-sidecar demo": _TOOL,
    "docker build --tag litmus-sidecar .": _DOCKER,
    "docker run --publish 8080:8080 --stop-timeout 30 --env LITMUS_AUTH_TOKEN --env SIDECAR_KEY"
    " --volume ./app-config.yaml:/etc/litmus-sidecar/app-config.yaml:ro"
    " --volume ./catalog-info.yaml:/etc/litmus-sidecar/catalog-info.yaml:ro litmus-sidecar": _DOCKER,
    "docker buildx imagetools inspect python:3.13.16-slim-trixie --format '{{.Manifest.Digest}}'": (
        "needs Docker and a registry"
    ),
    "docker compose --file deploy/compose/compose.yaml up --build": _COMPOSE,
    "docker compose --file deploy/compose/compose.yaml down --volumes": _COMPOSE,
    "kubectl create secret generic litmus-sidecar"
    ' --from-literal=backstage-key="$(openssl rand -hex 32)"'
    ' --from-literal=metrics-key="$(openssl rand -hex 32)"'
    ' --from-literal=signing-key="$(openssl rand -hex 32)"'
    " --from-literal=catalog-token='<token of backend.auth.externalAccess>'"
    " --from-literal=litmus-token='<API token of the Litmus user>'"
    " --from-literal=litmus-password='<or its password, and tokens are renewed>'"
    " --from-literal=store-url='postgresql://sidecar:<password>@postgres:5432/sidecar'": (
        "needs a cluster; tests/packaging/test_docs.py compares its keys with the chart's"
    ),
    "docker kill --signal HUP CONTAINER": _SIGNAL,
    "docker compose kill --signal HUP sidecar": _SIGNAL,
    "kubectl exec deployment/litmus-sidecar -- sh -c 'kill -HUP 1'": _SIGNAL,
    "kubectl logs deployment/litmus-sidecar": _CLUSTER,
    "kubectl --namespace portal rollout status deployment/litmus-sidecar": _CLUSTER,
    "kubectl --namespace portal logs deployment/litmus-sidecar": _CLUSTER,
    "kubectl --namespace portal exec deployment/litmus-sidecar -- litmus-sidecar check"
    " --config /etc/litmus-sidecar/<configMapRef>/<filename>"
    " --config /etc/litmus-sidecar/app-config.yaml": _CLUSTER,
    "kubectl port-forward deployment/litmus-sidecar 8080:8080": _CLUSTER,
    "kubectl exec deployment/litmus-sidecar -- litmus-sidecar check"
    " --config /etc/litmus-sidecar/app-config.yaml": _CLUSTER,
    "kubectl --namespace litmus get cronworkflows": _LITMUS,
    "kubectl --namespace litmus get workflows": _LITMUS,
    "kubectl get pods --selector app.kubernetes.io/name=litmus-sidecar": _CLUSTER,
    "kubectl top pods --selector app.kubernetes.io/name=litmus-sidecar": _CLUSTER,
    "kubectl logs deployment/litmus-sidecar --previous": _CLUSTER,
    "kubectl logs deployment/litmus-sidecar --since=1h"
    " | jq -cR 'fromjson? | select(.level == \"error\")'": _CLUSTER,
    "kubectl logs deployment/litmus-sidecar --since=1h"
    " | jq -cR 'fromjson? | select(.task != null)'": _CLUSTER,
    "helm upgrade --install litmus-sidecar deploy/helm/litmus-sidecar"
    " --set image.repository=registry.example.com/litmus-sidecar --values my-values.yaml": _CHART,
    "helm upgrade --install litmus-sidecar deploy/helm/litmus-sidecar --values my-values.yaml"
    " --values deploy/helm/litmus-sidecar/examples/gateway.yaml": _CHART,
    "yarn --cwd packages/app add 'file:<checkout of the sidecar>/build/plugin.tgz'": _APP,
    "npm ci": _NPM,
    "npm run check": _NPM,
    "npm pack": _NPM,
}
"""A command and why no test types it."""
