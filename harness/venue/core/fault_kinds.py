"""The knobs by name: what each makes go wrong, and its variants."""

from __future__ import annotations

from enum import StrEnum

from harness.venue.core.refusal import Reason


class FaultKind(StrEnum):
    """One member a knob; HOWS lists the variants."""

    REFUSE = "refuse"
    """New requests and upgrades are refused."""
    REFUSE_UPGRADE = "refuse_upgrade"
    """Only WebSocket handshakes are."""
    STALL_UPGRADE = "stall_upgrade"
    """A handshake is never answered."""
    DROP_SOCKETS = "drop_sockets"
    """An act: open WebSockets are cut."""
    NATIVE_ERROR = "native_error"
    """Requests get `code` and `message`, with `status` unless the usual one is meant; or `how`: a refusal.Reason,
    which each venue spells its own way. Nothing is booked."""
    HTTP_STATUS = "http_status"
    """Requests get `status`; empty and truncated spoil the answer of a request that was carried out."""
    DELAY = "delay"
    """Requests wait `delay_s` before or after they are carried out."""
    EOF_AFTER_ACCEPT = "eof_after_accept"
    """An order is booked, the connection ends without a reply."""
    IGNORE_PING = "ignore_ping"
    """No pong of any kind while data keeps flowing."""
    EXPIRE_LISTEN_KEY = "expire_listen_key"
    """An act: listen keys end now."""
    SILENCE = "silence"
    """No data while pings are answered."""
    DUPLICATE = "duplicate"
    """An event is sent twice."""
    LOSE = "lose"
    """An event is not sent."""
    REORDER = "reorder"
    """An event is sent after the next one of its channel."""
    SKEW = "skew"
    """An act: the venue's clock is `delay_s` ahead, negative: behind, until healed."""
    MAINTENANCE = "maintenance"
    """Sockets are closed, requests and upgrades refused as the venue does under maintenance."""
    DELAY_LOGIN = "delay_login"
    """The answer to a WebSocket login comes `delay_s` later."""
    REJECT_LOGIN = "reject_login"
    """A WebSocket login is refused, with `code` or the venue's usual one."""
    REFUSE_SUBSCRIBE = "refuse_subscribe"
    """A subscription is refused, with `code` or the venue's usual one; nothing is subscribed."""
    BATCH_ITEMS = "batch_items"
    """The answer to a batch has an item too many, one too few, or another order; or every second item fails."""
    FIELD_FORM = "field_form"
    """The field named by `message`, in replies and events, has another JSON type, a fraction or none; or order ids are
    spelled the other way the venue has; or the refusal of an order comes under the code of success."""
    BARE_DELTA = "bare_delta"
    """Price events carry only what the venue must send, even without the last price."""
    OBSERVE_SIGNATURE = "observe_signature"
    """A wrong signature is accepted, and each one counts as a firing."""
    BURST = "burst"
    """Events of a channel are held back until there are `events` of them, then sent at once."""
    REFUSAL_FORM = "refusal_form"
    """A refused order is told in the other form that the venue has, for example inside an answer that says success."""
    LENIENT_ROW = "lenient_row"
    """One row of what the lenient profile adds, named by `message`, is on or off whatever the profile."""


HOWS: dict[FaultKind, tuple[str, ...]] = {
    FaultKind.REFUSE: ("503", "reset", "close", "hang"),
    FaultKind.REFUSE_UPGRADE: ("503", "reset", "close"),
    FaultKind.DROP_SOCKETS: ("close", "no_close_frame", "reset", "black_hole"),
    FaultKind.MAINTENANCE: ("close", "no_close_frame", "reset"),
    FaultKind.NATIVE_ERROR: tuple(reason.value for reason in Reason),
    FaultKind.HTTP_STATUS: ("html", "json", "empty", "truncated"),
    FaultKind.DELAY: ("before", "after"),
    FaultKind.EOF_AFTER_ACCEPT: ("close", "reset"),
    FaultKind.EXPIRE_LISTEN_KEY: ("event", "no_event"),
    FaultKind.BATCH_ITEMS: ("partly_failed", "one_more", "one_less", "reordered"),
    FaultKind.FIELD_FORM: ("number", "string", "fraction", "whole", "other_id"),
    FaultKind.LENIENT_ROW: ("on", "off"),
}
"""Variants of a kind, the default first (native_error has none by default); a kind that is not listed has none."""
EVENT_KINDS = (
    FaultKind.SILENCE, FaultKind.LOSE, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.BURST, FaultKind.FIELD_FORM,
)  # fmt: skip
