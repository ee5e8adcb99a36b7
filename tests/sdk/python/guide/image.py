"""The guide's images: text and pictures in one stream."""

from typing import Any

from google import genai

client: Any = genai.Client()
stream = client.interactions.create(
    model="gemini-3.1-flash-image-preview",
    tools=[{"type": "google_search", "search_types": ["web_search", "image_search"]}],
    input=(
        "Search for the history of the Colosseum and write a short illustrated story about a gladiator named Marcus. "
        "Interleave text and generated images."
    ),
    response_format=[{"type": "text"}, {"type": "image"}],
    stream=True,
)
for event in stream:
    if event.event_type == "step.delta":
        if event.delta.type == "text":
            print(event.delta.text, end="", flush=True)
        elif event.delta.type == "image":
            print(f"\n[Image chunk: {len(event.delta.data)} bytes]", end="", flush=True)
