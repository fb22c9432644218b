#!/usr/bin/env node
// A model that follows a script, or gives again what a cassette holds: the Responses, Chat
// Completions and Messages APIs and Messages by Bedrock, for tests and for trying Cove without an
// account. See README.md beside this file.
//
//   node server.mjs --script demo.json [--port 0] [--key KEY | --key-file FILE] [--aws-key ID:SECRET[:TOKEN]] [--log FILE]
//   node server.mjs --cassette FILE [--match exact|order] ...
//   node server.mjs --script demo.json --websocket ...      (serves the Responses WebSocket, too)
//
// It listens on 127.0.0.1 only and prints "ready http://127.0.0.1:PORT" once it does.
import { createServer } from "node:http";
import { appendFileSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { findStep, loadScript } from "./script.mjs";
import { bodyOf, loadCassette } from "./cassette.mjs";
import { dialects, responses } from "./dialects.mjs";
import { eventsOf, itemsOf, responseObject, usageOf } from "./events.mjs";
import { acceptWebSocket } from "./websocket.mjs";
import { bedrock, isSigned, readPath } from "./bedrock.mjs";

const kBodyBytesMax = 64 * 1024 * 1024;

const { values: options } = parseArgs({
  options: {
    script: { type: "string" },
    cassette: { type: "string" },
    match: { type: "string", default: "exact" },
    port: { type: "string", default: "0" },
    key: { type: "string" },
    "key-file": { type: "string" },
    "aws-key": { type: "string" },
    log: { type: "string" },
    websocket: { type: "boolean", default: false },
  },
});
if (!options.script === !options.cassette) {
  console.error("usage: server.mjs --script FILE | --cassette FILE [--match exact|order] [--port N] [--key KEY | --key-file FILE] [--aws-key ID:SECRET[:TOKEN]] [--log FILE]");
  process.exit(2);
}
const script = options.script && loadScript(options.script);
const nextOnCassette = options.cassette && loadCassette(options.cassette, options.match);
const key = options.key ?? (options["key-file"] && readFileSync(options["key-file"], "utf8").trim());
const timesDone = new Map(); // how often a step has failed or been cut already, by conversation
const lastBody = new Map(); // bytes of a conversation's last request: what a cache would know

function log(entry) {
  if (options.log) appendFileSync(options.log, JSON.stringify(entry) + "\n");
}

// "right", "wrong" or "none"; without --key any is right. The value itself is never written down.
// A signature is judged with the body.
function judgeKey(request, bytes) {
  const { headers } = request;
  const given = headers.authorization ?? headers["x-api-key"];
  if (options["aws-key"] && given?.startsWith("AWS4-")) return bytes && isSigned(request, bytes, options["aws-key"]) ? "right" : "wrong";
  if (given === undefined) return key ? "none" : "right";
  return !key || given === `Bearer ${key}` || given === key ? "right" : "wrong";
}

function describe(request, bytes) {
  const headers = { ...request.headers };
  for (const name of ["authorization", "x-api-key", "cookie", "x-amz-security-token"]) if (name in headers) headers[name] = "(hidden)";
  const auth = judgeKey(request, bytes);
  return { time: new Date().toISOString(), method: request.method, path: request.url, auth, authorized: auth === "right", headers };
}

async function readBody(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > kBodyBytesMax) throw new Error("body too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function sendJson(response, status, value, headers = {}) {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text),
                               ...headers });
  response.end(text);
}

function sendError(response, dialect, status, message, code = null, headers = {}) {
  sendJson(response, status, dialect.error(status, message, code), { ...dialect.errorHeaders?.(status), ...headers });
}

// Whoever has the whole answer finds it in the log. Gives what logs an answer that has no end.
function logBeforeEnd(response, entry) {
  const end = response.end;
  let logged = false;
  const finish = () => {
    if (logged) return;
    logged = true;
    entry.status = response.statusCode;
    log(entry);
  };
  response.end = (...args) => {
    finish();
    return end.apply(response, args);
  };
  return finish;
}

// Counts up to `limit` for this conversation and step; true while the count was not yet reached.
function firstTimes(body, found, what, limit) {
  const id = [body.prompt_cache_key ?? found.prompt, found.turnIndex, found.stepIndex, what].join("\n");
  const done = timesDone.get(id) ?? 0;
  timesDone.set(id, done + 1);
  return done < limit;
}

async function stream(response, type, events, step, cut, entry) {
  response.writeHead(200, { "content-type": type ?? "text/event-stream; charset=utf-8", "cache-control": "no-cache",
                            "x-request-id": "req_scripted" });
  entry.events = 0;
  for (const { event, data, bytes } of events) {
    if (cut && entry.events >= (step.cut.after_events ?? 0)) return void response.destroy();
    if (step.delay_ms) await sleep(step.delay_ms);
    if (response.destroyed) return;
    const text = typeof data === "string" ? data : JSON.stringify(data);
    if (!response.write(bytes ?? `${event ? `event: ${event}\n` : ""}data: ${text}\n\n`)) {
      await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
    }
    ++entry.events;
  }
  response.end();
}

// `named`: what the path says where the body does not (bedrock.mjs).
async function answer(response, dialect, bytes, entry, named = {}) {
  let body;
  try {
    body = { ...JSON.parse(bytes.toString("utf8")), ...named };
  } catch {
    return sendError(response, dialect, 400, "the body is not JSON");
  }
  const found = findStep(script, dialect.items(body));
  Object.assign(entry, { model: body.model, prompt: found.prompt.slice(0, 200), turn: found.turnIndex,
                         step: found.stepIndex });
  const step = found.step;
  if (!step) {
    return sendError(response, dialect, 400, `the script has no answer for step ${found.stepIndex} of: ${found.prompt}`);
  }
  if (step.fail && firstTimes(body, found, "fail", step.fail.times ?? 1)) {
    return sendError(response, dialect, step.fail.status, step.fail.message ?? "scripted failure",
                     step.fail.code ?? null, step.fail.headers);
  }
  const items = itemsOf(found);
  const conversation = body.prompt_cache_key ?? found.prompt;
  const usage = usageOf(step, bytes.length, items, lastBody.get(conversation) ?? 0);
  lastBody.set(conversation, bytes.length);
  const result = responseObject(body.model ?? script.model, items, usage);
  entry.usage = usage;
  if (!body.stream) return sendJson(response, 200, dialect.whole(result));
  const cut = step.cut !== undefined && firstTimes(body, found, "cut", step.cut.times ?? 1);
  await stream(response, dialect.type, dialect.stream(result, body), step, cut, entry);
}

// One connection of the Responses WebSocket: each message asks for a response, which may go on with
// an earlier one of the connection.
function converse(request, socket, head) {
  const conversations = new Map(); // by the id of the response that they end with
  acceptWebSocket(request, socket, head, async (text, send) => {
    const body = JSON.parse(text);
    const entry = { ...describe(request), websocket: true, message: body.type, body_bytes: text.length, model: body.model };
    const items = [...(conversations.get(body.previous_response_id) ?? []), ...responses.items(body)];
    const found = findStep(script, items);
    const warm = body.generate === false;
    Object.assign(entry, { prompt: found.prompt.slice(0, 200), turn: found.turnIndex, step: found.stepIndex });
    if (!warm && !found.step) {
      send(JSON.stringify({ type: "error", status: 400, ...responses.error(400, `the script has no answer for step ${found.stepIndex}`, null) }));
      return log({ ...entry, status: 400 });
    }
    const output = warm ? [] : itemsOf(found);
    const usage = usageOf(warm ? {} : found.step, text.length, output, 0);
    const result = responseObject(body.model ?? script.model, output, usage);
    conversations.set(result.id, [...items, ...output]);
    for (const event of eventsOf(result)) send(JSON.stringify(event));
    log({ ...entry, usage, status: 200 });
  });
}

function play(request, response, path, bytes) {
  const call = nextOnCassette(request.method, path, request.headers, bytes);
  if (!call) return sendError(response, responses, 400, `the cassette has no answer to ${request.method} ${path}`);
  response.writeHead(call.status, call.headers);
  response.end(bodyOf(call));
}

async function handle(request, response) {
  const entry = describe(request);
  const finish = logBeforeEnd(response, entry);
  const path = request.url.split("?")[0];
  const rock = readPath(path);
  const dialect = rock ? bedrock : dialects.find((one) => path === one.path || path.startsWith(one.path + "/")) ?? responses;
  try {
    const bytes = await readBody(request);
    Object.assign(entry, describe(request, bytes), { body_bytes: bytes.length });
    if (entry.auth !== "right") {
      sendError(response, dialect, 401, "Incorrect API key provided.", "invalid_api_key");
    } else if (nextOnCassette) {
      play(request, response, path, bytes);
    } else if (request.method === "POST" && rock?.verb === "count-tokens") {
      const { input } = JSON.parse(bytes.toString("utf8"));
      sendJson(response, 200, { inputTokens: Math.ceil(Buffer.from(input.invokeModel.body, "base64").length / 4) });
    } else if (request.method === "POST" && rock) {
      await answer(response, dialect, bytes, entry, rock);
    } else if (request.method === "POST" && path === dialect.path) {
      await answer(response, dialect, bytes, entry);
    } else if (request.method === "POST" && path === "/v1/messages/count_tokens") {
      sendJson(response, 200, { input_tokens: Math.ceil(bytes.length / 4) });
    } else if (request.method === "GET" && path === "/v1/models") {
      const data = (script.models ?? [script.model]).map((id) => ({ id, object: "model", owned_by: "script" }));
      sendJson(response, 200, { object: "list", data });
    } else {
      sendError(response, dialect, 404, `no such route: ${request.method} ${path}`);
    }
  } catch (error) {
    if (!response.headersSent) sendError(response, dialect, 400, String(error.message));
  }
  finish();
}

const server = createServer(handle);
// Agents try a WebSocket first; 426 sends them to plain HTTP at once.
server.on("upgrade", (request, socket, head) => {
  const wrong = judgeKey(request) !== "right";
  const status = !options.websocket || request.url.split("?")[0] !== "/v1/responses" ? "426 Upgrade Required"
    : wrong ? "401 Unauthorized" : undefined;
  if (!status) return converse(request, socket, head);
  log({ ...describe(request), status: parseInt(status, 10) });
  socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
});
server.listen(Number(options.port), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${server.address().port}`);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
