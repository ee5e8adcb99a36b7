// The guide's function call: arguments gathered in the first turn, the result sent in the second.
import { GoogleGenAI } from "@google/genai";

const weather = {
  type: "function",
  name: "get_weather",
  description: "Get the current weather in a given location",
  parameters: {
    type: "object",
    properties: { location: { type: "string", description: "The city and state, e.g. San Francisco, CA" } },
    required: ["location"],
  },
};

const client = new GoogleGenAI({});
const first = await client.interactions.create({
  model: "gemini-3-flash-preview",
  tools: [weather],
  input: "What is the weather in Paris right now?",
  stream: true,
});
let interactionId;
const calls = new Map();
for await (const event of first) {
  if (event.event_type === "interaction.created") {
    interactionId = event.interaction.id;
  } else if (event.event_type === "step.start" && event.step.type === "function_call") {
    calls.set(event.index, { ...event.step, text: "" });
  } else if (event.event_type === "step.delta" && event.delta.type === "arguments_delta") {
    calls.get(event.index).text += event.delta.arguments;
  }
}
for (const call of calls.values()) console.log(call.name, JSON.parse(call.text));

const [call] = calls.values();
const result = { content: [{ type: "text", text: '{"weather": "Sunny and 22°C"}' }] };
const second = await client.interactions.create({
  model: "gemini-3-flash-preview",
  previous_interaction_id: interactionId,
  input: [{ type: "function_result", name: call.name, call_id: call.id, result }],
  stream: true,
});
for await (const event of second) {
  if (event.event_type === "step.delta" && event.delta.type === "text") process.stdout.write(event.delta.text);
}
