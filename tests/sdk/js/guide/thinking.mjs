// The guide's thinking: summaries of the thoughts before the text.
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({});
const stream = await client.interactions.create({
  model: "gemini-3-flash-preview",
  input: "What is the greatest common divisor of 1071 and 462?",
  generation_config: { thinking_summaries: "auto" },
  stream: true,
});
for await (const event of stream) {
  if (event.event_type === "step.start") {
    console.log(`\n--- Step: ${event.step.type} ---`);
  } else if (event.event_type === "step.delta") {
    const { delta } = event;
    if (delta.type === "thought_summary" && delta.content.type === "text") process.stdout.write(delta.content.text);
    else if (delta.type === "text") process.stdout.write(delta.text);
  }
}
