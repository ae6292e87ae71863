"""A Litmus whose every text is out to harm the pages that show it, and a catalog that joins in."""

import json
from typing import Final

from sidecar.simulator import World
from sidecar.simulator.documents import OWNER, Project, User

HIT: Final = "window.__hit=true"
"""What every script among the texts would do, were it run."""
HARMFUL: Final = (
    f'<img src=x onerror="{HIT}">',
    f'"><script>{HIT}</script>',
    f"'><svg/onload={HIT}>",
    f"</title></bdi></table><svg onload={HIT}>",
    f"]]></text><script>{HIT}</script><![CDATA[",
    f"javascript:{HIT}//",
    f'" autofocus onfocus="{HIT}" x="',
    f"<iframe srcdoc='<script>parent.{HIT.removeprefix('window.')}</script>'>",
    "{{7*7}}${7*7}{%raw%}<%=7*7%>",
    "&lt;b&gt;&amp;amp;&#60;",
    "<!--",
    "<style>body{display:none}</style>",
)
ODD: Final = (
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe and on",
    "\N{RIGHT-TO-LEFT ISOLATE}\N{LEFT-TO-RIGHT OVERRIDE}never closed",
    "اختبار الفوضى للخدمة 42",
    "混沌工程测试",
    "Z\u0351\u036b\u0343a\u0335\u0321l\u0334g\u0322o\u035f " * 5,
    "👩\N{ZERO WIDTH JOINER}🚀 \N{ZERO WIDTH SPACE} \N{SOFT HYPHEN}",
    "\x00\x01\x07\x1b[31mred\x1b[0m\r\n\tend\x7f\x85\u2028",
    "W" * 300,
    ("a name of many words " * 15)[:300],
)
TEXTS: Final = HARMFUL + ODD
CROWD: Final = 500
"""Experiments in the project of many."""


def hostile_world() -> tuple[World, dict[str, Project], str]:
    """Return the world, its projects by the name of their entity, and a token that reads all of them."""
    world = World(name="hostile")
    robot = world.add_user("backstage")
    projects = {
        name: world.add_project(
            title, owner=world.add_user(f"owner-of-{name}"), members={robot.user_id: OWNER}
        )
        for name, title in {"hostile": HARMFUL[0], "crowd": "crowd", "nothing": "nothing"}.items()
    }
    _fill(world, projects["hostile"], robot)
    cluster = world.add_infra(
        projects["crowd"], world.add_environment(projects["crowd"], "staging"), "cluster"
    )
    for number in range(CROWD):
        experiment = world.add_experiment(projects["crowd"], cluster, f"experiment-{number:03}")
        if number % 2:
            run = world.start_run(experiment, username="alice")
            world.finish_run(run, score=float(number % 101))
    return world, projects, world.issue_token(robot)


def _fill(world: World, project: Project, robot: User) -> None:
    phases = ("Completed", "Completed_With_Probe_Failure", "Error", *HARMFUL)
    for number, text in enumerate(TEXTS):
        world.add_hub(project, text, is_available=bool(number % 2))
        environment = world.add_environment(project, text, tags=[text])
        infra = world.add_infra(project, environment, text, is_active=bool(number % 3))
        experiment = world.add_experiment(
            project, infra, text, cron=text if number % 4 == 0 else "", tags=[text], username=text
        )
        run = world.start_run(experiment, username=text)
        if number % 5:
            world.finish_run(run, phase=phases[number % len(phases)], score=float(number))
        world.issue_token(robot, days=number - 3, name=text)


def hostile_catalog(projects: dict[str, Project]) -> str:
    """Return catalog documents of these projects, with texts as bad as a catalog lets through."""
    return "\n---\n".join(
        json.dumps(
            {
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "Component",
                "metadata": {
                    "name": name,
                    "title": TEXTS[1] if name == "hostile" else name,
                    "annotations": {"litmuschaos.io/project-id": project.project_id},
                },
                "spec": {
                    "type": "service",
                    "owner": f"group:default/{HARMFUL[3].replace('/', '')}"
                    if name == "hostile"
                    else "team-a",
                    "system": TEXTS[12] if name == "hostile" else None,
                },
            }
        )
        for name, project in projects.items()
    )
