// Goal: the tools that agents use fetch packages through allow rules whose TLS the gateway opens, some
// of them with a token that is never inside. Method: the tools of this machine, as they come, in a
// sandbox whose internet is a handful of tiny registries; each is also refused where no rule allows.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Cove, root } from './lib/cove.mjs';
import { World, enterWorld } from './lib/world.mjs';

enterWorld(import.meta.url);

const token = `tok-${'s3cr3t'.repeat(4)}`;
const policy = `
[policy]
registries = "none"
[[policy.rule]]
allow = ["npm.test", "pypi.test", "deb.test", "crates.test", "maven.test"]
methods = ["GET", "HEAD"]
inspect = true
[[policy.rule]]
allow = "goproxy.test"
paths = ["/hello.test/**"]
inspect = true
`;

let world, cove, box;
before(async () => {
  world = await World.start((dir) => ({
    'npm.test': `files.mjs?${dir}/npm`, 'pypi.test': `files.mjs?${dir}/pypi`, 'deb.test': `files.mjs?${dir}/debian`,
    'crates.test': `files.mjs?${dir}/crates`, 'goproxy.test': `files.mjs?${dir}/go`, 'maven.test': `files.mjs?${dir}/maven`,
    'denied.test': `files.mjs?${dir}/npm`,
  }));
  execFileSync('python3', [join(root, 'tests/upstream/packages.py'), world.dir]);
  writeFileSync(world.file('npm/authorization'), `Bearer ${token}`);
  writeFileSync(world.file('pypi/authorization'), `Basic ${Buffer.from(`ci:${token}`).toString('base64')}`);
  cove = await Cove.start({ config: policy, env: world.env });
  for (const s of (await cove.api('GET', '/api/secret')).json) await cove.api('DELETE', `/api/secret/${s.id}`);
  const made = await cove.api('POST', '/api/secret', { name: 'packages', value: token, hosts: ['npm.test', 'pypi.test'] });
  assert.equal(made.status, 201, made.text);
  box = await cove.create({ secrets: [{ TOKEN: 'packages' }], memory: 2 });
});
after(async () => {
  for (const s of (await cove?.api('GET', '/api/secret'))?.json ?? []) await cove.api('DELETE', `/api/secret/${s.id}`);
  await cove?.stop();
  world?.stop();
});

async function ok(command) {
  const r = await cove.exec(box.id, command, { timeout: 120 });
  assert.equal(r.exitCode, 0, `${command}: ${r.result}`);
  return r.result;
}
async function upload(path, bytes) {
  const form = new FormData();
  form.append('file', new Blob([bytes]), 'file');
  const res = await fetch(`${cove.url}/toolbox/${box.id}/files/upload?path=${path}`, { method: 'POST', body: form, headers: { authorization: `Bearer ${cove.key}` } });
  assert.equal(res.status, 200, await res.text());
}

test('npm install, with a token', async () => {
  await ok('mkdir -p n && cd n && npm init -y >/dev/null && echo "registry=https://npm.test/" > .npmrc && echo "//npm.test/:_authToken=\\${TOKEN}" >> .npmrc');
  await ok('cd n && npm install --no-audit --no-fund tiny-hello');
  assert.match(await ok('cd n && node -p "require(\'tiny-hello\')"'), /hello from npm/);
  const r = await cove.exec(box.id, 'cd n && npm install --no-audit --fetch-retries=0 --registry https://denied.test/ another');
  assert.notEqual(r.exitCode, 0);
  assert.deepEqual(world.requests('denied.test'), []);
});

test('pip install, with a token in the URL', async () => {
  await ok('python3 -m pip install -q --disable-pip-version-check --target p --index-url "https://ci:$TOKEN@pypi.test/simple" tiny-hello');
  assert.match(await ok('cd p && python3 -c "import tiny_hello; print(tiny_hello.text)"'), /hello from pypi/);
});

test('apt-get update and install', async () => {
  await ok('echo "deb [trusted=yes] https://deb.test/ ./" > list');
  const apt = 'sudo apt-get -q -o Dir::Etc::sourcelist=$PWD/list -o Dir::Etc::sourceparts=- -o Acquire::Languages=none';
  await ok(`${apt} update && ${apt} install -y --no-install-recommends tiny-hello`);
  assert.match(await ok('cat /usr/share/tiny-hello/text'), /hello from debian/);
});

const go = '/usr/local/go/bin/go';
const goHere = [go, '/usr/bin/go', '/usr/lib/go/bin/go'].find(existsSync);
test('go mod download', { skip: goHere ? false : 'this machine has no Go' }, async () => {
  await ok('mkdir -p g && cd g && printf "module x\\n\\ngo 1.19\\n" > go.mod');
  const env = 'GOPROXY=https://goproxy.test GOSUMDB=off GOFLAGS=-mod=mod GOTOOLCHAIN=local';
  await ok(`cd g && ${env} ${goHere} get hello.test/tiny@v1.0.0`);
  assert.match(await ok('cat go/pkg/mod/hello.test/tiny@v1.0.0/tiny.go'), /hello from go/);
  const r = await cove.exec(box.id, `cd g && ${env} ${goHere} get other.test/tiny@v1.0.0`);
  assert.notEqual(r.exitCode, 0);
  assert.ok(world.requests('goproxy.test').every((q) => q.url.startsWith('/hello.test/')), 'a path that no rule allows was asked for');
});

// Cargo usually lies in somebody's home, which no sandbox has: it is brought along.
const toolchain = spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).stdout?.trim();
test('cargo fetch', { skip: toolchain ? false : 'this machine has no Rust' }, async () => {
  const libraries = execFileSync('sh', ['-c', 'ls -d lib/*.so*'], { cwd: toolchain, encoding: 'utf8' }).trim().split('\n');
  await upload('/home/daytona/rust.tar', execFileSync('tar', ['c', 'bin/cargo', 'bin/rustc', ...libraries], { cwd: toolchain, maxBuffer: 1 << 30 }));
  await ok('mkdir -p rust && tar x -C rust -f rust.tar && mkdir -p c/src c/.cargo && touch c/src/lib.rs');
  await ok('printf \'[package]\\nname = "x"\\nversion = "0.1.0"\\nedition = "2021"\\n[dependencies]\\ntiny-hello = "1"\\n\' > c/Cargo.toml');
  await ok('printf \'[source.crates-io]\\nreplace-with = "t"\\n[source.t]\\nregistry = "sparse+https://crates.test/"\\n\' > c/.cargo/config.toml');
  await ok('cd c && PATH=$HOME/rust/bin:$PATH cargo fetch -q');
  assert.match(await ok('cat .cargo/registry/src/*/tiny-hello-1.0.0/src/lib.rs'), /hello from crates/);
});

const missing = (program) => (existsSync(`/usr/bin/${program}`) ? false : `this machine has no ${program}`);

test('a Java program trusts opened TLS with nothing set, and no other authority', { skip: missing('javac') }, async () => {
  const get = 'public class Get { public static void main(String[] a) throws Exception { System.out.print(new String(new java.net.URL(a[0]).openStream().readAllBytes())); } }';
  await ok(`mkdir -p j && cd j && printf '%s' '${get}' > Get.java && javac Get.java`);
  const url = 'https://maven.test/test/hello/parent/1.0/parent-1.0.pom';
  // Also as root, whose environment sudo has emptied; and nothing but the program's own words is on stderr.
  for (const run of ['java', 'sudo java']) assert.match(await ok(`cd j && ${run} Get ${url} 2>&1`), /^<project>/, run);
  await ok('cd j && keytool -genkeypair -keyalg EC -alias x -dname CN=x -keystore other -storepass changeit 2>/dev/null');
  const r = await cove.exec(box.id, `cd j && java -Djavax.net.ssl.trustStore=other Get ${url}`);
  assert.match(r.result, /SSLHandshakeException|trustAnchors/);
});

test('mvn fetches a parent', { skip: missing('mvn') }, async () => {
  await ok('mkdir -p m && cd m && printf "<settings><mirrors><mirror><id>t</id><mirrorOf>*</mirrorOf><url>https://maven.test/</url></mirror></mirrors></settings>" > s.xml');
  const parent = (version) => `<parent><groupId>test.hello</groupId><artifactId>parent</artifactId><version>${version}</version><relativePath/></parent>`;
  const pom = (version) => `<project><modelVersion>4.0.0</modelVersion>${parent(version)}<artifactId>mine</artifactId><packaging>pom</packaging></project>`;
  await ok(`cd m && printf '%s' '${pom('1.0')}' > pom.xml && mvn -q -B -s s.xml validate`);
  assert.ok(world.requests('maven.test').some((q) => q.url.endsWith('parent-1.0.pom')));
  await ok(`cd m && printf '%s' '${pom('2.0')}' > pom.xml && ! mvn -q -B -s s.xml validate`);
});

test('the token is nowhere in the sandbox', async () => {
  assert.ok(world.requests('npm.test').some((q) => q.headers.authorization === `Bearer ${token}`));
  const found = spawnSync('grep', ['-rlaF', '-e', token, '-e', Buffer.from(`ci:${token}`).toString('base64'), cove.boxDir(box.id)], { encoding: 'utf8' });
  assert.equal(found.stdout, '');
});
