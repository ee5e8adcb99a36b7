"""Asks the Interactions API through the gateway beside it, and prints the answer as it comes."""

import os
import signal
import threading

from google import genai

EVERY_S = float(os.environ.get("EVERY_S", "0"))  # 0: ask once
told_to_end = threading.Event()
# Not at once: the stream that is open is read to its end. The gateway stays until this process is gone.
signal.signal(signal.SIGTERM, lambda *_: told_to_end.set())

client = genai.Client(http_options={"base_url": os.environ["GOOGLE_GEMINI_BASE_URL"]})
while True:
    stream = client.interactions.create(model="gemini-3-flash-preview", input=os.environ["QUESTION"], stream=True)
    for event in stream:
        if event.event_type == "step.delta" and event.delta.type == "text":
            print(event.delta.text, end="", flush=True)
    print(flush=True)
    if not EVERY_S or told_to_end.wait(EVERY_S):
        break
