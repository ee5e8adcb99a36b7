# The guide's images: text and pictures in one stream.
curl --silent --show-error -X POST "$GOOGLE_GEMINI_BASE_URL/v1beta/interactions" \
  -H "x-goog-api-key: $GEMINI_API_KEY" \
  -H "Content-Type: application/json" \
  -H "Api-Revision: 2026-05-20" \
  --no-buffer \
  -d '{
    "model": "gemini-3.1-flash-image-preview",
    "input": "Search for the history of the Colosseum and write a short illustrated story about a gladiator named Marcus. Interleave text and generated images.",
    "stream": true,
    "tools": [{"type": "google_search", "search_types": ["web_search", "image_search"]}],
    "generation_config": {"thinking_summaries": "auto"},
    "response_format": [{"type": "text"}, {"type": "image"}]
  }'
