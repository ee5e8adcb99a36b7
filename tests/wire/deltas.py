"""Random streams of deltas as the API spells them, as it might, and as it never should. Not here: any expectation."""

from __future__ import annotations

from hypothesis import strategies as st

LEAD = b"event: step.delta\n"
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "The quick brown fox jumps over the lazy dog.",
        "é 漢字 🙂\u2028",
        "\x7f",
        r"\n\t\"\\\/\b\f\r",
        r"\u00e9\uD83D\uDE42",
        r"\ud800",  # half a surrogate pair: orjson refuses it, the SDKs take it
        r"\u12",
        r"\x41",
        "\t",  # control characters have no place in a JSON string
        "\x00",
        '"',
        "\\",
        '","type":"image","a":"',
        '"},"event_type":"step.delta"}',
        "a\ndata: b",
        "a\r",
        "x" * 3_000,
    ]
).map(lambda text: text.encode()) | st.sampled_from(
    [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf"]
)
INDICES = st.sampled_from([b"0", b"0", b"0", b"0", b"1", b"1", b"2", b"7"])
ODD_INDICES = st.sampled_from([b"00", b"01", b"-1", b"-0", b"1.0", b"1e0", b'"0"', b"null", b"true", b"999999999"])
ODD_INDICES |= st.sampled_from([b"2147483647", b"2147483648", b"99999999999999999999", b"", b"0 ", b"\xd9\xa0"])
TYPES = st.sampled_from([b"image", b"thought_summary", b"thought_signature", b"arguments_delta", b"hologram", b"Text"])
USAGE = b'{"total_tokens":%d,"total_input_tokens":3}'
NAMES = st.sampled_from(
    [b"event: step.delta\n"] * 6 + [b"event:step.delta\n", b"event: step.delta \n", b"", b"event: a\n"]
)
NAMES |= st.sampled_from([b"event: step.stop\n", b"id: 1\nevent: step.delta\n", b"\xef\xbb\xbfevent: step.delta\n"])
DATA = st.sampled_from([b"data: "] * 6 + [b"data:", b"data:  ", b"data: \ndata: ", b"data\ndata: ", b"Data: "])


RUNNING = [
    b',"metadata":{"total_usage":{"total_tokens":%d}}',
    b',"metadata":{"total_usage":{"total_input_tokens":7,"total_tokens":%d,"total_tool_use_tokens":0}}',
    b',"metadata":{"total_usage":{"total_tokens":4,"total_tokens":%d}}',
    b',"metadata":{"total_usage":{"total_tokens":4,"initial_input_tokens":%d}}',
    b',"metadata":{"total_usage":{"total_tokens":-1,"total_input_tokens":%d}}',
    b',"metadata":{"total_usage":{"total_new_tokens":%d}}',
]
EXTRAS = [b',"metadata":{"total_usage":{}}', b',"index":1', b',"delta":null', b',"error":{}', b',"a":"b"']


@st.composite
def usual(draw: st.DrawFn) -> bytes:
    """A block as the API spells it, in one of its ways, or nearly so, with a text of any sort."""
    text, order = draw(TEXTS), draw(st.integers(0, 3))
    index = draw(st.one_of(INDICES, INDICES, INDICES, ODD_INDICES))
    delta = [b'{"text":"%b","type":"text"}', b'{"type":"text","text":"%b"}'][order % 2] % text
    wire = [
        b'{"index":%b,"delta":%b,"event_type":"step.delta"%b}',
        b'{"event_type":"step.delta","index":%b,"delta":%b%b}',
    ]
    usages = [usage % draw(st.integers(0, 99)) for usage in RUNNING]
    more = draw(st.sampled_from([b""] * 8 + [b',"event_id":"evt_1"', b',"event_id":"%b"' % text, *usages, *EXTRAS]))
    return LEAD + b"data: " + wire[order // 2] % (index, delta, more) + b"\n\n"


@st.composite
def odd(draw: st.DrawFn) -> bytes:
    """A delta with its keys in any order and number, its parts of any sort, spaces and line ends anywhere."""
    space = draw(st.sampled_from([b"", b"", b"", b" ", b"\t", b"\n", b"\r"]))
    text = b'"text":%b"%b"' % (space, draw(TEXTS))
    type_ = b'"type":"%b"' % draw(st.just(b"text") | TYPES)
    parts = [text, type_, text, type_, b'"annotations":[]', b'"arguments":"{}"', b'"is_error":true', b'"text":5']
    inner = draw(st.lists(st.sampled_from(parts), max_size=4))
    delta = b'"delta":{' + (b"," + space).join(inner) + b"}"
    index = b'"index":' + draw(INDICES | ODD_INDICES)
    usage = USAGE % draw(st.integers(-1, 50))
    fields = [index, delta, b'"event_type":"step.delta"', b'"metadata":{"total_usage":%b}' % usage, b'"event_id":"e"']
    fields += [b'"event_type":"step.stop"', b'"delta":null', b'"index":1', b'"new":{"a":[1]}', b'"event_type":7']
    chosen = draw(st.permutations(fields[:3])) + draw(st.lists(st.sampled_from(fields), max_size=2))
    end = draw(st.sampled_from([b"\n\n"] * 4 + [b"\r\n\r\n", b"\r\r", b"\n", b"\n\r\n", b"\n\n\n"]))
    return draw(NAMES) + draw(DATA) + b"{" + (b"," + space).join(chosen) + b"}" + end


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A block as the API spells it, with a byte lost, changed or put in."""
    block = bytearray(draw(usual()))
    at = draw(st.integers(0, len(block) - 1))
    what = draw(st.sampled_from(["lose", "change", "put in"]))
    block[at : at + (what != "put in")] = (
        b"" if what == "lose" else draw(st.sampled_from(list(b'\\"{}:,\n\r 0t\xff')).map(lambda b: bytes([b])))
    )
    return bytes(block)


def _event(wire: bytes) -> bytes:
    return b"data: " + wire + b"\n\n"


STARTS = st.builds(
    lambda index, step: _event(b'{"event_type":"step.start","index":%b,"step":{"type":"%b}}' % (index, step)),
    INDICES,
    st.sampled_from(
        [
            b'model_output"',
            b'thought"',
            b'function_call"',
            b'hologram_call"',
            b'google_search_call","id":"c"',
            b'google_search_result","call_id":"c"',
        ]
    ),
)
STOPS = INDICES.map(lambda index: _event(b'{"event_type":"step.stop","index":%b}' % index))
OTHERS = st.sampled_from(
    [
        b": ping\n\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"event: step.delta\n\n",
        b"id: 5\n",
        b"retry: 5\n\n",
        b"foo: 1\n",
        b'{"error":{"code":"a"}}\n',
        b"{}\n",
        b"data: [DONE]\n\n",
        b"data: [DONE]\n\n",
        b"event: done\ndata: [DONE]\n\n",
        b"\xef\xbb\xbf",
        _event(b'{"event_type":"interaction.created","interaction":{"id":"a","status":"in_progress"}}'),
        _event(b'{"event_type":"interaction.status_update","interaction_id":"a","usage":%b}' % USAGE % 40),
        _event(
            b'{"event_type":"interaction.completed","interaction":{"id":"a","status":"completed","usage":%b}}'
            % USAGE
            % 9
        ),
        _event(b'{"event_type":"new.event","metadata":{"total_usage":%b}}' % USAGE % 4),
    ]
)
RUNS = st.lists(usual(), min_size=1, max_size=6).map(b"".join)
BLOCKS = st.one_of(RUNS, RUNS, usual(), odd(), damaged(), STARTS, STOPS, OTHERS)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A body: mostly begun as it should be, then blocks of any sort."""
    begun = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b": hello\n\n"]))
    begun += b"".join(draw(st.lists(STARTS, max_size=3)))
    return begun + b"".join(draw(st.lists(BLOCKS, max_size=14)))
