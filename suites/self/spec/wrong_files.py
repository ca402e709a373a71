"""A small good spec file, and changes to it that must each be refused."""

from __future__ import annotations

from dataclasses import dataclass

GOOD = """\
id: "3.1.2"
title: Position stream with a symbol filter
group: integration
priority: high
given: two clients
when: positions move
then: each sees its own
estimate_s: 20
criteria:
  - id: foreign
    says: no other symbol is seen
    metric: messages.count
    of: {client: filtered, symbol_not: BTCUSDT}
    op: "=="
    limit: 0
    unit: updates
    level: required
  - id: foreign-sent
    says: other symbols moved meanwhile
    metric: messages.count
    of: {client: control, symbol_not: BTCUSDT}
    op: ">="
    limit: 5
    level: proof
"""
NAME = "3.1.2-position-filter.yaml"


@dataclass(frozen=True)
class Wrong:
    """A change to GOOD, the line that must be named, and words that the sentence must contain."""

    name: str
    old: str
    new: str
    line: int
    says: tuple[str, ...]


CASES = (
    Wrong("tab", "    says: other", "\tsays: other", 19, ("not YAML", "spaces instead of tabs")),
    Wrong("unclosed-flow", 'BTCUSDT}\n    op: "=="', 'BTCUSDT\n    op: "=="', 14, ("not YAML",)),
    Wrong("unquoted-operator", 'op: ">="', "op: >=", 22, ("not YAML", "put the operator in quotes")),
    Wrong("colon-in-text", "then: each", "then: this: each", 7, ("not YAML", "quotes")),
    Wrong("unclosed-quote", "title: Position", 'title: "Position', 14, ("not YAML", "close the quote")),
    Wrong("unclosed-last-quote", "level: proof", 'level: "proof', 25, ("not YAML", "close the quote")),
    Wrong("unknown-alias", "limit: 5", "limit: *five", 23, ("undefined alias", "define the anchor above")),
    Wrong("two-documents", "criteria:", "---\ncriteria:", 9, ("not YAML", "one document per file")),
    Wrong("control-character", "two clients", "two\x01clients", 5, ("U+0001", "not allowed")),
    Wrong("python-tag", "given: two clients", "given: !!python/object:os.system two", 5, ("tag", "leave the tag away")),
    Wrong("set-tag", "of: {client: control", "of: !!set {client: control", 21, ("tag", "leave the tag away")),
    Wrong(
        "unknown-field",
        "estimate_s: 20",
        "estimate_s: 20\nestimat: 3",
        9,
        ("unknown field 'estimat'", "write 'estimate_s'"),
    ),
    Wrong("misspelt-field", "priority: high", "prioritty: high", 4, ("unknown field 'prioritty'", "write 'priority'")),
    Wrong(
        "unknown-criterion-field",
        "    limit: 5",
        "    limmit: 5",
        23,
        ("'foreign-sent'", "unknown field 'limmit'", "'limit'"),
    ),
    Wrong(
        "far-off-field", "estimate_s: 20", "estimate_s: 20\nzzz: 1", 9, ("unknown field 'zzz'", "known are id, title")
    ),
    Wrong("missing-field", "priority: high\n", "", 1, ("field 'priority' is missing", "add it")),
    Wrong("missing-limit", "    limit: 5\n", "", 18, ("criterion 'foreign-sent'", "'limit' is missing")),
    Wrong(
        "operator", 'op: "=="', 'op: "="', 14, ("criterion 'foreign'", "op '=' is not one of ==, <=, <, >=, >", "write")
    ),
    Wrong("unquoted-equals", 'op: "=="', "op: =", 14, ("op '=' is not one of",)),
    Wrong("level", "level: proof", "level: prof", 24, ("level 'prof' is not one of", "write 'proof'")),
    Wrong("limit-text", "limit: 5", 'limit: "5"', 23, ("limit must be a number, not '5'", "without quotes")),
    Wrong("limit-unit", "limit: 5", "limit: 5 ms", 23, ("limit must be a number, not '5 ms'",)),
    Wrong("limit-bool", "limit: 5", "limit: true", 23, ("limit must be a number, not true",)),
    Wrong("limit-empty", "limit: 5", "limit:", 23, ("limit must be a number, not nothing",)),
    Wrong("limit-infinite", "limit: 5", "limit: .inf", 23, ("not a finite number",)),
    Wrong("limit-nan", "limit: 5", "limit: .nan", 23, ("not a finite number",)),
    Wrong("limit-overflow", "limit: 5", "limit: 1e999", 23, ("not a finite number",)),
    Wrong("limit-endless", "limit: 5", "limit: " + "9" * 5000, 23, ("more than 18 digits",)),
    Wrong("sexagesimal", "estimate_s: 20", "estimate_s: 1:30", 8, ("estimate_s must be a number, not '1:30'",)),
    Wrong("estimate-zero", "estimate_s: 20", "estimate_s: 0", 8, ("estimate_s 0", "greater than 0")),
    Wrong("trials-fraction", "estimate_s: 20", "estimate_s: 20\ntrials: 1.5", 9, ("trials", "whole number", "1.5")),
    Wrong("trials-none", "estimate_s: 20", "estimate_s: 20\ntrials: 0", 9, ("trials 0", "greater than or equal to 1")),
    Wrong(
        "title-number",
        "title: Position stream with a symbol filter",
        "title: 312",
        2,
        ("title must be a text", "in quotes"),
    ),
    Wrong("id-number", 'id: "3.1.2"', "id: 3.1", 1, ("id must be a text, not 3.1", "put it in quotes")),
    Wrong("id-form", 'id: "3.1.2"', 'id: "3.1"', 1, ("id '3.1' is not a case id",)),
    Wrong(
        "criterion-id-form", "id: foreign-sent", "id: Foreign sent", 18, ("criterion 'Foreign sent'", "small letters")
    ),
    Wrong(
        "metric-form",
        "metric: messages.count\n    of: {client: control",
        "metric: count\n    of: {client: control",
        20,
        ("criterion 'foreign-sent'", "metric 'count' is not a metric", "family.name"),
    ),
    Wrong(
        "group",
        "group: integration",
        "group: integrations",
        3,
        ("group 'integrations' is not one of", "write 'integration'"),
    ),
    Wrong("criteria-mapping", "unit: updates", "unit: [updates]", 16, ("unit must be a text, not a list",)),
    Wrong(
        "argument-null", "client: control", "client: ~", 21, ("criterion 'foreign-sent'", "of.client", "list of texts")
    ),
    Wrong("argument-mapping", "client: control", "client: {a: b}", 21, ("of.client", "not a mapping")),
    Wrong("argument-list", "client: control", "client: [control, 3]", 21, ("of.client",)),
    Wrong(
        "duplicate-key",
        "    unit: updates",
        "    limit: 1",
        16,
        ("key 'limit' stands twice", "first in line 15", "keep one"),
    ),
    Wrong("duplicate-flow-key", "client: control", "client: a, client: b", 21, ("key 'client' stands twice",)),
    Wrong("key-number", "client: control", "1: control", 21, ("key '1' is no text", "quotes")),
    Wrong("key-list", "client: control", "[a, b]: control", 21, ("a key is a list",)),
    Wrong(
        "contains-itself",
        "of: {client: control, symbol_not: BTCUSDT}",
        "of: &me {client: *me}",
        21,
        ("contains itself",),
    ),
    Wrong(
        "merge-of-text",
        "of: {client: control",
        "of: {<<: text, client: control",
        21,
        ("merges something that is no mapping",),
    ),
    Wrong(
        "duplicate-criterion",
        "id: foreign-sent",
        "id: foreign",
        18,
        ("criterion id 'foreign' stands twice", "another id"),
    ),
    Wrong("wrong-chapter", "group: integration", "group: e2e", 3, ("belongs to group integration, not e2e",)),
    Wrong("no-required", "level: required", "level: advisory", 10, ("no required criterion",)),
    Wrong(
        "no-proof", "level: proof", "level: required", 10, ("'foreign'", "nothing happens at all", "proof criterion")
    ),
    Wrong("vacuous", "limit: 5", "limit: 0", 23, ("messages.count >= 0 can never be missed",)),
    Wrong("impossible", "    limit: 0", "    limit: -1", 15, ("can never hold",)),
    Wrong("impossible-fraction", "    limit: 0", "    limit: 0.5", 15, ("can never hold",)),
    Wrong(
        "quantile",
        'symbol_not: BTCUSDT}\n    op: ">="',
        'quantile: 99}\n    op: ">="',
        21,
        ("quantile 99", "write 0.99"),
    ),
    Wrong(
        "quantile-unplanned",
        'symbol_not: BTCUSDT}\n    op: ">="',
        'quantile: 0.99}\n    op: ">="',
        21,
        ("plans no messages", "add load"),
    ),
    Wrong(
        "load-unknown",
        "estimate_s: 20",
        "estimate_s: 20\nload: {cals: 5}",
        9,
        ("load 'cals' is not one of calls, messages",),
    ),
    Wrong("load-zero", "estimate_s: 20", "estimate_s: 20\nload: {calls: 0}", 9, ("plan at least 1",)),
    Wrong("load-fraction", "estimate_s: 20", "estimate_s: 20\nload: {calls: 1.5}", 9, ("load.calls", "whole number")),
    Wrong("name", 'id: "3.1.2"', 'id: "3.1.3"', 1, ("file's name does not fit case 3.1.3", "name it 3.1.3-")),
)
