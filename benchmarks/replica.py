"""What a plan saves against graphql-core's executor, and what the caches save on top.

Prints ratios of one run on one machine; run it from the root of the repository:
``python -m benchmarks.replica``.
"""

from collections.abc import Callable
from time import perf_counter

from sidecar.replica import QueryEngine, QueryRequest
from tests.replica.documents import EXPERIMENTS, body
from tests.replica.oracle import execute
from tests.support.builders import NOW_MS, PROJECT_ID, content, experiment, recent_run, snapshot

VARIABLES = {"projectID": PROJECT_ID, "request": {}}


def best_milliseconds(action: Callable[[], object], rounds: int) -> float:
    """Return the fastest of some rounds: what the work takes when nothing disturbs."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        action()
        times.append(perf_counter() - start)
    return min(times) * 1_000


def main() -> None:
    runs = [recent_run(f"run-{number}", created_at_ms=NOW_MS - number) for number in range(10)]
    shop = snapshot(content(experiments=[experiment(str(number), recent_runs=runs) for number in range(40)]))
    raw = body(EXPERIMENTS, VARIABLES)
    warm = QueryEngine()
    # Nothing is remembered in caches without room.
    cold = QueryEngine(plan_cache_bytes=0, answer_cache_bytes=0)

    def answer_with(engine: QueryEngine) -> bytes:
        request = engine.prepare(raw)
        assert isinstance(request, QueryRequest)  # noqa: S101  (the document is a query)
        return engine.answer(request, shop)

    request = warm.prepare(raw)
    assert isinstance(request, QueryRequest)  # noqa: S101  (as above)
    answer_with(warm)

    executor = best_milliseconds(lambda: execute(EXPERIMENTS, VARIABLES, shop), 15)
    plan = best_milliseconds(lambda: cold.answer(request, shop), 60)
    whole = best_milliseconds(lambda: answer_with(cold), 30)
    again = best_milliseconds(lambda: answer_with(warm), 500)
    print("40 experiments of 10 runs, the plugin's document")
    print(f"  graphql-core, parse and execute   {executor:8.3f} ms")
    print(f"  plan, projection and encoding     {plan:8.3f} ms   {executor / plan:6.0f} times faster")
    print(f"  cold: parse, validate, compile    {whole:8.3f} ms")
    print(
        f"  warm: one digest, two look-ups    {again:8.4f} ms   {whole / again:6.0f} times faster than cold"
    )


if __name__ == "__main__":
    main()
