// Goal: pause, resume and the timers as the published client sees them; a command that dies says
// why; nobody waits for a sandbox that is gone. Method: @daytona/sdk unmodified, and raw requests
// for what it hides, against a real server.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { Daytona } from '@daytona/sdk';
import { Cove, bin, childrenOf, cmdline, get, until } from './lib/cove.mjs';

let cove, daytona;
before(async () => {
  cove = await Cove.start();
  daytona = new Daytona({ apiUrl: `${cove.url}/api`, apiKey: cove.key });
});
after(async () => { await daytona[Symbol.asyncDispose]?.(); await cove.stop(); });

const state = async (id) => (await cove.api('GET', `/api/sandbox/${id}`)).json.state;
const post = (path, body) => cove.api('POST', path, body);

// The first process of a sandbox, as the host sees it: the toolbox whose child runs `mark`.
function toolboxOf(mark) {
  for (const pid of childrenOf(cove.runnerPid)) {
    if (!cmdline(pid).startsWith('cove-toolbox')) continue;
    if (spawnSync('pgrep', ['-P', String(pid), '-f', mark]).status === 0) return pid;
  }
  return undefined;
}

function pty(id, name, query = '') {
  const url = `${cove.url.replace('http', 'ws')}/toolbox/${id}/process/pty/${query ? `create-connect?id=${name}${query}` : `${name}/connect`}`;
  const ws = new WebSocket(url, ['X-Daytona-Pty-Exit-Control'], { headers: { authorization: `Bearer ${cove.key}` } });
  const seen = { text: '', control: [], closed: null, send: (t) => ws.send(t), close: () => ws.close() };
  ws.on('message', (d, binary) => (binary ? (seen.text += d) : seen.control.push(JSON.parse(d))));
  ws.on('close', (code, reason) => { seen.closed = { code, reason: String(reason) }; });
  ws.on('error', () => {});
  return seen;
}

test('the SDK pauses and resumes a sandbox; its processes and their time go on', async () => {
  const box = await daytona.create({ autoPauseInterval: 30 });
  assert.equal(box.autoPauseInterval, 30);
  assert.equal(box.autoStopInterval, 0);
  await box.process.executeCommand('echo kept > /dev/shm/memory; nohup sh -c "while :; do echo x >> ticks; sleep 0.02; done" > /dev/null 2>&1 &');
  // Its limit is shorter than the pause: only the time that it could run counts.
  const limited = box.process.executeCommand('sleep 1.5; echo in time', undefined, undefined, 4);
  const terminal = pty(box.id, 't', '&cols=80&rows=24');
  await until('the terminal is there', () => terminal.control.length > 0);

  await box.pause();
  assert.equal(box.state, 'paused');
  const ticks = () => readFileSync(`${cove.boxDir(box.id)}/upper/home/daytona/ticks`).length;
  const before = ticks();
  const refused = await post(`/toolbox/${box.id}/process/execute`, { command: 'true' });
  assert.equal(refused.status, 409);
  assert.match(refused.json.message, /paused.*start it/);
  const front = cove.frontPid;
  await new Promise((r) => setTimeout(r, 4500));  // the limit above passes on the wall's clock
  assert.equal(ticks(), before, 'nothing ran');
  assert.equal(terminal.closed, null, 'who is attached stays attached');

  await box.start();
  assert.equal(box.state, 'started');
  assert.equal((await limited).result, 'in time\n');
  assert.equal((await box.process.executeCommand('cat /dev/shm/memory')).result, 'kept\n');
  await until('the process goes on', () => ticks() > before);
  terminal.send('echo $((40+2))\n');
  await until('the terminal goes on', () => terminal.text.includes('42\r\n'));
  assert.equal(cove.frontPid, front);

  await box.resize({ memory: 2 });
  assert.equal(box.memory, 2);
  assert.equal(box.state, 'started');
  const hog = await box.process.executeCommand('python3 -c "x = bytearray(1500 << 20); print(len(x) >> 20)"');
  assert.equal(hog.result, '1500\n', 'the new limit holds at once');
  await assert.rejects(box.resize({ memory: 1 << 20 }), /memory/);
  await box.setAutoPauseInterval(0);
  await box.setAutostopInterval(45);
  await box.setTtl(60);
  await box.refreshData();
  assert.equal(box.autoStopInterval, 45);
  assert.ok(Math.abs(new Date(box.autoDestroyAt) - Date.now() - 3600e3) < 60e3, box.autoDestroyAt);
  await assert.rejects(box.setAutoPauseInterval(5), /at most one/);
  await box.setTtl(0);
  await box.refreshActivity();
  terminal.close();
  await box.delete();
});

test('a paused sandbox survives both processes, and can be stopped and deleted', async () => {
  const box = await cove.create();
  await cove.exec(box.id, 'echo kept > /dev/shm/memory');
  assert.equal((await post(`/api/sandbox/${box.id}/pause`)).json.state, 'paused');
  const front = cove.frontPid;
  process.kill(front, 'SIGKILL');
  await until('a new front serves', async () => { try { return cove.frontPid !== front && (await state(box.id)) === 'paused'; } catch { return false; } });
  const port = cove.port;
  await cove.kill();
  await cove.launch(`127.0.0.1:${port}`);
  assert.equal(await state(box.id), 'paused');
  assert.equal(cove.cli(['start', box.id]).status, 0);
  assert.equal((await cove.exec(box.id, 'cat /dev/shm/memory')).result, 'kept\n');
  assert.equal(cove.cli(['pause', box.id]).status, 0);
  assert.equal(await state(box.id), 'paused');
  const asked = Date.now();
  assert.equal((await post(`/api/sandbox/${box.id}/stop`)).json.state, 'stopped');
  assert.ok(Date.now() - asked < 4000, 'it was thawed and ended in order');
  assert.equal((await post(`/api/sandbox/${box.id}/pause`)).status, 409);
  await post(`/api/sandbox/${box.id}/start`);
  await post(`/api/sandbox/${box.id}/pause`);
  assert.equal((await cove.remove(box.id)).status, 200);
  assert.equal((await cove.api('GET', `/api/sandbox/${box.id}`)).status, 404);
});

test('processes and the share of the disk are limits of a sandbox, and change while it runs', async () => {
  const made = await cove.api('POST', '/api/sandbox', { pids: 40, ioWeight: 10 });
  assert.equal(made.status, 200, made.text);
  assert.deepEqual([made.json.limits.pids, made.json.limits.ioWeight], [40, 10]);
  const idle = /cgroup io +none that works/.test(cove.cli(['doctor']).stdout);
  const warned = (json) => (json.warnings ?? []).some((w) => w.startsWith('ioWeight has no effect on this machine: '));
  assert.equal(warned(made.json), idle, 'the answer and the doctor agree');
  const weighed = await post(`/api/sandbox/${made.json.id}/resize`, { ioWeight: 20 });
  assert.deepEqual([weighed.json.limits.ioWeight, warned(weighed.json)], [20, idle]);
  const printed = cove.cli(['create', '--io-weight', '10']);
  assert.equal(printed.status, 0, printed.stderr);
  assert.equal(/^cove: warning: ioWeight has no effect/m.test(printed.stderr), idle, printed.stderr);
  assert.match(printed.stdout, /^[0-9a-f-]{36}\n$/);
  await cove.remove(printed.stdout.trim());
  const forks = async () => Number((await cove.exec(made.json.id, 'perl -e \'for (1..300) { my $p = fork; last if !defined $p; if (!$p) { sleep 60; exit } push @p, $p } kill 9, @p; print scalar @p\'')).result);
  const few = await forks();
  assert.ok(few > 5 && few <= 40, `${few}`);
  const resized = await post(`/api/sandbox/${made.json.id}/resize`, { pids: 200 });
  assert.equal(resized.status, 200, resized.text);
  const more = await forks();
  assert.ok(more > 100 && more <= 200, `${more}`);
  for (const bad of [{ pids: 3 }, { pids: 1e6 }, { ioWeight: 101 }, { ioWeight: -1 }, { pids: 'x' }]) {
    const refused = await post(`/api/sandbox/${made.json.id}/resize`, bad);
    assert.equal(refused.status, 400, JSON.stringify(bad));
    assert.match(refused.json.message, /pids|ioWeight/);
  }
  await cove.remove(made.json.id);
});

test('cove exec ends with who reads it, and what it ran with it; a key that cannot be shown is a failure', async () => {
  const box = await cove.create();
  const sh = (line) => spawnSync('bash', ['-c', `set -o pipefail; ${line}`, bin, box.id], { encoding: 'utf8', timeout: 60000, env: { ...process.env, COVE_URL: cove.url, COVE_API_KEY: cove.key } });
  const r = sh('"$0" exec "$1" yes | head -1');
  assert.equal(r.stdout, 'y\n');
  assert.equal(r.status, 125, r.stderr);
  assert.match(r.stderr, /the output cannot be written: Broken pipe/);
  assert.equal((await cove.exec(box.id, 'pgrep -x yes')).exitCode, 1);
  const fed = cove.cli(['exec', box.id, 'cat; echo "read $?"'], { input: 'for nobody' });
  assert.deepEqual([fed.stdout, fed.status], ['read 0\n', 0], 'inside, standard input is empty; the help says what to do:');
  const sent = sh('echo data | curl -sSf -o /dev/null -H "Authorization: Bearer $COVE_API_KEY" -F file=@- "$COVE_URL/toolbox/$1/files/upload?path=/tmp/data.txt" && "$0" exec "$1" \'cat < /tmp/data.txt\'');
  assert.equal(sent.stdout, 'data\n', sent.stderr);
  assert.equal(cove.cli(['exec', '--cwd', '/none', box.id, 'true']).status, 125);
  assert.equal(cove.cli(['exec', 'no-such-sandbox', 'true']).status, 125);
  const name = `shown-to-nobody-${cove.port}`;
  const key = sh(`"$0" key create ${name} >/dev/full`);
  assert.equal(key.status, 1);
  assert.match(key.stderr, /standard output cannot be written/);
  assert.equal((await cove.api('DELETE', `/api/api-keys/${name}`)).status, 204);
  await cove.remove(box.id);
});

test('out of memory is told apart, counted, and told to whoever ran the command', async () => {
  const box = await cove.create({ memory: 0.25 });
  const hog = `python3 -c "x = bytearray(600 << 20)"`;
  const plain = await cove.exec(box.id, 'kill -9 $$');
  assert.equal(plain.exitCode, 137);
  assert.match(plain.exitReason, /signal 9 \(SIGKILL\)/);
  const ran = await cove.exec(box.id, hog);
  assert.equal(ran.exitCode, 137);
  assert.match(ran.exitReason, /^out of memory \(limit 0\.25 GiB\)/);
  const code = await post(`/toolbox/${box.id}/process/code-run`, { code: 'x = bytearray(600 << 20)', language: 'python' });
  assert.equal(code.json.exitCode, 137);
  assert.match(code.json.exitReason, /^out of memory/);
  await post(`/toolbox/${box.id}/process/session`, { sessionId: 's' });
  const inSession = await post(`/toolbox/${box.id}/process/session/s/exec`, { command: hog });
  assert.equal(inSession.json.exitCode, 137, inSession.text);
  assert.match(inSession.json.exitReason, /^out of memory/);
  const cli = cove.cli(['exec', box.id, '--', 'python3', '-c', 'x = bytearray(600 << 20)']);
  assert.equal(cli.status, 137);
  assert.match(cli.stderr, /out of memory \(limit 0\.25 GiB\)/);
  const terminal = pty(box.id, 't', '&cols=80&rows=24');
  await until('the terminal is there', () => terminal.control.length > 0);
  terminal.send(`exec ${hog}\n`);
  await until('the terminal ends', () => terminal.closed);
  assert.equal(terminal.control.at(-1).exitCode, 137);
  assert.match(terminal.control.at(-1).exitReason, /^out of memory/);
  await until('the count is told', async () => (await cove.api('GET', `/api/sandbox/${box.id}`)).json.oomKills === 5);
  assert.match(cove.log(), /"event":"sandbox.oom"/);
  const rows = await until('it is in the audit', async () => {
    const all = (await cove.api('GET', `/api/audit?sandboxId=${box.id}`)).json.items.filter((r) => r.kind === 'oom');
    return all.reduce((n, r) => n + r.kills, 0) === 5 && all;
  });
  assert.equal(rows[0].detail, 'limit 0.25 GiB');
  assert.equal((await cove.exec(box.id, 'echo on')).result, 'on\n');
  await cove.remove(box.id);
});

// One of each kind of call, under way inside `box`; each promise says how it ended.
async function callsUnderWay(box, mark) {
  await post(`/toolbox/${box.id}/process/session`, { sessionId: 's' });
  const started = await post(`/toolbox/${box.id}/process/session/s/exec`, { command: `exec -a ${mark}-a sleep 1000`, runAsync: true });
  // A server that takes a request and never answers.
  await cove.exec(box.id, `cove-serve --port 8099 -- python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', 8099)); c = s.accept(); open('/tmp/asked', 'w'); time.sleep(1000)"`);
  const preview = get(`http://127.0.0.1:${cove.port}/`, { host: `8099-${box.id}.localhost:${cove.port}`, headers: { authorization: `Bearer ${cove.key}` } });
  const execute = post(`/toolbox/${box.id}/process/execute`, { command: `exec -a ${mark} sleep 1000` });
  const logs = new WebSocket(`${cove.url.replace('http', 'ws')}/toolbox/${box.id}/process/session/s/command/${started.json.cmdId}/logs?follow=true`, { headers: { authorization: `Bearer ${cove.key}` } });
  const followed = new Promise((done) => logs.on('close', (code, reason) => done({ code, reason: String(reason) })));
  logs.on('error', () => {});
  const terminal = pty(box.id, 't', '&cols=80&rows=24');
  // A form whose second half comes when the sandbox is gone.
  let rest;
  const body = new ReadableStream({ start(c) { rest = () => { c.enqueue(new TextEncoder().encode('x'.repeat(1 << 20) + '\r\n--b--\r\n')); c.close(); }; c.enqueue(new TextEncoder().encode('--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhalf')); } });
  const upload = fetch(`${cove.url}/toolbox/${box.id}/files/upload-v2?path=/tmp/f`, { method: 'POST', body, duplex: 'half', headers: { authorization: `Bearer ${cove.key}`, 'content-type': 'multipart/form-data; boundary=b' } })
    .then(async (r) => ({ status: r.status, json: await r.json() }));
  await until('the terminal is there', () => terminal.control.length > 0);
  await until('the command runs', () => spawnSync('pgrep', ['-f', `^${mark} `]).status === 0);
  await until('the upload is under way', async () => (await cove.exec(box.id, 'ls -A /tmp')).result.trim().split('\n').length > 1);
  return { execute, preview, followed, terminal, upload, rest };
}

const ways = [
  { name: 'killed', status: 502, says: /ended while this was under way \(its first process was ended by signal 9\)/,
    end: (box, mark) => process.kill(toolboxOf(mark), 'SIGKILL') },
  // Forced: it has no grace of five seconds.
  { name: 'stopped', status: 409, says: /was stopped/, withinMs: 4500, end: (box) => post(`/api/sandbox/${box.id}/stop?force=true`) },
  // A terminal's shell ends with the grace of five seconds only.
  { name: 'saved', status: 409, says: /was stopped for a snapshot/, withinMs: 15000,
    end: async (box, mark) => {
      assert.equal((await post(`/api/sandbox/${box.id}/snapshot`, { name: mark })).status, 200);
      const made = await until('it is saved', async () => { const s = (await cove.api('GET', `/api/snapshots/${mark}`)).json; return s.state === 'active' && s; });
      await cove.api('DELETE', `/api/snapshots/${made.id}`);
    } },
  { name: 'deleted', status: 404, says: /was deleted/, end: (box) => cove.remove(box.id) },
];
for (const way of ways) {
  test(`whoever waits for a sandbox that is ${way.name} hears of it at once`, { timeout: 60000 }, async () => {
    const box = await cove.create();
    const mark = `mark-${way.name}-${process.pid}`;
    const calls = await callsUnderWay(box, mark);
    const began = Date.now();
    const ended = way.end(box, mark);
    const execute = await calls.execute;
    assert.equal(execute.status, way.status, execute.text);
    assert.match(execute.json.message, way.says);
    const followed = await calls.followed;
    assert.equal(followed.code, 1011);
    assert.match(followed.reason, way.says);
    await until('the terminal ends', () => calls.terminal.closed);
    assert.match(calls.terminal.control.at(-1).exitReason, way.says);
    const preview = await calls.preview;
    assert.equal(preview.status, way.status);
    assert.match(preview.text, way.says);
    assert.ok(Date.now() - began < (way.withinMs ?? 10000), `${Date.now() - began} ms`);
    calls.rest();
    const upload = await calls.upload;
    assert.equal(upload.status, way.status, JSON.stringify(upload));
    assert.match(upload.json.message, way.says);
    await ended;
    await cove.remove(box.id);
  });
}

// SIGTERM to all: that is how it was done, and not how they ended.
test('what a graceful stop ends hears of the stop, and not of a signal', async () => {
  const box = await cove.create();
  await post(`/toolbox/${box.id}/process/session`, { sessionId: 's' });
  const calls = ['execute', 'code-run', 'session/s/exec'].map((path) => post(`/toolbox/${box.id}/process/${path}`,
    path === 'code-run' ? { language: 'python', code: 'import time; open("python", "w"); time.sleep(1000)' } : { command: `touch ${path.replaceAll('/', '-')}; sleep 1000` }));
  await until('all run', async () => (await cove.exec(box.id, 'ls execute python session-s-exec 2>/dev/null | wc -l')).result.trim() === '3');
  assert.equal((await cove.exec(box.id, 'kill -TERM $$')).exitCode, 143, 'a signal of its own is its own');
  assert.equal((await post(`/api/sandbox/${box.id}/stop`)).status, 200);
  for (const answer of await Promise.all(calls)) {
    assert.equal(answer.status, 409, answer.text);
    assert.match(answer.json.message, /the sandbox was stopped while this was under way/);
  }
  await cove.remove(box.id);
});
