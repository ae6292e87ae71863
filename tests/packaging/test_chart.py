"""The chart as the real ``helm`` renders it: what is in it, who may do what, and which values it refuses."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar import __version__
from sidecar.config import Config, load_config
from tests.packaging.test_docs import ROOT, routes
from tests.support.chart import (
    CHART,
    COMBINATIONS,
    MINORS,
    OWN_NAME,
    helm,
    kinds,
    pod_of,
    refusal,
    rendered,
    the,
    validate,
)
from tests.support.deployed import DEPLOY, load
from tests.support.findings import findings

pytestmark = pytest.mark.service

OF_BACKSTAGE: Final = """
backend: { baseUrl: https://backstage.example.com }
litmus: { baseUrl: https://litmus.example.com, apiToken: eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiYWNrc3RhZ2UifQ. }
"""


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = load(CHART / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize(
    ("copy", "original"),
    [("rules.yaml", "prometheus/rules.yaml"), ("dashboard.json", "grafana/dashboard.json")],
)
def test_what_the_chart_ships_is_what_lies_beside_it(copy: str, original: str) -> None:
    """If not: python deploy/kustomize/make.py, which copies them first."""
    assert (CHART / "files" / copy).read_bytes() == (DEPLOY / original).read_bytes()


@pytest.mark.parametrize("examples", COMBINATIONS, ids="+".join)
def test_helm_has_nothing_to_say_about_the_chart(examples: tuple[str, ...]) -> None:
    done = helm("lint", "--strict", examples=examples)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"\[(?:WARNING|ERROR)\]", done.stdout), done.stdout


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("examples", COMBINATIONS, ids="+".join)
def test_what_is_rendered_fits_the_schemas_of_three_minor_versions(
    examples: tuple[str, ...], minor: str
) -> None:
    validate(rendered(examples, minor=minor), minor)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("replicas=two", "/replicas"),
        ("replicas=-1", "/replicas"),
        ("replica=2", "'replica' not allowed"),
        ("store.kind=mysql", "/store/kind"),
        ("store.sqlite.size=big", "/store/sqlite/size"),
        ("store.sqlite.accessModes[0]=ReadOnlyMany", "/store/sqlite/accessModes/0"),
        ("image.digest=sha256:abc", "/image/digest"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("service.port=0", "/service/port"),
        ("service.type=ExternalName", "/service/type"),
        ("terminationGracePeriodSeconds=10", "/terminationGracePeriodSeconds"),
        ("secrets.mountPath=secrets", "/secrets/mountPath"),
        ("secrets.password=x", "'password' not allowed"),
        ("extraAppConfig[0].filename=app-config.yaml", "configMapRef"),
        ("extraAppConfig[0].filename=../app-config.yaml", "/extraAppConfig/0"),
        ("httpRoute.path=/chaos/", "/httpRoute/path"),
        ("metrics.serviceMonitor.interval=often", "/metrics/serviceMonitor/interval"),
        ("podDisruptionBudget.maxUnavailable=some", "/podDisruptionBudget/maxUnavailable"),
        ("logLevel=loud", "/logLevel"),
        ("networkPolicy.from=all", "/networkPolicy/from"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(option: str, told: str) -> None:
    said = refusal(f"--set={option}")
    assert "values don't meet the specifications" in said
    assert told in said


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["replicas=2"], "replicas is 2, but store.kind is sqlite, whose file serves one"),
        (["appConfig.litmusSidecar.store.url=memory:"], "the store belongs to the chart; set store.kind"),
        (["appConfig.litmusSidecar.listen.port=9000"], "set listenHost and service.port"),
        (["ingress.enabled=true"], "ingress.enabled is true without ingress.host"),
        (["httpRoute.enabled=true"], "httpRoute.enabled is true without httpRoute.parentRefs"),
        (["ingress.portName=proxy"], 'ingress.portName is "proxy", which is no port of the Service'),
        (["httpRoute.portName=proxy"], 'httpRoute.portName is "proxy", which is no port of the Service'),
    ],
)
def test_values_that_do_not_go_together_are_refused_with_a_sentence(options: list[str], told: str) -> None:
    assert told in refusal(*(f"--set={option}" for option in options))


def test_a_chart_without_a_configuration_says_so() -> None:
    assert "there is no configuration: give appConfig" in refusal(examples=())


def schema_paths(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, below in schema.get("properties", {}).items():
        yield f"{path}{key}", below
        yield from schema_paths(below, f"{path}{key}.")


def test_the_schema_knows_every_value_and_no_other() -> None:
    """What the items of lists look like is not of values.yaml."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def paths(values: dict[str, Any], known: dict[str, Any], path: str = "") -> Iterator[str]:
        for key, value in values.items():
            yield path + key
            below = known["properties"].get(key, {})
            if isinstance(value, dict) and "properties" in below:
                yield from paths(value, below, f"{path}{key}.")

    of_kubernetes = {"global", "resources.claims"}
    assert (
        set(paths(load(CHART / "values.yaml"), schema))
        == {path for path, _ in schema_paths(schema)} - of_kubernetes
    )
    for path, below in [("", schema), *schema_paths(schema)]:
        if "properties" in below:
            assert below["additionalProperties"] is False, path


@pytest.mark.parametrize("examples", COMBINATIONS, ids="+".join)
def test_no_container_may_do_more_than_it_needs(examples: tuple[str, ...]) -> None:
    pod = pod_of(rendered(examples))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"memory"}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_the_pod_is_the_user_of_the_image_and_writes_where_that_may() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[0]
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    pod = pod_of(rendered(("sqlite",)))
    container = pod["containers"][0]
    own = pod["securityContext"]
    assert (own["runAsUser"], own["runAsGroup"], own["fsGroup"]) == (int(user), int(group), int(group))
    assert container["ports"] == [{"name": "http", "containerPort": int(exposed)}]
    (port,) = (one["value"] for one in container["env"] if one["name"].endswith("_listen_port"))
    assert port == exposed
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/data", "/tmp"}  # noqa: S108 - a path of the container
    assert {"VOLUME /data", "WORKDIR /data"} <= set(dockerfile.splitlines())


def test_every_probe_is_a_route_and_readiness_ends_at_once() -> None:
    container = pod_of(rendered(("postgresql",)))["containers"][0]
    probes = {kind: container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")}
    assert {f"GET {probe['httpGet']['path']}" for probe in probes.values()} <= routes()
    assert probes["readiness"]["httpGet"]["path"] == "/readyz"
    # /readyz says 503 for 5 s while requests are still served.
    assert probes["readiness"]["periodSeconds"] * probes["readiness"]["failureThreshold"] < 5
    # A service that Litmus does not answer is alive.
    assert probes["liveness"]["httpGet"]["path"] == "/healthz"


def test_one_replica_on_sqlite_ends_before_its_successor_begins_on_the_same_volume() -> None:
    things = rendered(("sqlite",))
    deployment = the("Deployment", things)["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    claim = the("PersistentVolumeClaim", things)
    volumes = {volume["name"]: volume for volume in deployment["template"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "PodDisruptionBudget" not in kinds(things)


def test_a_claim_of_ones_own_takes_the_place_of_the_charts() -> None:
    things = rendered(("sqlite",), "--set=store.sqlite.existingClaim=history")
    assert "PersistentVolumeClaim" not in kinds(things)
    (data,) = (volume for volume in pod_of(things)["volumes"] if volume["name"] == "data")
    assert data["persistentVolumeClaim"] == {"claimName": "history"}


def test_replicas_on_postgresql_are_replaced_one_by_one_and_spread() -> None:
    things = rendered(("postgresql",))
    deployment = the("Deployment", things)["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert "PersistentVolumeClaim" not in kinds(things)
    selector = deployment["selector"]
    budget = the("PodDisruptionBudget", things)["spec"]
    assert (budget["maxUnavailable"], budget["selector"]) == (1, selector)
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert all(one["labelSelector"] == selector for one in spread)


@pytest.mark.parametrize("examples", COMBINATIONS, ids="+".join)
def test_everything_that_selects_pods_selects_ours(examples: tuple[str, ...]) -> None:
    things = rendered(examples)
    labels = the("Deployment", things)["spec"]["template"]["metadata"]["labels"].items()
    service = the("Service", things)
    assert service["spec"]["selector"].items() <= labels
    assert the("NetworkPolicy", things)["spec"]["podSelector"]["matchLabels"].items() <= labels
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    if "ServiceMonitor" in kinds(things):
        monitor = the("ServiceMonitor", things)["spec"]
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= set(ports)
    if "Ingress" in kinds(things):
        (rule,) = the("Ingress", things)["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert path["backend"]["service"]["name"] == service["metadata"]["name"]
        assert path["backend"]["service"]["port"]["name"] in ports


@pytest.mark.parametrize("examples", COMBINATIONS, ids="+".join)
def test_a_secret_comes_by_reference_and_as_a_whole(examples: tuple[str, ...]) -> None:
    """A file that is mounted by subPath is never replaced; one in a whole volume is."""
    things = rendered(examples)
    assert "Secret" not in kinds(things)
    pod = pod_of(things)
    container = pod["containers"][0]
    assert not any("subPath" in mount for mount in container["volumeMounts"])
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "secrets")
    assert volume["secret"]["secretName"] == "litmus-sidecar"
    assert "items" not in volume["secret"]
    for one in (env for each in pod["containers"] for env in each.get("env", ())):
        assert "secretKeyRef" in one.get("valueFrom", {}) or not re.search(
            r"SECRET|PASSWORD|KEY$", one["name"]
        )


def config_of(examples: tuple[str, ...], directory: Path) -> Config:
    """Read the configuration as the pod does, its secrets made up."""
    things = rendered(examples)
    container = pod_of(things)["containers"][0]
    secrets = directory / "secrets"
    secrets.mkdir()
    own = next(one for one in things if one["metadata"]["name"] == OWN_NAME and one["kind"] == "ConfigMap")
    text = own["data"]["app-config.yaml"]
    for name in re.findall(r"/run/secrets/litmus-sidecar/([\w-]+)", f"{text}\n{container['env']}"):
        value = "postgresql://sidecar:secret@db:5432/sidecar" if name == "store-url" else name * 4
        (secrets / name).write_text(value)
    here = text.replace("/run/secrets/litmus-sidecar", str(secrets))
    (directory / "app-config.yaml").write_text(here)
    (directory / "backstage-app-config").mkdir()
    (directory / "backstage-app-config/app-config.yaml").write_text(OF_BACKSTAGE)
    files = [one.partition("=")[2] for one in container["args"] if one.startswith("--config=")]
    environ = {
        one["name"]: one["value"].replace("/run/secrets/litmus-sidecar", str(secrets))
        for one in container["env"]
    }
    paths = [directory / Path(file).relative_to("/etc/litmus-sidecar") for file in files]
    return load_config(paths, environ)


@pytest.mark.parametrize("examples", COMBINATIONS, ids="+".join)
def test_the_configuration_of_every_example_is_one_that_check_has_nothing_to_say_about(
    examples: tuple[str, ...], tmp_path: Path
) -> None:
    config = config_of(examples, tmp_path)
    assert (config.listen.host, config.listen.port) == ("::", 8080)
    assert findings(config) == ()
    assert {key.name: key.scopes for key in config.auth.keys}["prometheus"] == {"metrics"}
    route = next((one for one in rendered(examples) if one["kind"] in {"HTTPRoute", "Ingress"}), None)
    if route is not None:
        assert_leads_to(str(config.public_url), route)


def assert_leads_to(public_url: str, route: dict[str, Any]) -> None:
    """Assert that an Ingress or a route is for the address that the links of the pages have."""
    if route["kind"] == "HTTPRoute":
        (host,) = route["spec"]["hostnames"]
        (rule,) = route["spec"]["rules"]
        path = rule["matches"][0]["path"]["value"]
        (rewriting,) = rule["filters"]
        assert rewriting["urlRewrite"]["path"] == {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
        assert rule["backendRefs"] == [{"name": OWN_NAME, "port": 8080}]
    else:
        (rule,) = route["spec"]["rules"]
        host, path = rule["host"], rule["http"]["paths"][0]["path"]
    assert public_url.rstrip("/") == f"https://{host}{path}".rstrip("/")


def test_another_configuration_makes_other_pods() -> None:
    one, other = (
        the("Deployment", rendered(("sqlite",), *options))["spec"]["template"]["metadata"]["annotations"]
        for options in ([], ["--set=appConfig.litmusSidecar.history.retentionDays=30"])
    )
    assert one != other


def test_nobody_but_loopback_says_who_calls_where_oauth2_proxy_signs_in(tmp_path: Path) -> None:
    config = config_of(("sqlite", "oauth2-proxy"), tmp_path)
    assert config.auth.proxy is not None
    networks = {str(network) for network in config.auth.proxy.trusted_proxies}
    assert networks == {"127.0.0.1/32", "::1/128"}
    things = rendered(("sqlite", "oauth2-proxy"))
    (_, proxy) = pod_of(things)["containers"]
    assert "--upstream=http://127.0.0.1:8080/" in proxy["args"]
    service = {port["name"]: port["targetPort"] for port in the("Service", things)["spec"]["ports"]}
    assert service["oauth2-proxy"] == proxy["ports"][0]["containerPort"]
    (allowed,) = the("NetworkPolicy", things)["spec"]["ingress"]
    assert [port["port"] for port in allowed["ports"]] == ["http", 4180]


def test_who_is_named_may_call_and_be_called_and_dns_is_added() -> None:
    policy = the("NetworkPolicy", rendered(("postgresql",)))["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert len(policy["ingress"][0]["from"]) == 2
    dns, *others = policy["egress"]
    assert {(port["protocol"], port["port"]) for port in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert [rule["ports"][0]["port"] for rule in others] == [8185, 7007, 5432]
    quiet = the("NetworkPolicy", rendered(("sqlite",)))["spec"]
    assert quiet["policyTypes"] == ["Ingress"]


def test_rules_and_dashboard_reach_the_cluster_as_they_are() -> None:
    things = rendered(("postgresql",))
    assert the("PrometheusRule", things)["spec"] == load(DEPLOY / "prometheus/rules.yaml")
    dashboard = next(one for one in things if one["metadata"]["name"] == f"{OWN_NAME}-dashboard")
    assert json.loads(dashboard["data"]["litmus-sidecar.json"]) == json.loads(
        (DEPLOY / "grafana/dashboard.json").read_text()
    )
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_service_monitor_is_the_one_for_those_without_the_chart() -> None:
    (made,) = the("ServiceMonitor", rendered(("postgresql",)))["spec"]["endpoints"]
    (by_hand,) = load(DEPLOY / "prometheus/service-monitor.yaml")["spec"]["endpoints"]
    differing = {"authorization", "interval"}
    assert {key: value for key, value in made.items() if key not in differing} == {
        key: value for key, value in by_hand.items() if key not in differing
    }
    assert made["authorization"]["credentials"] == {"name": "litmus-sidecar", "key": "metrics-key"}
