// Goal: the layers of policy hold for running sandboxes the moment they are set, and every decision
// can be explained. Method: a real server in a network namespace of the test's own, with one other
// machine behind a cable; changes by the CLI and the API while a sandbox talks.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bin, Cove, until } from './lib/cove.mjs';

if (!process.env.COVE_POLICY_NS) {
  const r = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    { stdio: 'inherit', env: { ...process.env, COVE_POLICY_NS: '1' } });
  process.exit(r.status ?? 1);
}

const server = '203.0.113.20';
const config = `[policy]
registries = "none"
allow = ["pypi.org:443", "gone.test:2222", "stays.test:2222"]
[policy.ceiling]
default = "allow"
deny = ["competitor.test:*"]
`;
const echo = `
const net = require('net');
net.createServer((s) => { s.pipe(s); s.on('error', () => {}); }).listen(2222);
require('http').createServer((q, r) => r.end('hello from ' + q.headers.host + q.url)).listen(80, () => console.log('ready'));`;

let cove, box, other;
// What the test has started beside the server; none may be left when an assertion has failed.
const children = [];
const start = (...args) => {
  children.push(spawn(...args));
  return children.at(-1);
};
const hostsFile = `/tmp/cove-policy-hosts-${process.pid}`;

// The other machine: 203.0.113.20, by the names that its hosts file gives it.
async function connectPeer() {
  const hold = start('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  const ns = (pid) => { try { return readlinkSync(`/proc/${pid}/ns/net`); } catch { return ''; } };
  await until('its namespace is there', () => ns(hold.pid) && ns(hold.pid) !== ns('self'));
  const ip = (...args) => execFileSync('ip', args);
  const there = (...args) => execFileSync('nsenter', ['-t', `${hold.pid}`, '-n', 'ip', ...args]);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'plug', 'netns', `${hold.pid}`);
  ip('addr', 'add', '10.77.0.2/30', 'dev', 'cable');
  ip('link', 'set', 'cable', 'up');
  there('addr', 'add', '10.77.0.1/30', 'dev', 'plug');
  there('addr', 'add', `${server}/32`, 'dev', 'lo');
  there('link', 'set', 'plug', 'up');
  there('link', 'set', 'lo', 'up');
  ip('route', 'add', `${server}/32`, 'via', '10.77.0.1');
  const hosts = ['gone.test', 'stays.test', 'web.test'].map((n) => `${server} ${n}\n`).join('');
  writeFileSync(hostsFile, `127.0.0.1 localhost\n${hosts}`);
  execFileSync('mount', ['--bind', hostsFile, '/etc/hosts']);
  const machine = start('nsenter', ['-t', `${hold.pid}`, '-n', process.execPath, '-e', echo], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  machine.stdout.on('data', (d) => (said += d));
  await until('the other machine serves', () => said.includes('ready'));
}

before(async () => {
  await connectPeer();
  cove = await Cove.start({ config });
  box = await cove.create({ name: 'policed' });
  other = await cove.create({ name: 'other' });
});
after(async () => {
  try {
    await cove?.stop();
  } finally {
    for (const child of children) child.kill();
    // What was mounted on /etc/hosts goes with the namespace.
    rmSync(hostsFile, { force: true });
  }
});

const explain = (sandbox, url, method) => cove.cli(['policy', 'test', sandbox, url, '--json', ...(method ? ['--method', method] : [])]);
const verdict = (sandbox, url, method) => JSON.parse(explain(sandbox, url, method).stdout);
const set = (layer, text) => cove.cli(['policy', 'set', ...layer, '-'], { input: text });
// What DNS inside says: a stand-in for names that could be allowed, else NXDOMAIN.
const known = async (sandbox, name) => (await cove.exec(sandbox, `getent ahostsv4 ${name}`)).exitCode === 0;

test('each layer replaces the default above it and is cut by every ceiling', async () => {
  assert.ok(await known('policed', 'pypi.org'));
  let r = set(['organization'], 'allow = ["org.test", "competitor.test"]\n');
  assert.equal(r.status, 0, r.stderr);
  assert.ok(await known('policed', 'org.test'));
  assert.ok(!await known('policed', 'pypi.org'));
  assert.ok(!await known('policed', 'competitor.test'));
  assert.equal(set(['template', 'host'], '{"allow": "template.test", "ceiling": {"allow": ["template.test", "**.own.test"]}}').status, 0);
  assert.ok(await known('policed', 'template.test'));
  assert.ok(!await known('policed', 'org.test'));
  assert.equal(set(['sandbox', 'policed'], 'allow = ["own.test", "pypi.org"]\n').status, 0);
  assert.ok(await known('policed', 'own.test'));
  assert.ok(!await known('policed', 'pypi.org'), 'the template\'s ceiling cuts it');
  assert.ok(await known('other', 'template.test'), 'another sandbox keeps its own');
  for (const layer of [['sandbox', 'policed'], ['template', 'host'], ['organization']]) {
    assert.equal(cove.cli(['policy', 'rm', ...layer]).status, 0);
  }
  assert.ok(await known('policed', 'pypi.org'));
  assert.equal(cove.cli(['policy', 'show', 'organization']).stdout, '# nothing is set here: the layer above holds\n');
});

test('an established tunnel is cut when its name is no longer allowed; one still allowed is left', async () => {
  // Inside: two tunnels; then one line for each thing that happens to them.
  const program = `
import select, socket, sys, time
ends = {}
for name in ('gone.test', 'stays.test'):
    s = socket.create_connection((name, 2222)); s.sendall(b'SSH-2.0-x\\r\\n'); assert s.recv(99); ends[s] = name
open('/tmp/open', 'w').close()
gone = [s for s in ends if ends[s] == 'gone.test'][0]
stays = [s for s in ends if ends[s] == 'stays.test'][0]
try:
    data = gone.recv(9)
    print('end' if not data else data)
except ConnectionResetError:
    print('gone: reset')
stays.sendall(b'still here'); print('stays:', stays.recv(99).decode())`;
  const running = cove.exec(box.id, `rm -f /tmp/open; cat > /tmp/t.py <<'EOF'\n${program}\nEOF\ntimeout 30 python3 /tmp/t.py`);
  await until('both tunnels are open', async () => (await cove.exec(box.id, 'test -e /tmp/open')).exitCode === 0);
  const changed = Date.now();
  assert.equal(set(['server'], 'allow = ["pypi.org:443", "**.stays.test:2222"]\n').status, 0);
  const out = await running;
  assert.equal(out.result, 'gone: reset\nstays: still here\n');
  assert.ok(Date.now() - changed < 10000, 'at once: what runs inside would wait for 30 s');
  assert.equal(cove.cli(['policy', 'rm', 'server']).status, 0);
});

test('a bad document is refused at its place, and nothing changes', async () => {
  const r = set(['organization'], 'allow = ["example.org"]\nalow = ["x.test"]\n');
  assert.equal(r.status, 2);
  assert.match(r.stderr, /policy:2:8: there is no key 'alow' here; did you mean 'allow'\?/);
  assert.ok(await known('policed', 'pypi.org'));
  assert.match(set(['sandbox', 'policed'], '').stderr, /the policy is empty/);
  assert.match(set(['sandbox', 'policed'], '[ceiling]\ndefault = "allow"\n').stderr, /leave 'ceiling' out/);
  assert.equal((await cove.api('POST', '/api/sandbox', { policy: { allow: '*.com' } })).status, 400);
  assert.equal((await cove.api('POST', '/api/sandbox', { policy: { allow: 'a.test' }, domainAllowList: 'b.test' })).status, 400);
});

test('only who may manage policies sets those of layers; everybody sets their sandbox\'s within them', async () => {
  const made = await cove.api('POST', '/api/api-keys', { name: 'plain', permissions: [] });
  const key = made.json.value;
  for (const path of ['server', 'organization', 'template/host']) {
    assert.equal((await cove.api('PUT', `/api/policy/${path}`, { default: 'allow' }, { key })).status, 403, path);
    assert.equal((await cove.api('GET', `/api/policy/${path}`, undefined, { key })).status, 403, path);
  }
  const own = await cove.api('PUT', '/api/policy/sandbox/other', { default: 'allow' }, { key });
  assert.equal(own.status, 200, own.text);
  assert.ok(await known('other', 'anything.test'));
  assert.ok(!await known('other', 'competitor.test'));
  // Lists and a document take each other's place.
  await cove.api('POST', '/api/sandbox/other/network-settings', { domainAllowList: 'list.test' });
  assert.ok(!await known('other', 'anything.test'));
  assert.equal((await cove.api('GET', '/api/policy/sandbox/other')).json.text, null);
  await cove.api('DELETE', '/api/api-keys/plain');
});

test('a policy given at create holds from the start, and outlives the server', async () => {
  const made = await cove.create({ name: 'born', policy: { allow: 'web.test' } });
  assert.equal((await cove.exec('born', 'curl -s http://web.test/x')).result, 'hello from web.test/x');
  const port = cove.port;
  assert.equal(set(['organization'], '[ceiling]\nallow = ["web.test:80", "pypi.org"]\n').status, 0);
  await cove.kill();
  await cove.launch(`127.0.0.1:${port}`);
  assert.equal((await cove.exec('born', 'curl -s http://web.test/y')).result, 'hello from web.test/y');
  assert.equal(verdict('born', 'https://web.test').reason, 'above_ceiling');
  cove.cli(['policy', 'rm', 'organization']);
  await cove.remove(made.id);
});

test('that no template has the name that a policy is set for is told', () => {
  const early = set(['template', 'tempalte'], 'allow = "web.test"\n');
  assert.equal(early.status, 0, 'it may be said before the template is made');
  assert.match(early.stderr, /^cove: warning: there is no template 'tempalte' now: /);
  assert.match(cove.cli(['policy', 'show', 'template', 'tempalte']).stderr, /there is no template 'tempalte'/);
  cove.cli(['policy', 'rm', 'template', 'tempalte']);
  assert.equal(set(['template', 'host'], 'allow = "web.test"\n').stderr, '');
  cove.cli(['policy', 'rm', 'template', 'host']);
});

test('a snapshot\'s policy holds for snapshots of its sandboxes', async () => {
  set(['template', 'host'], '[ceiling]\nallow = "pypi.org"\n');
  await cove.api('POST', `/api/sandbox/${other.id}/snapshot`, { name: 'derived' });
  await until('it is there', async () => (await cove.api('GET', '/api/snapshots/derived')).json.state === 'active', 30000);
  // Not by a copy: no policy was written, and what is said of the template later holds as well.
  assert.equal((await cove.api('GET', '/api/policy/template/derived')).json.text ?? null, null);
  const made = await cove.create({ name: 'heir', snapshot: 'derived', policy: { default: 'allow' } });
  assert.equal(verdict('heir', 'https://web.test').reason, 'above_ceiling');
  set(['template', 'host'], '[ceiling]\nallow = "web.test"\n');
  assert.ok(verdict('heir', 'https://web.test').allow);
  assert.equal(verdict('heir', 'https://pypi.org').reason, 'above_ceiling');
  // A snapshot that is not taken changes nobody's policy, least of all that of the one it is named after.
  await cove.api('POST', `/api/sandbox/${other.id}/snapshot`, { name: 'host' }).then((r) => assert.equal(r.status, 409));
  assert.equal(cove.cli(['policy', 'show', 'template', 'host']).stdout, '[ceiling]\nallow = "web.test"\n');
  const taken = await cove.api('POST', `/api/sandbox/${other.id}/snapshot`, { name: 'derived' });
  assert.equal(taken.status, 409);
  assert.equal((await cove.api('GET', '/api/policy/template/derived')).json.text ?? null, null);
  await cove.remove(made.id);
  await cove.api('DELETE', '/api/snapshots/derived');
  for (const name of ['host', 'derived']) cove.cli(['policy', 'rm', 'template', name]);
});

test('test explains a decision by rule, layer and step', async () => {
  set(['sandbox', 'policed'], `allow = ["pypi.org", "competitor.test"]
[[rule]]
allow = "api.test"
methods = ["GET"]
inspect = true
`);
  const good = explain('policed', 'https://pypi.org/simple');
  assert.equal(good.status, 0);
  assert.deepEqual([JSON.parse(good.stdout).rule, JSON.parse(good.stdout).layer], ['pypi.org:80,443', 'sandbox']);
  const cut = explain('policed', 'competitor.test');
  assert.equal(cut.status, 1);
  const why = JSON.parse(cut.stdout);
  assert.deepEqual([why.reason, why.layer, why.rule], ['denied_by_rule', 'server', 'deny competitor.test:*']);
  assert.deepEqual(why.steps.map((s) => [s.layer, s.part, s.allow]), [['sandbox', 'default', true], ['server', 'ceiling', false]]);
  assert.equal(verdict('policed', 'https://api.test/x').allow, true);
  assert.equal(verdict('policed', 'https://api.test/x', 'POST').reason, 'request_not_allowed');
  assert.equal(verdict('policed', 'ssh://pypi.org').reason, 'port_not_allowed');
  assert.equal(verdict('policed', 'tcp://169.254.169.254:80').reason, 'no_name');
  assert.equal(explain('policed', 'gopher://x').status, 2);
  // A secret for a host opens TLS to it, as the gateway does.
  const rule = { rule: [{ allow: 'api.test', paths: ['/a/**'] }] };
  const secret = await cove.api('POST', '/api/secret', { name: 'bound', value: 'not-a-real-value', hosts: ['api.test'] });
  const keeper = await cove.create({ name: 'keeper', secrets: [{ KEY: 'bound' }], policy: rule });
  const plain = await cove.api('PUT', '/api/policy/sandbox/other', rule);
  assert.equal(plain.status, 200, plain.text);
  assert.equal(verdict('other', 'https://api.test/a/b').reason, 'needs_inspection');
  assert.equal(verdict('keeper', 'https://api.test/a/b').allow, true);
  assert.equal(verdict('keeper', 'https://api.test/b').reason, 'request_not_allowed');
  await cove.remove(keeper.id);
  await cove.api('DELETE', `/api/secret/${secret.json.id}`);
  const text = cove.cli(['policy', 'test', 'policed', 'competitor.test']).stdout;
  assert.match(text, /^deny \(denied_by_rule\) by: deny competitor\.test:\*\nlayer: server, judged by name\n/);
  const shown = cove.cli(['policy', 'show', 'sandbox', 'policed']).stdout;
  assert.match(shown, /sandbox \(its default holds\)\n  default: default deny\n    allow pypi\.org:80,443/);
  assert.match(cove.cli(['policy', 'presets']).stdout, /^npm: /m);
  // Where a network is allowed, what a name leads to is looked up and shown.
  set(['sandbox', 'policed'], '# für Tests: сеть\nallow = ["198.51.100.0/24:443"] # é\n');
  const led = JSON.parse(explain('policed', 'https://localhost').stdout);
  assert.equal(led.allow, false);
  assert.deepEqual(led.addresses.find((a) => a.address === '127.0.0.1'), { address: '127.0.0.1', kind: 'loopback', open: false });
  assert.match(cove.cli(['policy', 'test', 'policed', 'localhost']).stdout, /leads to 127\.0\.0\.1 \(loopback\): closed/);
});

test('the audit is queried, exported, tailed and verified', async () => {
  const since = new Date(Date.now() - 1).toISOString();
  set(['sandbox', 'policed'], 'allow = ["web.test:80", "pypi.org"]\n');
  const tail = start(bin, ['audit', 'tail', '-f', '--sandbox', 'policed', '--json'], { env: { ...process.env, COVE_URL: cove.url, COVE_API_KEY: cove.key } });
  let seen = '';
  tail.stdout.on('data', (d) => (seen += d));
  await cove.exec('policed', 'curl -s http://web.test/live?secret=1; curl -s http://evil.example; true');
  await until('the tail shows both', () => seen.includes('"path":"/live"') && seen.includes('evil.example'));
  tail.kill();
  assert.ok(!seen.includes('secret'), 'no query is recorded');
  const rows = async (query) => (await cove.api('GET', `/api/audit?sandboxId=policed&since=${since}&${query}`)).json.items;
  await until('it is closed on record', async () => (await rows('kind=close')).length === 1);
  const [decision] = await rows('verdict=allow&kind=decision');
  const [close] = await rows('kind=close');
  assert.deepEqual([decision.host, decision.method, decision.path, decision.rule, decision.layer, decision.user],
    ['web.test', 'GET', '/live', 'web.test:80', 'sandbox', 'admin']);
  assert.equal(close.decision, decision.seq);
  assert.equal(close.address, server);
  assert.ok(close.bytes_in > 0 && close.bytes_out > 0 && close.duration_micros > 0);
  assert.ok((await rows('verdict=deny')).every((r) => r.reason === 'no_rule' && r.host === 'evil.example'));
  assert.equal((await rows('host=web.test')).length, 2);
  assert.equal((await rows('host=*.test&reason=no_rule')).length, 0);
  // Pages: every row once.
  const all = [];
  let cursor = '';
  do {
    const page = (await cove.api('GET', `/api/audit?sandboxId=policed&limit=3${cursor ? `&cursor=${cursor}` : ''}`)).json;
    all.unshift(...page.items.map((r) => r.seq));
    cursor = page.nextCursor;
  } while (cursor);
  const whole = (await cove.api('GET', '/api/audit?sandboxId=policed&limit=10000')).json.items.map((r) => r.seq);
  assert.deepEqual(all, whole);
  for (const bad of ['since=yesterday', 'verdict=maybe', 'limit=0', 'kind=x', 'cursor=x']) {
    assert.equal((await cove.api('GET', `/api/audit?${bad}`)).status, 400, bad);
  }
  const text = cove.cli(['audit', '--sandbox', 'policed', '--since', '1h', '--denied']).stdout;
  assert.match(text, /DENY  [0-9a-f]{8} dns evil\.example no_rule/);
  const [short] = text.match(/\b[0-9a-f]{8}(?= dns evil)/);
  assert.ok(cove.cli(['audit', '--sandbox', short, '--since', '1h', '--denied']).stdout.includes(text.trim().split('\n').at(-1)));
  const nobody = cove.cli(['audit', '--sandbox', 'nosuch']);
  assert.notEqual(nobody.status, 0);
  assert.match(nobody.stderr, /'nosuch': a deleted one is named by its id/);

  const exported = cove.cli(['audit', 'export']).stdout;
  writeFileSync(`${cove.scratch}/audit.ndjson`, exported);
  const verify = (...args) => cove.cli(['audit', 'verify', ...args], { env: { COVE_API_KEY: '', COVE_ADMIN_KEY: '' } });
  const ok = verify(`${cove.scratch}/audit.ndjson`);
  assert.equal(ok.status, 0, ok.stderr);
  const lines = exported.trim().split('\n');
  const found = JSON.parse(verify(`${cove.scratch}/audit.ndjson`, '--json').stdout);
  assert.deepEqual([found.ok, found.records, `ok: head ${found.head}\n`], [true, lines.length, ok.stdout]);
  writeFileSync(`${cove.scratch}/part.ndjson`, cove.cli(['audit', 'export', '--host', 'evil.example']).stdout);
  const part = verify(`${cove.scratch}/part.ndjson`, '--json');
  assert.equal(part.status, 6);
  assert.match(JSON.parse(part.stdout).message, /not vouched for: record/);
  const rest = (await cove.api('GET', '/api/audit/export?from=3')).text;
  writeFileSync(`${cove.scratch}/rest.ndjson`, rest);
  const later = verify(`${cove.scratch}/rest.ndjson`);
  assert.equal(later.status, 6);
  assert.match(later.stderr, /no contradiction was found among records that stand next to each other; not here, or not vouched for: records 1 to 2, before the first/);
  assert.match(later.stdout, /^part: head \d+:[0-9a-f]{64}\n$/);
  const second = `2:${createHash('sha256').update(lines[1]).digest('hex')}`;
  assert.equal(verify(`${cove.scratch}/rest.ndjson`, '--head', second).status, 0);
  writeFileSync(`${cove.scratch}/rest.ndjson`, rest.replace('"sandbox":"', '"sandbox":"x'));
  assert.equal(verify(`${cove.scratch}/rest.ndjson`, '--head', second).status, 1);
  const tampered = (change) => {
    const copy = [...lines];
    change(copy);
    writeFileSync(`${cove.scratch}/audit.ndjson`, copy.join('\n') + '\n');
    const r = verify(`${cove.scratch}/audit.ndjson`, '--head', ok.stdout.trim().split(' ').at(-1));
    return `${r.status} ${r.stderr}`;
  };
  assert.match(tampered((l) => { l[1] = l[1].replace('"sandbox":"', '"sandbox":"x'); }), /^1 .*record 3 does not follow/);
  assert.match(tampered((l) => l.splice(2, 1)), /^6 .*not vouched for: record 3: /);
  assert.match(tampered((l) => l.reverse()), /^1 .*where record/);
  assert.match(tampered((l) => l.pop()), /^6 .*after the last one here: that one was noted/);
  assert.match(tampered((l) => l.splice(0, 2)), /^6 .*records 1 to 2, before the first one here/);
  const live = cove.cli(['audit', 'verify']);
  assert.equal(live.status, 0, live.stderr);
  assert.match(live.stdout, /^ok: head \d+:[0-9a-f]{64}\n$/);
});

test('only administrators see more than one sandbox; nobody else\'s keys reach the audit without the scope', async () => {
  const key = async (name, permissions) => {
    const made = await cove.api('POST', '/api/api-keys', { name, permissions });
    assert.equal(made.status, 201, made.text);
    return made.json.value;
  };
  const auditor = await key(`auditor-${cove.port}`, ['read:audit_logs']);
  const none = await key(`none-${cove.port}`, []);
  assert.equal((await cove.api('GET', '/api/audit', undefined, { key: auditor })).status, 400);
  assert.equal((await cove.api('GET', '/api/audit/export', undefined, { key: auditor })).status, 400);
  assert.equal((await cove.api('GET', '/api/audit?sandboxId=policed', undefined, { key: auditor })).status, 200);
  assert.equal((await cove.api('GET', '/api/audit?sandboxId=policed', undefined, { key: none })).status, 403);
  assert.equal((await cove.api('POST', '/api/audit/verify', {}, { key: auditor })).status, 403);
  for (const name of ['auditor', 'none']) await cove.api('DELETE', `/api/api-keys/${name}-${cove.port}`);
});

test('what a sandbox sends cannot forge, break or paint an audit line', async () => {
  const before = (await cove.api('POST', '/api/audit/verify', {})).json.records;
  const sent = await cove.exec('policed', `python3 - <<'EOF'
import socket
for name in (b'evil\\n{"seq":99,"allow":true}', b'\\x1b[2Jx', b'a"},"allow":true,{"b":"', b'\\xff\\xfe'):
    s = socket.create_connection(('web.test', 80))
    s.sendall(b'GET /p\\x1b[31m' + name.replace(b'\\n', b'%0a') + b' HTTP/1.1\\r\\nHost: web.test\\r\\n\\r\\n'); s.recv(999); s.close()
    q = b'\\x12\\x34\\x01\\x00\\x00\\x01' + bytes(6) + bytes([len(name)]) + name + b'\\x04test\\x00\\x00\\x01\\x00\\x01'
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(2); u.sendto(q, ('10.0.0.2', 53))
    try: u.recv(999)
    except OSError: pass
EOF`);
  assert.equal(sent.exitCode, 0, sent.result);
  const exported = cove.cli(['audit', 'export']).stdout;
  assert.ok(/^[\n\x20-\x7e]*$/.test(exported), 'only visible ASCII');
  const rows = exported.trim().split('\n').map((l) => JSON.parse(l));
  assert.deepEqual(rows.map((r) => r.seq), rows.map((_, i) => i + 1));
  assert.ok(rows.length > before);
  assert.ok(rows.every((r) => r.sandbox && (r.kind === 'oom' || typeof r.allow === 'boolean')));
  assert.ok(/^[\n\x20-\x7e]*$/.test(cove.cli(['audit', '--limit', '1000']).stdout));
  assert.equal(cove.cli(['audit', 'verify']).status, 0);
});

test('suggest makes a policy of what was tried, and it is enough', async () => {
  const trying = await cove.create({ name: 'trying', policy: { allow: 'pypi.org' } });
  const asked = () => cove.exec('trying', 'curl -s http://web.test/wanted; curl -s --max-time 3 telnet://web.test:2222 </dev/null; true');
  assert.ok(!(await asked()).result.includes('hello'));
  await until('it is on record', async () => (await cove.api('GET', '/api/audit?sandboxId=trying&host=web.test')).json.items.length > 0);
  const first = cove.cli(['policy', 'suggest', 'trying', '--from', 'denied']);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /allow = \["web\.test"\]/);
  assert.equal(set(['sandbox', 'trying'], first.stdout).status, 0);
  assert.ok((await asked()).result.includes('hello from web.test/wanted'));
  const narrow = cove.cli(['policy', 'suggest', 'trying', '--from', 'allowed']);
  assert.match(narrow.stdout, /\[\[rule\]\]\nallow = \["web\.test"\]\nports = \[80\]\nmethods = \["GET"\]\npaths = \["\/wanted"\]/);
  const more = () => cove.exec('trying', `curl -s http://${server}/; curl -s -X PUT http://web.test/deep/${'x'.repeat(600)}; true`);
  await more();
  await until('that is on record', async () => (await cove.api('GET', `/api/audit?sandboxId=trying&host=${server}`)).json.items.length > 0);
  const wide = cove.cli(['policy', 'suggest', 'trying']);
  assert.equal(set(['sandbox', 'trying'], wide.stdout).status, 0, wide.stderr);
  assert.match(wide.stdout, /# wider than what was tried: PUT on web\.test\/deep\/\*\*/);
  const heard = (await more()).result;
  assert.ok(heard.includes(`hello from ${server}/`) && heard.includes('hello from web.test/deep/xxx'), `${wide.stdout}\n${heard}`);
  assert.equal(cove.cli(['policy', 'test', 'trying', 'http://models.cove/openai/v1/responses']).status, 0);
  assert.equal(cove.cli(['policy', 'test', 'trying', 'http://proxy.cove:3128']).status, 0);
  await cove.remove(trying.id);
});

test('other programs\' rules are translated without a server', () => {
  const run = (from, input, ...more) => cove.cli(['policy', 'import', '--from', from, ...more, '-'], { input, env: { COVE_URL: 'http://127.0.0.1:1', COVE_API_KEY: '', COVE_ADMIN_KEY: '', COVE_DATA: '/nonexistent' } });
  const coder = run('coder', '--allow "domain=api.example.org method=GET path=/v1/*"\n');
  assert.equal(coder.status, 0, coder.stderr);
  assert.match(coder.stdout, /allow = \["api\.example\.org"\]\nmethods = \["GET"\]\npaths = \["\/v1\/\*\*"\]\ninspect = true/);
  const yaml = run('coder', 'allowlist:\n  - "domain=api.example.org"\njail_type: nsjail\nproxy_port: 8087\nlog_level: "warn"\n');
  assert.match(yaml.stdout, /allow = \["api\.example\.org"\]/, yaml.stderr);
  assert.match(run('coder', 'jail: nsjail\n').stderr, /line 1, column 1: the key 'jail' is not known/);
  assert.match(run('codex', '[permissions.p.network]\nenabled = true\ndomains = { "example.org" = "allow" }\n').stdout, /allow = \["example\.org"\]/);
  assert.match(run('domains', '.example.org\n').stdout, /allow = \["\*\*\.example\.org"\]/);
  assert.equal(run('domains', '*.com\n').status, 2);
  assert.equal(run('squid', 'x').status, 2);
});

test('an audit that is full refuses and says so; with room again all goes on', async () => {
  set(['sandbox', 'policed'], 'allow = "web.test"\n');
  const dir = `${cove.data}/front/audit`;
  const listen = `127.0.0.1:${cove.port}`;
  await cove.kill();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,uid=61800,gid=61800,mode=700', 'tmpfs', dir]);
  await cove.launch(listen);
  const ask = async () => (await cove.exec('policed', 'curl -s -w " %{http_code}" http://web.test/x')).result;
  assert.equal(await ask(), 'hello from web.test/x 200');
  assert.throws(() => writeFileSync(`${dir}/filler`, Buffer.alloc(1 << 20)), /ENOSPC/);
  // What is left of the last page is used first.
  const refused = await until('it is full', async () => { const r = await ask(); return !r.endsWith(' 200') && r; });
  assert.match(refused, / 503$/);
  assert.equal(JSON.parse(refused.slice(0, -4)).reason, 'audit_unavailable');
  execFileSync('rm', [`${dir}/filler`]);
  assert.equal(await ask(), 'hello from web.test/x 200');
  assert.equal(cove.cli(['audit', 'verify']).status, 0);
  await cove.kill();
  execFileSync('umount', [dir]);
  await cove.launch(listen);
  assert.equal(cove.cli(['audit', 'verify']).status, 0);
});
