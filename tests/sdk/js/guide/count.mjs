// The guide's first example: text as it comes.
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({});
const stream = await client.interactions.create({
  model: "gemini-3-flash-preview",
  input: "Count to from 1 to 25.",
  stream: true,
});
for await (const event of stream) {
  if (event.event_type === "step.delta" && event.delta.type === "text") process.stdout.write(event.delta.text);
}
