"""What each recorded stream says, as literals read off its bytes by eye. Not here: how they are compared."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Said:
    """The facts of one recorded stream.

    steps: index, type, deltas, whether its stop was seen. kinds: of deltas, `any` left out where there are none.
    tokens: by type and modality, as counted. wanted: how it was asked for, where that is not `create`.
    """

    outcome: str
    interaction_id: str | None
    status: str | None
    events: int
    steps: list[tuple[int, str, int, bool]]
    kinds: set[str]
    tokens: dict[str, int] = field(default_factory=dict)
    basis: str | None = "final"
    cached: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    invalid: dict[str, int] = field(default_factory=dict)
    anomalies: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    done: bool = True
    end: str = "clean"
    wanted: str = "create"
    background: bool = False


ANSWER = {"any", "text", "output"}
ARGUMENTS = {"any", "tool", "output"}
ERROR_ID = "v1_ChdErrorExample0011"
AGENT_ID = "v1_ChdAgentExample0008"
RESEARCH = {
    "input/unknown": 428865,
    "output/unknown": 22294,
    "thought/unknown": 26213,
    "unattributed/unknown": 639659,
}

STREAM_FACTS: dict[str, Said] = {
    "text": Said(
        "completed",
        "v1_ChdTextExample0001",
        "completed",
        11,
        [(0, "thought", 1, True), (1, "model_output", 2, True)],
        ANSWER | {"thought"},
        {"input/text": 11, "output/unknown": 90, "thought/unknown": 245},
    ),
    "thinking": Said(
        "completed",
        "v1_ChdThinkExample0002",
        "completed",
        13,
        [(0, "thought", 3, True), (1, "model_output", 2, True)],
        ANSWER | {"thought"},
        {"input/text": 18, "output/text": 17, "thought/unknown": 112},
    ),
    "function_call_turn1": Said(
        "requires_action",
        "v1_ChdFuncExample0003a",
        "requires_action",
        16,
        [(0, "thought", 1, True), (1, "function_call", 3, True), (2, "function_call", 1, True)],
        ARGUMENTS | {"thought"},
        {"input/text": 138, "output/unknown": 20, "thought/unknown": 141},
    ),
    "function_call_turn2": Said(
        "completed",
        "v1_ChdFuncExample0003b",
        "completed",
        8,
        [(0, "model_output", 2, True)],
        ANSWER,
        {"input/text": 318, "output/text": 15},
        cached={"text": 256},
    ),
    "google_search": Said(
        "completed",
        "v1_ChdSearchExample0004",
        "completed",
        17,
        [
            (0, "google_search_call", 1, True),
            (1, "google_search_result", 1, True),
            (2, "thought", 1, True),
            (3, "model_output", 2, True),
        ],
        ANSWER | {"tool", "thought"},
        {"input/text": 24, "output/text": 31, "tool_use/text": 201, "thought/unknown": 256},
    ),
    "code_execution": Said(
        "completed",
        "v1_ChdCodeExample0005",
        "completed",
        19,
        [
            (0, "code_execution_call", 1, True),
            (1, "code_execution_result", 1, True),
            (2, "code_execution_call", 1, True),
            (3, "code_execution_result", 1, True),
            (4, "model_output", 1, True),
        ],
        ANSWER | {"tool"},
        {"input/text": 30, "output/text": 80, "tool_use/text": 120, "thought/unknown": 180},
    ),
    "mcp_url_context": Said(
        "completed",
        "v1_ChdMcpExample0014",
        "completed",
        19,
        [
            (0, "url_context_call", 1, True),
            (1, "url_context_result", 1, True),
            (2, "mcp_server_tool_call", 1, True),
            (3, "mcp_server_tool_result", 1, True),
            (4, "model_output", 1, True),
        ],
        ANSWER | {"tool"},
        {"input/unknown": 40, "output/unknown": 10, "tool_use/unknown": 40},
    ),
    "image_mixed": Said(
        "completed",
        "v1_ChdImageExample0006",
        "completed",
        15,
        [(0, "model_output", 1, True), (1, "thought", 1, True), (2, "model_output", 3, True)],
        ANSWER | {"thought", "media"},
        {"input/unknown": 29, "output/image": 4480, "output/unknown": 1619},
    ),
    "audio": Said(
        "completed",
        "v1_ChdAudioExample0007",
        "completed",
        9,
        [(0, "model_output", 3, True)],
        {"any", "media", "output"},
        {"input/text": 12, "output/audio": 160},
    ),
    "deep_research_background": Said(
        "completed",
        AGENT_ID,
        "completed",
        12,
        [(0, "thought", 2, True), (1, "model_output", 2, True)],
        ANSWER | {"thought"},
        RESEARCH,
        anomalies={"untyped_delta": 1},
        background=True,
    ),
    "deep_research_cut": Said(
        "upstream_abort",
        AGENT_ID,
        "in_progress",
        5,
        [(0, "thought", 2, False)],
        {"any", "thought"},
        basis=None,
        done=False,
        end="cut",
        background=True,
    ),
    "deep_research_resume": Said(
        "completed",
        AGENT_ID,
        "completed",
        7,
        [(0, "other", 0, True), (1, "model_output", 2, True)],
        ANSWER,
        RESEARCH,
        anomalies={"untyped_delta": 1, "step_without_start": 1},
        wanted="get",
    ),
    "error_midstream": Said(
        "stream_error",
        ERROR_ID,
        "in_progress",
        6,
        [(0, "model_output", 1, False)],
        ANSWER,
        basis=None,
        errors=["gateway_timeout"],
    ),
    "error_midstream_no_done": Said(
        "stream_error",
        ERROR_ID,
        "in_progress",
        5,
        [(0, "model_output", 1, False)],
        ANSWER,
        basis=None,
        errors=["internal_error"],
        done=False,
    ),
    "failed_status": Said(
        "failed",
        ERROR_ID,
        "failed",
        8,
        [(0, "model_output", 1, True)],
        ANSWER,
        {"input/unknown": 7, "output/unknown": 5},
    ),
    "truncated_mid_event": Said(
        "truncated",
        ERROR_ID,
        "in_progress",
        4,
        [(0, "model_output", 1, False)],
        ANSWER,
        basis=None,
        invalid={"json": 1},
        done=False,
    ),
    "missing_done": Said(
        "completed",
        ERROR_ID,
        "completed",
        6,
        [(0, "model_output", 1, True)],
        ANSWER,
        {"input/unknown": 7, "output/unknown": 5},
        done=False,
    ),
    "no_trailing_blank_line": Said(
        "completed",
        "v1_ChdTailExample0016",
        "completed",
        2,
        [],
        set(),
        {"input/unknown": 7, "output/unknown": 12},
        anomalies={"unterminated_block": 1},
        done=False,
    ),
    "unknown_events": Said(
        "completed",
        "v1_ChdUnknownExample0012",
        "completed",
        13,
        [(0, "other", 1, True), (1, "model_output", 2, True)],
        ANSWER,
        {"input/text": 5, "input/unknown": 4, "output/text": 2, "output/unknown": 9},
        unknown={"status": 1, "event_type": 2, "step_type": 1, "delta_type": 2, "tier": 1, "modality": 2},
    ),
    "requires_continuation_hop1": Said(
        "requires_continuation",
        "v1_ChdContExample0013a",
        "requires_continuation",
        10,
        [(0, "model_output", 2, True)],
        ANSWER,
        {"input/unknown": 10, "output/unknown": 2000},
    ),
    "requires_continuation_hop2": Said(
        "completed",
        "v1_ChdContExample0013b",
        "completed",
        7,
        [(0, "model_output", 1, True)],
        ANSWER,
        {"input/unknown": 2010, "output/unknown": 505},
    ),
    "framing_torture": Said(
        "completed",
        "v1_ChdFrameExample0015",
        "completed",
        7,
        [(0, "model_output", 2, True)],
        ANSWER,
        {"input/unknown": 7, "output/unknown": 12},
    ),
}
