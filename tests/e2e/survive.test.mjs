// Goal: a crash of Cove's processes does not touch what runs. Method: kill -9 at bad moments.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { alive, bin, Cove, until } from './lib/cove.mjs';

let cove;
before(async () => { cove = await Cove.start(); });
after(() => cove.stop());

function follow(id, session, cmd) {
  const ws = new WebSocket(`${cove.url.replace('http', 'ws')}/toolbox/${id}/process/session/${session}/command/${cmd}/logs?follow=true`,
    { headers: { authorization: `Bearer ${cove.key}` } });
  const log = { text: '', closed: false };
  ws.on('message', (d) => { log.text += Buffer.from(d).toString('latin1').replaceAll('\x01\x01\x01', '').replaceAll('\x02\x02\x02', ''); });
  ws.on('close', () => { log.closed = true; });
  ws.on('error', () => { log.closed = true; });
  return log;
}
const lines = (n) => Array.from({ length: n }, (_, i) => `line ${i + 1}\n`).join('');

test('kill -9 of the front during a streamed command: it goes on, and its log is whole', async () => {
  const box = await cove.create();
  await cove.api('POST', `/toolbox/${box.id}/process/session`, { sessionId: 's' });
  const started = await cove.api('POST', `/toolbox/${box.id}/process/session/s/exec`,
    { command: 'for i in $(seq 40); do echo "line $i"; sleep 0.1; done', runAsync: true });
  const cmd = started.json.cmdId;
  const first = follow(box.id, 's', cmd);
  await until('the log streams', () => first.text.includes('line 3\n'));

  const front = cove.frontPid;
  process.kill(front, 'SIGKILL');
  const killed = Date.now();
  await until('the stream is cut', () => first.closed);
  await until('a new front serves', async () => {
    try { return (await cove.api('GET', `/api/sandbox/${box.id}`)).json?.state === 'started'; } catch { return false; }
  });
  const down = Date.now() - killed;
  assert.ok(down < 5000, `the API was away for ${down} ms`);
  assert.notEqual(cove.frontPid, front);

  const second = follow(box.id, 's', cmd);
  await until('the log has ended', () => second.closed, 15000);
  assert.equal(second.text, lines(40));
  const info = await cove.api('GET', `/toolbox/${box.id}/process/session/s/command/${cmd}`);
  assert.equal(info.json.exitCode, 0);
  await cove.remove(box.id);
});

test('kill -9 of both: sandboxes go on, are adopted, usable and deletable', async () => {
  const box = await cove.create({ name: 'survivor', env: { KEPT: 'yes' }, labels: { a: 'b' } });
  await cove.exec(box.id, 'echo kept > file; cove-serve --port 8099 -- python3 -m http.server 8099');
  const before = (await cove.exec(box.id, 'pgrep -f [h]ttp.server')).result.trim();
  const port = cove.port;
  await cove.kill();
  assert.ok(!alive(cove.runnerPid));
  await cove.launch(`127.0.0.1:${port}`);
  const list = await cove.api('GET', '/api/sandbox');
  assert.deepEqual(list.json.items.map((s) => [s.id, s.state]), [[box.id, 'started']]);
  const got = await cove.api('GET', '/api/sandbox/survivor');
  assert.deepEqual(got.json.labels, { a: 'b' });
  const r = await cove.exec(box.id, 'cat file; echo $KEPT; pgrep -f [h]ttp.server; curl -s -o /dev/null -w "%{http_code}" http://127.0.0.1:8099/');
  assert.equal(r.result, `kept\nyes\n${before}\n200`);
  // The door out was handed over too: an unknown name is refused by the new front, at once.
  assert.notEqual((await cove.exec(box.id, 'getent ahosts nowhere.example.com')).exitCode, 0);
  assert.equal((await cove.remove('survivor')).status, 200);
  await until('it is gone', async () => (await cove.api('GET', '/api/sandbox/survivor')).status === 404);
});

test('kill -9 of the runner, whose front is slow to notice: the next server waits for its address', async () => {
  const [runner, front] = [cove.runnerPid, cove.frontPid];
  const begun = () => cove.log().split('"disk.scheme"').length;
  const before = begun();
  let launched;
  process.kill(front, 'SIGSTOP');
  try {
    process.kill(runner, 'SIGKILL');
    await until('the runner is dead', () => !alive(runner));
    launched = cove.launch(`127.0.0.1:${cove.port}`);
    launched.catch(() => {});
    await until('the next one begins', () => begun() > before);
    await new Promise((r) => setTimeout(r, 500));  // long after it has asked for its address
  } finally {
    process.kill(front, 'SIGCONT');
  }
  await launched;
  assert.equal((await cove.api('GET', '/api/sandbox')).status, 200);
});

test('stop and start keep the files', async () => {
  const box = await cove.create();
  await cove.exec(box.id, 'echo kept > file');
  assert.equal((await cove.api('POST', `/api/sandbox/${box.id}/stop?force=false`)).status, 200);
  await until('it has stopped', async () => (await cove.api('GET', `/api/sandbox/${box.id}`)).json.state === 'stopped');
  const refused = await cove.api('POST', `/toolbox/${box.id}/process/execute`, { command: 'true' });
  assert.ok(refused.status >= 400 && refused.status < 500, refused.text);
  assert.match(refused.json.message, /start/);
  await cove.api('POST', `/api/sandbox/${box.id}/start`);
  assert.equal((await cove.exec(box.id, 'cat file')).result, 'kept\n');
  await cove.remove(box.id);
});

test('a sandbox whose disk is full comes back from a stop, and its files can be removed', async () => {
  const box = await cove.create({ disk: 0.1 });
  await cove.exec(box.id, 'dd if=/dev/zero of=full bs=1M count=300 2>/dev/null; sync');
  assert.equal((await cove.api('POST', `/api/sandbox/${box.id}/stop?force=true`)).status, 200);
  assert.equal((await cove.api('POST', `/api/sandbox/${box.id}/start`)).status, 200);
  const again = await cove.exec(box.id, 'dd if=/dev/zero of=more bs=1M count=300; rm -f full more && echo room > file && cat file');
  assert.match(again.result, /Disk quota exceeded|No space left/, 'its limit is as before');
  assert.match(again.result, /^room$/m);
  await cove.remove(box.id);
});

test('too few open files for the sandboxes that are kept: the server says so and touches none', async () => {
  const boxes = [];
  for (let i = 0; i < 5; i++) boxes.push(await cove.create());
  for (const { id } of boxes) await cove.exec(id, 'echo kept > file; (exec -a kept-process sleep 1000) >/dev/null 2>&1 &');
  const processes = async (id) => (await cove.exec(id, 'cat file; pgrep -f ^kept-process')).result;
  const before = await Promise.all(boxes.map((b) => processes(b.id)));
  const kept = (await cove.api('GET', '/api/sandbox')).json.items.length;
  const needed = 128 + 12 * kept;  // runner/boxes_room.cc
  await cove.kill();
  const listen = `127.0.0.1:${cove.port}`;
  for (const files of [24, 48, 96, needed - 1]) {
    cove.wrap = ['prlimit', `--nofile=${files}`];
    await assert.rejects(cove.launch(listen), /ended before it was ready/, `with ${files}`);
  }
  assert.match(cove.log(), new RegExp(`${kept} sandboxes are kept here[^"]*raise the limit to at least ${needed} \\(LimitNOFILE=`));
  // Just enough is enough, for the front, too.
  cove.wrap = ['prlimit', `--nofile=${needed}`];
  await cove.launch(listen);
  assert.deepEqual(await Promise.all(boxes.map((b) => processes(b.id))), before);
  await cove.kill();
  cove.wrap = [];
  await cove.launch(listen);
  const list = (await cove.api('GET', '/api/sandbox')).json.items;
  assert.equal(list.length, kept);
  for (const { id } of boxes) {
    assert.equal(list.find((s) => s.id === id).state, 'started');
    await cove.remove(id);
  }
});

test('cove exec says at once that it waits for a server that is away, and what became of a sandbox', async () => {
  const box = await cove.create();
  const other = await cove.create();
  const run = (id, script) => {
    const child = spawn(bin, ['exec', id, '--', 'sh', '-c', script], { env: { ...process.env, COVE_URL: cove.url, COVE_API_KEY: cove.key } });
    const out = { stdout: '', stderr: '', code: null };
    for (const s of ['stdout', 'stderr']) child[s].on('data', (d) => (out[s] += d));
    child.on('exit', (code) => (out.code = code));
    return out;
  };
  const away = run(box.id, 'echo begun; sleep 3; echo ended; exit 7');
  const cut = run(other.id, 'echo begun; sleep 1000');
  await until('both run', () => away.stdout === 'begun\n' && cut.stdout === 'begun\n');
  await cove.remove(other.id);
  await until('the one of the deleted sandbox has ended', () => cut.code !== null);
  assert.equal(cut.code, 125);
  assert.match(cut.stderr, /the sandbox was deleted while this was under way/);
  const port = cove.port;
  await cove.kill();
  // Long before the minute is over.
  await until('it says so', () => /the server does not answer; waiting up to (5\d|60) s for it/.test(away.stderr), 10000);
  await cove.launch(`127.0.0.1:${port}`);
  await until('it has ended', () => away.code !== null);
  assert.equal(away.stdout, 'begun\nended\n');
  assert.equal(away.code, 7);
  assert.equal(away.stderr.match(/does not answer/g).length, 1);
  await cove.remove(box.id);
});
