// Goal: kill -9 of the runner, the front or both at any of their steps, or the loss of power, loses no
// confirmed file, leaves no half-made sandbox and makes none twice.
// Method: clients do random things; in each round one process is killed just before or after its N-th
// system call of a kind that others can see (ptrace), or at a random time, sometimes again while the
// server starts; with "power" all sandboxes die too. Then the clients ask again for what was lost,
// and what is must be what they know. Everything random comes from one seed.
//
//   node tests/crash/crash.mjs [--kills 500] [--seed 1] [--servers 2] [--rounds-of SERVER:ROUND]
import { chmodSync, mkdtempSync, rmSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { shareImages, until } from '../e2e/lib/cove.mjs';
import { Client, random } from './clients.mjs';
import { Server, list, steps } from './server.mjs';

const arg = (name, otherwise) => { const i = process.argv.indexOf(`--${name}`); return i < 0 ? otherwise : process.argv[i + 1]; };
const seed = arg('seed', '1');
const killsWanted = Number(arg('kills', 500));
const servers = Number(arg('servers', 2));
const keep = process.argv.includes('--keep');
const scratch = mkdtempSync('/tmp/cove-crash-');
chmodSync(scratch, 0o711);

const kills = new Map();  // what was killed where, for the report
let killed = 0;
const count = (what) => { kills.set(what, (kills.get(what) ?? 0) + 1); killed += 1; };
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

class World {
  constructor(number) {
    this.number = number;
    this.seed = `${seed}/${number}`;
    this.rnd = random(`kills ${this.seed}`);
    this.upSince = Infinity;
    this.lost = 0;
    this.failed = false;
    this.history = [];
    this.server = new Server(join(scratch, `data-${number}`), { config: '[pool]\nsize = 1\n' });
    this.clients = [0, 1, 2].map((i) => new Client(`c${i}`, `client ${i} ${this.seed}`, this));
  }

  get boxes() { return this.clients.flatMap((c) => c.boxes); }

  async launch(early) {
    if (this.failed) throw new Error('this world has ended');
    const up = await this.server.launch(early);
    if (up) this.upSince = Date.now();
    return up;
  }

  async begin() {
    if (!await this.launch()) throw new Error(`server ${this.number} ended while it started:\n${this.server.log()}`);
  }

  // --- one round
  async round() {
    const { rnd, server } = this;
    const who = rnd.pick(['runner', 'runner', 'front', 'front', 'both', 'power', 'power']);
    const target = who === 'front' || (who === 'power' && rnd.next() < 0.5) ? 'front' : 'runner';
    const pid = target === 'front' ? server.frontPid : server.child.pid;
    const plan = { side: rnd.pick(['entry', 'exit']), when: 1 + Math.floor(rnd.next() ** 2 * 90), ms: 120 + rnd.below(200) };
    const timed = rnd.next() < 0.15;
    if (timed) plan.ms = 5 + rnd.below(150);
    this.killing = true;
    const work = Promise.allSettled(this.clients.map(async (c) => { while (this.killing) await c.step(); }));
    const at = await server.killAt(pid, timed ? 'reboot' : steps[target], plan);
    this.upSince = Infinity;
    this.killing = false;
    const doing = this.clients.map((c) => c.doing);
    count(`${who} ${target === who ? '' : `${target} `}${at}`.trim());
    this.history.push(`${who}: ${target} ${at} (${plan.when}) while ${doing.join(', ')}`);
    if (who === 'both') { try { process.kill(server.frontPid, 'SIGKILL'); } catch { /* dead with it */ } }
    if (who === 'power') await server.powerCut();
    else if (target === 'runner') await until('the server is dead', () => server.ended);
    await this.comeBack(who);
    for (const done of await work) if (done.status === 'rejected') throw done.reason;
    for (const c of this.clients) c.doing = 'nothing';
    // Everything that ran ended with the power.
    await this.check(who === 'power' || this.cut);
    this.cut = false;
  }

  async comeBack(who) {
    const { rnd, server } = this;
    if (who === 'front' && server.alive()) {
      const old = Date.now();
      for (;;) {
        try { await server.request('GET', '/api/sandbox?limit=1', undefined, { ms: 8000 }); break; } catch { /* not yet */ }
        if (Date.now() - old > 10000) throw new Error('no front served within 10 s');
        await sleep(3);
      }
      this.upSince = Date.now();
      return;
    }
    for (let again = 0; again < 20; ++again) {
      const kill = again < 2 && rnd.next() < 0.3;
      const ahead = kill ? { side: rnd.pick(['entry', 'exit']), when: 1 + rnd.below(60), ms: 100 } : null;
      const power = kill && rnd.next() < 0.3;
      let killer;
      const up = await this.launch((child) => { if (kill) killer = server.killAt(child.pid, steps.runner, ahead); });
      if (!kill) { if (!up) throw new Error('the server ended while it started'); return; }
      count(`${power ? 'power ' : ''}start ${await killer}`);
      this.history.push(`killed again at its start${power ? ', with the power' : ''}`);
      this.upSince = Infinity;
      for (let i = 0; !server.ended; ++i) await sleep(2);
      if (power) { await server.powerCut(); this.cut = true; }
    }
  }

  // --- what must hold whenever nothing is under way
  async check(cut) {
    const { server } = this;
    let why = '';
    const end = Date.now() + 8000;
    for (;;) {
      why = await this.disagreement(cut);
      if (!why) break;
      if (Date.now() > end) throw new Error(`it did not settle: ${why}`);
      await sleep(10);
    }
    const uids = server.toolboxUids();
    if (new Set(uids).size !== uids.length) throw new Error(`two boxes have one range of uids: ${uids}`);
    const running = this.boxes.filter((b) => b.state === 'started');
    if (running.length > 0) await this.verify(this.rnd.pick(running));
  }

  async disagreement(cut) {
    const { server } = this;
    const r = await server.request('GET', '/api/sandbox?limit=200');
    const known = new Map(this.boxes.map((b) => [b.id, b]));
    const keys = new Set();
    for (const s of r.json.items) {
      if (keys.has(s.labels.key)) throw new Error(`two sandboxes for the key ${s.labels.key}`);
      keys.add(s.labels.key);
      const box = known.get(s.id);
      if (!box) return `sandbox ${s.id} (${s.state}, ${s.labels.key}) is nobody's`;
      if (s.state === 'error') throw new Error(`sandbox ${s.id} failed: ${s.errorReason}`);
      if (cut && box.state !== 'stopped' && s.state === 'stopped') box.state = 'stopped';
      if (s.state !== box.state) return `sandbox ${s.id} is ${s.state}, not ${box.state}`;
      for (const [what, limit] of Object.entries(box.limits)) if (s.limits[what] !== limit) return `the ${what} of ${s.id} is ${s.limits[what]}, not ${limit}`;
    }
    if (r.json.items.length !== known.size) throw new Error(`lost: ${[...known.keys()].filter((id) => !r.json.items.some((s) => s.id === id))}`);
    const snapshots = (await server.request('GET', '/api/snapshots')).json.items.filter((s) => s.name !== 'host');
    if (snapshots.length > 0) return `snapshots are left: ${snapshots.map((s) => `${s.name} ${s.state}`)}`;
    // The pool has one box more, once it is full.
    const differs = (what, have, must) => {
      const extra = have.filter((id) => !must.includes(id));
      const missing = must.filter((id) => !have.includes(id));
      return missing.length > 0 || extra.length > 1 ? `${what}: missing ${missing}, too many ${extra}` : '';
    };
    const all = [...known.keys()];
    const live = this.boxes.filter((b) => b.state !== 'stopped');
    const running = live.map((b) => b.id);
    for (const b of live) {
      if (server.frozen(b.id) !== (b.state === 'paused')) return `${b.id} is ${b.state}, and its processes are ${server.frozen(b.id) ? '' : 'not '}frozen`;
      const bytes = server.memoryLimit(b.id);
      if (bytes !== b.limits.memory * 2 ** 30) return `${b.id} may have ${bytes} bytes of memory, not ${b.limits.memory} GiB`;
    }
    return differs('directories', server.boxDirs(), all) || differs('disks', server.disks(), all)
      || differs('sockets', server.sockets(), running) || differs('cgroups', server.cgroups(), running);
  }

  async verify(box) {
    const { server } = this;
    const names = [...box.files.keys(), ...box.maybe.keys()];
    if (names.length === 0) return;
    const r = await server.request('POST', `/toolbox/${box.id}/process/execute`,
      { command: `cd ~; for f in ${names.join(' ')}; do if [ -e $f ]; then echo $f $(sha256sum < $f); else echo $f none; fi; done; echo $KEY` });
    if (r.status !== 200) throw new Error(`verify ${box.id}: ${r.status} ${r.text}`);
    const lines = r.json.result.trim().split('\n');
    if (lines.pop() !== box.key) throw new Error(`the environment of ${box.id} is not that of ${box.key}: ${r.json.result}`);
    const { createHash } = await import('node:crypto');
    for (const line of lines) {
      const [name, sum] = line.split(' ');
      const content = box.files.get(name) ?? box.maybe.get(name);
      const whole = sum === createHash('sha256').update(content).digest('hex');
      if (box.files.has(name) && !whole) throw new Error(`the confirmed file ${name} of ${box.id} is lost: ${sum}`);
      // An upload appears whole or not at all.
      if (!box.files.has(name) && name.startsWith('u-') && sum !== 'none' && !whole) throw new Error(`half an upload: ${name} of ${box.id}`);
    }
  }

  async deepCheck() {
    for (const client of this.clients) {
      for (const box of client.boxes) {
        if (box.state !== 'started') await client.start(box);
        await this.verify(box);
      }
    }
    return this.server.auditRecords();
  }

  // Nothing may be left of what was deleted.
  async finish() {
    const { server } = this;
    const records = await this.deepCheck();
    for (const client of this.clients) for (const box of [...client.boxes]) await client.remove(box);
    await this.check(false);
    await until('the images of snapshots are gone', () => list(join(server.data, 'runner/images')).length === 1);
    await server.end();
    const left = {
      boxes: server.boxDirs(), sockets: server.sockets(), cgroups: server.cgroups(), processes: server.boxProcesses(),
      trash: list(join(server.data, 'runner/trash')), mounts: server.mounts(),
      parents: server.cgroupDirs(), loops: server.loops(),
    };
    for (const [what, those] of Object.entries(left)) if (those.length > 0) throw new Error(`left of ${what}: ${those.join(', ')}`);
    return records;
  }

  async run(target) {
    try {
      while (killed < target) {
        await this.round();
        if (this.history.length % 40 === 0) await this.deepCheck();
      }
      return await this.finish();
    } catch (e) {
      if (this.failed) throw e;  // ended from outside
      this.failed = true;
      const log = this.server.log().split('\n').slice(-60).join('\n');
      console.error(`server ${this.number} FAILED after ${this.history.length} kills of its own: ${e.stack}\nclients: ${this.clients.map((c) => c.doing)}\nlast kills:\n  ${this.history.slice(-4).join('\n  ')}\nlog:\n${log}\nagain: node tests/crash/crash.mjs --seed ${seed} --kills ${killsWanted} --servers ${servers} (timing differs from run to run; the choices do not)`);
      await this.end();
      throw e;
    }
  }

  // Whatever became of it: its server and sandboxes would outlive this program.
  async end() {
    const { server } = this;
    this.failed = true;
    if (!server.child) return;
    await server.powerCut().catch((e) => console.error(`server ${this.number} did not end: ${e.message}`));
    for (const dir of server.cgroupDirs()) try { rmdirSync(dir); } catch { /* told above */ }
  }
}

const worlds = [];

async function endAll() {
  await Promise.all(worlds.map((w) => w.end()));
  if (keep) return;
  for (const w of worlds) w.server.remove();
  rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  const started = Date.now();
  for (let i = 0; i < servers; ++i) worlds.push(new World(i));
  // The image of the host is captured once; the others share its files.
  await worlds[0].begin();
  await worlds[0].clients[0].create();
  for (const w of worlds.slice(1)) {
    shareImages(worlds[0].server.data, w.server.data);
    await w.begin();
  }
  const ready = Date.now();
  console.log(`seed ${seed}: ${killsWanted} kills over ${servers} servers; ready after ${ready - started} ms`);
  const outcome = await Promise.allSettled(worlds.map((w) => w.run(killsWanted)));
  const failed = outcome.filter((o) => o.status === 'rejected');
  const lost = worlds.reduce((n, w) => n + w.lost, 0);
  const table = [...kills].sort((a, b) => b[1] - a[1]).map(([what, n]) => `  ${n} ${what}`).join('\n');
  console.log(`${killed} kills in ${((Date.now() - ready) / 1000).toFixed(0)} s, ${lost} answers lost and asked for again; by step:\n${table}`);
  if (failed.length === 0) console.log(`all invariants hold; audit records verified: ${outcome.map((o) => o.value)}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

let interrupted;  // by a signal: the status to end with
for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]]) {
  process.once(signal, () => {
    interrupted = 128 + number;
    endAll().finally(() => process.exit(interrupted));
  });
}
try {
  await main();
} catch (e) {
  if (!interrupted) console.error(e);
  process.exitCode = 1;
} finally {
  await endAll();
}
process.exit(interrupted);
