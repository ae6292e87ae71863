"""Attacks by what a request says."""

import asyncio
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.abusing.target import KEYS, Target
from benchmarks.abusing.wire import ask, request

ATTACKER: Final = "127.0.0.2"
"""Another address of loopback than that of those who do nothing wrong."""
KEY: Final = {"X-Litmus-Sidecar-Key": KEYS["attacker"]}
AT_ONCE: Final = 4
PAUSE_SECONDS: Final = 0.005
SHORT, LONG = 15_000, 240_000
"""Bytes: within what is read of a body, and far beyond."""
MOST_ALIASES: Final = 27
"""Of the same question, within the tokens that a document may have."""
COUNT: Final = """query($p: ID!, $r: ListExperimentRequest!) {
  listExperiment(projectID: $p, request: $r) { totalNoOfExperiments }
}"""


async def repeat(target: Target, requests: Sequence[bytes], at_once: int = AT_ONCE) -> None:
    """Send these over and over, so many at a time, each on a connection of its own."""

    async def worker(first: int) -> None:
        turn = first
        while True:
            try:
                status = str(await ask(target.port, requests[turn % len(requests)], ATTACKER))
            except (OSError, EOFError):
                status = "closed"
            target.answers[status] += 1
            turn += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(worker(number))


def posted(document: str, variables: Mapping[str, Any]) -> bytes:
    """Return a request of the plugin's endpoint with the attacker's key."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    return request("POST", "/api/query", KEY, body)


async def blanks(target: Target) -> None:
    """Send texts over which a careless pattern goes back and forth."""
    texts = [piece * (size // len(piece)) for size in (SHORT, LONG) for piece in (" ", "\t", '"', "' \"")]
    requests = [
        posted(COUNT, {"p": target.small, "r": {"filter": {"scheduleType": text[:size]}}})
        for text in texts
        for size in (len(text), SHORT // 2)
    ]
    await repeat(target, requests)


async def unknown_names(target: Target) -> None:
    """Name what there is not, at length and often, so that suggestions are looked for."""
    given = {"p": target.small, "r": {}}
    long = "listExperimen" * 700
    documents = [
        "query($p: ID!) { " + long + "(projectID: $p) { x } }",
        "query($p: ID!) { " + " ".join(f"listExperimen{number}" for number in range(140)) + " }",
        "query($p: ID!) { listExperiment("
        + ", ".join(f"projectI{number}: $p" for number in range(100))
        + ") { totalNoOfExperiments } }",
    ]
    variables = {"p": target.small, "r": {f"paginatio{number}": None for number in range(600)}}
    await repeat(target, [*(posted(one, given) for one in documents), posted(COUNT, variables)])


async def refused(target: Target) -> None:
    """Send what is too long, in several ways."""
    given = {"p": target.small, "r": {}}
    await repeat(
        target,
        [
            posted("query { " + "a " * (LONG // 2) + "}", given),
            posted("{" * LONG, given),
            posted(COUNT, {"p": target.small, "r": {"experimentIDs": ["x"] * (LONG // 5)}}),
            request("POST", "/api/query", KEY, b"\xff" * LONG),
        ],
    )


def recent_runs(target: Target, aliases: int, name: str = "a") -> bytes:
    """Return a question for all recent runs of the large project, so many times; each name is another one."""
    inner = "{ experiments { recentExperimentRunDetails { experimentRunID } } }"
    call = "listExperiment(projectID: $p, request: $r) { ...f }"
    fields = " ".join(f"{name}{number}: {call}" for number in range(aliases))
    document = (
        f"query($p: ID!, $r: ListExperimentRequest!) {{ {fields} }} "
        f"fragment f on ListExperimentResponse {inner}"
    )
    return posted(document, {"p": target.large, "r": {}})


async def aliases(target: Target) -> None:
    """Ask for the costliest answer many times in one request; for less where that is refused."""
    await repeat(target, [recent_runs(target, count) for count in (30, MOST_ALIASES, 8)])


async def wide_search(target: Target) -> None:
    """Search the list of entities for as many words as a line of a request holds, and as many as it takes."""
    words = [f"{number:x}" for number in range(2_000)]
    paths = ["/litmus?q=" + "+".join(words)[:8_000], "/litmus?q=" + "+".join(words[:20])]
    headers = (KEY, {"Cookie": target.cookie})
    await repeat(target, [request("GET", path, who) for path in paths for who in headers])


async def overlapping(target: Target) -> None:
    """Make a validator compare every field with every other, and fragments with fragments."""
    given = {"p": target.small, "r": {}}
    inner = "{ experiments { name } }"
    call = "listExperiment(projectID: $p, request: $r)"
    same = " ".join(f"{call} {inner}" for _ in range(20))
    pairs = " ".join("experiments { " + "name " * 11 + "}" for _ in range(11))
    spread = " ".join(f"...f{number}" for number in range(12))
    fragments = " ".join(f"fragment f{number} on Query {{ {call} {inner} }}" for number in range(12))
    nested = "".join(f"fragment g{n} on Query {{ ...g{n + 1} ...g{n + 1} }} " for n in range(30))
    head = "query($p: ID!, $r: ListExperimentRequest!) "
    documents = [
        f"{head}{{ {same} }}",
        f"{head}{{ {call} {{ {pairs} }} }}",
        f"{head}{{ {spread} }} {fragments}",
        f"{head}{{ ...g0 }} {nested} fragment g30 on Query {{ {call} {inner} }}",
    ]
    await repeat(target, [posted(one, given) for one in documents])


async def deep(target: Target) -> None:
    """Nest as deep as the bytes allow, in the body and in the document."""
    requests = [
        request("POST", "/api/query", KEY, piece)
        for size in (SHORT, LONG)
        for piece in (b"[" * size, b'{"query":' * (size // 9), b"[" * (size // 2) + b"]" * (size // 2))
    ]
    given = {"p": target.small}
    lists = "[" * 4_000 + "]" * 4_000
    requests.append(
        posted(
            f"query($p: ID!) {{ listExperiment(projectID: $p, request: {{experimentIDs: {lists}}}) }}", given
        )
    )
    requests.append(posted("{ a " * 2_400 + "}" * 2_400, given))
    await repeat(target, requests)


def bomb() -> bytes:
    """Return 1 MB of gzip that comes to 1 GB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same bytes pack to the same bytes.
    block = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * ((995_000 - len(head)) // len(block))


async def bombs(target: Target) -> None:
    """Send compressed bodies to where nobody is asked who is calling, and to where somebody is."""
    packed = bomb()
    headers = {"Content-Encoding": "gzip"}
    paths = ("/api/query", "/healthz", "/nowhere", "/litmus/sign-in", "/api/v1/entities")
    await repeat(target, [request("POST", path, headers, packed) for path in paths])
