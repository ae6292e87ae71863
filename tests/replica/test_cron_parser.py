"""What the plugin gets its own cron-parser 4.9 reads as Argo's scheduler does, and nothing readable is lost.

The real cron-parser runs in Node; Argo's side is spelled out here, day by day
and minute by minute, from the numbers that a text names.
"""

import json
import os
import random
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sidecar.insight.cron_text import Cron, parse_schedule
from sidecar.replica import plugin_cron

NODE = Path(__file__).parents[1] / "node"
TEXTS = 5_000 if os.environ.get("LITMUS_SIDECAR_SOAK") else 40
MONTHS = (datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 5, 1, tzinfo=UTC))
"""Of 29, 31 and 30 days."""
DAYS = (datetime(2028, 2, 27, tzinfo=UTC), datetime(2028, 3, 3, tzinfo=UTC))
"""Over a leap day and the end of a month, for what fires all day: the parser needs a millisecond for each."""
HOURS = (datetime(2028, 2, 28, 6, tzinfo=UTC), datetime(2028, 2, 28, 10, tzinfo=UTC))

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
NAMES: tuple[Sequence[str], ...] = (
    (),
    (),
    (),
    ("jan", "FEB", "mar", "apr", "may", "Jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("sun", "mon", "TUE", "wed", "thu", "Fri", "sat"),
)

Reader = Callable[[Sequence[str], tuple[datetime, datetime]], list[list[int] | None]]


@pytest.fixture(scope="module")
def cron_parser(program: Callable[[str, str], str]) -> Reader:
    """Return what asks the real cron-parser."""
    node = program("node", "nodejs")
    if not (NODE / "node_modules" / "cron-parser").is_dir():
        message = "cron-parser is missing; run `make test` once, or npm ci in tests/node"
        if os.environ.get("LITMUS_SIDECAR_CI"):
            pytest.fail(message)
        pytest.skip(message)

    def read(texts: Sequence[str], span: tuple[datetime, datetime]) -> list[list[int] | None]:
        since, until = (int(one.timestamp() * 1000) for one in span)
        done = subprocess.run(  # noqa: S603 - Node and a file of ours
            [node, "fires.js"],
            cwd=NODE,
            input=json.dumps({"texts": list(texts), "since": since, "until": until}),
            capture_output=True,
            check=True,
            text=True,
        )
        read: list[list[int] | None] = json.loads(done.stdout)
        return read

    return read


def fires_of_argo(text: str, span: tuple[datetime, datetime]) -> list[int] | None:
    """Return the fire times in the span by the numbers of the text; ``None``: refused, or it never fires."""
    read = parse_schedule(text)
    if read is None or not isinstance(read.rule, Cron) or read.rule.expression is None:
        return None
    parts = read.rule.expression.split(" ")
    minutes, hours, days, months, weekdays = (
        set(range(low, high + 1)) if part == "*" else set(map(int, part.split(",")))
        for part, (low, high) in zip(parts, RANGES, strict=True)
    )
    either = "*" not in parts[2::2]
    found = []
    (first, end), day = span, span[0].replace(hour=0)
    while day < end:
        in_days, in_weekdays = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and (in_days or in_weekdays if either else in_days and in_weekdays):
            found += [
                day + timedelta(hours=hour, minutes=minute)
                for hour in sorted(hours)
                for minute in sorted(minutes)
            ]
        day += timedelta(days=1)
    return [int(fire.timestamp()) for fire in found if first <= fire < end]


class Writer:
    """Writes schedule texts, most of which Argo accepts."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it writes texts

    def text(self, *, of_day: bool) -> str:
        """Return a text that is interesting in its days, or in its times of a day."""
        if of_day:
            return " ".join(("0 0", self._field(2), self._field(3), self._field(4)))
        return " ".join((self._field(0), self._field(1), "* * *"))

    def _field(self, place: int) -> str:
        if self._random.random() < 0.3:
            return "*"
        return ",".join(self._part(place) for _ in range(self._random.choice((1, 1, 1, 2, 3))))

    def _part(self, place: int) -> str:
        kind = self._random.random()
        if kind < 0.3:
            base = self._random.choice("****?")
        elif kind < 0.65:
            base = self._number(place)
        else:
            base = f"{self._number(place)}-{self._number(place)}"
        step = self._random.choice((1, 1, 2, 3, 5, 7, 15, 40))
        return f"{base}/{step}" if self._random.random() < 0.35 else base

    def _number(self, place: int) -> str:
        low, high = RANGES[place]
        if NAMES[place] and self._random.random() < 0.3:
            return self._random.choice(NAMES[place])
        number = self._random.randint(low, high)
        return f"{number:02d}" if self._random.random() < 0.1 else str(number)


@pytest.mark.parametrize(("of_day", "span"), [(True, MONTHS), (False, HOURS)])
def test_every_text_that_both_read_alike_passes_and_no_other_reading_does(
    cron_parser: Reader, *, of_day: bool, span: tuple[datetime, datetime]
) -> None:
    seed = random.randrange(2**32) if os.environ.get("LITMUS_SIDECAR_SOAK") else 49  # noqa: S311
    writer = Writer(seed)
    fires: dict[str, list[int]] = {}
    while len(fires) < TEXTS:
        text = writer.text(of_day=of_day)
        if (expected := fires_of_argo(text, span)) is not None:
            fires[text] = expected

    sent = {text: plugin_cron(text) for text in fires}
    asked = sorted({*sent, *sent.values()})
    read = dict(zip(asked, cron_parser(asked, span), strict=True))

    lost = [text for text in fires if not sent[text]]
    for text, expected in fires.items():
        if sent[text]:
            assert read[sent[text]] == expected, (seed, text, sent[text])
        else:
            assert read[text] != expected or not expected, (seed, text)
    # Some have no equal text at all; nearly all do.
    assert len(lost) <= len(fires) / 50, (seed, lost)


@pytest.mark.parametrize(
    ("text", "sent", "span"),
    [
        # As Litmus's own pages write them.
        ("0/5 * * * *", "0/5 * * * *", DAYS),
        ("0/15 * * * *", "0/15 * * * *", DAYS),
        ("00 0/1 * * *", "00 0/1 * * *", DAYS),
        ("00 01 1 1/1 *", "00 01 1 1/1 *", MONTHS),
        ("0 0 29 2 *", "0 0 29 2 *", MONTHS),
        ("0 0 ? * MON", "0 0 ? * MON", MONTHS),
        ("@midnight", "@daily", MONTHS),
        ("@annually", "@yearly", MONTHS),
    ],
)
def test_what_people_and_litmus_write_is_read_as_argo_reads_it(
    cron_parser: Reader, text: str, sent: str, span: tuple[datetime, datetime]
) -> None:
    assert plugin_cron(text) == sent
    assert cron_parser([sent], span) == [fires_of_argo(text, span)]


def test_weekdays_counted_on_to_the_end_do_not_gain_the_sunday_that_cron_parser_adds(
    cron_parser: Reader,
) -> None:
    text = "0 0 * * 5/1"

    assert cron_parser([text], MONTHS) != [fires_of_argo(text, MONTHS)]
    assert plugin_cron(text) == "0 0 * * 5,6"


def test_the_parser_does_not_mix_blanks_up(cron_parser: Reader) -> None:
    texts = ["0 8 * * *", "0\t8 * * *", "0\n8 * * *", "0\u00a08 * * *", " 0 8 * * * ", "0\u00858 * * *"]

    sent = [plugin_cron(text) for text in texts]

    assert sent[:-1] == texts[:-1]
    assert sent[-1] == "0 8 * * *"  # a blank in Go alone
    assert cron_parser(sent, HOURS) == [[int((HOURS[0] + timedelta(hours=2)).timestamp())]] * len(texts)
