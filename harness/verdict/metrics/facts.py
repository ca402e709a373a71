"""Metrics over facts: single observations, counted or taken as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.evidence.evidence import Evidence
from harness.evidence.records import Fact
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, number, text
from harness.verdict.selecting import fits

NAME = Parameter("name", "text", "name of the facts", required=True)
SUBJECT = Parameter("subject", "texts", "only facts about this subject (a prefix with `*`, or several)")
VALUE = Parameter("value", "number", "only facts of this value")


def chosen(evidence: Evidence, of: Of) -> tuple[Fact, ...]:
    """The facts that name and subject select. Raises UnseenError when nobody recorded any: nothing was looked at."""
    name = text(of, "name")
    named = [fact for fact in evidence.facts if fact.name == name]
    facts = tuple(fact for fact in named if "subject" not in of or fits(fact.subject, of["subject"]))
    if not facts:
        about = f" about {of['subject']!r}" if "subject" in of else ""
        raise UnseenError(f"no fact named {name!r}{about} was recorded")
    return facts


def value(evidence: Evidence, of: Of) -> Measurement:
    """The value of each selected fact."""
    facts = chosen(evidence, of)
    return Measurement.each((Interval.exactly(fact.value) for fact in facts), (_details((fact,)) for fact in facts))


def count(evidence: Evidence, of: Of) -> Measurement:
    """How many facts, of one value when that is given."""
    facts = chosen(evidence, of)
    if "value" in of:
        facts = tuple(fact for fact in facts if fact.value == number(of, "value"))
    return Measurement(Interval.exactly(len(facts)), _details(facts))


def failing(evidence: Evidence, of: Of) -> Measurement:
    """How many facts have the value 0."""
    facts = tuple(fact for fact in chosen(evidence, of) if fact.value == 0)
    return Measurement(Interval.exactly(len(facts)), _details(facts))


def passing_groups(evidence: Evidence, of: Of) -> Measurement:
    """How many groups (the subject up to its first slash) have nothing but ones."""
    groups: defaultdict[str, bool] = defaultdict(lambda: True)
    facts = chosen(evidence, of)
    for fact in facts:
        groups[fact.subject.split("/", 1)[0]] &= fact.value == 1
    broken = tuple(fact for fact in facts if fact.value != 1)
    return Measurement(Interval.exactly(sum(groups.values())), _details(broken))


def _details(facts: Iterable[Fact], most: int = 3) -> str:
    told = [f"{fact.subject or fact.name}: {fact.detail}" for fact in facts if fact.detail]
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return "; ".join(told[:most]) + more


METRICS = (
    Metric("facts.value", "", "value of each selected fact", (NAME, SUBJECT), value, unknown=EVERYTHING),
    Metric("facts.count", "", "number of selected facts", (NAME, SUBJECT, VALUE), count, grows=True),
    Metric("facts.failing", "", "number of selected facts with the value 0", (NAME, SUBJECT), failing, grows=True),
    Metric(
        "facts.passing_groups", "", "groups (subject up to `/`) all of whose facts are 1",
        (NAME, SUBJECT), passing_groups, grows=True,
    ),
)  # fmt: skip
