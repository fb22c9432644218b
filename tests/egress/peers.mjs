// The attempts of tests/egress/attacks against other enforcers, as far as they apply, in the same bed.
//
//     apt-get install squid tinyproxy bubblewrap socat ripgrep
//     npm install --prefix DIR @anthropic-ai/sandbox-runtime
//     PEERS=DIR node tests/egress/peers.mjs        (as root; writes tests/egress/peers.json)
//
// A proxy's client is in a namespace whose only cable leads to the proxy's; sandbox-runtime brings its
// own. Verdicts: `held`; `accepted` (the client was not told no, but nothing of the attempt was seen
// outside); `ESCAPED` (seen outside: the marker, the canary, a decoy, a name of evil.test asked for).
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bed, enterBed, ip } from '../e2e/lib/bed.mjs';
import { netns, until } from '../e2e/lib/cove.mjs';

enterBed(import.meta.url);

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'peers.json');
const hosts = ['allowed.test', 'git.test', 'clone.test', 'open.test', 'plain.test', 'raw.test'];
const version = (command, ...args) => /\d+\.\d+(\.\d+)?/.exec(spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '')?.[0];
const open = (port) => new Promise((done) => net.connect(port, '127.0.0.1').once('connect', function () { this.destroy(); done(true); }).once('error', () => done(false)));

const squid = {
  name: 'squid',
  version: () => version('squid', '-v'),
  start(bed) {
    const dir = bed.file('squid');
    mkdirSync(dir);
    chmodSync(dir, 0o777);
    writeFileSync(join(dir, 'conf'), `http_port 3128
acl named dstdomain ${hosts.join(' ')} .pkgs.test
acl ssl_ports port 443
acl plain_ports port 80
acl CONNECT method CONNECT
http_access deny CONNECT !ssl_ports
http_access deny !ssl_ports !plain_ports
http_access allow named
http_access deny all
cache deny all
pid_filename none
access_log stdio:${dir}/access.log
cache_log ${dir}/cache.log
coredump_dir ${dir}
shutdown_lifetime 0 seconds
`);
    bed.spawn('squid', ['-N', '-f', join(dir, 'conf')]);
    return 3128;
  },
};

const tinyproxy = {
  name: 'tinyproxy',
  version: () => version('tinyproxy', '-v'),
  start(bed) {
    writeFileSync(bed.file('filter'), [...hosts.map((h) => `^${h.replaceAll('.', '\\.')}$`), '\\.pkgs\\.test$'].join('\n') + '\n');
    writeFileSync(bed.file('tinyproxy.conf'), `Port 8888
Timeout 30
Filter "${bed.file('filter')}"
FilterDefaultDeny Yes
FilterExtended On
ConnectPort 443
LogFile "${bed.file('tinyproxy.log')}"
`);
    bed.spawn('tinyproxy', ['-d', '-c', bed.file('tinyproxy.conf')]);
    return 8888;
  },
};

const runtime = join(process.env.PEERS ?? '/nonexistent', 'node_modules/@anthropic-ai/sandbox-runtime');
const sandboxRuntime = {
  name: 'sandbox-runtime',
  version: () => (existsSync(runtime) ? JSON.parse(readFileSync(join(runtime, 'package.json'))).version : undefined),
  settings(bed) {
    writeFileSync(bed.file('srt.json'), JSON.stringify({
      network: { allowedDomains: [...hosts.slice(0, 4).map((h) => `${h}:443`), '*.pkgs.test:443', 'plain.test:80', 'raw.test:5000'], deniedDomains: [] },
      filesystem: { denyRead: [], allowWrite: ['/tmp'], denyWrite: [] },
    }));
    return ['node', join(runtime, 'dist/cli.js'), '--settings', bed.file('srt.json')];
  },
};

// The client's namespace: one cable to the proxy's, and nothing behind it is forwarded.
async function cableClient(bed) {
  const client = bed.spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', '--', 'sleep', 'infinity']);
  await until('the client has its namespace', () => netns(client.pid) && netns(client.pid) !== netns('self'));
  ip(`link add dev clients type veth peer name uplink netns ${client.pid}\nlink set dev clients up\naddr add 10.78.0.1/30 dev clients\n`);
  ip('link set dev lo up\nlink set dev uplink up\naddr add 10.78.0.2/30 dev uplink\nroute add default via 10.78.0.1\n', client.pid);
  return client.pid;
}

function run(command, env) {
  return new Promise((done) => {
    const child = spawn(command[0], command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '', errors = '';
    child.stdout.on('data', (d) => (text += d));
    child.stderr.on('data', (d) => (errors += d));
    child.once('exit', (status) => done({ status, text, errors }));
  });
}

// What was seen outside, in a few words.
function told(l) {
  if (l.what === 'packet') return `a packet to ${l.dst}`;
  if (l.what === 'sni') return `asked for as ${l.name}`;
  if (l.what === 'dns') return `asked DNS for ${l.name}`;
  if (l.what === 'request') return 'the marker in a request';
  if (l.what === 'marker') return 'the marker on the uplink';
  return l.what ? 'the canary' : `a decoy, port ${l.port}`;
}

function verdicts(bed, rows, markers) {
  const evil = (l) => l.what.startsWith('canary') || (l.what === 'dns' && /(^|\.)evil\.test$/.test(l.name)) || (l.what === 'sni' && !/^[a-z0-9.-]*(allowed|git|clone|open|plain|pkgs)\.test$/.test(l.name ?? ''))
    || JSON.stringify(l).includes(markers);
  // A flow counts where it begins: its packets are sent again for a long time.
  const flows = new Set();
  const begins = (l) => l.what !== 'packet' || ([6, 17].includes(l.proto) && ['10.77.0.2', 'fd77::2'].includes(l.src) && !flows.has(`${l.dst} ${l.head}`) && flows.add(`${l.dst} ${l.head}`));
  // The thousand addresses of one name are tried long after its client has gone.
  const own = (l, r) => !l.dst?.startsWith('10.9.') || r.row === 'C16';
  const seen = [...bed.lines('inet.log').filter(evil), ...bed.lines('uplink.log').filter((l) => l.what !== 'watched' && begins(l)), ...bed.decoyHits];
  return Object.fromEntries(rows.map((r) => {
    const outside = seen.filter((l) => own(l, r) && l.t >= r.attempt.from && l.t <= r.twin.to);
    const verdict = outside.length ? 'ESCAPED' : r.attempt.wrong.length ? 'accepted' : 'held';
    return [`${r.row} ${r.title}`, { verdict: r.twin.wrong.length ? `${verdict}, no twin` : verdict, why: [...r.attempt.wrong, ...outside.map(told)].slice(0, 3).map((w) => w.replaceAll(markers, 'MARKER')), ...(r.twin.wrong.length ? { twin: r.twin.wrong.slice(0, 2) } : {}) }];
  }));
}

const marker = `m${randomBytes(16).toString('hex')}`;
const bed = await Bed.start([marker]);
const result = {};
try {
  execFileSync('python3', ['-m', 'zipapp', join(here, 'attacks'), '-o', bed.file('attacks.pyz')]);
  const client = await cableClient(bed);
  const env = { BED_TAG: randomBytes(4).toString('hex'), BED_MARKER: marker, BED_VARIANT: 'peer', BED_CA: bed.file('ca.pem'), BED_RESOLVER: '10.78.0.1', BED_API_PORT: '3986', BED_NEIGHBOUR_PORT: '8124', BED_NEIGHBOUR_ID: 'x' };
  for (const peer of [squid, tinyproxy, sandboxRuntime]) {
    const found = peer.version();
    if (!found) {
      console.error(`${peer.name}: not installed`);
      continue;
    }
    let command;
    if (peer.settings) {
      env.BED_PROXY = 'environment';
      command = [...peer.settings(bed), '-c', `python3 ${bed.file('attacks.pyz')}`];
    } else {
      const port = peer.start(bed);
      await until(`${peer.name} listens`, () => open(port));
      env.BED_PROXY = `10.78.0.1:${port}`;
      command = ['nsenter', '-t', `${client}`, '-n', 'python3', bed.file('attacks.pyz')];
    }
    const { text, errors, status } = await run([...command], env);
    const rows = text.trim().split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
    console.error(`${peer.name} ${found}: ${rows.length} attempts, exit ${status} ${errors.slice(0, 2000)}`);
    if (rows.length) result[peer.name] = { version: found, rows: verdicts(bed, rows, marker) };
  }
} finally {
  bed.stop();
}
writeFileSync(out, JSON.stringify(result, null, 1) + '\n');
