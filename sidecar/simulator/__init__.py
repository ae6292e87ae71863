"""A simulated ChaosCenter, for demonstrations and tests.

It answers as Litmus 3.31 does, traps included, from a small world that moves.
It shares no code with the rest of the package: what it tests must not help it.
"""

from sidecar.simulator.demo import Demo, open_demo, serve_simulator
from sidecar.simulator.demo_catalog import demo_catalog
from sidecar.simulator.demo_world import DemoInstance, DemoWorlds, demo_worlds
from sidecar.simulator.documents import SECRET_MARKER
from sidecar.simulator.faults import ScriptedFault
from sidecar.simulator.server import RecordedRequest, Simulator, open_simulator
from sidecar.simulator.world import World

__all__ = [
    "SECRET_MARKER",
    "Demo",
    "DemoInstance",
    "DemoWorlds",
    "RecordedRequest",
    "ScriptedFault",
    "Simulator",
    "World",
    "demo_catalog",
    "demo_worlds",
    "open_demo",
    "open_simulator",
    "serve_simulator",
]
