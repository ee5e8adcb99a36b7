"""The guide's several tools: a search that the API runs and a function that is ours to call."""

from typing import Any

from google import genai

TOOLS = [
    {"type": "google_search"},
    {
        "type": "function",
        "name": "get_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
            "required": ["location"],
        },
    },
]

client: Any = genai.Client()
stream = client.interactions.create(
    model="gemini-3-flash-preview",
    tools=TOOLS,
    input="Search what it the largest mountain in Europe and what the weather is there right now?",
    stream=True,
)
for event in stream:
    match event.event_type:
        case "step.start":
            step = event.step
            print(f"\n--- Step {event.index}: {step.type} ---")
            if step.type == "google_search_call":
                print(f"  Search ID: {step.id}")
            elif step.type == "google_search_result":
                print(f"  Result for: {step.call_id}")
            elif step.type == "function_call":
                print(f"  Function: {step.name}({step.arguments})")
        case "step.delta":
            delta = event.delta
            if delta.type == "text":
                print(delta.text, end="", flush=True)
            elif delta.type == "google_search_call":
                print(f"  Queries: {delta.arguments}")
            elif delta.type == "arguments_delta":
                print(f"  Args chunk: {delta.arguments}", end="", flush=True)
        case "interaction.completed":
            print(f"\n\nStatus: {event.interaction.status}")
            if event.interaction.status == "requires_action":
                print("Action required: provide function call results to continue.")
