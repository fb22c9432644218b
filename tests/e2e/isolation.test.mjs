// Goal: what is inside stays inside. Method: attempts from inside a sandbox, as root and as
// daytona, at what must not be reachable; every attempt has a twin that must work.
import assert from 'node:assert/strict';
import http from 'node:http';
import { rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Cove, until } from './lib/cove.mjs';

const marker = `cove-marker-${process.pid}-${Date.now()}`;
const markerFile = `/root/${marker}`;
let cove, a, b, hostServer, hostHits = 0;

before(async () => {
  cove = await Cove.start();
  writeFileSync(markerFile, marker);
  hostServer = http.createServer((_, res) => { hostHits++; res.end('host'); });
  await new Promise((done) => hostServer.listen(0, '127.0.0.1', done));
  a = await cove.create({ name: 'iso-a' });
  b = await cove.create({ name: 'iso-b' });
});
after(async () => {
  hostServer.close();
  rmSync(markerFile, { force: true });
  await cove.stop();
});

const as = { daytona: (c) => c, root: (c) => `sudo -n bash -c ${JSON.stringify(c).replaceAll('$', '\\$')}` };

for (const user of ['daytona', 'root']) {
  const run = (command) => cove.exec(a.id, as[user](command));

  test(`${user}: who I am, and that the user can work`, async () => {
    assert.equal((await run('id -un')).result.trim(), user);
    assert.equal((await run('echo works > /tmp/$(id -un) && cat /tmp/$(id -un)')).result.trim(), 'works');
    assert.equal((await run('for v in NODE_EXTRA_CA_CERTS SSL_CERT_FILE REQUESTS_CA_BUNDLE PIP_CERT CURL_CA_BUNDLE GIT_SSL_CAINFO; do printenv $v; done | sort | uniq -c')).result.trim(),
      '6 /etc/ssl/certs/ca-certificates.crt', 'and trusts the same');
  });

  test(`${user}: the host's /root is not there`, async () => {
    const r = await run(`cat ${markerFile}; ls /root; find / -xdev -name '${marker}' 2>/dev/null; cat /proc/1/root${markerFile}`);
    assert.doesNotMatch(r.result, new RegExp(`^${marker}$`, 'm'));
  });

  test(`${user}: host processes are not to be seen`, async () => {
    const r = await run('for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline 2>/dev/null; echo; done');
    assert.doesNotMatch(r.result, /cove serve|node --test/);
    assert.ok((await run('ls -d /proc/[0-9]* | wc -l')).result.trim() < 20);
  });

  test(`${user}: the host's loopback and Cove's own port are out of reach`, async () => {
    const port = hostServer.address().port;
    for (const target of [`127.0.0.1:${port}`, `[::1]:${port}`, `127.0.0.1:${cove.port}`, `10.0.0.1:${cove.port}`, `169.254.169.254:80`]) {
      const r = await run(`curl -fsS -m 5 http://${target}/health`);
      assert.notEqual(r.exitCode, 0, `${target}: ${r.result}`);
    }
    assert.equal(hostHits, 0);
  });

  test(`${user}: a second sandbox is out of reach`, async () => {
    const server = await cove.exec(b.id, 'cove-serve --port 8123 -- python3 -m http.server 8123');
    assert.equal(server.exitCode, 0, server.result);
    assert.equal((await cove.exec(b.id, 'curl -sS -m 5 -o /dev/null -w "%{http_code}" http://127.0.0.1:8123/')).result.trim(), '200');
    for (const target of ['127.0.0.1:8123', '10.0.0.2:8123']) {
      assert.notEqual((await run(`curl -sS -m 5 http://${target}/`)).exitCode, 0, target);
    }
    await cove.exec(b.id, 'pkill -f [h]ttp.server');
  });

  test(`${user}: a name that is not allowed fails in under 100 ms with a reason, and is audited`, async () => {
    const name = `${user}-${marker}.example.com`;
    const r = await run(`s=$(date +%s%N); getent ahosts ${name}; echo "rc=$?"; e=$(date +%s%N); echo "ms=$(( (e - s) / 1000000 ))"`);
    assert.match(r.result, /rc=[12]/);
    assert.ok(Number(/ms=(\d+)/.exec(r.result)[1]) < 100, r.result);
    const rows = await until('the denial is in the audit log', async () => {
      const list = await cove.api('GET', `/api/audit?sandboxId=${a.id}`);
      const mine = (list.json?.items ?? []).filter((x) => x.host === name);
      return mine.length ? mine : null;
    });
    assert.equal(rows[0].allow, false);
    assert.ok(rows[0].reason);
    const page = await run(`curl -sS -m 5 -H 'Host: ${name}' http://203.0.113.9/ -w '\\n%{http_code}'`);
    assert.match(page.result, /403$/);
    assert.match(page.result, /reason/);
  });

  test(`${user}: no way to the firewall, the namespaces, PID 1 or the kernel`, async () => {
    for (const attempt of ['nft flush ruleset', 'ip link add x type dummy', 'kill -9 1', 'mount -t tmpfs x /mnt', 'cat /proc/1/environ', 'cat /proc/1/mem',
      'readlink /proc/1/exe', 'nsenter -t 1 -n true', 'echo 1 > /proc/sys/kernel/sysrq', 'dmesg', 'mknod /tmp/sda b 8 0', 'chroot /proc/1/root true && false']) {
      const r = await run(`${attempt} && echo DONE-IT`);
      assert.doesNotMatch(r.result, /DONE-IT/, attempt);
    }
    // Destroying sockets by name must not touch those that Cove holds: the door still answers.
    await run('ss -K state listening; ss -K sport = :1; ss -K sport = :53');
    assert.notEqual((await run('getent ahosts still.example.com')).exitCode, 0);
    assert.match((await run('curl -sS -m 5 http://203.0.113.9/')).result, /reason/);
    assert.equal((await run('echo alive')).result.trim(), 'alive');
  });
}

test('a fork bomb stays inside, and the sandbox can still be used after it', async () => {
  await cove.exec(a.id, 'bomb() { bomb | bomb & }; bomb; sleep 1', { timeout: 5 }).catch(() => {});
  assert.equal((await cove.exec(b.id, 'echo neighbour works')).result.trim(), 'neighbour works');
  await cove.exec(a.id, 'pkill -9 -u daytona bash; true', { timeout: 10 }).catch(() => {});
  const r = await until('the bomb is over', async () => {
    await cove.exec(a.id, 'sudo -n pkill -9 -u daytona', { timeout: 5 }).catch(() => {});
    const x = await cove.exec(a.id, 'echo ok', { timeout: 5 }).catch(() => null);
    return x?.result.trim() === 'ok';
  }, 20000);
  assert.ok(r);
});

test('a memory hog dies inside and nothing else does', async () => {
  const r = await cove.exec(a.id, 'python3 -c "x = bytearray(8 << 30); print(len(x))"', { timeout: 60 });
  assert.notEqual(r.exitCode, 0, r.result);
  assert.equal((await cove.exec(a.id, 'echo ok')).result.trim(), 'ok');
  assert.equal((await cove.exec(b.id, 'echo ok')).result.trim(), 'ok');
});
