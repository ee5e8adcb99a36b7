// The guide's agent: a background run that streams, with its tokens at the end.
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({});
const stream = await client.interactions.create({
  agent: "deep-research-preview-04-2026",
  input: "Research the latest advances in quantum computing.",
  stream: true,
  background: true,
  agent_config: { type: "deep-research", thinking_summaries: "auto" },
});
for await (const event of stream) {
  if (event.event_type === "step.start") {
    console.log(`\n--- Step: ${event.step.type} ---`);
  } else if (event.event_type === "step.delta") {
    const { delta } = event;
    if (delta.type === "text") process.stdout.write(delta.text);
    else if (delta.type === "thought_summary" && delta.content.type === "text") process.stdout.write(delta.content.text);
  } else if (event.event_type === "interaction.completed") {
    console.log(`\n\nTotal Tokens: ${event.interaction.usage.total_tokens}`);
  }
}
