# The guide's first example: text as it comes.
curl --silent --show-error -X POST "$GOOGLE_GEMINI_BASE_URL/v1beta/interactions" \
  -H "x-goog-api-key: $GEMINI_API_KEY" \
  -H "Content-Type: application/json" \
  -H "Api-Revision: 2026-05-20" \
  --no-buffer \
  -d '{"model": "gemini-3-flash-preview", "input": "Count to from 1 to 25.", "stream": true}'
