// A Cove server of the test's own, and small helpers around it. Every helper waits for a condition,
// none sleeps for luck.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import http from 'node:http';
import net from 'node:net';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const bin = join(root, 'build/bin/cove');
export const dataDir = process.env.COVE_TEST_DATA ?? '/tmp/cove-e2e-data';

export async function until(what, condition, timeoutMs = 10000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

// Starts `command`, resolves with the text after "ready " that it prints.
async function startReady(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', options.log ?? 'inherit'], detached: true, env: { ...process.env, ...options.env } });
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (d) => (text += d));
  let ended = null;
  child.once('exit', (code, signal) => (ended = { code, signal }));
  const url = await until(`${command} is ready`, () => {
    if (ended) throw new Error(`${command} ended before it was ready: ${JSON.stringify(ended)}`);
    return /^ready (\S+)$/m.exec(text)?.[1];
  }, 60000).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
  return { child, url, get ended() { return ended; }, output: () => text };
}

export async function startModel(script = join(root, 'tests/model/demo.json'), ...more) {
  const dir = mkdtempSync('/tmp/cove-model-');
  const log = join(dir, 'requests.ndjson');
  const model = await startReady('node', [join(root, 'tests/model/server.mjs'), '--script', script, '--key', 'scripted-key', '--log', log, ...more], {});
  return {
    url: model.url,
    requests: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').filter(Boolean).map((l) => JSON.parse(l)) : []),
    async stop() {
      model.child.kill('SIGTERM');
      await until('the model server ended', () => model.ended);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

// A new data directory with the images of another one, which share their files, and its authority,
// of which they hold the certificate: so the host is not captured again.
export function shareImages(from, to) {
  mkdirSync(join(to, 'runner'), { recursive: true });
  for (const [dir, mode] of [[to, 0o711], [join(to, 'runner'), 0o700]]) chmodSync(dir, mode);
  mkdirSync(join(to, 'front'), { mode: 0o700 });
  chownSync(join(to, 'front'), 61800, 61800);
  for (const args of [['-al', join(from, 'runner/images'), join(to, 'runner/images')],
    ['-a', join(from, 'front/ca.pem'), join(from, 'front/ca.key'), join(to, 'front')]]) {
    const copied = spawnSync('cp', args, { encoding: 'utf8' });
    if (copied.status !== 0) throw new Error(copied.stderr);
  }
}

// One at which a server can come back: not of those that the kernel gives to whoever connects. It
// may give a client that tries while nobody listens that very one, and so a connection to itself.
export async function freePort() {
  const end = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t')[0]);
  for (;;) {
    const port = end - 1 - Math.floor(Math.random() * Math.min(10000, end / 2));
    const server = net.createServer();
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export class Cove {
  static adminKey = 'cove_e2e_admin_key_0123456789abcdef';

  static async start({ config = '', env = {}, data = dataDir, listen, wrap = [], args = [] } = {}) {
    const cove = new Cove();
    cove.wrap = wrap;  // a program that becomes the server: prlimit and the like
    cove.args = args;  // of the server, besides the usual
    cove.data = data;
    mkdirSync(data, { recursive: true });
    cove.scratch = mkdtempSync('/tmp/cove-conf-');
    cove.configFile = join(cove.scratch, 'cove.toml');
    cove.logFile = join(cove.scratch, 'server.log');
    cove.env = { COVE_ADMIN_KEY: Cove.adminKey, OPENAI_API_KEY: '', ...env };
    writeFileSync(cove.configFile, config);
    await cove.launch(listen ?? `127.0.0.1:${await freePort()}`);
    return cove;
  }

  async launch(listen) {
    const log = openSync(this.logFile, 'a');
    const [program, ...args] = [...this.wrap, bin, 'serve', '--listen', listen, '--data', this.data, '--config', this.configFile, ...this.args];
    this.server = await startReady(program, args, { env: this.env, log });
    closeSync(log);
    this.url = this.server.url;
    this.port = Number(new URL(this.url).port);
    this.key = Cove.adminKey;
  }

  get runnerPid() { return this.server.child.pid; }
  get frontPid() { return childrenOf(this.runnerPid).find((p) => cmdline(p).includes('front')); }
  // A sandbox's files as the host sees them: only the runner's mount namespace has its disk.
  boxDir(id) { return `/proc/${this.runnerPid}/root${this.data}/runner/disk/${id}`; }
  log() { return readFileSync(this.logFile, 'utf8'); }

  async api(method, path, body, { key = this.key, headers = {}, raw, signal } = {}) {
    const res = await fetch(this.url + path, {
      method,
      signal,
      headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers },
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
    const text = await res.text();
    let json;
    try { json = JSON.parse(text); } catch { /* not every answer is JSON */ }
    return { status: res.status, text, json, headers: res.headers };
  }

  async create(body = {}) {
    const r = await this.api('POST', '/api/sandbox', { env: {}, labels: {}, ...body });
    if (r.status !== 200) throw new Error(`create: ${r.status} ${r.text}`);
    return r.json;
  }

  async exec(id, command, extra = {}) {
    const r = await this.api('POST', `/toolbox/${id}/process/execute`, { command, ...extra });
    if (r.status !== 200) throw new Error(`execute: ${r.status} ${r.text}`);
    return r.json;
  }

  remove(id) { return this.api('DELETE', `/api/sandbox/${id}`); }

  cli(args, { input, env = {}, timeoutMs = 120000 } = {}) {
    const r = spawnSync(bin, args, { input, encoding: 'utf8', maxBuffer: 256 << 20, timeout: timeoutMs, env: { ...process.env, COVE_URL: this.url, COVE_API_KEY: this.key, ...env } });
    return { status: r.status, signal: r.signal, stdout: r.stdout, stderr: r.stderr };
  }

  // Deletes every sandbox, then ends the server in order. What fails of that is thrown only when no
  // process of the server is left: it would hold the test's output open, and nobody would end it.
  async stop() {
    try {
      const signal = AbortSignal.timeout(60000);
      const list = await this.api('GET', '/api/sandbox?limit=200', undefined, { signal });
      for (const s of list.json?.items ?? []) await this.api('DELETE', `/api/sandbox/${s.id}`, undefined, { signal });
    } finally {
      this.server.child.kill('SIGTERM');
      await until('the server ended', () => this.server.ended, 30000).catch(async (error) => {
        await this.kill();
        throw error;
      }).finally(() => rmSync(this.scratch, { recursive: true, force: true }));
    }
  }

  kill(signal = 'SIGKILL') {
    const pids = [this.frontPid, this.runnerPid].filter(Boolean);
    for (const p of pids) try { process.kill(p, signal); } catch { /* gone already */ }
    return until('both processes are gone', () => pids.every((p) => !alive(p)));
  }
}

// A GET with a Host header of its own, which fetch() does not allow.
export function get(url, { host, headers = {} } = {}) {
  return new Promise((done, fail) => {
    const u = new URL(url);
    const req = http.get({ host: u.hostname, port: u.port, path: u.pathname + u.search, headers: { ...headers, ...(host ? { host } : {}) } }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (d) => (text += d));
      res.on('end', () => done({ status: res.statusCode, text, headers: res.headers }));
    });
    req.on('error', fail);
  });
}

// The preview link names {port}-{id}.localhost; browsers and curl send that to loopback themselves.
export function getPreview(link, token, path = '/') {
  const u = new URL(link);
  return get(`http://127.0.0.1:${u.port}${path}`, { host: u.host, headers: token ? { 'x-daytona-preview-token': token } : {} });
}

export function alive(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1][0] !== 'Z';
  } catch { return false; }
}
export function cmdline(pid) {
  try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' '); } catch { return ''; }
}
export function argv(pid) {
  try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1); } catch { return []; }
}
export function status(pid) { try { return readFileSync(`/proc/${pid}/status`, 'utf8'); } catch { return ''; } }
export function childrenOf(pid) {
  try { return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number); } catch { return []; }
}
export function pids() { return readdirSync('/proc').filter((n) => /^\d+$/.test(n)).map(Number); }
export function netns(pid) { try { return readlinkSync(`/proc/${pid}/ns/net`); } catch { return ''; } }
