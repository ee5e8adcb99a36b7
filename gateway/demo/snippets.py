"""Lines to paste: one request through the gateway with curl, the Python SDK and the JavaScript SDK.

Not here: README's longer examples.
Promise: each is one line of a POSIX shell, and needs nothing but the tool it names.
"""

from __future__ import annotations

MODEL = "gemini-3-flash-preview"


def snippets(base_url: str, *, real: bool) -> dict[str, str]:
    """By tool. real: in front of the real API, where a key is needed: it is taken from GEMINI_API_KEY."""
    header = ' -H "x-goog-api-key: $GEMINI_API_KEY"' if real else ""
    python_key = "" if real else "api_key='demo', "
    js_key = "" if real else "apiKey: 'demo', "
    return {
        "curl": (
            f"curl -N {base_url}/v1beta/interactions -H 'content-type: application/json'{header}"
            f' -d \'{{"model": "{MODEL}", "input": "Hello", "stream": true}}\''
        ),
        "Python": (
            'python3 -c "from google import genai; '
            f"client = genai.Client({python_key}http_options={{'base_url': '{base_url}'}}); "
            f"[print(event) for event in client.interactions.create(model='{MODEL}', input='Hello', stream=True)]\""
        ),
        "JavaScript": (
            "node --input-type=module -e \"import { GoogleGenAI } from '@google/genai'; "
            f"const ai = new GoogleGenAI({{ {js_key}httpOptions: {{ baseUrl: '{base_url}' }} }}); "
            f"const request = {{ model: '{MODEL}', input: 'Hello', stream: true }}; "
            'for await (const event of await ai.interactions.create(request)) console.log(JSON.stringify(event))"'
        ),
    }
