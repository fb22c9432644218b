// Goal: what is inside stays inside, whoever tries, in both profiles. Method: cove-escape
// (tests/escape) runs every attempt inside real sandboxes as daytona and as root; attempts that need
// the API, the host or a neighbour are made from here. The outcomes are docs/escape.md, which
// COVE_UPDATE=1 writes anew and which is compared otherwise.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Cove, root, until } from './lib/cove.mjs';

const marker = `cove-escape-${process.pid}`;
const users = ['daytona', 'root'];
const profiles = ['default', 'strict'];
const page = join(root, 'docs/escape.md');
const matrix = new Map();  // name -> { safe, seen: Map(column -> verdict) }
const program = readFileSync(join(root, 'build/bin/cove-escape'));
let cove, hostServer, abstract, hostHits = 0;
const box = {};

function record(name, safe, column, verdict) {
  if (!matrix.has(name)) matrix.set(name, { safe, seen: new Map() });
  matrix.get(name).seen.set(column, verdict);
}

const path = (p, query = {}) => `/files${p && '/'}${p}?${new URLSearchParams(query)}`;
const files = (id, method, p, query, body) => cove.api(method, `/toolbox/${id}${path(p, query)}`, body);

async function upload(id, to, bytes) {
  const form = new FormData();
  form.append('file', new Blob([bytes]), 'file');
  const res = await fetch(`${cove.url}/toolbox/${id}${path('upload', { path: to })}`, { method: 'POST', body: form, headers: { authorization: `Bearer ${cove.key}` } });
  return { status: res.status, text: await res.text() };
}
async function download(id, from) {
  const res = await fetch(`${cove.url}/toolbox/${id}${path('download', { path: from })}`, { headers: { authorization: `Bearer ${cove.key}` } });
  return { status: res.status, text: await res.text() };
}
const run = (id, command, extra) => cove.exec(id, command, extra);

before(async () => {
  cove = await Cove.start();
  writeFileSync(`/root/${marker}`, marker);
  hostServer = http.createServer((_, res) => { hostHits++; res.end(marker); });
  await new Promise((done) => hostServer.listen(0, '0.0.0.0', done));
  abstract = net.createServer((c) => c.end(marker)).listen(`\0${marker}`);
  box.neighbour = await cove.create({ name: 'escape-neighbour' });
  for (const profile of profiles) {
    for (const user of users) {
      const key = `${profile}/${user}`;
      box[key] = await cove.create({ name: `escape-${profile}-${user}`, profile, user });
      const put = await upload(box[key].id, '/tmp/cove-escape', program);
      assert.equal(put.status, 200, put.text);
      assert.equal((await run(box[key].id, 'chmod 755 /tmp/cove-escape && id -un')).result.trim(), user);
    }
  }
  // What the neighbour has of each kind, for others to look for.
  await run(box.neighbour.id, `echo secret > ~/${marker}; echo secret > /tmp/${marker}; echo secret > /dev/shm/${marker};
    echo ${marker} > index.html; cove-serve --port 8124 -- python3 -m http.server 8124; ipcmk -M 4096 >/dev/null`);
  await run(box.neighbour.id, `python3 - <<'X'
import ctypes, os, socket, subprocess, sys
c = ctypes.CDLL(None)
assert c.shmget(0x434f5645, 4096, 0o1666) >= 0
assert c.msgget(0x434f5645, 0o1666) >= 0
if os.fork() == 0:
    os.setsid()
    for fd in (0, 1, 2): os.dup2(os.open('/dev/null', os.O_RDWR), fd)
    s = socket.socket(socket.AF_UNIX); s.bind('\\0cove-neighbour'); s.listen(); open('/dev/shm/cove-neighbour', 'w')
    while True: s.accept()
X`);
});

after(async () => {
  hostServer.close();
  abstract.close();
  rmSync(`/root/${marker}`, { force: true });
  await cove.stop();
});

for (const profile of profiles) {
  for (const user of users) {
    const key = `${profile}/${user}`;
    test(`${key}: every attempt of cove-escape is held`, async () => {
      const env = {
        PROFILE: profile, HOST_MARKER: marker, HOST_ABSTRACT: marker, HOST_PORT: `${hostServer.address().port}`, HOST_ANSWER: marker,
        HOST_DATA: cove.data, NEIGHBOUR_MARKER: marker, NEIGHBOUR_ID: box.neighbour.id, NEIGHBOUR_PORT: '8124',
      };
      const vars = Object.entries(env).map(([k, v]) => `${k}=${v}`).join(' ');
      const out = await run(box[key].id, `env ${vars} /tmp/cove-escape run`, { timeout: 120 });
      assert.equal(out.exitCode, 0, out.result);
      const rows = out.result.trim().split('\n').map((l) => JSON.parse(l));
      assert.ok(rows.length >= 60, `${rows.length} attempts`);
      for (const row of rows) record(row.name, row.safe, key, row.verdict);
      const bad = rows.filter((r) => r.verdict !== 'held').map((r) => `${r.verdict} ${r.name}: ${r.detail}`);
      assert.deepEqual(bad, []);
      assert.equal(hostHits, 0);
    });
  }
}

// An attempt from here: `attempt(id, user)` throws if it is not held.
function attack(name, safe, attempt) {
  for (const profile of profiles) {
    for (const user of users) {
      const key = `${profile}/${user}`;
      test(`${key}: ${name}: ${safe}`, async () => {
        record(name, safe, key, 'escaped');
        await attempt(box[key].id, user, profile);
        record(name, safe, key, 'held');
      });
    }
  }
}
const hostIsUntouched = () => assert.equal(readFileSync(`/root/${marker}`, 'utf8'), marker);

attack('api.download_links', 'a link leads to files of the sandbox only', async (id) => {
  await run(id, `cd /tmp; ln -sfn /root/${marker} to-host; ln -sfn /proc/1/root/root/${marker} to-pid1; echo own > own; ln -sfn /tmp/own to-own`);
  assert.equal((await download(id, '/tmp/to-own')).text.trim(), 'own');
  for (const p of ['/tmp/to-host', '/tmp/to-pid1', `/../../../../root/${marker}`, `../../../../root/${marker}`, `/proc/1/root/root/${marker}`, `${cove.data}/front/admin.key`, '/proc/1/environ', '/proc/1/mem', '/run/cove-toolbox/toolbox.log']) {
    const r = await download(id, p);
    assert.notEqual(r.status, 200, `${p}: ${r.text}`);
    assert.doesNotMatch(r.text, new RegExp(`^${marker}`));
  }
});

attack('api.download_devices', 'a device or a FIFO is refused at once', async (id) => {
  await run(id, 'cd /tmp; rm -f fifo; mkfifo fifo; ln -sfn /dev/zero zero');
  for (const p of ['/tmp/fifo', '/tmp/zero', '/dev/zero', '/dev/null', '/dev/tty', '/tmp']) {
    assert.ok((await download(id, p)).status >= 400, p);
  }
});

attack('api.upload_paths', 'what is written lands inside', async (id) => {
  await run(id, `cd /tmp; ln -sfn /root/${marker} up-host; rm -f up-fifo; mkfifo up-fifo; echo old > up-own; ln -sfn up-own up-link; ln -f up-own up-hard`);
  assert.equal((await upload(id, '/tmp/up-link', 'new')).status, 200);
  assert.equal((await run(id, 'cat /tmp/up-own; test -L /tmp/up-link && echo link; cat /tmp/up-hard')).result, 'newlink\nold\n');
  await upload(id, '/tmp/up-host', 'overwritten');
  await upload(id, `../../../../../../root/${marker}`, 'overwritten');
  await upload(id, `/proc/self/root/../root/${marker}`, 'overwritten');
  hostIsUntouched();
  for (const p of ['/tmp/up-fifo', '/dev/null', '/proc/sys/kernel/core_pattern', '/proc/1/mem', '/proc/self/mem', '/sys/x', '/run/cove-toolbox/x', '/proc/sysrq-trigger']) {
    assert.ok((await upload(id, p, 'x')).status >= 400, p);
  }
});

attack('api.upload_races', 'a folder that turns into a link during uploads leads nowhere outside', async (id) => {
  const swap = run(id, 'cd /tmp; end=$((SECONDS+2)); while [ $SECONDS -lt $end ]; do rm -rf race; mkdir race; rm -rf race; ln -s /root race; done', { timeout: 20 });
  const until2 = Date.now() + 1800;
  while (Date.now() < until2) await upload(id, `/tmp/race/${marker}`, 'raced');
  await swap;
  hostIsUntouched();
  assert.ok(!existsSync(`/root/.cove-raced`));
});

attack('api.list_search_replace', 'loops, kernel files and links neither hang nor leave the tree', async (id) => {
  // What stands there inside may be left from a link that an upload followed.
  await run(id, `rm -f /root/${marker} 2>/dev/null; mkdir -p /tmp/w/d; cd /tmp/w; ln -sfn . self; ln -sfn .. up; ln -sfn /proc proc; ln -sfn /root/${marker} host; rm -f f; mkfifo f; echo needle > d/n`);
  const found = await files(id, 'GET', 'find', { path: '/tmp/w', pattern: 'needle' });
  assert.equal(found.status, 200, found.text);
  assert.match(found.text, /d\/n/);
  assert.equal((await files(id, 'GET', 'search', { path: '/tmp/w', pattern: 'n' })).json.files.length, 1);
  assert.equal((await files(id, 'GET', '', { path: '/tmp/w' })).status, 200);
  const replaced = await files(id, 'POST', 'replace', {}, { files: ['/tmp/w/host', '/tmp/w/f', '/proc/self/mem', '/proc/1/environ', '/dev/zero'], pattern: 'cove', newValue: 'gone' });
  assert.ok(replaced.json.every((r) => r.success === false), replaced.text);
  hostIsUntouched();
});

attack('api.permissions', 'modes and owners change for the user\'s own files only', async (id, user) => {
  await run(id, 'touch /tmp/own-mode');
  assert.equal((await files(id, 'POST', 'permissions', { path: '/tmp/own-mode', mode: '0600' })).status, 200);
  for (const p of ['/dev/null', '/proc/1/mem', '/proc/sys/kernel/core_pattern', '/run/cove-toolbox']) {
    assert.ok((await files(id, 'POST', 'permissions', { path: p, mode: '0777' })).status >= 400, p);
  }
  assert.ok((await files(id, 'POST', 'permissions', { path: '/tmp/own-mode', owner: '65536', group: '65536' })).status >= 400);
  if (user !== 'root') assert.ok((await files(id, 'POST', 'permissions', { path: '/etc/passwd', mode: '0666' })).status >= 400);
  assert.equal(statSync('/dev/null').mode & 0o777, 0o666);
});

attack('api.move_delete', 'links are moved and removed themselves, mounts stay', async (id) => {
  await run(id, `cd /tmp; rm -rf del keep; mkdir keep del; echo k > keep/f; ln -s /tmp/keep del/link; ln -s /root del/root; mkdir -p $(printf 'del/%.0s' $(seq 1 60))`);
  assert.ok((await files(id, 'DELETE', '', { path: '/tmp/del', recursive: 'true' })).status < 300);
  assert.equal((await run(id, 'cat /tmp/keep/f')).result.trim(), 'k');
  for (const p of ['/proc', '/dev', '/run/cove-toolbox', '/dev/pts']) {
    assert.ok((await files(id, 'DELETE', '', { path: p, recursive: 'true' })).status >= 400, p);
  }
  await files(id, 'POST', 'move', { source: '/run/cove-toolbox', destination: '/tmp/t' });
  hostIsUntouched();
  assert.equal((await run(id, 'test -c /dev/null && echo works')).result.trim(), 'works');
});

attack('api.working_directory', 'a command starts in the tree or not at all', async (id) => {
  for (const cwd of ['/proc/1/root', '/proc/1/cwd', '/run/cove-toolbox', '/proc/self/fd/3', '/proc/self/fd/10']) {
    const r = await cove.api('POST', `/toolbox/${id}/process/execute`, { command: `ls ${marker} ../../root/${marker} && cat ${marker}`, cwd });
    assert.ok(r.status !== 200 || r.json.exitCode !== 0, `${cwd}: ${r.text}`);
  }
});

attack('toolbox.account', 'no line of /etc/passwd makes a command run as the toolbox', async (id, user) => {
  const script = `cp /etc/passwd /tmp/passwd && sed -i 's/^${user}:[^:]*:[0-9]*:/${user}:x:4294967295:/' /etc/passwd`;
  assert.equal((await run(id, script)).exitCode === 0, user === 'root');
  assert.match((await run(id, 'cat /proc/self/status')).result, user === 'root' ? /^Uid:\t0\t0\t0\t0$/m : /^Uid:\t1000\t1000\t1000\t1000$/m);
  if (user === 'root') assert.equal((await run(id, 'cp /tmp/passwd /etc/passwd')).exitCode, 0);
});

attack('toolbox.hunt', 'no worker of the toolbox can be traced or robbed while the API uses it', async (id) => {
  const hunt = run(id, '/tmp/cove-escape hunt 2', { timeout: 30 });
  let over = false;
  hunt.finally(() => (over = true));
  // The hunter may stop a command of its own user and end; that one then runs into its limit.
  const command = () => cove.api('POST', `/toolbox/${id}/process/execute`, { command: 'true', timeout: 5 });
  while (!over) await Promise.all([upload(id, '/tmp/hunted', 'x'.repeat(200000)), download(id, '/tmp/hunted'), command()]);
  const out = await hunt;
  assert.match(out.result, /^held after looking/);
});

// All four at once: it takes its time.
test('logs.volume: a session\'s log has an end, on the sandbox\'s account', async () => {
  const size = (dir) => readdirSync(dir, { withFileTypes: true }).reduce((n, e) => n + (e.isDirectory() ? size(join(dir, e.name)) : statSync(join(dir, e.name)).size), 0);
  await Promise.all(profiles.flatMap((p) => users.map((u) => `${p}/${u}`)).map(async (key) => {
    const { id } = box[key];
    record('logs.volume', 'a session\'s log has an end, on the sandbox\'s account', key, 'escaped');
    const made = await cove.api('POST', `/toolbox/${id}/process/session`, { sessionId: 'flood' });
    assert.ok(made.status < 300, made.text);
    const r = await cove.api('POST', `/toolbox/${id}/process/session/flood/exec`, { command: 'head -c 80000000 /dev/zero | tr "\\0" x; echo; echo done > /tmp/flooded', runAsync: true });
    assert.ok(r.status < 300, r.text);
    await until('the flood is over', async () => (await run(id, 'cat /tmp/flooded 2>/dev/null')).result.trim() === 'done', 60000);
    const state = join(cove.boxDir(id), 'state');
    assert.ok(size(state) < 70 << 20, `${size(state)} bytes`);
    await cove.api('DELETE', `/toolbox/${id}/process/session/flood`);
    record('logs.volume', 'a session\'s log has an end, on the sandbox\'s account', key, 'held');
  }));
});

// One takes all it gets and keeps it: the neighbour and the server must not notice.
const neighbourWorks = {
  terminals: 'script -qec "echo works" /dev/null | tr -d "\\r"',
  inotify: 'python3 -c "import ctypes; print(\'works\' if ctypes.CDLL(None).inotify_init1(0) >= 0 else \'none left\')"',
  epoll: 'python3 -c "import select; select.epoll(); print(\'works\')"',
  pipes: 'echo works | cat',
  sockets: 'python3 -c "import socket; a, b = socket.socketpair(); a.send(b\'x\' * 60000); print(\'works\')"',
};
// 64 MiB over loopback, and a datagram.
const transfers = `python3 -c "
import socket, threading
s = socket.create_server(('127.0.0.1', 0)); got = []
def serve():
    c, _ = s.accept(); n = 0
    while (d := c.recv(1 << 20)): n += len(d)
    got.append(n)
t = threading.Thread(target=serve); t.start()
c = socket.create_connection(s.getsockname())
for _ in range(64): c.sendall(bytes(1 << 20))
c.close(); t.join()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0)); u.sendto(b'x' * 9000, u.getsockname())
print('works' if got == [64 << 20] and len(u.recv(10000)) == 9000 else got)"`;
neighbourWorks.tcp = neighbourWorks.udp = transfers;

// What the kernel charges to a box for its sockets' buffers, where it makes them small, and all that
// the box holds but file cache: on version 1 the buffers are not part of its memory.
function socketBuffers(id) {
  const parent = (dir) => readdirSync(dir).map((n) => join(dir, n, id, 'work')).find((p) => existsSync(p));
  const number = (file) => Number(readFileSync(file, 'utf8'));
  const v1 = existsSync('/sys/fs/cgroup/memory') && parent('/sys/fs/cgroup/memory');
  const stat = (dir, name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(readFileSync(join(dir, 'memory.stat'), 'utf8'))[1]);
  if (v1) {
    const used = number(join(v1, 'memory.kmem.tcp.usage_in_bytes'));
    const limit = number(join(v1, 'memory.kmem.tcp.limit_in_bytes'));
    const inAll = number(join(v1, 'memory.usage_in_bytes')) - stat(v1, 'cache') + stat(v1, 'shmem') + used;
    return { used, limit, inAll, memory: number(join(v1, 'memory.limit_in_bytes')) };
  }
  const v2 = parent('/sys/fs/cgroup');
  const used = number(join(v2, 'memory.current'));
  const memory = number(join(v2, 'memory.max'));
  return { used, limit: memory, inAll: used - stat(v2, 'file') + stat(v2, 'shmem'), memory };
}
// Of the whole machine.
const tcpBytes = () => 4096 * Number(/^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))[1]);
const held = {
  tcp: (id, before) => {
    const { used, limit, memory } = socketBuffers(id);
    assert.ok(limit <= memory && memory === 2 ** 30, `${limit} of ${memory}`);
    // 64 KiB more is given to each of the 1600 sockets, so that a connection can go on at all.
    assert.ok(used > limit / 2 && used < limit + 1600 * 2 ** 17, `${used} of ${limit}`);
    assert.ok(tcpBytes() - before < limit + 1600 * 2 ** 17, `the machine's buffers grew by ${tcpBytes() - before}`);
  },
  udp: (id) => {
    const { used, limit } = socketBuffers(id);
    assert.ok(used > limit / 10 && used < limit * 1.1, `${used} of ${limit}`);
  },
};
// That little more, of sockets without end, on top of much other memory: the workload ends before it
// has the machine's, and whoever waits for it hears why. For the moment until it is seen it has more
// than it may, by what its processors could open meanwhile.
attack('exhaust.many_sockets', 'the workload that holds them is killed and its caller told; the neighbour and the server have theirs', async (id) => {
  await run(id, 'rm -f /tmp/escape-release');
  const kills = (await cove.api('GET', `/api/sandbox/${id}`)).json.oomKills ?? 0;
  let most = 0;
  const look = () => (most = Math.max(most, socketBuffers(id).inAll));
  const holder = run(id, `python3 -c "
import subprocess
x = bytearray(600 << 20)
subprocess.run(['/tmp/cove-escape', 'hold', 'tcp_many'])"`);
  const watch = setInterval(look, 20);
  try {
    const ended = await holder;
    assert.equal(ended.exitCode, 137, JSON.stringify(ended));
    assert.match(ended.exitReason, /^out of memory \(limit 1 GiB\)/);
    await until('its buffers are free', () => socketBuffers(id).used < 2 ** 20);
    assert.ok(most < 2 ** 30 * 1.5, `${most} bytes before it ended`);
    assert.equal((await run(box.neighbour.id, transfers)).result.trim(), 'works');
    assert.equal((await run(id, transfers)).result.trim(), 'works');
    await until('it is told', async () => ((await cove.api('GET', `/api/sandbox/${id}`)).json.oomKills ?? 0) > kills);
  } finally {
    clearInterval(watch);
    await run(id, 'touch /tmp/escape-release');
  }
});
// What came for a connection belongs to nobody until it is accepted, and stays when who sent it has
// closed or reset it: it needs no descriptor.
attack('exhaust.unaccepted', 'the workload that listens and never accepts is killed; the neighbour and the server have theirs', async (id, user, profile) => {
  await run(id, `cat > /tmp/unaccepted.py <<'X'
import fcntl, resource, socket, struct, sys, time
try: fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 1))  # up
except OSError: pass
most = bytearray(600 << 20)
listeners, sent, block = [], 0, bytes(1 << 16)
while sent < 2 << 30:
    at = socket.socket(); at.bind(('127.0.0.1', 0)); at.listen(4096); listeners.append(at)
    for _ in range(4000):
        near = socket.socket(); near.connect(at.getsockname()); near.setblocking(False)
        try: sent += near.send(block)
        except BlockingIOError: pass
        if 'reset' in sys.argv: near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        near.close()
time.sleep(60)
X`);
  const ways = ['python3 /tmp/unaccepted.py', 'python3 /tmp/unaccepted.py reset'];
  // In a network of its own, and in one of a thread's own, whose process is elsewhere or has ended.
  const thread = `python3 -c "
import ctypes, os, threading
def work():
    ctypes.CDLL(None).unshare(0x40000000)
    exec(open('/tmp/unaccepted.py').read())
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)"`;
  if (profile !== 'strict') ways.push('unshare -Urn python3 /tmp/unaccepted.py', `unshare -Ur ${thread}`);
  for (const how of ways) {
    const before = tcpBytes();
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, tcpBytes() - before)), 20);
    try {
      const ended = await run(id, how);
      assert.equal(ended.exitCode, 137, JSON.stringify(ended));
      assert.match(ended.exitReason, /^out of memory \(limit 1 GiB\)/);
      await until('it is free', () => tcpBytes() - before < 2 ** 26);
      // Above the 424 MiB that it has left; without an end it would be 2 GiB.
      assert.ok(most < 1.25 * 2 ** 30, `${most} bytes before it ended`);
      assert.equal((await run(box.neighbour.id, transfers)).result.trim(), 'works');
    } finally {
      clearInterval(watch);
    }
  }
});
// A devpts of one's own has a limit of its own, but takes from those of the machine.
attack('exhaust.all_terminals', 'the workload that takes those of the machine is killed; the neighbour gets one', async (id, user, profile) => {
  await run(id, `cat > /tmp/terminals.py <<'X'
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
kept = []
try:
    while True: kept.append(os.open('/tmp/pts/ptmx', os.O_RDWR))
except OSError: time.sleep(60)
X`);
  const taker = await run(id, `unshare -Urm sh -c 'mkdir -p /tmp/pts && mount -t devpts -o newinstance,ptmxmode=0666 devpts /tmp/pts && python3 /tmp/terminals.py'`);
  assert.equal(taker.exitCode, profile === 'strict' ? 1 : 137, JSON.stringify(taker));
  await until('the neighbour gets one', async () => (await run(box.neighbour.id, neighbourWorks.terminals)).result.trim() === 'works');
});
for (const [resource, twin] of Object.entries(neighbourWorks)) {
  attack(`exhaust.${resource}`, 'the neighbour and the server have theirs', async (id) => {
    await run(id, 'rm -f /tmp/escape-release /tmp/escape-held');
    assert.equal((await run(box.neighbour.id, twin)).result.trim(), 'works', 'the twin before it');
    const before = tcpBytes();
    await run(id, `setsid /tmp/cove-escape hold ${resource} > /tmp/escape-held 2>&1 < /dev/null &`);
    try {
      await until('all is taken', async () => /^held/.test((await run(id, 'cat /tmp/escape-held')).result), 30000);
      held[resource]?.(id, before);
      assert.equal((await run(box.neighbour.id, twin)).result.trim(), 'works');
      assert.equal((await cove.api('GET', '/health')).status, 200);
      assert.equal((await run(id, 'echo alive')).result.trim(), 'alive');
    } finally {
      await run(id, 'touch /tmp/escape-release');
    }
  });
}

// What the kernel keeps of each connection that it translates is counted by no limit of memory: the
// rules bound their number. Every destination port is a connection to it, whoever listens; in a
// network namespace of one's own there are no rules to make it track anything.
const flood = (nested) => `${nested ? 'unshare -rUn ' : ''}python3 -c "
import socket, subprocess, sys
if ${nested ? 'True' : 'False'}: subprocess.run(['ip', 'link', 'set', 'lo', 'up'])
def send(family, kind, to, ports):
    for i, port in enumerate(ports):
        if i % 256 == 0: s = socket.socket(family, kind)
        if kind == socket.SOCK_STREAM: s = socket.socket(family, kind)
        s.setblocking(False)
        try:
            if kind == socket.SOCK_STREAM: s.connect((to, port))
            else: s.sendto(b'x', (to, port))
        except OSError: pass
for to, family in (('127.0.0.1', socket.AF_INET), ('::1', socket.AF_INET6), ('10.0.0.2', socket.AF_INET), ('fd00::2', socket.AF_INET6)):
    send(family, socket.SOCK_DGRAM, to, range(1024, 3624))
    send(family, socket.SOCK_STREAM, to, range(30000, 30200))
for n in range(1, 4): send(socket.AF_INET, socket.SOCK_STREAM, '93.184.%d.34' % n, range(1024, 1124))
" 2>/dev/null; cat /proc/sys/net/netfilter/nf_conntrack_count`;
const trackedOnMachine = () => Number(/^nf_conntrack\s+(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8'))[1]);
const kTracked = 8192;  // kBoxTrackedMax of src/sandbox/rules.h
attack('exhaust.tracked', 'what the kernel notes of connections ends at a number; the neighbour has its own', async (_, user, profile) => {
  const fresh = await cove.create({ name: `escape-tracked-${profile}-${user}`, profile, user });
  const before = trackedOnMachine();
  const most = async (nested) => Number((await run(fresh.id, flood(nested), { timeout: 60 })).result.trim().split('\n').pop());
  const mine = await most(false);
  assert.ok(mine > kTracked / 2, `only ${mine}: the attempt attacked nothing`);
  assert.ok(mine <= kTracked + 64, `${mine} connections are tracked`);
  if (profile === 'default') await most(true);
  assert.ok(trackedOnMachine() - before <= kTracked * 1.25, `the machine tracks ${trackedOnMachine() - before} more`);
  assert.equal((await run(box.neighbour.id, transfers)).result.trim(), 'works');
  assert.equal((await cove.remove(fresh.id)).status, 200);
  await until('all of it is free', () => trackedOnMachine() - before < kTracked / 4, 20000);
});

attack('start.first_packet', 'the rules are there before the first instruction', async (_, user, profile) => {
  const hits = hostHits;
  for (let i = 0; i < 3; i++) {
    const fresh = await cove.create({ name: `escape-first-${profile}-${user}-${i}`, profile, user });
    const port = hostServer.address().port;
    const r = await run(fresh.id, `curl -sS -m 2 http://10.0.0.1:${port}/ http://169.254.169.254/; exec 3<>/dev/udp/8.8.8.8/53; ls -d /sys/class/net 2>/dev/null; cat /proc/net/dev | tail -n +3 | cut -d: -f1`);
    assert.equal(r.result.trim().split('\n').pop().trim(), 'lo');
    assert.doesNotMatch(r.result, new RegExp(marker));
    assert.equal((await cove.remove(fresh.id)).status, 200);
  }
  assert.equal(hostHits, hits);
});

attack('teardown.last_packet', 'what still runs at a delete sends nothing and does not stay', async (_, user, profile) => {
  const hits = hostHits;
  const fresh = await cove.create({ name: `escape-last-${profile}-${user}`, profile, user });
  const port = hostServer.address().port;
  await run(fresh.id, `trap '' TERM HUP; (trap '' TERM HUP; while :; do curl -s -m 1 http://10.0.0.1:${port}/; done) >/dev/null 2>&1 </dev/null & sleep 0.2`);
  assert.equal((await cove.remove(fresh.id)).status, 200);
  assert.equal(hostHits, hits);
  // Its files go behind the answer.
  await until('its files are gone', () => !existsSync(cove.boxDir(fresh.id)));
});

attack('disk.setuid_on_host', 'a setuid file\'s copy on the host\'s disk can be reached by root alone, on a nosuid mount', async (id, user) => {
  await run(id, 'cp -L /bin/true /tmp/suid; chmod 6755 /tmp/suid; mkdir -p /tmp/deep/$(printf "d%.0s" $(seq 1 200)); mkfifo /tmp/deep/f 2>/dev/null; true');
  const file = join(cove.boxDir(id), 'upper/tmp/suid');
  const mode = statSync(file);
  assert.ok(mode.mode & 0o4000, 'it is there');
  assert.equal(mode.uid, user === 'root' ? 0 : 1000, 'owners are canonical');
  assert.equal(statSync(join(cove.data, 'runner')).mode & 0o077, 0);
  const mounts = readFileSync(`/proc/${cove.runnerPid}/mountinfo`, 'utf8').split('\n').filter((l) => l.includes(` ${cove.data}/runner/disk `));
  assert.match(mounts[0] ?? '', /nosuid,nodev/);
});

attack('disk.snapshot', 'a tree made to hurt is copied as it is and touches nothing else', async (_, user, profile) => {
  const made = await cove.create({ name: `escape-snap-${profile}-${user}`, profile, user });
  await run(made.id, `mkdir -p /tmp/s; cd /tmp/s; ln -s /root/${marker} host; ln -s ../../../../../../root up; mkfifo f; echo x > a; ln a b; cp -L /bin/true t; chmod 6755 t; touch $'new\\nline' -- '-rf'; python3 -c "
import os
for i in range(300): os.mkdir('d'); os.chdir('d')"`);
  const shot = await cove.api('POST', `/api/sandbox/${made.id}/snapshot`, { name: `escape-${profile}-${user}` });
  assert.ok(shot.status < 300, shot.text);
  assert.equal((await cove.remove(made.id)).status, 200);
  const next = await until('the snapshot is active', async () => {
    const r = await cove.api('POST', '/api/sandbox', { snapshot: `escape-${profile}-${user}`, env: {}, labels: {}, user });
    return r.status === 200 ? r.json : null;
  });
  assert.equal(next.profile, profile, 'a snapshot keeps its profile');
  const r = await run(next.id, 'cd /tmp/s; readlink host up; test -p f && cat a b && ls -1 | wc -l');
  assert.match(r.result, new RegExp(`/root/${marker}\\n(../)+root\\nx\\nx\\n`));
  hostIsUntouched();
  if (profile === 'strict') {
    const loose = await cove.api('POST', '/api/sandbox', { snapshot: `escape-${profile}-${user}`, profile: 'default', env: {}, labels: {} });
    assert.equal(loose.status, 400, 'and cannot be loosened');
  }
  await cove.remove(next.id);
  await cove.api('DELETE', `/api/snapshots/escape-${profile}-${user}`);
});

test('strict: ordinary programs work', async () => {
  const id = box['strict/daytona'].id;
  const programs = {
    bash: 'x=$(echo a | tr a b); [ "$x" = b ] && echo ok',
    python3: `python3 -c "import threading, subprocess, socket, multiprocessing as m; t = threading.Thread(target=print, args=('ok',)); t.start(); t.join(); subprocess.run(['true'], check=True); m.Pool(2).map(abs, [1, 2])"`,
    node: 'node -e "new (require(\'worker_threads\').Worker)(\'0\', { eval: true }).on(\'exit\', () => console.log(require(\'child_process\').execSync(\'echo ok\').toString().trim()))"',
    git: 'cd $(mktemp -d) && git init -q && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --oneline | grep -c x | sed s/1/ok/',
    pty: 'script -qec "test -t 0 && echo ok" /dev/null',
    server: 'cd /tmp && cove-serve --port 8125 -- python3 -m http.server 8125 >/dev/null && curl -s -o /dev/null -w ok http://127.0.0.1:8125/',
    tools: 'cd $(mktemp -d) && echo x > a && tar cf a.tar a && cp -a a b && find . -name b -exec rm {} + && ps aux | grep -q bash && df / >/dev/null && timeout 5 true && echo ok',
  };
  if (existsSync('/usr/bin/gcc')) programs.gcc = 'cd $(mktemp -d) && printf "#include <stdio.h>\\nint main(void){puts(\\"ok\\");}" > a.c && gcc a.c && ./a.out';
  if (existsSync('/usr/bin/clang++-19')) programs['clang++'] = 'cd $(mktemp -d) && printf "#include <iostream>\\nint main(){std::cout<<\\"ok\\";}" > a.cc && clang++-19 -std=c++20 a.cc && ./a.out';
  for (const [name, command] of Object.entries(programs)) {
    const r = await run(id, command, { timeout: 60 });
    assert.match(r.result.trim(), /(^|\n)ok\s*$/, `${name}: ${r.result}`);
  }
});

test('the front and the workers made no call that they may not make', () => {
  assert.doesNotMatch(cove.log(), /syscall\.refused/);
});

test('docs/escape.md says what was seen', () => {
  const columns = profiles.flatMap((p) => users.map((u) => `${p}/${u}`));
  const rows = [...matrix].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { safe, seen }]) => `| ${name} | ${safe} | ${columns.map((c) => seen.get(c) ?? '-').join(' | ')} |`);
  const text = `# The escape suite

Attempts to get out of a sandbox or to harm what is beside it, each by the default user and by root
inside, in both profiles, with the outcome that was seen. \`tests/e2e/escape.test.mjs\` makes them and
compares this page (\`COVE_UPDATE=1\` writes it); the program it runs inside is \`tests/escape/\`.
${matrix.size} attempts, ${matrix.size * columns.length} outcomes.

| attempt | safe outcome | ${columns.join(' | ')} |
|---|---|${columns.map(() => '---|').join('')}
${rows.join('\n')}
`;
  if (process.env.COVE_UPDATE) writeFileSync(page, text);
  assert.equal(readFileSync(page, 'utf8'), text);
});
