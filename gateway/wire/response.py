"""One response body, read as what its Content-Type says it is: an event stream, a JSON body, or nothing of ours.

Not here: decompression, sockets, clocks (the tap has them).
Source: accounting.md 1 (what is an interaction's answer) and 4 (odd input).
Promise: nothing raises by itself; memory is bounded (a large body is skimmed).
"""

from __future__ import annotations

from gateway.wire.errors import read_error
from gateway.wire.events import ErrorEvent, read_event
from gateway.wire.facts import Anomaly, Invalid, StreamFacts, Unknown
from gateway.wire.fastlane import next_lead, text_run
from gateway.wire.interaction import InteractionTracker
from gateway.wire.jsontext import load_json
from gateway.wire.outcome import Body, End, Route, is_interaction_answer
from gateway.wire.ring import RecordingTracker
from gateway.wire.sse import BOM, DONE, SSEEvent, SSEParser
from gateway.wire.whole import WholeBody

PLAIN_MAX_BYTES = 1024  # read at once by the plain way: at the worst a byte costs most of a microsecond
ERROR_BODY_MAX_BYTES = 16 * 1024  # an error body is small; a longer one is read no further


def body_kind(content_type: str | None) -> Body:
    """What a Content-Type promises; parameters and case don't matter."""
    essence = (content_type or "").partition(";")[0].strip().lower()
    if essence == "text/event-stream":
        return Body.STREAM
    if essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json")):
        return Body.JSON
    return Body.OTHER


class ResponseReader:
    """Feed it the decompressed body with times; ask it for the facts at the end.

    http_error_code: what the wire calls an answer of 400 or more, for span and log.
    """

    def __init__(self, route: Route, http_status: int, body: Body, *, stall_ns: int, detail: bool = False) -> None:
        """detail: keep the last events too."""
        self.tracker = RecordingTracker(stall_ns=stall_ns) if detail else InteractionTracker(stall_ns=stall_ns)
        self.http_error_code: str | None = None
        self._body = body
        self._reads = is_interaction_answer(route, http_status, body)
        self._is_error = http_status >= 400
        self._parser = SSEParser() if self._reads and body is Body.STREAM else None
        self._whole = WholeBody() if self._parser is None and (self._reads or self._is_error) else None
        # until the first event an event stream may still turn out to be a bare JSON error
        self._prefix: bytearray | None = bytearray() if self._parser is not None else None
        self._unknown_fields = 0  # lines that began with `{` and were no error
        self._unreadable = False

    def feed(self, piece: bytes, t_ns: int) -> None:
        """The next bytes of the body, arrived at t_ns (ns since the exchange's start)."""
        at, end = 0, len(piece)
        while at < end:
            at = self.feed_some(piece, at, t_ns)

    def feed_some(self, piece: bytes, at: int, t_ns: int) -> int:
        """The same for a share of the piece that begins at `at`; where it ends.

        It is of bounded work: of PLAIN_MAX_BYTES, or more where that costs no more: deltas that are told by their
        bytes, a long string that is passed by.
        """
        parser = self._parser
        if parser is not None:
            if parser.between_blocks and (run := text_run(piece, at)) is not None:
                index, count, size, usage, stop = run
                if index is None or not self.tracker.feed_texts(index, count, size, usage, t_ns):
                    self._plain(parser, piece[at:stop], t_ns)
                return stop
            at = parser.pass_string(piece, at)
            stop = next_lead(piece, at, min(at + PLAIN_MAX_BYTES, len(piece)))
            self._plain(parser, piece[at:stop], t_ns)
            return stop
        if self._whole is None:
            return len(piece)
        at = self._whole.pass_string(piece, at)
        self._whole.feed(piece[at : at + PLAIN_MAX_BYTES])
        return min(at + PLAIN_MAX_BYTES, len(piece))

    def finish(self, end: End, t_ns: int) -> StreamFacts:
        """The body is over, in this way. Call it once."""
        if self._parser is not None:
            self._finish_stream(self._parser, end, t_ns)
        elif self._whole is not None:
            self._finish_whole(self._whole, end)
        elif self._unreadable and end is not End.CUT:
            self.tracker.final_seen = self._reads
        return self.tracker.finish(t_ns)

    def unreadable(self) -> None:
        """The body is in an encoding that can't be read: nothing is known of it, and that is said."""
        self.tracker.anomaly(Anomaly.UNREADABLE_ENCODING)
        self._parser = self._whole = self._prefix = None
        self._unreadable = True

    def _plain(self, parser: SSEParser, piece: bytes, t_ns: int) -> None:
        if self._prefix is not None:
            self._prefix += piece[: ERROR_BODY_MAX_BYTES + 1]
            if len(self._prefix) > ERROR_BODY_MAX_BYTES:
                self._prefix = None
        self._events(parser.feed(piece), t_ns)

    def _events(self, events: list[SSEEvent], t_ns: int) -> None:
        tracker = self.tracker
        for sse in events:
            if sse.bare:
                self._bare(sse, t_ns)
                continue
            if not sse.terminated:
                tracker.anomaly(Anomaly.UNTERMINATED_BLOCK)
            tracker.feed(read_event(sse), t_ns, sse.size)
            self._prefix = None

    def _bare(self, sse: SSEEvent, t_ns: int) -> None:
        error = read_error(load_json(sse.data)) if sse.data is not None and _may_say_error(sse.data) else None
        if error is None:
            self._unknown_fields += 1
        else:
            self.tracker.feed(ErrorEvent(error, bare=True), t_ns, sse.size)
            self._prefix = None

    def _finish_stream(self, parser: SSEParser, end: End, t_ns: int) -> None:
        tracker = self.tracker
        # after a cut, or for a client that left, a half block is nobody's event
        if end is End.CLEAN and not tracker.done_seen:
            self._finish_block(parser.finish(), t_ns)
        if end is End.CLEAN and self._prefix:
            error = read_error(load_json(bytes(self._prefix).removeprefix(BOM)))
            if error is not None:
                tracker.feed(ErrorEvent(error, bare=True), t_ns, len(self._prefix))
                return
        if unknown := self._unknown_fields + parser.unknown_fields:
            tracker.unknown(Unknown.SSE_FIELD, None, unknown)

    def _finish_block(self, events: list[SSEEvent], t_ns: int) -> None:
        for sse in events:
            if sse.bare or sse.data == DONE or (sse.data is not None and _is_whole(sse.data)):
                self._events([sse], t_ns)
            else:
                self.tracker.invalid(Invalid.SIZE if sse.data is None else Invalid.JSON)
                self._prefix = None

    def _finish_whole(self, body: WholeBody, end: End) -> None:
        data = body.data()
        if self._is_error:
            error = read_error(load_json(data)) if data else None
            self.http_error_code = error.code if error is not None else None
            return
        wire = load_json(data) if data is not None else Invalid.SIZE
        has_status = isinstance(wire, dict) and isinstance(wire.get("status"), str)
        if end is not End.CLEAN and not has_status:
            return  # half a JSON body says nothing; one that is all there says it, whatever broke behind it
        if isinstance(wire, Invalid):
            self.tracker.invalid(wire)
            return
        self.tracker.feed_body(wire)
        error = None if has_status else read_error(wire)
        if error is not None:
            self.tracker.feed_error(ErrorEvent(error, bare=True))


def _may_say_error(data: bytes) -> bool:
    """Whether a text could be an object with the key `error`: cheap, for lines of two bytes cost a parse each."""
    return len(data) >= len('{"error":0}') and (b'"error"' in data or b"\\u" in data)


def _is_whole(data: bytes) -> bool:
    return not isinstance(load_json(data), Invalid)
