"""What the section of the run history, which has no content, does to a snapshot and to its age."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.freshness import as_of, has_data, is_stale, merge, next_judgement, was_attempted
from sidecar.domain.model import Freshness, Lane, Section, SectionResult
from tests.support.builders import DOWN, NOW, failed, fresh, project, snapshot

MINUTE = timedelta(minutes=1)
INTERVALS = {Lane.FAST: MINUTE, Lane.SLOW: 10 * MINUTE, Lane.HISTORY: 10 * MINUTE}
USED = (Section.EXPERIMENTS, Section.RUN_HISTORY)
SHOP = project("shop")


def told(history: Freshness | None, *, restored: bool = False) -> tuple[bool, timedelta | None]:
    """Return whether an answer from fresh experiments and this history is stale, and how old it is."""
    freshness = {Section.EXPERIMENTS: fresh(NOW)}
    if history is not None:
        freshness[Section.RUN_HISTORY] = history
    one = snapshot(freshness=freshness, restored={Section.RUN_HISTORY} if restored else ())
    since = as_of(one, USED, INTERVALS, NOW)
    return is_stale(one, USED, INTERVALS, NOW), None if since is None else NOW - since


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(None, (False, timedelta(0)), id="not tried yet"),
        pytest.param(fresh(NOW - 19 * MINUTE), (False, timedelta(0)), id="read, and due"),
        pytest.param(fresh(NOW - 21 * MINUTE), (True, 21 * MINUTE), id="overdue"),
        pytest.param(failed(NOW, succeeded_at=NOW - 5 * MINUTE), (True, 5 * MINUTE), id="failed"),
        pytest.param(failed(NOW), (True, timedelta(0)), id="never read"),
    ],
)
def test_an_answer_is_as_old_as_its_history_only_while_that_is_behind(
    history: Freshness | None, expected: tuple[bool, timedelta]
) -> None:
    assert told(history) == expected


def test_a_history_is_not_stale_for_coming_from_the_store() -> None:
    assert told(fresh(NOW - 19 * MINUTE), restored=True) == (False, timedelta(0))


@pytest.mark.parametrize(("age", "expected"), [(2 * MINUTE, False), (2.1 * MINUTE, True)])
def test_what_comes_from_the_store_counts_by_its_age(age: timedelta, *, expected: bool) -> None:
    sections = (Section.EXPERIMENTS, Section.HUBS)
    one = snapshot(
        freshness={Section.EXPERIMENTS: fresh(NOW - age), Section.HUBS: fresh(NOW - 19 * MINUTE)},
        restored=sections,
    )
    assert is_stale(one, sections, INTERVALS, NOW) is expected


@pytest.mark.parametrize(
    ("unread", "expected"),
    [
        (Section.HUBS, False),
        (Section.GITOPS, False),
        (Section.EXPERIMENTS, True),
        (Section.ENVIRONMENTS, True),
    ],
)
def test_what_only_the_slower_lanes_read_is_no_data_before_its_first_turn(
    unread: Section, *, expected: bool
) -> None:
    """Among thousands of projects that turn comes after hours; what was read meanwhile is not stale."""
    one = snapshot(freshness={section: fresh(NOW) for section in Section if section is not unread})
    assert is_stale(one, tuple(Section), INTERVALS, NOW) is expected


def test_the_history_leaves_content_and_version_alone() -> None:
    before = snapshot(freshness={Section.EXPERIMENTS: fresh(NOW)})
    after = merge(before, SHOP, [SectionResult(section=Section.RUN_HISTORY, attempted_at=NOW)])
    assert (after.content, after.version) == (before.content, before.version)
    assert after.freshness[Section.RUN_HISTORY] == fresh(NOW)


def test_a_failed_history_keeps_when_it_last_succeeded() -> None:
    before = snapshot(freshness={Section.RUN_HISTORY: fresh(NOW - MINUTE)})
    result = SectionResult(section=Section.RUN_HISTORY, attempted_at=NOW, error=DOWN)
    assert merge(before, SHOP, [result]).freshness[Section.RUN_HISTORY] == failed(
        NOW, succeeded_at=NOW - MINUTE
    )


def test_nobody_waits_for_the_history_and_it_is_no_data() -> None:
    one = snapshot(freshness={Section.EXPERIMENTS: fresh(NOW)})
    assert was_attempted(one, USED)
    assert not was_attempted(one, (*USED, Section.HUBS))
    assert not has_data(one, Section.RUN_HISTORY)


DAY = timedelta(days=1)
AGES = st.timedeltas(timedelta(0), 2 * DAY)
FRESHNESS = st.dictionaries(
    st.sampled_from((Section.EXPERIMENTS, Section.HUBS, Section.RUN_HISTORY)),
    st.builds(
        lambda age, has_failed: failed(NOW, succeeded_at=NOW - age) if has_failed else fresh(NOW - age),
        AGES,
        st.booleans(),
    ),
)


@given(known=FRESHNESS, later=AGES)
def test_nothing_that_is_said_of_age_changes_before_the_next_judgement(
    known: Mapping[Section, Freshness], later: timedelta
) -> None:
    sections = (Section.EXPERIMENTS, Section.HUBS, Section.RUN_HISTORY)
    one = snapshot(freshness=known)
    judged = next_judgement(one, sections, INTERVALS, DAY, NOW)
    moment = NOW + later if judged is None else min(NOW + later, judged)
    for section in sections:
        assert is_stale(one, (section,), INTERVALS, moment) == is_stale(one, (section,), INTERVALS, NOW)
        assert as_of(one, (section,), INTERVALS, moment) == as_of(one, (section,), INTERVALS, NOW)
    for freshness in known.values():
        if freshness.succeeded_at is not None:
            assert (moment - freshness.succeeded_at > DAY) == (NOW - freshness.succeeded_at > DAY)


def test_what_gets_stale_is_judged_at_the_very_instant_before_it_does() -> None:
    one = snapshot(freshness={Section.EXPERIMENTS: fresh(NOW - MINUTE)})
    judged = next_judgement(one, (Section.EXPERIMENTS,), INTERVALS, DAY, NOW)
    assert judged == NOW + MINUTE
    assert not is_stale(one, (Section.EXPERIMENTS,), INTERVALS, judged)
    assert is_stale(one, (Section.EXPERIMENTS,), INTERVALS, judged + timedelta(microseconds=1))
