"""The guide's first example: text as it comes."""

from typing import Any

from google import genai

client: Any = genai.Client()
for event in client.interactions.create(model="gemini-3-flash-preview", input="Count to from 1 to 25.", stream=True):
    if event.event_type == "step.delta" and event.delta.type == "text":
        print(event.delta.text, end="", flush=True)
