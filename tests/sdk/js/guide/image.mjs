// The guide's images: text and pictures in one stream.
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({});
const stream = await client.interactions.create({
  model: "gemini-3.1-flash-image-preview",
  tools: [{ type: "google_search", search_types: ["web_search", "image_search"] }],
  input:
    "Search for the history of the Colosseum and write a short illustrated story about a gladiator named Marcus. " +
    "Interleave text and generated images.",
  response_format: [{ type: "text" }, { type: "image" }],
  stream: true,
});
for await (const event of stream) {
  if (event.event_type === "step.delta") {
    if (event.delta.type === "text") process.stdout.write(event.delta.text);
    else if (event.delta.type === "image") console.log(`\n[Image chunk: ${event.delta.data.length} bytes]`);
  }
}
