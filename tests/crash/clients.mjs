// The clients of the crash test: each owns a few sandboxes, does random things to them, asks again
// with the same key or name after every lost answer, and remembers what was confirmed.
import { createHash } from 'node:crypto';

// mulberry32: small, seeded, good enough to choose by.
export function random(seed) {
  let a = createHash('sha256').update(String(seed)).digest().readUInt32LE(0);
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}

export class Client {
  constructor(name, seed, world) {
    this.name = name;
    this.rnd = random(seed);
    this.world = world;
    this.boxes = [];
    this.count = 0;
    this.doing = 'nothing';
  }

  // Asks until an answer comes. 503 and 500 come from a front whose runner has just died under it;
  // so they are asked again too, but an answer of a healthy server must come in the end.
  async ask(method, path, body, options = {}) {
    for (let tries = 0; ; ++tries) {
      const { server } = this.world;
      try {
        const r = await server.request(method, path, body, options);
        if (r.status < 500) return { ...r, again: tries > 0 };
        if (Date.now() - this.world.upSince > 10000) throw Object.assign(new Error(`${method} ${path}: ${r.status} ${r.text}`), { final: true });
      } catch (e) {
        if (e.final || e.hung) throw e;
        if (this.world.failed) throw e;
        if (this.world.upSince !== Infinity && Date.now() - this.world.upSince > 10000) throw new Error(`${method} ${path}: ${e.message}, and the server is up`);
      }
      this.world.lost += 1;
      await new Promise((r) => setTimeout(r, 10));
    }
  }

  must(what, r, ...allowed) {
    if (!allowed.includes(r.status)) throw new Error(`${this.name}: ${what}: ${r.status} ${r.text}`);
    return r;
  }

  async step() {
    const started = this.boxes.filter((b) => b.state === 'started');
    const resting = this.boxes.filter((b) => b.state === 'stopped' || b.state === 'paused');
    const r = this.rnd.next();
    if (this.boxes.length === 0 || (r < 0.14 && this.boxes.length < 3)) return this.create();
    if (r < 0.22) return this.resize(this.rnd.pick(this.boxes));
    if (resting.length > 0 && r < 0.42) return this.start(this.rnd.pick(resting));
    if (started.length === 0) return this.start(this.rnd.pick(resting));
    const box = this.rnd.pick(started);
    if (r < 0.52) return this.write(box);
    if (r < 0.62) return this.upload(box);
    if (r < 0.72) return this.pause(box);
    if (r < 0.81) return this.stop(this.rnd.pick(this.boxes.filter((b) => b.state !== 'stopped')));
    if (r < 0.89) return this.snapshot(box);
    return this.remove(this.rnd.pick(this.boxes));
  }

  async create(from) {
    const key = `${this.name}-${++this.count}`;
    this.doing = `create ${key}`;
    const body = { env: { KEY: key }, labels: { key }, autoStopInterval: 0 };
    if (from) body.snapshot = from.name;
    else if (this.rnd.next() < 0.4) body.memory = 0.5;  // does not fit the pool
    const r = this.must('create', await this.ask('POST', '/api/sandbox', body, { headers: { 'idempotency-key': key } }), 200);
    const { id, state, limits } = r.json;
    const box = { id, key, state, limits, files: new Map(from?.files), maybe: new Map(from?.maybe) };
    if (box.state !== 'started' && !(r.again && box.state === 'stopped')) throw new Error(`${this.name}: create ${key} answered ${box.state}: ${r.text}`);
    this.boxes.push(box);
    return box;
  }

  content(name) { return `${name} ${createHash('sha256').update(name + this.world.seed).digest('hex')}\n`; }

  async write(box) {
    const name = `w-${this.name}-${++this.count}`;
    this.doing = `write ${name} in ${box.id}`;
    const content = this.content(name);
    box.maybe.set(name, content);
    const command = `printf '%s' "${content}" > ~/${name} && sync ~/${name} && echo done; getent ahosts nowhere.example.com >/dev/null; true`;
    // Once: what is lost stays unknown.
    const r = await this.world.server.request('POST', `/toolbox/${box.id}/process/execute`, { command }).catch((e) => { if (e.hung) throw e; return null; });
    if (r?.status === 200 && r.json.exitCode === 0 && r.json.result.includes('done')) {
      box.maybe.delete(name);
      box.files.set(name, content);
    }
  }

  async upload(box) {
    const name = `u-${this.name}-${++this.count}`;
    this.doing = `upload ${name} to ${box.id}`;
    const content = this.content(name).repeat(200);
    box.maybe.set(name, content);
    const raw = `--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n${content}\r\n--b--\r\n`;
    const r = await this.world.server.request('POST', `/toolbox/${box.id}/files/upload?path=/home/daytona/${name}`, undefined,
      { raw, headers: { 'content-type': 'multipart/form-data; boundary=b' } }).catch((e) => { if (e.hung) throw e; return null; });
    if (r?.status === 200) {
      box.maybe.delete(name);
      box.files.set(name, content);
    }
  }

  async stop(box) {
    this.doing = `stop ${box.id}`;
    const force = this.rnd.next() < 0.5;
    const r = this.must('stop', await this.ask('POST', `/api/sandbox/${box.id}/stop?force=${force}`), 200);
    if (r.json.state !== 'stopped') throw new Error(`stop answered ${r.json.state}`);
    box.state = 'stopped';
  }

  async pause(box) {
    this.doing = `pause ${box.id}`;
    // The power may have gone meanwhile, and it is stopped.
    const r = await this.ask('POST', `/api/sandbox/${box.id}/pause`);
    this.must('pause', r, ...(r.again ? [200, 409] : [200]));
    box.state = r.status === 200 ? r.json.state : this.must('get', await this.ask('GET', `/api/sandbox/${box.id}`), 200).json.state;
    if (box.state !== 'paused' && !(r.again && box.state === 'stopped')) throw new Error(`pause answered ${box.state}`);
  }

  // Sometimes to less memory than it holds, which is refused and changes nothing.
  async resize(box) {
    const limits = { cpu: this.rnd.pick([0.5, 1, 2]), memory: this.rnd.pick([0.01, 0.5, 1, 1.5]), disk: box.limits.disk + this.rnd.below(2) };
    this.doing = `resize ${box.id} (${box.state}) to ${JSON.stringify(limits)}`;
    const r = this.must('resize', await this.ask('POST', `/api/sandbox/${box.id}/resize`, limits), 200, 409, 400);
    if (r.status === 200) box.limits = limits;
  }

  async start(box) {
    this.doing = `start ${box.id}`;
    const r = this.must('start', await this.ask('POST', `/api/sandbox/${box.id}/start`), 200);
    box.state = r.json.state;
    if (box.state !== 'started') throw new Error(`start answered ${box.state}`);
  }

  async snapshot(box) {
    const name = `s-${this.name}-${++this.count}`;
    this.doing = `snapshot ${name} of ${box.id}`;
    const source = { name, files: new Map(box.files), maybe: new Map(box.maybe) };
    const r = this.must('snapshot', await this.ask('POST', `/api/sandbox/${box.id}/snapshot`, { name }), 200, 409);
    const seen = this.must('look up a snapshot', await this.ask('GET', `/api/snapshots/${name}`), 200);
    if (seen.json.state !== 'active' || (r.status === 409 && !r.again)) throw new Error(`snapshot ${name}: ${r.status} ${r.text} ${seen.text}`);
    // A machine that lost power while it was taken may have left its sandbox stopped.
    // A repeated request may have come before the sandbox ran again.
    const end = Date.now() + 10000;
    do {
      box.state = this.must('get', await this.ask('GET', `/api/sandbox/${box.id}`), 200).json.state;
      if (Date.now() > end) throw new Error(`${box.id} is still ${box.state} after its snapshot`);
    } while (!['started', 'stopped'].includes(box.state));
    if (this.boxes.length < 3) await this.create(source);
    this.doing = `delete snapshot ${name}`;
    this.must('delete snapshot', await this.ask('DELETE', `/api/snapshots/${name}`), 200, 404);
  }

  async remove(box) {
    this.doing = `delete ${box.id}`;
    const r = await this.ask('DELETE', `/api/sandbox/${box.id}`);
    this.must('delete', r, ...(r.again ? [200, 404] : [200]));
    this.boxes = this.boxes.filter((b) => b !== box);
  }
}
