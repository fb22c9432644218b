// `cove box` in a network of the test's own: a namespace in which it runs, one in which the servers
// of the outside world are, and nothing that leads to the real one.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, root, until } from './cove.mjs';

export const OUTSIDE = '9.9.9.10';
export const SECOND_RESOLVER = '9.9.9.11';
export const KEY = 'scripted-key';
export const OWNER = 4321;  // of the projects: nobody the host knows

const must = (command, args) => {
  const r = spawnSync(command, args, { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${r.stderr}`);
  return r.stdout;
};

function startLines(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const out = { child, text: '', ended: false };
  child.stdout.on('data', (d) => (out.text += d));
  child.on('exit', () => (out.ended = true));
  return out;
}

const NAMED = '/run/netns';
const isMount = (path) => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').some((line) => line.split(' ')[4] === path);

export class Bed {
  static async make() {
    const bed = new Bed();
    bed.started = [];
    bed.dir = mkdtempSync('/tmp/cove-box-');
    chmodSync(bed.dir, 0o711);
    bed.base = join(bed.dir, 'base');
    const id = process.pid;
    [bed.inner, bed.outer] = [`cvb-a${id}`, `cvb-b${id}`];
    bed.named = isMount(NAMED);
    for (const ns of [bed.inner, bed.outer]) must('ip', ['netns', 'add', ns]);
    const ip = (ns, ...args) => must('ip', ['-n', ns, ...args]);
    ip(bed.inner, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', bed.outer);
    for (const [ns, dev, addr] of [[bed.inner, 'v0', '10.99.0.1/30'], [bed.outer, 'v1', '10.99.0.2/30']]) {
      ip(ns, 'link', 'set', 'lo', 'up');
      ip(ns, 'addr', 'add', addr, 'dev', dev);
      ip(ns, 'link', 'set', dev, 'up');
    }
    for (const addr of [OUTSIDE, SECOND_RESOLVER]) ip(bed.outer, 'addr', 'add', `${addr}/32`, 'dev', 'lo');
    ip(bed.inner, 'route', 'add', 'default', 'via', '10.99.0.2');
    const names = ['api.openai.com', 'chatgpt.com', 'openai.com', 'registry.example.org', 'example.com', 'example.net', 'other.example.org', 'pypi.example.org', 'api.adoptium.net'];
    writeFileSync(join(bed.dir, 'hosts'), `127.0.0.1 localhost\n${OUTSIDE} ${names.join(' ')}\n10.99.0.2 private.example.org\n${OUTSIDE} mixed.example.org\n10.99.0.3 mixed.example.org\n`);
    writeFileSync(join(bed.dir, 'resolv.conf'), `nameserver ${OUTSIDE}\noptions timeout:1 attempts:1\n`);
    must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=bed', '-addext', `subjectAltName=${names.map((n) => `DNS:${n}`)}`,
      '-keyout', join(bed.dir, 'key.pem'), '-out', join(bed.dir, 'cert.pem')]);
    bed.servers = startLines('nsenter', [`--net=/run/netns/${bed.outer}`, 'node', join(root, 'tests/e2e/lib/box_servers.mjs'), OUTSIDE, SECOND_RESOLVER, join(bed.dir, 'key.pem'), join(bed.dir, 'cert.pem'), join(bed.dir, 'www')]);
    await until('the servers outside are ready', () => bed.servers.text.includes('ready bed'));
    return bed;
  }

  // A scripted model, reached only from where the box's own server is.
  async startModel(script) {
    writeFileSync(join(this.dir, 'model.json'), JSON.stringify(script));
    this.modelLog = join(this.dir, 'model.ndjson');
    this.model = startLines('nsenter', [`--net=/run/netns/${this.inner}`, 'node', join(root, 'tests/model/server.mjs'), '--script', join(this.dir, 'model.json'), '--key', KEY, '--log', this.modelLog]);
    const url = await until('the model is ready', () => /^ready (\S+)$/m.exec(this.model.text)?.[1]);
    this.config = join(this.dir, 'operator.toml');
    writeFileSync(this.config, `[ai.providers.openai]\nkind = "openai"\nbase_url = "${url}/v1"\n`);
  }
  modelCalls() { return existsSync(this.modelLog) ? readFileSync(this.modelLog, 'utf8').trim().split('\n').filter(Boolean).map((l) => JSON.parse(l)) : []; }
  // What the outside answers to https://HOST/PATH; a folder's own answer is its `index`.
  publish(name, bytes) {
    const path = join(this.dir, 'www', name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, bytes);
  }
  outside() { return this.servers.text.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l)); }

  // A home of its own with an auth.json, unless told otherwise.
  home({ auth = { OPENAI_API_KEY: KEY } } = {}) {
    const home = mkdtempSync(join(this.dir, 'home-'));
    if (auth) { mkdirSync(join(home, '.codex')); writeFileSync(join(home, '.codex/auth.json'), JSON.stringify(auth)); }
    return home;
  }
  project(files = {}) {
    const dir = mkdtempSync(join(this.dir, 'p-'));
    chmodSync(dir, 0o755);
    for (const [name, text] of Object.entries(files)) this.put(join(dir, name), text);
    chownSync(dir, OWNER, OWNER);
    return dir;
  }
  put(path, text, mode = 0o644) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
    for (let at = path; at.startsWith(join(this.dir, 'p-')) && at.length > this.dir.length + 9; at = join(at, '..')) chownSync(at, OWNER, OWNER);
    return path;
  }
  script(text) { return this.put(join(this.dir, `hook-${Math.random().toString(36).slice(2)}.sh`), `#!/bin/bash\n${text}\n`, 0o755); }

  command(args, { pty = false, online = false, closed = false } = {}) {
    const inner = online ? [bin, 'box', ...args] : ['nsenter', `--net=/run/netns/${this.inner}`, 'unshare', '-m', 'sh', '-c',
      `mount --bind ${this.dir}/hosts /etc/hosts && mount --bind ${this.dir}/resolv.conf /etc/resolv.conf && exec "$@"`, 'sh', bin, 'box', ...args];
    if (closed) return ['sh', '-c', 'exec "$@" <&-', 'sh', ...inner];
    if (!pty) return inner;
    const quoted = inner.map((w) => `'${w.replaceAll("'", `'\\''`)}'`).join(' ');
    return ['script', '-qec', quoted, '/dev/null'];
  }

  // Starts it; `done` resolves with {status, stdout, stderr}.
  start(args, { cwd, env = {}, input, pty = false, home, online = false, closed = false } = {}) {
    const [command, ...words] = this.command(args, { pty, online, closed });
    const clean = Object.fromEntries(Object.entries(process.env).filter(([n]) => !/^(CODEX|OPENAI|PROXY|INIT_|NO_PROXY|HTTPS?_PROXY|WORKSPACE|SUDO|ALLOW)/i.test(n)));
    const child = spawn(command, words, {
      cwd: cwd ?? this.dir, stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...clean, HOME: home ?? (this.defaultHome ??= this.home()), COVE_BOX_DIR: this.base, ...(this.config ? { COVE_BOX_CONFIG: this.config } : {}), ...env },
    });
    const out = { child, stdout: '', stderr: '', status: null, ended: false };
    this.started.push(out);
    child.stdout.on('data', (d) => (out.stdout += d));
    child.stderr.on('data', (d) => (out.stderr += d));
    child.stdin.on('error', () => {});
    if (input !== null) child.stdin.end(input ?? '');
    out.done = new Promise((done) => child.on('close', (status, signal) => done(Object.assign(out, { status, signal, ended: true }))));
    return out;
  }
  run(args, options) { return this.start(args, options).done; }
  // The output of `text` as an init script, beside Codex's version.
  async probe(text, { args = [], ...options } = {}) {
    const r = await this.run(['--init_script', this.script(text), ...args, '--', '--version'], { cwd: options.cwd ?? this.project(), ...options });
    if (r.status !== 0) throw new Error(`exit ${r.status}\n${r.stdout}\n${r.stderr}`);
    return r;
  }

  runs() { return existsSync(join(this.base, 'run')) ? readdirSync(join(this.base, 'run')) : []; }

  async remove() {
    // Also what a test that failed has left running: each needs the network that goes last.
    let late;
    for (const p of [...this.started, this.servers, this.model]) {
      if (!p || p.ended) continue;
      p.child.kill('SIGTERM');
      await until(`${p.child.spawnargs.join(' ')} ended`, () => p.ended, 20000).catch((error) => {
        p.child.kill('SIGKILL');
        late ??= error;
      });
    }
    for (const ns of [this.inner, this.outer]) if (ns) spawnSync('ip', ['netns', 'del', ns]);
    // The first name on a machine makes ip(8) mount their folder, for good.
    if (!this.named && isMount(NAMED)) spawnSync('umount', [NAMED]);
    rmSync(this.dir, { recursive: true, force: true });
    if (late) throw late;
  }
}
