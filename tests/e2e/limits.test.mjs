// Goal: a sandbox at a limit hurts only itself, and hears clearly what happened.
// Method: a real server; small sandboxes that take all they can, beside one that goes on working.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cove } from './lib/cove.mjs';

let cove, small, neighbour;
before(async () => {
  cove = await Cove.start();
  small = await cove.create({ disk: 0.1 });
  neighbour = await cove.create({ disk: 1 });
});
after(() => cove.stop());

const upload = (id, path, bytes) => {
  const form = new FormData();
  form.append('files[0].path', path);
  form.append('files[0].file', new Blob([new Uint8Array(bytes)]), 'f');
  return cove.api('POST', `/toolbox/${id}/files/bulk-upload`, undefined, { raw: form });
};

// The neighbour writes and reads back, and the server answers.
async function othersAreWell() {
  const r = await cove.exec(neighbour.id, 'head -c 8000000 /dev/urandom > f && sync f && wc -c < f && rm f');
  assert.equal(r.result, '8000000\n');
  assert.equal((await cove.api('GET', `/api/sandbox/${neighbour.id}`)).json.state, 'started');
}

for (const user of ['daytona', 'root']) {
  test(`a full disk is an error for ${user} inside, and for nobody else`, async () => {
    const sh = (c) => cove.exec(small.id, user === 'root' ? `sudo sh -c ${JSON.stringify(c)}` : c);
    const filled = await sh('cd /home/daytona; head -c 300000000 /dev/zero > full; wc -c < full');
    assert.match(filled.result, /quota exceeded|No space left/i);
    const bytes = Number(filled.result.trim().split('\n').at(-1));
    assert.ok(bytes > 50e6 && bytes <= 0.1 * 2 ** 30, `${bytes} bytes went in`);
    await othersAreWell();
    const refused = await upload(small.id, '/home/daytona/up', 4 << 20);
    assert.equal(refused.status, 507, refused.text);
    assert.match(refused.text, /quota|space|full/i);
    // Commands run all the same, and room that is made can be used.
    assert.equal((await sh('rm /home/daytona/full && sync / && echo gone')).result, 'gone\n');
    const stored = await upload(small.id, '/home/daytona/up', 4 << 20);
    assert.ok(stored.status < 300, stored.text);
    await sh('rm /home/daytona/up');
  });
}

test('cove exec keeps or misses output of a full disk openly, and frees it', async () => {
  const [box, other] = [await cove.create({ disk: 0.1 }), await cove.create({ disk: 0.1 })];
  const run = (id, ...command) => cove.cli(['exec', id, '--', ...command]);
  const filled = run(box.id, 'sh', '-c', 'head -c 300000000 /dev/zero > f; echo after-fill; seq 1 50000; echo END');
  assert.equal(filled.status, 0, filled.stderr);
  assert.match(filled.stderr, /quota exceeded|No space left/i);
  assert.equal(filled.stdout, `after-fill\n${Array.from({ length: 50000 }, (_, i) => `${i + 1}\n`).join('')}END\n`);
  const freed = run(box.id, 'rm', 'f');
  assert.equal(freed.status, 0, freed.stdout + freed.stderr);
  assert.equal(run(box.id, 'test', '-e', 'f').status, 1);
  // More than memory keeps, and than the kernel finds when it looks for room again.
  const much = run(other.id, 'sh', '-c', 'for i in 1 2 3; do head -c 300000000 /dev/zero > f$i; sync .; done; seq 1 3000000');
  assert.equal(much.status, 125, much.stderr);
  assert.match(much.stderr, /bytes were not kept[^]*some of its output could not be kept/);
  for (const { id } of [box, other]) await cove.remove(id);
});

test('files without content fill it too', async () => {
  const r = await cove.exec(small.id,
    // Close to a limit the kernel commits every few files: most of the room goes to one big one.
    'head -c 104000000 /dev/zero > big; mkdir -p n && cd n && for i in $(seq 100000); do : > $i || break; done 2>&1; '
    + 'ls -f | wc -l; cd && rm -rf n big && echo gone');
  const lines = r.result.trim().split('\n');
  assert.match(lines[0], /quota exceeded|No space left/i);
  assert.ok(Number(lines[1]) > 100 && Number(lines[1]) < 100000, lines[1]);
  assert.equal(lines[2], 'gone');
  await othersAreWell();
});

// One for each 4 KiB of half its memory; each takes kernel memory and nothing of the file system's size.
test('the number of files in memory has an end as well', async () => {
  const box = await cove.create({ memory: 0.25 });
  const r = await cove.exec(box.id, `python3 -c "
import errno
n = 0
try:
    while n < 200000:
        open('/dev/shm/%d' % n, 'w').close(); n += 1
except OSError as e: print(n, errno.errorcode[e.errno])"; rm -rf /dev/shm/* && touch /dev/shm/again && echo again`);
  const [, count, error, again] = /^(\d+) (\w+)\n(\w+)/.exec(r.result) ?? assert.fail(r.result);
  assert.equal(error, 'ENOSPC');
  assert.ok(count > 30000 && count <= 32768, `${count} files`);
  assert.equal(again, 'again');
  assert.equal((await cove.api('GET', `/api/sandbox/${box.id}`)).json.oomKills, 0);
  await cove.remove(box.id);
});

test('a session on a full disk is refused with what to do, and made once that is done', async () => {
  const box = await cove.create({ disk: 0.1 });
  await cove.exec(box.id, 'head -c 300000000 /dev/zero > full 2>/dev/null; for i in $(seq 3000); do : > n$i || break; done 2>/dev/null; sync .');
  const create = () => cove.api('POST', `/toolbox/${box.id}/process/session`, { sessionId: 's' });
  const refused = await create();
  assert.equal(refused.status, 507, refused.text);
  assert.match(refused.json.message, /needs room on the sandbox's disk, which is full .*delete files by process\/execute/);
  assert.equal((await cove.exec(box.id, 'rm -f full n* && sync . && echo gone')).result, 'gone\n');
  assert.equal((await create()).status, 201);
  await cove.remove(box.id);
});

test('what a sandbox wrote and its limit outlive kill -9 of the server', async () => {
  await cove.exec(small.id, 'head -c 60000000 /dev/zero > most');
  const port = cove.port;
  await cove.kill();
  await cove.launch(`127.0.0.1:${port}`);
  const r = await cove.exec(small.id, 'wc -c < most; head -c 90000000 /dev/zero > more; wc -c < more');
  assert.match(r.result, /^60000000\n/);
  assert.match(r.result, /quota exceeded|No space left/i);
  await othersAreWell();
});

test('the disk of a running sandbox can grow, and at once', async () => {
  const box = await cove.create({ disk: 0.1 });
  const fill = async () => Number((await cove.exec(box.id, 'head -c 300000000 /dev/zero > full 2>/dev/null; stat -c %s full; rm full; sync .')).result);
  assert.ok(await fill() <= 0.1 * 2 ** 30);
  const grown = await cove.api('POST', `/api/sandbox/${box.id}/resize`, { disk: 0.2 });
  assert.equal(grown.status, 200, grown.text);
  const bytes = await fill();
  assert.ok(bytes > 0.12 * 2 ** 30 && bytes <= 0.2 * 2 ** 30, `${bytes} bytes`);
  const smaller = await cove.api('POST', `/api/sandbox/${box.id}/resize`, { disk: 0.1 });
  assert.equal(smaller.status, 400);
  assert.match(smaller.text, /cannot be made smaller/);
  await cove.remove(box.id);
});

test('doctor names the scheme and says whether serve can run', () => {
  const r = cove.cli(['doctor', '--json', '--data', cove.data]);
  assert.equal(r.status, 0, r.stdout + r.stderr);
  const report = JSON.parse(r.stdout);
  const named = (what) => report.findings.find((f) => f.what === what);
  assert.match(named('disk limits').found, /^btrfs image .*disk\.img/);
  assert.match(named('server').found, new RegExp(`^one runs on .*, pid ${cove.runnerPid}, .* sandboxes: 2;`));
  assert.match(named('open files').found, /for the server, enough for \d+ sandboxes$/);
  assert.equal(named('room').found, 'for another sandbox');
  process.kill(cove.runnerPid, 'SIGSTOP');
  try {
    const stopped = JSON.parse(cove.cli(['doctor', '--json', '--data', cove.data]).stdout);
    const server = stopped.findings.find((f) => f.what === 'server');
    assert.equal(server.health, 'reduced');
    assert.match(server.found, /does not answer$/);
  } finally {
    process.kill(cove.runnerPid, 'SIGCONT');
  }
  assert.equal(cove.cli(['doctor', '--data', '/proc/none']).status, 1, 'no file system for data');
  assert.equal(cove.cli(['doctor', '--wrong']).status, 2);
});
