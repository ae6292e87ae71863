"""The Backstage catalog that goes with the demonstration, as catalog-info text."""

from string import Template

from sidecar.simulator.demo_world import demo_worlds

_GROUPS = ("shop-team", "platform-team")
_DOMAIN = """\
apiVersion: backstage.io/v1alpha1
kind: Domain
metadata:
  name: commerce
spec:
  owner: shop-team
"""
_GROUP = Template("""\
apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: $name
spec:
  type: team
  children: []
""")
_ENTITY = Template("""\
apiVersion: backstage.io/v1alpha1
kind: $kind
metadata:
  name: $name
  annotations:
    litmuschaos.io/project-id: $project
${annotations}\
spec:
  owner: $owner
${spec}\
""")
_STAGING = "    litmuschaos.io/instance: staging\n"
_TAGS = "    litmuschaos.io/experiment-tags: checkout\n"
_IN_SHOP = "  system: web-shop\n"
_SERVICE = f"  type: service\n  lifecycle: production\n{_IN_SHOP}"
_API = f"  type: openapi\n  lifecycle: production\n{_IN_SHOP}  definition: 'openapi: 3.1.0'\n"


def demo_catalog() -> str:
    """Return the entities of the demonstration as one YAML text of several documents."""
    worlds = demo_worlds(lambda: 0.0)  # ids do not depend on the time
    shop, identity, empty = worlds.default.world.projects
    staging_shop, platform = worlds.staging.world.projects
    bound = (
        ("System", "web-shop", "shop-team", shop, "", "  domain: commerce\n"),
        ("Component", "cart", "shop-team", shop, "", _SERVICE),
        ("Component", "checkout", "shop-team", shop, _TAGS, _SERVICE),
        ("API", "login-api", "platform-team", identity, "", _API),
        ("Component", "newsletter", "shop-team", empty, "", _SERVICE),
        ("Component", "checkout-staging", "shop-team", staging_shop, _STAGING, _SERVICE),
        (
            "Resource",
            "staging-cluster",
            "platform-team",
            platform,
            _STAGING,
            f"  type: kubernetes-cluster\n{_IN_SHOP}",
        ),
    )
    keys = ("kind", "name", "owner", "project", "annotations", "spec")
    documents = [_DOMAIN, *(_GROUP.substitute(name=name) for name in _GROUPS)]
    documents += [_ENTITY.substitute(dict(zip(keys, values, strict=True))) for values in bound]
    return "---\n".join(documents)
