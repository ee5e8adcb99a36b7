"""A simulated Interactions API on a raw socket: literal bytes out, literal truth about them in a ledger.

Not here: anything of the gateway; this package imports nothing else of ours, so it cannot share a mistake with the tap.
Source: the API's streaming guide and interactions-api.md for the wire, accounting.md for the figures.
Promise: what goes out is what the scenario file says, save ids, times and the model asked for; faults are exact.

Start it with python -m gateway.simulator, or in-process with gateway.simulator.server.Simulator.

A request gets its scenario by the header x-simulator-scenario: NAME, by a model or agent named sim-NAME, else by its
shape (selection.py). Faults, splits and pace: x-simulator-fault, x-simulator-split, x-simulator-pace (faults.py).
GET /__simulator__/scenarios lists the names, GET /__simulator__/ledger what was received and sent (ledger.py).

Scenarios:
  As in the guide: text, thinking, function_call, function_call_turn2, several_tools, google_search, code_execution,
    url_context, mcp, mcp_url_context, image, audio, deep_research, requires_continuation_hop1,
    requires_continuation_hop2, requires_continuation_busy.
  Whole answers: unary, unary_audio, unary_big_image, unary_budget_exceeded, unary_cancelled, unary_code_execution,
    unary_continuation_hop2, unary_failed, unary_function_call, unary_function_call_turn2, unary_google_search,
    unary_image, unary_in_progress_usage, unary_incomplete, unary_invalid_utf8, unary_list, unary_malformed,
    unary_mcp, unary_no_interaction, unary_no_usage, unary_requires_continuation, unary_thinking, unary_tools,
    unary_unknown_status, unary_url_context.
  Runs of an agent without a stream: background.
  HTTP errors and others: http_400, http_400_array, http_400_rpc, http_401, http_403, http_404, http_408, http_409,
    http_429, http_429_long, http_429_ms, http_500, http_500_empty, http_502_html, http_503, http_503_date,
    http_503_sse, http_503_text, html_200, redirect_307.
  Other ends: incomplete, budget_exceeded, failed, cancelled, failed_update_only, cancelled_update_only,
    in_progress_completed, unknown_status, completed_without_interaction, completed_running_only,
    completed_no_usage, checkpoint_then_end, deep_research_detached, missing_done, done_without_completed,
    bytes_after_done, no_trailing_blank_line, truncated, truncated_mid_event, truncated_after_usage, empty_stream.
  Errors in a stream: error_midstream, error_midstream_no_done, error_after_usage, error_after_stop_usage,
    error_then_completed, completed_then_error, error_number_code, error_uri_code, error_without_type,
    bare_error_line, bare_error_body, bare_error_pretty_body.
  Framing: framing_torture, framing_fields, content_type_case, no_event_type, malformed_json, invalid_utf8,
    not_objects, big_image, big_images, oversized_line.
  Order and identity: delta_without_start, stop_without_start, step_reopened, missing_stops, interleaved_steps,
    untyped_delta, bad_arguments, no_arguments, second_completed, second_interaction, unknown_events, legacy.
  Usage: bad_usage, bad_usage_bool, bad_usage_float, bad_usage_negative, bad_usage_null, bad_usage_string,
    cached_unlisted, modality_exceeds_total, usage_exceeds_total, usage_missing_fields.
"""
