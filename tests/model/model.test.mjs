// Goal: the scripted model answers as its script says, and proves keys.
// Method: the real server on a free port, asked by fetch.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

let child, base, dir;
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
  child = spawn(process.execPath, [new URL("server.mjs", import.meta.url).pathname, "--script",
    join(dir, "script.json"), "--key", "sesame", "--log", join(dir, "log")], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve) => child.stdout.once("data", (data) => resolve(String(data))));
  base = /^ready (\S+)/.exec(line)[1];
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

test("an upgrade gets 426", async () => {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.write("GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const text = await new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
  assert.match(text, /^HTTP\/1.1 426 /);
  socket.destroy();
});
