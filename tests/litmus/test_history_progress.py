"""What an earlier release stored of its progress is read on, under the names that it had then."""

from datetime import UTC, datetime

import msgspec

from sidecar.litmus.reading.history_progress import HistoryProgress, dump_progress, load_progress

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_progress_that_an_earlier_release_stored_is_read() -> None:
    stored = msgspec.msgpack.encode(
        {
            "format": 1,
            "sweep": {
                "kind": "compare",
                "horizon_ms": 5,
                "pending": ["e2"],
                "suspects": b"12345678",
                "suspected_experiments": ["e1"],
            },
            "suspects": {"runs": b"12345678", "experiment_ids": ["e1"], "found_at": MOMENT},
            "anchor": {"experiment_run_id": "r1", "updated_at_ms": 7},
            "followed_at": MOMENT,
            "balance": {"total": 3, "found": 1},
            "doubted": ["e3"],
        }
    )
    progress = load_progress(stored)

    assert progress.sweep is not None
    assert progress.missing is not None
    assert progress.reference_run is not None
    assert (progress.sweep.missing, progress.sweep.missing_in) == (b"12345678", ("e1",))
    assert (progress.missing.runs, progress.missing.found_at) == (b"12345678", MOMENT)
    assert progress.reference_run.experiment_run_id == "r1"
    assert (progress.total_check.total, progress.total_check.found) == (3, 1)
    assert (progress.merged_at, progress.short_experiments) == (MOMENT, ("e3",))


def test_progress_is_stored_under_the_names_that_an_earlier_release_reads() -> None:
    names = msgspec.msgpack.decode(dump_progress(HistoryProgress(short_experiments=("e1",))))

    assert names["doubted"] == ["e1"]
    assert {"suspects", "anchor", "followed_at", "balance"} <= set(names)


def test_progress_that_cannot_be_read_begins_anew() -> None:
    assert load_progress(b"\xc1") == load_progress(msgspec.msgpack.encode({"format": 2})) == HistoryProgress()
