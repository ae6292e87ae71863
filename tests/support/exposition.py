"""What Prometheus reads: both formats parsed by its own library, and families required to come once."""

import re
from collections.abc import Mapping

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as classic_families

Samples = Mapping[str, Mapping[frozenset[tuple[str, str]], float]]
"""Value by name and labels."""


def parsed(text: str, *, openmetrics: bool = False) -> Samples:
    """Return the samples of a scrape; two of one name and labels, or a family in two places, fail."""
    families = list(
        openmetrics_families(text) if openmetrics else classic_families(text)  # type: ignore[no-untyped-call]  # half typed library
    )
    heads = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(heads) == len(set(heads))
    samples: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in families:
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in samples.setdefault(sample.name, {}), (sample.name, sample.labels)
            samples[sample.name][labels] = sample.value
    return samples


def domain(samples: Samples) -> Samples:
    """Return the domain's metrics alone."""
    return {name: values for name, values in samples.items() if name.startswith("backstage_litmus_")}


def by_label(samples: Samples, name: str, label: str, **others: str) -> dict[str, float]:
    """Return a metric's values by one label, of the series with these others."""
    found: dict[str, float] = {}
    for labels, value in samples.get(name, {}).items():
        given = dict(labels)
        if others.items() <= given.items():
            assert given[label] not in found
            found[given[label]] = value
    return found
