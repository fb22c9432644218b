// Goal: a secret works from inside a sandbox without ever being there. Method: the unmodified SDK
// makes secrets and sandboxes; curl and git inside talk to servers of the test, which keep what
// they were sent; then everything that the inside, the disk, the logs and the audit hold is searched
// for the values.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, readSync, readdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Daytona } from '@daytona/sdk';
import { Cove, dataDir, pids, until } from './lib/cove.mjs';
import { World, enterWorld } from './lib/world.mjs';

enterWorld(import.meta.url);

const value = `sk-${'r34l'.repeat(4)}+/"x`;
const rotated = `sk-${'n3w'.repeat(6)}`;
const gitToken = `ghp_${'g1t'.repeat(8)}`;
const policy = `
[policy]
registries = "none"
allow = ["api.test", "other.test", "private.test", "forge.test:22,2222"]
[[policy.rule]]
allow = "git.test"
inspect = true
credential = "git"
[[policy.rule]]
allow = "wrong.test"
inspect = true
credential = "git"
`;

let world, cove, daytona, secret, box, deployKey;
before(async () => {
  world = await World.start((dir) => ({
    'api.test': 'echo.mjs?other.test', 'other.test': 'echo.mjs', 'wrong.test': 'echo.mjs',
    'git.test': `git.mjs?${dir}/git`, 'private.test': `git.mjs?${dir}/git`, 'forge.test': `ssh.mjs?${makeKeys(dir)}`,
  }));
  deployKey = readFileSync(world.file('git/deploy'), 'utf8');
  makeRepository(world.file('git'), gitToken);
  cove = await Cove.start({ config: policy, env: world.env });
  daytona = new Daytona({ apiUrl: `${cove.url}/api`, apiKey: cove.key });
  await forget();
  secret = await daytona.secret.create({ name: 'api', value, hosts: ['api.test'] });
  box = await daytona.create({ secrets: { API_KEY: 'api' } });
});
after(async () => {
  if (daytona) await forget();
  await cove?.stop();
  world?.stop();
});

async function forget() {
  for (const s of (await daytona.secret.list()).items) await daytona.secret.delete(s.id);
}

// A key to log in with, and those of the host and of somebody else.
function makeKeys(parent) {
  const dir = `${parent}/git`;
  mkdirSync(dir);
  for (const name of ['deploy', 'host', 'stranger']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', `${dir}/${name}`]);
  copyFileSync(`${dir}/deploy.pub`, `${dir}/authorized`);
  return dir;
}

function makeRepository(dir, password) {
  writeFileSync(`${dir}/login`, `git:${password}\n`);
  const git = (...args) => execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args], { stdio: 'pipe', cwd: dir });
  git('init', '-q', '--bare', 'repo.git');
  git('init', '-q', 'seed');
  writeFileSync(`${dir}/seed/README`, 'hello from upstream\n');
  git('-C', 'seed', 'add', '.');
  git('-C', 'seed', 'commit', '-qm', 'first');
  git('-C', 'seed', 'push', '-q', `${dir}/repo.git`, 'HEAD:main');
}

async function run(command, sandbox = box) {
  const r = await sandbox.process.executeCommand(command);
  return { code: r.exitCode, text: r.result };
}
async function ok(command, sandbox) {
  const r = await run(command, sandbox);
  assert.equal(r.code, 0, `${command}: ${r.text}`);
  return r.text;
}
const last = (host) => world.requests(host).at(-1);
const codeOf = (args, sandbox) => ok(`curl -s -o /dev/null -w '%{http_code}' ${args}`, sandbox);

test('the SDK makes, finds, lists and never reads back a secret', async () => {
  assert.match(secret.placeholder, /^dtn_secret_[0-9a-f]{32}$/);
  assert.deepEqual((await daytona.secret.get(secret.id)).hosts, ['api.test']);
  const page = await daytona.secret.list({ limit: 1 });
  assert.equal(page.total, 1);
  assert.equal(page.items[0].name, 'api');
  assert.ok(!JSON.stringify([secret, page]).includes(value));
  await assert.rejects(daytona.secret.create({ name: 'api', value: 'x-0123456', hosts: ['api.test'] }), /exists already/);
  await assert.rejects(daytona.secret.create({ name: 'tiny', value: '1234567', hosts: ['api.test'] }), /at least 8 bytes/);
  await assert.rejects(daytona.secret.create({ name: 'free', value: 'x' }), /hosts/);
  await assert.rejects(daytona.secret.create({ name: 'bad', value: 'x', hosts: ['git*.com'] }), /git\*\.com/);
  await assert.rejects(daytona.create({ secrets: { X: 'nothing-of-the-kind' } }), /no secret 'nothing-of-the-kind'/);
  assert.equal((await cove.api('GET', `/api/sandbox/${box.id}/secrets`)).status, 403);
});

test('its host gets the value in a header, in Basic, in the query and in a body', async () => {
  assert.equal((await ok('echo $API_KEY')).trim(), secret.placeholder);
  await ok('curl -sf -H "X-Api-Key: $API_KEY" -H "Authorization: Bearer $API_KEY" https://api.test/header');
  assert.equal(last('api.test').headers['x-api-key'], value);
  assert.equal(last('api.test').headers.authorization, `Bearer ${value}`);
  await ok('curl -sf -u "me:$API_KEY" https://api.test/basic');
  assert.equal(last('api.test').headers.authorization, `Basic ${Buffer.from(`me:${value}`).toString('base64')}`);
  await ok('curl -sf "https://api.test/query?a=1&key=$API_KEY&b=2"');
  assert.equal(new URL(last('api.test').url, 'https://x').searchParams.get('key'), value);
  await ok(`curl -sf --json "{\\"key\\":\\"$API_KEY\\"}" https://api.test/json`);
  assert.equal(JSON.parse(last('api.test').body).key, value);
  assert.equal(last('api.test').headers['content-length'], `${last('api.test').body.length}`);
  await ok('curl -sf -d "a=1&key=$API_KEY" https://api.test/form');
  assert.equal(new URLSearchParams(last('api.test').body).get('key'), value);
  await ok('curl -sf -F "key=$API_KEY" https://api.test/multipart');
  assert.ok(last('api.test').body.includes(`\r\n\r\n${value}\r\n`));
});

test('a server that repeats what it was sent shows the placeholder', async () => {
  const text = await ok('curl -sfi -H "X-Api-Key: $API_KEY" "https://api.test/echo?k=$API_KEY"');
  assert.equal(last('api.test').headers['x-api-key'], value);
  assert.ok(text.includes(`x-echo: ${secret.placeholder}`), text);
  assert.ok(!text.includes('r34l'), text);
});

test('another host, plain HTTP and a redirect get the placeholder', async () => {
  await ok('curl -sfk -H "X-Api-Key: $API_KEY" "https://other.test/?k=$API_KEY"');
  assert.equal(last('other.test').headers['x-api-key'], secret.placeholder);
  await ok('curl -sf -H "X-Api-Key: $API_KEY" http://api.test/plain');
  assert.equal(last('api.test').headers['x-api-key'], secret.placeholder);
  await ok('curl -sfkL -H "X-Api-Key: $API_KEY" "https://api.test/to?k=$API_KEY"');
  assert.equal(last('api.test').headers['x-api-key'], value);
  assert.equal(last('other.test').url, `/landed?k=${secret.placeholder}`);
  assert.equal(last('other.test').headers['x-api-key'], secret.placeholder);
});

test('a sandbox without the secret sends the placeholder and keeps its own TLS', async () => {
  const bare = await daytona.create();
  assert.notEqual((await run('curl -s https://api.test/', bare)).code, 0, 'the gateway opened TLS');
  await ok(`curl -sfk -H 'X-Api-Key: ${secret.placeholder}' https://api.test/`, bare);
  assert.equal(last('api.test').headers['x-api-key'], secret.placeholder);
  // Given while it runs: for requests at once, in the environment of the next command.
  await bare.updateSecrets({ LATER: 'api' });
  await ok('curl -sf -H "X-Api-Key: $LATER" https://api.test/', bare);
  assert.equal(last('api.test').headers['x-api-key'], value);
  await bare.updateSecrets({});
  assert.equal((await ok('echo "<$LATER>"', bare)).trim(), '<>');
  await ok(`curl -sfk -H 'X-Api-Key: ${secret.placeholder}' https://api.test/`, bare);
  assert.equal(last('api.test').headers['x-api-key'], secret.placeholder);
  await daytona.delete(bare);
});

test('git clones and pushes over HTTPS with nothing configured inside', async () => {
  assert.equal(await codeOf('https://git.test/repo.git/info/refs'), '403', 'the rule names a secret that is not there');
  const made = await cove.api('POST', '/api/secret', { name: 'git', value: gitToken, hosts: ['git.test'], header: 'basic git' });
  assert.equal(made.status, 201, made.text);
  await ok('git clone -q https://git.test/repo.git work && grep -q upstream work/README');
  await ok('cd work && git config user.email a@b && git config user.name a && date > file && git add . && git commit -qm more && git push -q origin HEAD:main');
  const pushed = execFileSync('git', ['-C', `${world.file('git')}/repo.git`, 'log', '--format=%s', 'main'], { encoding: 'utf8' });
  assert.equal(pushed, 'more\nfirst\n');
  assert.ok(!(await ok('cat work/.git/config')).includes('ghp_'));
  // Elsewhere the rule promises what the secret does not allow: refused, and nothing is sent.
  const before = world.requests('wrong.test').length;
  assert.match(await ok('curl -s https://wrong.test/'), /"no_credential"/);
  assert.equal(world.requests('wrong.test').length, before);
});

test('a secret with a header of its own needs no rule', async () => {
  const made = await cove.api('POST', '/api/secret', { name: 'forge', value: gitToken, hosts: ['private.test'], methods: ['GET', 'POST'], paths: ['/repo.git/**'], header: 'basic git' });
  assert.equal(made.status, 201, made.text);
  const other = await daytona.create({ secrets: { FORGE: 'forge' } });
  await ok('git clone -q https://private.test/repo.git work', other);
  assert.equal(await codeOf('https://private.test/other.git/info/refs', other), '401', 'the path is not bound');
  await daytona.delete(other);
});

test('git clones and pushes over SSH with a key that is outside', async () => {
  const hostKey = readFileSync(world.file('git/host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  const make = (value) => cove.api('POST', '/api/secret', { name: 'deploy', value, hosts: ['forge.test'], header: `ssh git ${hostKey}` });
  assert.match((await make('no key at all')).text, /ssh-keygen -t ed25519/);
  const made = await make(deployKey);
  assert.equal(made.status, 201, made.text);
  const other = await daytona.create({ secrets: { SSH_AUTH_SOCK: 'deploy' } });
  assert.match(await ok('ssh-add -L', other), /^ssh-ed25519 \S+ deploy$/m);
  const ssh = (port, more = '') => `export GIT_SSH_COMMAND="ssh -p ${port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null ${more}"`;
  await ok(`${ssh(22)}; git clone -q git@forge.test:repo.git over && cd over && git config user.email a@b && git config user.name a && date > ssh && git add . && git commit -qm ssh && git push -q origin HEAD:main`, other);
  assert.match(execFileSync('git', ['-C', `${world.file('git')}/repo.git`, 'log', '--format=%s', 'main'], { encoding: 'utf8' }), /^ssh\n/);
  // Somebody else who would let that key in, and who has another host key, gets no login out of it;
  // nor does another user of the right host, nor does a signature of anything but a login.
  assert.notEqual((await run(`${ssh(2222)}; git clone -q git@forge.test:repo.git stolen`, other)).code, 0);
  assert.notEqual((await run(`${ssh(22)}; git clone -q root@forge.test:repo.git stolen`, other)).code, 0);
  assert.notEqual((await run('ssh-add -L > k.pub; echo text > t; ssh-keygen -Y sign -n file -f k.pub t', other)).code, 0);
  const rows = (await cove.api('GET', `/api/audit?sandboxId=${other.id}&limit=500`)).json.items.filter((r) => r.channel === 'ssh' && r.kind !== 'close');
  assert.ok(rows.some((r) => r.allow && r.detail === 'login as git' && r.secrets === 'deploy'), JSON.stringify(rows));
  assert.ok(rows.some((r) => !r.allow && r.reason === 'no_credential'), JSON.stringify(rows));
  // Deleted: the agent has no key from now on.
  await cove.api('DELETE', `/api/secret/${made.json.id}`);
  assert.notEqual((await run(`${ssh(22)}; git clone -q git@forge.test:repo.git late`, other)).code, 0);
  const key = deployKey.split('\n')[3];
  for (const pid of pids()) {
    const mine = (() => { try { return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(other.id); } catch { return false; } })();
    if (mine) for (const bytes of memoryOf(pid)) assert.ok(!bytes.includes(key), `memory of ${pid}`);
  }
  assert.equal(spawnSync('grep', ['-rlaF', '-e', key, cove.boxDir(other.id), `${dataDir}/front`, cove.logFile], { encoding: 'utf8' }).stdout, '');
  await daytona.delete(other);
});

test('cove secret sets, lists and removes, with the value from standard input', async () => {
  const bad = cove.cli(['secret', 'set', 'cli'], { input: 'v4lue-of-cli\n' });
  assert.equal(bad.status, 2);
  assert.match(bad.stderr, /'hosts' is missing/);
  const set = cove.cli(['secret', 'set', 'cli', '--host', 'api.test', '--header', 'field X-Token'], { input: 'v4lue-of-cli\n' });
  assert.match(set.stdout, /^dtn_secret_/, set.stderr);
  assert.equal(cove.cli(['secret', 'set', 'cli'], { input: 'v4lue-again' }).stdout, set.stdout);
  assert.match(cove.cli(['secret', 'ls']).stdout, /^cli +dtn_secret_\S+ +api\.test +field X-Token$/m);
  await box.updateSecrets({ API_KEY: 'api', CLI: 'cli' });
  await ok('curl -sf https://api.test/');
  assert.equal(last('api.test').headers['x-token'], 'v4lue-again');
  assert.equal(cove.cli(['secret', 'rm', 'cli']).status, 0);
  assert.equal(cove.cli(['secret', 'rm', 'cli']).status, 5);
});

test('a new value holds for the next request, a deleted secret for none', async () => {
  await daytona.secret.update(secret.id, { value: rotated });
  await ok('curl -sf -H "X-Api-Key: $API_KEY" https://api.test/');
  assert.equal(last('api.test').headers['x-api-key'], rotated);
  const short = await daytona.secret.create({ name: 'short', value: rotated, hosts: ['other.test'] });
  await box.updateSecrets({ API_KEY: 'api', SHORT: 'short' });
  await ok('curl -sf -H "X-Api-Key: $SHORT" https://other.test/');
  assert.equal(last('other.test').headers['x-api-key'], rotated);
  await daytona.secret.delete(short.id);
  await ok(`curl -sfk -H 'X-Api-Key: ${short.placeholder}' https://other.test/`);
  assert.equal(last('other.test').headers['x-api-key'], short.placeholder);
});

test('secrets survive a restart of both processes', async () => {
  const port = cove.port;
  await cove.kill();
  await cove.launch(`127.0.0.1:${port}`);
  await ok('curl -sf -H "X-Api-Key: $API_KEY" https://api.test/');
  assert.equal(last('api.test').headers['x-api-key'], rotated);
});

// The bytes of a process's memory, as far as they can be read.
function* memoryOf(pid) {
  let maps, fd;
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
    fd = openSync(`/proc/${pid}/mem`, 'r');
  } catch { return; }  // it has ended
  for (const line of maps.split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line);
    if (!range || line.includes('[vvar') || line.includes('[vsyscall]')) continue;
    const [from, to] = [BigInt(`0x${range[1]}`), BigInt(`0x${range[2]}`)];
    const piece = Buffer.alloc(1 << 20);
    for (let at = from; at < to; at += BigInt(piece.length - 256)) {
      let n = 0;
      try { n = readSync(fd, piece, 0, Number(to - at < piece.length ? to - at : BigInt(piece.length)), at); } catch { break; }
      yield piece.subarray(0, n);
    }
  }
  closeSync(fd);
}

// The files of a snapshot of the sandbox, which has a file by which the search is seen to look there.
async function snapshotOf(id) {
  const images = `/proc/${cove.runnerPid}/root${cove.data}/runner/images`;
  const before = new Set(readdirSync(images));
  await ok('echo kept-in-the-snapshot > /home/daytona/kept.txt');
  assert.ok((await cove.api('POST', `/api/sandbox/${id}/snapshot`, { name: 'searched' })).status < 300);
  await until('the snapshot is active', async () => (await cove.api('GET', '/api/snapshots/searched')).json.state === 'active', 30000);
  const made = readdirSync(images).filter((name) => !before.has(name));
  assert.equal(made.length, 1);
  assert.match(execFileSync('grep', ['-rlaF', 'kept-in-the-snapshot', `${images}/${made[0]}`], { encoding: 'utf8' }), /kept\.txt$/m);
  return `${images}/${made[0]}`;
}

test('the values are nowhere but in the front', async () => {
  await ok('(curl -sN https://api.test/ > /tmp/kept; exec sleep 60) > /dev/null 2>&1 &');
  const needles = [value, rotated, gitToken, Buffer.from(`git:${gitToken}`).toString('base64')].map((v) => Buffer.from(v));
  const found = (bytes) => needles.some((n) => bytes.includes(n));
  const boxed = pids().filter((p) => { try { return readFileSync(`/proc/${p}/cgroup`, 'utf8').includes(box.id); } catch { return false; } });
  assert.ok(boxed.length >= 2, 'its processes are not found');
  const proc = (pid, file) => { try { return readFileSync(`/proc/${pid}/${file}`); } catch { return Buffer.alloc(0); } };
  for (const pid of [...boxed, cove.runnerPid]) {
    for (const bytes of memoryOf(pid)) assert.ok(!found(bytes), `memory of ${pid}: ${proc(pid, 'cmdline')}`);
    for (const file of ['environ', 'cmdline']) assert.ok(!found(proc(pid, file)), `${file} of ${pid}`);
  }
  // The search finds what is there: the front holds the values.
  assert.ok([...memoryOf(cove.frontPid)].some(found), 'the search is blind');
  for (const file of ['environ', 'cmdline']) assert.ok(!found(proc(cove.frontPid, file)), `${file} of the front`);
  const grep = (...paths) => {
    for (const needle of needles) {
      try {
        assert.fail(`found: ${execFileSync('grep', ['-rlaF', '-e', needle.toString(), ...paths], { encoding: 'utf8', stdio: 'pipe' })}`);
      } catch (e) { if (e.status === undefined) throw e; assert.ok(e.status === 1 || e.stdout === '', e.stdout); }
    }
  };
  grep(cove.boxDir(box.id), `${dataDir}/front`, cove.logFile, await snapshotOf(box.id));
  const rows = (await cove.api('GET', `/api/audit?sandboxId=${box.id}&limit=500`)).text;
  assert.match(rows, /"secrets":"api"/);
  assert.ok(!found(Buffer.from(rows)));
});
