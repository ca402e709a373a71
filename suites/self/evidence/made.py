"""Records made up for tests of the evidence room, and a Hypothesis strategy for any of them."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.evidence.records import VENUE, Call, Fact, Mark, Message, Outcome, Reading, Record

S = 1_000_000_000

_int64 = st.integers(-(2**63), 2**63 - 1)
_times = st.integers(0, 2**62)
# Everything that UTF-8 can hold: a target's text is not ours to choose.
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_names = st.sampled_from(["c1", "c2", VENUE, "", "größe"])

records = st.one_of(
    st.builds(Call, _int64, _names, _names, _times, _times, _times, st.sampled_from(Outcome), _names),
    st.builds(Message, _names, _names, _text, _text, _int64, _times, _times, _times, _int64, _text),
    st.builds(Mark, _times, _names, st.dictionaries(_text, _text, max_size=3), _times),
    st.builds(Reading, _times, _names, st.floats(allow_nan=False), _names),
    st.builds(Fact, _names, st.floats(allow_nan=False), _text, _text, _text),
)


def some_of_each(rounds: int) -> list[Record]:
    """A few records of every kind a round, all different."""
    made: list[Record] = []
    for at in range(rounds):
        t_ns = S + at * 1000
        made += [
            Call(at, "c1", "GetAccount", t_ns, t_ns + 1, t_ns + 2, Outcome.OK, "OK"),
            Message(VENUE, "prices", "BTCUSDT", f"{100 + at}.5", at + 1, t_ns, t_ns),
            Message("c1", "prices", "BTCUSDT", f"{100 + at}.5", 0, 0, t_ns + 500, 1, at + 7),
            Mark(t_ns, "stream.live", {"client": "c1", "stream": "prices", "subscription": str(at)}),
            Reading(t_ns, "connector.rss", 1e6 + at, "bytes"),
            Fact("answer", 1.0, "", f"binance/{at}", "same"),
        ]
    return made
