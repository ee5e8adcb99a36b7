"""The guide's function call: arguments gathered in the first turn, the result sent in the second."""

import json
from typing import Any

from google import genai

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}

client: Any = genai.Client()
first = client.interactions.create(
    model="gemini-3-flash-preview", tools=[WEATHER], input="What is the weather in Paris right now?", stream=True
)
interaction_id, calls, arguments = "", {}, {}
for event in first:
    if event.event_type == "interaction.created":
        interaction_id = event.interaction.id
    elif event.event_type == "step.start" and event.step.type == "function_call":
        calls[event.index], arguments[event.index] = event.step, ""
    elif event.event_type == "step.delta" and event.delta.type == "arguments_delta":
        arguments[event.index] += event.delta.arguments

for index, call in calls.items():
    print(call.name, json.loads(arguments[index]))

index, call = next(iter(calls.items()))
result = {"content": [{"type": "text", "text": '{"weather": "Sunny and 22°C"}'}]}
second = client.interactions.create(
    model="gemini-3-flash-preview",
    previous_interaction_id=interaction_id,
    input=[{"type": "function_result", "name": call.name, "call_id": call.id, "result": result}],
    stream=True,
)
for event in second:
    if event.event_type == "step.delta" and event.delta.type == "text":
        print(event.delta.text, end="", flush=True)
