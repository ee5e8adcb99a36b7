// The guide's several tools: a search that the API runs and a function that is ours to call.
// Differs from the guide in one place: there a delta's branch reads `event.step.type`, but a step.delta has no `step`,
// so it would throw a TypeError at the first delta that is neither text nor a search call; the result's call_id is
// in its step.start.
import { GoogleGenAI } from "@google/genai";

const tools = [
  { type: "google_search" },
  {
    type: "function",
    name: "get_weather",
    description: "Get the current weather in a given location",
    parameters: {
      type: "object",
      properties: { location: { type: "string", description: "The city and state, e.g. San Francisco, CA" } },
      required: ["location"],
    },
  },
];

const client = new GoogleGenAI({});
const stream = await client.interactions.create({
  model: "gemini-3-flash-preview",
  tools,
  input: "Search what it the largest mountain in Europe and what the weather is there right now?",
  stream: true,
});
for await (const event of stream) {
  if (event.event_type === "step.start") {
    const { step } = event;
    console.log(`\n--- Step ${event.index}: ${step.type} ---`);
    if (step.type === "google_search_call") console.log(`  Search ID: ${step.id}`);
    else if (step.type === "google_search_result") console.log(`  Result for: ${step.call_id}`);
    else if (step.type === "function_call") console.log(`  Function: ${step.name}(${JSON.stringify(step.arguments)})`);
  } else if (event.event_type === "step.delta") {
    const { delta } = event;
    if (delta.type === "text") process.stdout.write(delta.text);
    else if (delta.type === "google_search_call") console.log(`  Queries: ${JSON.stringify(delta.arguments?.queries)}`);
    else if (delta.type === "arguments_delta") process.stdout.write(`  Args chunk: ${delta.arguments}`);
  } else if (event.event_type === "interaction.completed") {
    console.log(`\n\nStatus: ${event.interaction.status}`);
    if (event.interaction.status === "requires_action") {
      console.log("Action required: provide function call results to continue.");
    }
  }
}
