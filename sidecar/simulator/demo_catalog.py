"""The Backstage catalog that goes with the demonstration, as catalog-info text."""

import io
from typing import Any

from ruamel.yaml import YAML

from sidecar.simulator.demo_world import demo_worlds


def demo_catalog() -> str:
    """Return the entities of the demonstration as one YAML text of several documents."""
    worlds = demo_worlds(lambda: 0.0)  # ids do not depend on the time
    shop, identity, empty = worlds.default.world.projects
    staging_shop, platform = worlds.staging.world.projects
    staging = {"litmuschaos.io/instance": "staging"}
    shop_tags = {"litmuschaos.io/experiment-tags": "checkout"}
    entities = [
        _entity("Group", "shop-team", {"type": "team", "children": []}),
        _entity("Group", "platform-team", {"type": "team", "children": []}),
        _entity("Domain", "commerce", {"owner": "shop-team"}),
        _entity("System", "web-shop", {"owner": "shop-team", "domain": "commerce"}, shop),
        _component("cart", "shop-team", shop),
        _component("checkout", "shop-team", shop, shop_tags),
        _entity(
            "API",
            "login-api",
            {
                "type": "openapi",
                "lifecycle": "production",
                "owner": "platform-team",
                "system": "web-shop",
                "definition": "openapi: 3.1.0",
            },
            identity,
        ),
        _component("newsletter", "shop-team", empty),
        _component("checkout-staging", "shop-team", staging_shop, staging),
        _entity(
            "Resource",
            "staging-cluster",
            {"type": "kubernetes-cluster", "owner": "platform-team", "system": "web-shop"},
            platform,
            staging,
        ),
    ]
    yaml = YAML()
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump_all(entities, text)
    return text.getvalue()


def _component(
    name: str, owner: str, project_id: str, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    spec = {"type": "service", "lifecycle": "production", "owner": owner, "system": "web-shop"}
    return _entity("Component", name, spec, project_id, annotations)


def _entity(
    kind: str,
    name: str,
    spec: dict[str, Any],
    project_id: str | None = None,
    annotations: dict[str, str] | None = None,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "title": name.replace("-", " ").capitalize()}
    if project_id is not None:
        metadata["annotations"] = {"litmuschaos.io/project-id": project_id} | (annotations or {})
    return {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
