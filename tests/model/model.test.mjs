// Goal: the scripted model answers as its script says, and proves keys.
// Method: the real server on a free port, asked by fetch.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { requestHash } from "./cassette.mjs";

let child, base, dir;

async function start(...args) {
  const server = spawn(process.execPath, [new URL("server.mjs", import.meta.url).pathname, ...args],
                       { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve) => server.stdout.once("data", (data) => resolve(String(data))));
  return { server, url: /^ready (\S+)/.exec(line)[1] };
}
const script = {
  model: "gpt-5.5",
  turns: [
    { when: "flaky", steps: [{ say: "ok", fail: { status: 429, times: 2 } }] },
    { when: "cut", steps: [{ say: "ok", cut: { after_events: 2 } }] },
    { steps: [{ run: "ls", patch: "*** Begin Patch\n*** End Patch" }, { say: "done" }] },
  ],
};

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "cove-model-"));
  writeFileSync(join(dir, "script.json"), JSON.stringify(script));
  ({ server: child, url: base } = await start("--script", join(dir, "script.json"), "--key", "sesame", "--log", join(dir, "log")));
});
after(() => {
  child.kill();
  rmSync(dir, { recursive: true });
});

const ask = (input, key = "sesame", more = {}) => fetch(base + "/v1/responses", {
  method: "POST", headers: { authorization: `Bearer ${key}` },
  body: JSON.stringify({ model: "gpt-5.5", stream: true, input, ...more }),
});
const user = (text) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
const parse = (text) => text.split("\n").filter((l) => l.startsWith("data: ")).map((l) => JSON.parse(l.slice(6)));

test("steps follow the answered calls, not the number of requests", async () => {
  const first = parse(await (await ask([user("hi")])).text());
  const calls = first.at(-1).response.output;
  assert.deepEqual(calls.map((item) => item.name), ["apply_patch", "exec_command"]);
  assert.deepEqual(first.map((event) => event.sequence_number), first.map((_, at) => at));
  const outputs = calls.map((item) => ({ type: "function_call_output", call_id: item.call_id, output: "" }));
  const second = parse(await (await ask([user("hi"), ...calls, ...outputs])).text());
  assert.equal(second.at(-1).response.output[0].content[0].text, "done");
});

test("a wrong key gets 401 and is not written to the log", async () => {
  assert.equal((await ask([user("hi")], "guess")).status, 401);
  const text = readFileSync(join(dir, "log"), "utf8");
  assert.ok(text.includes('"auth":"wrong"'));
  assert.ok(!text.includes("sesame") && !text.includes("guess"));
});

test("scripted failures come first, then the answer", async () => {
  const status = [];
  for (let n = 0; n < 3; ++n) status.push((await ask([user("flaky")])).status);
  assert.deepEqual(status, [429, 429, 200]);
});

test("a cut stream ends without its last event, the retry is whole", async () => {
  await assert.rejects(async () => (await ask([user("cut")])).text());
  assert.equal(parse(await (await ask([user("cut")])).text()).at(-1).type, "response.completed");
});

test("a whole answer comes when no stream is asked for", async () => {
  const body = await (await ask("hi", "sesame", { stream: false })).json();
  assert.equal(body.status, "completed");
});

const post = async (path, body, headers = { authorization: "Bearer sesame" }) => {
  const answer = await fetch(base + path, { method: "POST", headers, body: JSON.stringify({ model: "m", ...body }) });
  return { status: answer.status, text: await answer.text() };
};

test("chat completions: the same steps, whole and as a stream", async () => {
  const messages = [{ role: "user", content: "hi" }];
  const whole = JSON.parse((await post("/v1/chat/completions", { messages })).text);
  assert.deepEqual(whole.choices[0].message.tool_calls.map((c) => c.type), ["custom", "function"]);
  assert.equal(whole.choices[0].finish_reason, "tool_calls");
  messages.push(whole.choices[0].message, ...whole.choices[0].message.tool_calls.map((c) => ({ role: "tool", tool_call_id: c.id, content: "" })));
  const { text } = await post("/v1/chat/completions", { messages, stream: true, stream_options: { include_usage: true } });
  assert.ok(text.endsWith("data: [DONE]\n\n"));
  const chunks = text.split("\n").filter((l) => l.startsWith("data: {")).map((l) => JSON.parse(l.slice(6)));
  assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""), "done");
  assert.ok(chunks.at(-1).usage.total_tokens > 0 && chunks.at(-1).choices.length === 0);
});

test("messages: the same steps, whole and as a stream, and errors in their shape", async () => {
  const headers = { "x-api-key": "sesame" };
  const messages = [{ role: "user", content: [{ type: "text", text: "hi" }] }];
  const whole = JSON.parse((await post("/v1/messages", { messages }, headers)).text);
  assert.equal(whole.stop_reason, "tool_use");
  const results = whole.content.map((c) => ({ type: "tool_result", tool_use_id: c.id, content: "" }));
  messages.push({ role: "assistant", content: whole.content }, { role: "user", content: [...results, { type: "text", text: "<system-reminder>" }] });
  const events = parse((await post("/v1/messages", { messages, stream: true }, headers)).text);
  assert.deepEqual(events.map((e) => e.type).filter((t) => !t.startsWith("content")), ["message_start", "ping", "message_delta", "message_stop"]);
  assert.equal(events.filter((e) => e.delta?.text).map((e) => e.delta.text).join(""), "done");
  assert.equal(JSON.parse((await post("/v1/messages", { messages: [{ role: "user", content: "flaky messages" }] }, headers)).text).error.type, "rate_limit_error");
});

test("a cassette is played, and its hash is the gateway's", async () => {
  const body = `{"model":"gpt-5.5","stream":true,"temperature":0.7,"top":-3,"x":[1e300,"ü"],"b":{"z":null,"a":false}}`;
  const hash = requestHash("openai", "POST", "/v1/responses", Buffer.from(body));
  // The same is in src/bridge/cassette_test.cc: both sides must agree.
  assert.equal(hash, "bbca2fd75e793a3e7756da4d94e7d2e37ebabaef136678076a3ab1323ccd1f78");
  const call = (answer) => ({ kind: "openai", method: "POST", path: "/v1/responses", hash, model: "m", status: 200, headers: { "content-type": "text/plain" }, ...answer });
  writeFileSync(join(dir, "tape"), ['{"cassette":1}', JSON.stringify(call({ body: "first" })), JSON.stringify(call({ body_base64: "/w==" })), ""].join("\n"));
  const { server, url } = await start("--cassette", join(dir, "tape"));
  const ask = async (text) => {
    const answer = await fetch(url + "/v1/responses?x=1", { method: "POST", body: text });
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  assert.equal(String((await ask(body)).bytes), "first");
  assert.equal((await ask(body.replace("{", '{"user":"u",'))).bytes[0], 0xff);
  assert.equal((await ask("{}")).status, 400);
  server.kill();
});

test("an upgrade gets 426", async () => {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.write("GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const text = await new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
  assert.match(text, /^HTTP\/1.1 426 /);
  socket.destroy();
});
