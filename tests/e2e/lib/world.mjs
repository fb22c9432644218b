// A small internet of the test's own: the test file runs again in namespaces of its own, from which
// one cable leads to a machine with public addresses that answers for all names. No packet leaves.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { netns, root, until } from './cove.mjs';

const address = '203.0.113.20';

// Runs the calling test file again inside new namespaces, unless it is there already.
export function enterWorld(moduleUrl) {
  if (process.env.COVE_WORLD) return;
  const r = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', process.execPath, ...process.execArgv, fileURLToPath(moduleUrl)],
    { stdio: 'inherit', env: { ...process.env, COVE_WORLD: '1' } });
  process.exit(r.status ?? 1);
}

export class World {
  // `servers`: name -> FILE[?ARGUMENT] of tests/upstream.
  static async start(servers) {
    const world = new World();
    world.dir = mkdtempSync('/tmp/cove-world-');
    chmodSync(world.dir, 0o711);
    world.children = [];
    try {
      await world.build(typeof servers === 'function' ? servers(world.dir) : servers);
    } catch (e) {
      world.stop();
      throw e;
    }
    return world;
  }

  file(name) { return join(this.dir, name); }
  // What `cove serve` needs to trust this world.
  get env() { return { SSL_CERT_FILE: this.file('bundle.pem') }; }

  async build(servers) {
    const names = Object.keys(servers);
    this.certificates(names);
    const far = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', '--', 'sleep', 'infinity'], { stdio: 'ignore' });
    this.children.push(far);
    await until('the far side is there', () => netns(far.pid) && netns(far.pid) !== netns('self'));
    const ip = (lines, ...enter) => execFileSync(...(enter.length ? ['nsenter', [...enter, 'ip', '-batch', '-']] : ['ip', ['-batch', '-']]), { input: lines, stdio: ['pipe', 'ignore', 'inherit'] });
    ip(`link set dev lo up\nlink add dev out type veth peer name in netns ${far.pid}\nlink set dev out up\naddr add 10.78.0.2/30 dev out\nroute add default via 10.78.0.1 onlink dev out\n`);
    ip(`link set dev lo up\nlink set dev in up\naddr add 10.78.0.1/30 dev in\naddr add ${address}/32 dev lo\n`, '-t', `${far.pid}`, '-n');
    writeFileSync(this.file('hosts'), `127.0.0.1 localhost\n${names.map((n) => `${address} ${n}\n`).join('')}`, { mode: 0o644 });
    execFileSync('mount', ['--bind', this.file('hosts'), '/etc/hosts']);
    const args = names.map((n) => `${n}=${servers[n]}`);
    const server = spawn('nsenter', ['-t', `${far.pid}`, '-n', process.execPath, join(root, 'tests/upstream/server.mjs'), '--cert', this.file('server.pem'), '--key', this.file('server.key'), '--log', this.file('requests.ndjson'), '--address', address, ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    this.children.push(server);
    writeFileSync(this.file('requests.ndjson'), '');
    let out = '';
    server.stdout.on('data', (d) => (out += d));
    await until('the servers are ready', () => {
      if (server.exitCode !== null) throw new Error('tests/upstream/server.mjs ended');
      return out.includes('ready');
    });
  }

  certificates(names) {
    const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore', cwd: this.dir });
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=world root', '-addext', 'basicConstraints=critical,CA:TRUE');
    writeFileSync(this.file('ext'), `subjectAltName=${names.map((n) => `DNS:${n}`).join(',')}\n`);
    openssl('req', ...ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=world');
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'ext', '-out', 'server.pem');
    writeFileSync(this.file('bundle.pem'), readFileSync(this.file('ca.pem')), { mode: 0o644 });
  }

  // The requests that arrived so far, oldest first.
  requests(host) {
    const all = readFileSync(this.file('requests.ndjson'), 'utf8').trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
    return host ? all.filter((r) => r.host === host) : all;
  }

  stop() {
    for (const c of this.children.reverse()) c.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}
