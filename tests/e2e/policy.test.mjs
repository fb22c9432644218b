// Goal: the layers of policy hold for running sandboxes the moment they are set, and every decision
// can be explained. Method: a real server in a network namespace of the test's own, with one other
// machine behind a cable; changes by the CLI and the API while a sandbox talks.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readlinkSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cove, until } from './lib/cove.mjs';

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

let cove, box, other, peer;

// The other machine: 203.0.113.20, by the names that its hosts file gives it.
async function connectPeer() {
  const hold = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
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
  writeFileSync(`/tmp/cove-policy-hosts-${process.pid}`, `127.0.0.1 localhost\n${hosts}`);
  execFileSync('mount', ['--bind', `/tmp/cove-policy-hosts-${process.pid}`, '/etc/hosts']);
  const machine = spawn('nsenter', ['-t', `${hold.pid}`, '-n', process.execPath, '-e', echo]);
  await new Promise((r) => machine.stdout.once('data', r));
  return { stop() { machine.kill(); hold.kill(); execFileSync('umount', ['/etc/hosts']); execFileSync('rm', [`/tmp/cove-policy-hosts-${process.pid}`]); } };
}

before(async () => {
  peer = await connectPeer();
  cove = await Cove.start({ config });
  box = await cove.create({ name: 'policed' });
  other = await cove.create({ name: 'other' });
});
after(async () => {
  await cove?.stop();
  peer?.stop();
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
  assert.ok(Date.now() - changed < 2000, 'at once');
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

test('a snapshot\'s policy holds for snapshots of its sandboxes', async () => {
  set(['template', 'host'], '[ceiling]\nallow = "pypi.org"\n');
  await cove.api('POST', `/api/sandbox/${other.id}/snapshot`, { name: 'derived' });
  await until('it is there', async () => (await cove.api('GET', '/api/snapshots/derived')).json.state === 'active', 30000);
  assert.equal(cove.cli(['policy', 'show', 'template', 'derived']).stdout, '[ceiling]\nallow = "pypi.org"\n');
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
  const text = cove.cli(['policy', 'test', 'policed', 'competitor.test']).stdout;
  assert.match(text, /^deny \(denied_by_rule\) by: deny competitor\.test:\*\nlayer: server, judged by name\n/);
  const shown = cove.cli(['policy', 'show', 'sandbox', 'policed']).stdout;
  assert.match(shown, /sandbox \(its default holds\)\n  default: default deny\n    allow pypi\.org:80,443/);
  assert.match(cove.cli(['policy', 'presets']).stdout, /^npm: /m);
});
