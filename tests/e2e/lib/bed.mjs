// The egress test bed: the test and its server live in a network namespace of their own, whose only
// cable leads to a router namespace and from there to `inet`, an internet of three machines. No
// packet can leave the machine, and every packet that leaves the front is watched.
//
//   front (this process, cove serve)  10.77.0.2, fd77::2     decoys on every address it has
//     | uplink
//   router                            watches the uplink
//     |
//   inet                              203.0.113.10 canary, .20 allowed, .53 DNS; 2001:db8:: twins
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import dgram from 'node:dgram';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { netns, root, until } from './cove.mjs';

const internet = join(root, 'tests/egress/internet.py');

// Runs the calling test file again inside new namespaces, unless it is there already.
export function enterBed(moduleUrl) {
  if (process.env.COVE_BED) return;
  const r = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', process.execPath, ...process.execArgv, fileURLToPath(moduleUrl)],
    { stdio: 'inherit', env: { ...process.env, COVE_BED: '1' } });
  process.exit(r.status ?? 1);
}

export const ip = (lines, pid) => execFileSync(...(pid ? ['nsenter', ['-t', `${pid}`, '-n', 'ip', '-batch', '-']] : ['ip', ['-batch', '-']]), { input: lines, stdio: ['pipe', 'ignore', 'inherit'] });
const inside = (pid, ...command) => execFileSync('nsenter', ['-t', `${pid}`, '-n', ...command], { stdio: ['ignore', 'ignore', 'inherit'] });

export class Bed {
  static async start(markers) {
    const bed = new Bed();
    bed.dir = mkdtempSync('/tmp/cove-bed-');
    bed.children = [];
    bed.listeners = [];
    bed.decoyHits = [];
    try {
      await bed.build(markers);
    } catch (e) {
      bed.stop();
      throw e;
    }
    return bed;
  }

  async build(markers) {
    chmodSync(this.dir, 0o711);  // the front reads the root certificate
    this.certificates();
    const holder = () => this.spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', '--', 'sleep', 'infinity']);
    this.router = holder();
    this.inet = holder();
    await until('both namespaces are there', () => [this.router, this.inet].every((p) => netns(p.pid) && netns(p.pid) !== netns('self')));
    this.cable(this.router.pid, this.inet.pid);
    await this.python(this.inet.pid, ['serve', this.file('inet.log'), this.file('server.pem'), this.file('server.key')]);
    await this.python(this.router.pid, ['watch', this.file('uplink.log'), 'watched', ...markers]);
    // This mount namespace's own resolver configuration: the front asks the bed's DNS server.
    writeFileSync(this.file('resolv.conf'), 'nameserver 203.0.113.53\nsearch pkgs.test\noptions timeout:2 attempts:2\n', { mode: 0o644 });
    execFileSync('mount', ['--bind', this.file('resolv.conf'), '/etc/resolv.conf']);
    this.decoys();
  }

  file(name) { return join(this.dir, name); }

  spawn(command, args, options = {}) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    this.children.push(child);
    return child;
  }

  async python(pid, args) {
    const child = this.spawn('nsenter', ['-t', `${pid}`, '-n', 'python3', internet, ...args]);
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    await until(`the bed's ${args[0]} is ready`, () => {
      if (child.exitCode !== null) throw new Error(`internet.py ${args[0]} ended`);
      return out.includes('ready');
    });
  }

  cable(router, inet) {
    ip(`link set dev lo up
link add dev md type bridge
link set dev md up
addr add 169.254.169.254/32 dev md
link add dev uplink type veth peer name watched netns ${router}
link set dev uplink up
addr add 10.77.0.2/30 dev uplink
addr add fd77::2/64 dev uplink nodad\n`);
    ip(`link set dev lo up
link set dev watched up
addr add 10.77.0.1/30 dev watched
addr add fd77::1/64 dev watched nodad
link add dev east type veth peer name west netns ${inet}
link set dev east up
addr add 203.0.113.1/24 dev east
addr add 2001:db8::1/64 dev east nodad\n`, router);
    ip(`link set dev lo up
link set dev west up
addr add 203.0.113.10/24 dev west
addr add 203.0.113.20/24 dev west
addr add 203.0.113.53/24 dev west
addr add 2001:db8::10/64 dev west nodad
addr add 2001:db8::20/64 dev west nodad
addr add 2001:db8::53/64 dev west nodad
route add default via 203.0.113.1
route add default via 2001:db8::1\n`, inet);
    ip('route add default via 10.77.0.1\nroute add default via fd77::1\n');
    execFileSync('sysctl', ['-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0']);
    inside(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    // Every port of the canary answers.
    inside(inet, 'nft', `add table inet canary; add chain inet canary in { type nat hook prerouting priority -100; }
add rule inet canary in ip daddr 203.0.113.10 tcp dport 1-65535 redirect to :9999
add rule inet canary in ip daddr 203.0.113.10 udp dport 1-65535 redirect to :9998
add rule inet canary in ip6 daddr 2001:db8::10 tcp dport 1-65535 redirect to :9999
add rule inet canary in ip6 daddr 2001:db8::10 udp dport 1-65535 redirect to :9998`);
  }

  certificates() {
    const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore', cwd: this.dir });
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=egress bed root', '-addext', 'basicConstraints=critical,CA:TRUE');
    const names = ['allowed.test', 'git.test', 'open.test', 'plain.test', 'clone.test', 'model.test', '*.pkgs.test'].map((n) => `DNS:${n}`).join(',');
    writeFileSync(this.file('ext'), `subjectAltName=${names}\n`);
    openssl('req', ...ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=allowed.test');
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'ext', '-out', 'server.pem');
    chmodSync(this.file('ca.pem'), 0o644);
  }

  // Whatever the front would dial on the machine itself is heard here.
  decoys() {
    for (const port of [22, 80, 443, 22222, 33333]) {
      const server = net.createServer((c) => {
        this.decoyHits.push({ t: Date.now() / 1000, port, to: c.localAddress });
        c.on('error', () => {});
        c.end('decoy');
      });
      server.listen({ port, host: '::' });
      this.listeners.push(server);
    }
    for (const [type, address] of [['udp4', '0.0.0.0'], ['udp6', '::']]) {
      const s = dgram.createSocket({ type, ipv6Only: type === 'udp6' });
      s.on('message', (_, from) => this.decoyHits.push({ t: Date.now() / 1000, udp: from.address }));
      s.bind(22222, address);
      this.listeners.push(s);
    }
  }

  lines(name) {
    return readFileSync(this.file(name), 'utf8').trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
  }

  stop() {
    for (const l of this.listeners) l.close();
    for (const c of this.children.reverse()) c.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}
