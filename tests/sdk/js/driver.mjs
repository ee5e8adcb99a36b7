// Plays scenes with the JavaScript SDK and says what the caller saw: JSON in on stdin, one JSON line a scene out.
// Not here: what the scenes are (scenes.py), what should come of them (test_scenes.py).
// Promise: finds the SDK beside itself only, so that a copy in another folder runs another generation of it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { GoogleGenAI } from "@google/genai";
import { OAuth2Client } from "google-auth-library";

const AT_ONCE = 24;
const AN_HOUR_MS = 3_600_000;
const POLLS_AT_MOST = 6;
const END_OF_POLLS = ["completed", "failed", "cancelled"];
const SCENE_HEADER = "x-scene-";
const shown = new Map();

// The SDK takes the fetch that is global when it asks; the scene is told by the name of a header.
const plainFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = input instanceof Request ? input : new Request(input, init);
  const name = [...request.headers.keys()].find((each) => each.startsWith(SCENE_HEADER));
  const seen = shown.get(name.slice(SCENE_HEADER.length));
  const body = Buffer.from(await request.clone().arrayBuffer());
  const url = new URL(request.url);
  seen.sent.push({
    method: request.method,
    target: url.pathname + url.search,
    bytes: body.length,
    sha256: createHash("sha256").update(body).digest("hex"),
  });
  const response = await plainFetch(input, init);
  seen.heads.push({ status: response.status, headers: [...response.headers] });
  return response;
};

class Seen {
  constructor(job) {
    this.job = job;
    this.calls = [];
    this.sent = [];
    this.heads = [];
  }

  line() {
    return JSON.stringify({ key: this.job.key, calls: this.calls, sent: this.sent, heads: this.heads });
  }

  answers() {
    return this.calls.flatMap((call) => call.answers.map((answer) => answer.value)).filter((each) => each?.constructor === Object);
  }

  interactionId() {
    const found = this.answers().map((answer) => answer.id ?? answer.interaction?.id).find(Boolean);
    if (!found) throw new Error("no interaction was created");
    return found;
  }

  lastEventId() {
    return this.answers().map((answer) => answer.event_id).filter(Boolean).at(-1);
  }

  results() {
    const steps = this.answers().flatMap((answer) => [answer.step, ...(answer.steps ?? [])]);
    const content = [{ type: "text", text: '{"weather": "Sunny and 22°C"}' }];
    return steps
      .filter((step) => step?.type === "function_call")
      .map((step) => ({ type: "function_result", name: step.name, call_id: step.id, result: { content } }));
  }

  filled(value) {
    if (value?.constructor === Object) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.filled(each)]));
    }
    const words = { $id: () => this.interactionId(), $last_event_id: () => this.lastEventId(), $results: () => this.results() };
    return Object.hasOwn(words, value) ? words[value]() : value;
  }
}

function dumped(answer) {
  return { type: answer?.constructor?.name ?? typeof answer, value: JSON.parse(JSON.stringify(answer ?? null)) };
}

function toldError(error) {
  return {
    type: error.constructor.name,
    status: error.status ?? error.statusCode ?? null,
    message: error.message,
    body: JSON.stringify(error.error ?? error.body ?? null),
    cause: error.cause?.constructor?.name ?? null,
  };
}

function clientFor(seen, call) {
  const { scene, base_url: baseUrl, key } = seen.job;
  const headers = { [SCENE_HEADER + key]: "1", ...scene.headers, ...call.headers };
  const httpOptions = { baseUrl, headers };
  if (scene.timeout_ms !== undefined) httpOptions.timeout = scene.timeout_ms;
  if (scene.api_version !== undefined) httpOptions.apiVersion = scene.api_version;
  if (!scene.vertex) return new GoogleGenAI({ apiKey: "dummy", httpOptions });
  const authClient = new OAuth2Client({ credentials: { access_token: "dummy", expiry_date: Date.now() + AN_HOUR_MS } });
  return new GoogleGenAI({
    vertexai: true,
    project: "a-project",
    location: "us-central1",
    googleAuthOptions: { authClient },
    httpOptions,
  });
}

async function ask(client, seen, call) {
  const body = seen.filled(call.body ?? {});
  switch (call.op) {
    case "create":
      return client.interactions.create(body);
    case "generate":
      return client.models.generateContent(body);
    case "generate_stream":
      return client.models.generateContentStream(body);
    case "poll":
      return client.interactions.get(seen.interactionId(), body);
    default:
      return client.interactions[call.op](seen.interactionId(), body);
  }
}

function isDone(told, call) {
  const last = told.answers.at(-1)?.value;
  return call.op !== "poll" || END_OF_POLLS.includes(last.status) || told.answers.length >= POLLS_AT_MOST;
}

async function play(job) {
  const seen = new Seen(job);
  shown.set(job.key, seen);
  for (const call of job.scene.calls) {
    const told = { op: call.op, answers: [], error: null };
    seen.calls.push(told);
    try {
      const client = clientFor(seen, call);
      do {
        const answer = await ask(client, seen, call);
        if (answer?.[Symbol.asyncIterator]) {
          for await (const event of answer) {
            told.answers.push(dumped(event));
            if (told.answers.length === call.take) break;
          }
        } else {
          told.answers.push(dumped(answer));
        }
      } while (!isDone(told, call));
    } catch (error) {
      told.error = toldError(error);
    }
  }
  return seen;
}

const waiting = JSON.parse(readFileSync(0, "utf8"));
async function worker() {
  for (let job = waiting.shift(); job; job = waiting.shift()) {
    const seen = await play(job);
    process.stdout.write(seen.line() + "\n");
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));
