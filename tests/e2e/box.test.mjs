// Goal: `cove box` keeps every rule of the wrapper that docs/box.md lists, number by number, and does
// better where that page says so. Method: the real Codex CLI and a scripted model, in a network of
// the test's own that leads nowhere else; init scripts look around inside.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { argv, bin, cmdline, pids, root, status, until } from './lib/cove.mjs';
import { Bed, KEY, OUTSIDE, OWNER, SECOND_RESOLVER } from './lib/box.mjs';
import { publishPackages } from './lib/box_packages.mjs';

let bed;
before(async () => {
  bed = await Bed.make();
  const turn = (when, run) => ({ when, steps: [{ run }, { say: `said ${when}` }] });
  await bed.startModel({ model: 'gpt-5.5', turns: [
    turn('make a file', 'echo by-codex > made.txt && mkdir -p deep/er && echo $CODEX_HOME'),
    turn('stay a while', 'echo here > here.txt; sleep 600'),
    turn('nested sandbox', 'true'),
    { when: 'make fail', steps: [{ fail: { status: 400, times: 9, message: 'no' } }] },
  ] });
  // The image is made from npm, so this first one is in the real network.
  const r = await bed.run(['--', '--version'], { online: true, cwd: bed.project(), env: { COVE_BOX_TEST_REACHED: 'http://models.cove/' } });
  assert.equal(r.status, 0, r.stderr);
  assert.match(r.stderr, /Preparing a sandbox with Codex/);
});
after(() => bed?.remove());

const refused = async (args, text, options = {}) => {
  const r = await bed.run(args, { cwd: bed.project(), ...options });
  assert.equal(r.status, 1, r.stdout + r.stderr);
  assert.ok(r.stderr.split('\n').includes(`Error: ${text}`), `${text}\nnot in\n${r.stderr}`);
};
const says = (r, name) => new RegExp(`^${name}=(.*)$`, 'm').exec(r.stdout)?.[1];

// ---- 1.1 work directory
test('1 the work directory: where we are, WORKSPACE_ROOT_DIR, --work_dir before both', async () => {
  const [here, there] = [bed.project(), bed.project()];
  assert.equal(says(await bed.probe('echo pwd=$PWD', { cwd: here }), 'pwd'), `/app${here}`);
  assert.equal(says(await bed.probe('echo pwd=$PWD', { cwd: here, env: { WORKSPACE_ROOT_DIR: there } }), 'pwd'), `/app${there}`);
  mkdirSync(join(there, 'sub')); chownSync(join(there, 'sub'), OWNER, OWNER);
  for (const flag of ['--work_dir', '--work-dir']) {
    const r = await bed.probe('echo pwd=$PWD', { cwd: here, args: [flag, `${there}/sub`], env: { WORKSPACE_ROOT_DIR: there } });
    assert.equal(says(r, 'pwd'), `/app${there}/sub`);
  }
});
test('2 the path is resolved before any check', async () => {
  const real = bed.project();
  symlinkSync(real, join(bed.dir, 'link'));
  assert.equal(says(await bed.probe('echo pwd=$PWD', { args: ['--work_dir', `${bed.dir}/link`] }), 'pwd'), `/app${real}`);
});
test('3 the root is refused, by a symbolic link too', async () => {
  symlinkSync('/', join(bed.dir, 'toroot'));
  await refused(['--work_dir', '/'], 'refusing to use / as work directory.');
  await refused(['--work_dir', `${bed.dir}/toroot`], 'refusing to use / as work directory.');
});
test('4 what cannot be resolved or is no directory is refused', async () => {
  await refused(['--work_dir', '/nowhere/at/all'], 'Unable to resolve work directory path.');
  const file = bed.put(join(bed.dir, 'plain'), '');
  await refused(['--work_dir', file], `Work directory does not exist: ${file}`);
});
test('5 WORKSPACE_ROOT_DIR holds the work directory, by components', async () => {
  const top = bed.project();
  mkdirSync(`${top}-more`);
  await refused(['--work_dir', `${top}-more`], `work directory must be inside WORKSPACE_ROOT_DIR (${top})`, { env: { WORKSPACE_ROOT_DIR: top } });
  symlinkSync('/usr', join(top, 'out'));
  await refused(['--work_dir', `${top}/out`], `work directory must be inside WORKSPACE_ROOT_DIR (${top})`, { env: { WORKSPACE_ROOT_DIR: top } });
});
test('6 every flag says what it lacks', async () => {
  const lacks = { '--work_dir': 'directory', '--work-dir': 'directory', '--init_script': 'script', '--codex-version': 'version', '--auth_file': 'file', '--auth-file': 'file', '--read-only': 'path', '--config': 'file or directory', '--sessions-path': 'directory', '--codex-home': 'directory', '--firewall': 'mode' };
  for (const [flag, what] of Object.entries(lacks)) await refused([flag], `${flag} flag provided but no ${what} specified.`);
});
test('7 the project is mounted read-write at /app and its path, live, and owned as outside', async () => {
  const dir = bed.project({ 'a.txt': 'one' });
  const r = await bed.probe('cat a.txt; echo; echo two > b.txt; echo own=$(stat -c %U:%u . a.txt b.txt | tr "\\n" " ")', { cwd: dir });
  assert.match(r.stdout, /^one/);
  assert.equal(says(r, 'own'), 'codex:1000 codex:1000 codex:1000');
  assert.equal(readFileSync(join(dir, 'b.txt'), 'utf8'), 'two\n');
  assert.equal(statSync(join(dir, 'b.txt')).uid, OWNER);
  const c = await bed.run(['exec', '--skip-git-repo-check', 'make a file'], { cwd: dir });
  assert.equal(c.status, 0, c.stderr);
  assert.equal(readFileSync(join(dir, 'made.txt'), 'utf8'), 'by-codex\n');
  assert.equal(statSync(join(dir, 'deep/er')).uid, OWNER);
});

// ---- 1.2 options and arguments
test('8 every option is known, and -- ends them', async () => {
  const dir = bed.project();
  const extra = bed.put(join(bed.dir, 'extra.txt'), 'x');
  const config = bed.put(join(bed.dir, 'c8.toml'), 'model = "gpt-5.5"\n');
  const auth = bed.put(join(bed.dir, 'auth8.json'), JSON.stringify({ OPENAI_API_KEY: KEY }));
  const r = await bed.run(['--work_dir', dir, '--init_script', bed.script('true'), '--codex-version', '0.169.0', '--auth_file', auth, '--read-only', extra, '--config', config,
    '--sessions-path', `${dir}/s`, '--codex-home', `${dir}/h`, '-y', '--yes', '--firewall', 'proxy', '--', '--version']);
  assert.equal(r.status, 0, r.stderr);
  assert.equal(r.stdout, 'codex-cli 0.169.0\n');
  await refused(['--firewall', 'none'], "--firewall must be proxy or acl, not 'none'.");
});
// The arguments of the real codex that a started box runs, as the kernel has them.
const codexOf = (box) => {
  const parents = new Map(pids().map((p) => [p, Number(/^PPid:\t(\d+)/m.exec(status(p))?.[1] ?? 0)]));
  const below = (p) => { while (p && p !== box.child.pid) p = parents.get(p); return Boolean(p); };
  for (const p of parents.keys()) {
    const words = argv(p);
    const at = words.findIndex((w, i) => i < 2 && w.endsWith('/codex'));
    // It may ask for the options of this version first.
    if (at >= 0 && below(p) && words[at + 1] !== '--help') return words.slice(at + 1);
  }
};
test('9 the rest goes to codex unchanged, word by word', async () => {
  const words = ['-c', 'x.y="it\'s $HOME `id`"', 'exec', '--skip-git-repo-check', '-c', '', '-y', "stay a while\n 'q' $HOME \"d\"  * ~ \\ ü ; exit"];
  const dir = bed.project();
  const box = bed.start([...words], { cwd: dir });
  await until('codex runs', () => codexOf(box) || box.status !== null, 20000);
  const seen = codexOf(box);
  box.child.kill('SIGTERM');
  await box.done;
  assert.deepEqual(seen, words, box.stderr);
});
test('9 without any word codex works on its own, at the terminal', async () => {
  const dir = bed.project();
  // What it would ask at a first start is answered: is the directory trusted, is a newer model wanted.
  const config = bed.put(join(bed.dir, 'c9.toml'), `model = "gpt-5.5"\n[projects."/app${dir}"]\ntrust_level = "trusted"\n[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"\n`);
  const box = bed.start(['--config', config], { cwd: dir, pty: true, input: null, env: { TERM: 'xterm-256color' } });
  // What a terminal answers: where its cursor is.
  box.child.stdout.on('data', (d) => { if (String(d).includes('\x1b[6n')) box.child.stdin.write('\x1b[1;1R'); });
  try {
    const words = await until('codex runs', () => codexOf(box), 20000);
    assert.ok(['--sandbox workspace-write --ask-for-approval on-request', '--full-auto'].includes(words.join(' ')), words.join(' '));
    // The terminal is told so.
    await until('it waits for work', () => box.stdout.includes('state=idle'), 20000);
    // It throws away what came while it was starting, which it may still be: typed until it is there.
    const typed = async () => {
      const before = box.stdout.length;
      box.child.stdin.write('\x15make a file');
      const letters = () => box.stdout.slice(before).replace(/\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*)/g, '').replace(/[^a-z]/g, '');
      return until('it shows', () => /makea.*file/.test(letters()), 4000).catch(() => false);
    };
    let there = false;
    for (let tries = 0; tries < 5 && !there; ++tries) there = await typed();
    assert.ok(there, `it shows nothing of what was typed: ${JSON.stringify(box.stdout.slice(-4000))}`);
    box.child.stdin.write('\r');
    await until('it has made the file and asked nobody', () => existsSync(join(dir, 'made.txt')), 20000);
  } finally {
    box.child.kill('SIGTERM');
    await box.done;
  }
});
test('10 a terminal inside exactly when standard input is one', async () => {
  const tty = 'if [ -t 1 ]; then echo tty=yes; else echo tty=no; fi';
  const shell = bed.project();
  const fake = async (options) => {
    const r = await bed.run(['exec', '--skip-git-repo-check'], { cwd: shell, ...options });
    return r.stdout + r.stderr;
  };
  // Codex reads its prompt from standard input when that is no terminal, and says so.
  assert.match(await fake({ input: 'make a file' }), /said make a file/);
  assert.match(await fake({ pty: true }), /No prompt provided/);
  assert.equal(says(await bed.probe(tty), 'tty'), 'no');
  const none = await bed.run(['--', '--version'], { cwd: bed.project(), closed: true });
  assert.equal(none.status, 0, none.stderr);
});
test('11 the exit status is codex\'s own', async () => {
  assert.equal((await bed.run(['--no-such-flag'], { cwd: bed.project() })).status, 2);
  assert.equal((await bed.run(['exec', '--skip-git-repo-check', 'make fail'], { cwd: bed.project() })).status, 1);
  assert.equal((await bed.run(['exec', '--skip-git-repo-check', 'make a file'], { cwd: bed.project() })).status, 0);
});

// ---- 1.3 home, configuration, credentials
test('12 /codex_home is HOME and CODEX_HOME, backed by .environment', async () => {
  const dir = bed.project();
  const r = await bed.probe('echo homes=$HOME,$CODEX_HOME; touch /codex_home/mark; echo xdg=$XDG_CONFIG_HOME', { cwd: dir });
  assert.equal(says(r, 'homes'), '/codex_home,/codex_home');
  assert.equal(says(r, 'xdg'), '/home/codex/.config');
  assert.equal(statSync(join(dir, '.codex/.environment/mark')).uid, OWNER);
  assert.equal(statSync(join(dir, '.codex')).uid, OWNER);
  await bed.probe('touch /codex_home/mark', { cwd: dir, args: ['--codex-home', `${dir}/other`] });
  assert.ok(existsSync(join(dir, 'other/.environment/mark')));
});
test('13 config.toml: --config overwrites, else the first directory\'s where there is none', async () => {
  const dir = bed.project({ 'codex/config.toml': 'model = "from-project"\n' });
  const copy = () => readFileSync(join(dir, '.codex/.environment/config.toml'), 'utf8');
  const home = bed.home();
  rmSync(join(home, '.codex'), { recursive: true });
  const auth = ['--auth_file', bed.put(join(bed.dir, 'auth13.json'), JSON.stringify({ OPENAI_API_KEY: KEY }))];
  // It is placed before the domains are read: a wrong one ends the start early.
  const go = async (args, env) => assert.match((await bed.run([...args, ...auth], { cwd: dir, home, env: { ...env, OPENAI_ALLOWED_DOMAINS: '!' } })).stderr, /Invalid domain format/);
  const dirs = ['configdir', 'home/.codex', 'home/.config/codex'];
  await go([]);
  assert.match(copy(), /from-project/);
  bed.put(join(home, '.config/codex/config.toml'), 'model = "from-xdg"\n');
  await go([]);
  assert.match(copy(), /from-project/, 'one that is there stays');
  const fresh = () => rmSync(join(dir, '.codex'), { recursive: true });
  fresh(); await go([]); assert.match(copy(), /from-xdg/, dirs[2]);
  bed.put(join(home, '.codex/config.toml'), 'model = "from-home"\n');
  fresh(); await go([]); assert.match(copy(), /from-home/, dirs[1]);
  const named = join(bed.dir, 'named'); bed.put(join(named, 'config.toml'), 'model = "from-variable"\n');
  fresh(); await go([], { CODEX_CONFIG_DIR: named }); assert.match(copy(), /from-variable/, dirs[0]);
  await go(['--config', bed.put(join(bed.dir, 'c13.toml'), 'model = "from-option"\n')]);
  assert.match(copy(), /from-option/);
  await go(['--config', named]);
  assert.match(copy(), /from-variable/);
});
test('14 --config that cannot be used is an error', async () => {
  const empty = join(bed.dir, 'empty'); mkdirSync(empty);
  await refused(['--config', empty], `--config directory missing config.toml: ${empty}`);
  await refused(['--config', `${empty}/x.toml`], `config file not found: ${empty}/x.toml`);
  const dir = bed.project({ 'keep': '' });
  mkdirSync(join(empty, 'config.toml'));
  const r = await bed.run(['--config', empty], { cwd: dir });
  assert.equal(r.status, 1);
  assert.match(r.stderr, /^Error: cannot copy config.toml/m);
});
test('15 auth.json: found in the wrapper\'s order, never copied into the project', async () => {
  const dir = bed.project();
  const home = bed.home({ auth: null });
  const good = JSON.stringify({ OPENAI_API_KEY: KEY });
  const bad = JSON.stringify({ OPENAI_API_KEY: 'wrong' });
  // The self-test asks the model through the gateway: whichever file is used decides what it sees.
  const works = async (args = [], env = {}) => {
    const before = bed.modelCalls().length;
    // Some of these places are the agent's to write: each new file there is asked about.
    const r = await bed.run(['-y', ...args, '--', '--version'], { cwd: dir, home, env });
    assert.equal(r.status, 0, r.stderr);
    return bed.modelCalls().length > before && bed.modelCalls().at(-1).auth === 'right';
  };
  const config = join(bed.dir, 'cfg15'); bed.put(join(config, 'config.toml'), '');
  const variable = join(bed.dir, 'var15');
  const places = [join(dir, '.codex/auth.json'), join(dir, 'codex/auth.json'), join(home, '.config/codex/auth.json'), join(home, '.codex/auth.json'), join(variable, 'auth.json'), join(config, 'auth.json')];
  const args = ['--config', config], env = { CODEX_CONFIG_DIR: variable };
  bed.put(join(dir, '.codex/.environment/auth.json'), good, 0o600);
  assert.ok(await works(args, env), 'the last place, left by a login inside');
  for (const [i, place] of places.entries()) {
    // Each is before all that came so far, whose key is made wrong.
    for (const p of [join(dir, '.codex/.environment/auth.json'), ...places.slice(0, i)]) bed.put(p, bad, 0o600);
    bed.put(place, good, 0o600);
    assert.ok(await works(args, env), place);
  }
  for (const p of places) bed.put(p, bad, 0o600);
  // What the agent left is not used unasked, and not at all where the environment has a key.
  const alone = { cwd: dir, home: bed.home({ auth: null }) };
  assert.match((await bed.run(['--', '--version'], alone)).stderr, /^Error: Non-interactive shell; refusing to use .*\/codex\/auth\.json, which has changed since it was approved\.$/m);
  const own = await bed.run(['--', '--version'], { ...alone, env: { OPENAI_API_KEY: KEY } });
  assert.equal(own.status, 0, own.stderr);
  assert.equal(bed.modelCalls().at(-1).auth, 'right');
  const named = bed.put(join(bed.dir, 'auth15.json'), good, 0o600);
  assert.ok(await works(args, { ...env, CODEX_AUTH_FILE: named }));
  assert.ok(await works([...args, '--auth_file', named], { ...env, CODEX_AUTH_FILE: places[0] }));
  rmSync(dir, { recursive: true }); mkdirSync(dir); chownSync(dir, OWNER, OWNER);
  assert.ok(await works(['--auth_file', named]));
  assert.equal(spawnSync('grep', ['-rl', KEY, dir]).stdout.toString(), '');
});
test('16 auth.json is read-only inside and holds no secret; none is a warning, a missing one an error', async () => {
  const dir = bed.project();
  const r = await bed.probe('cat /codex_home/auth.json; echo; echo x >> /codex_home/auth.json || echo ro=yes; rm -f /codex_home/auth.json; ls -la $SANDBOX_ENV_DIR/auth.json; ' +
    `echo found=$(grep -rls scripted-[k]ey /codex_home /app /etc /home /tmp /run /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | wc -l); ` +
    `echo other=$(curl -s http://models.cove/anthropic/v1/messages -H 'content-type: application/json' -d '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}')`, { cwd: dir, env: { ANTHROPIC_API_KEY: 'not for this box' } });
  assert.match(says(r, 'other'), /set ANTHROPIC_API_KEY/, 'a key that lies around is not the agent\'s to spend');
  assert.equal(says(r, 'ro'), 'yes');
  assert.match(r.stdout, /"OPENAI_API_KEY":"added-by-the-gateway-outside"/);
  assert.equal(says(r, 'found'), '0');
  await refused(['--auth_file', '/none/auth.json'], 'auth file not found: /none/auth.json');
  await refused([], 'auth file not found: /none/a.json', { env: { CODEX_AUTH_FILE: '/none/a.json' } });
  const none = await bed.run(['--', '--version'], { cwd: dir, home: bed.home({ auth: null }) });
  assert.equal(none.status, 0, none.stderr);
  assert.match(none.stderr, /^Warning: auth.json not found; Codex CLI may prompt for login inside the container.$/m);
});
test('17 config.toml and auth.json get mode 600', async () => {
  const dir = bed.project({ 'codex/config.toml': '' });
  const home = bed.home();
  chmodSync(join(home, '.codex/auth.json'), 0o644);
  const r = await bed.probe('echo modes=$(stat -c %a /codex_home/config.toml /codex_home/auth.json | tr "\\n" " ")', { cwd: dir, home, args: ['--config', bed.put(join(bed.dir, 'c17.toml'), '', 0o644)] });
  assert.equal(says(r, 'modes'), '600 600');
  assert.equal(statSync(join(home, '.codex/auth.json')).mode & 0o777, 0o600);
  assert.equal(statSync(join(dir, '.codex/.environment/config.toml')).mode & 0o777, 0o600);
});
test('18 an environment that git does not ignore is warned of, and git runs nothing outside', async () => {
  const dir = bed.project();
  const trap = join(bed.dir, 'trapped');
  const git = (...args) => spawnSync('git', ['-C', dir, ...args], { env: { ...process.env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' } });
  git('init', '-q');
  git('config', 'core.fsmonitor', `touch ${trap}; false`);
  spawnSync('chown', ['-R', `${OWNER}:${OWNER}`, dir]);
  const warning = 'Warning: .codex/.environment is not ignored by git; consider adding it to .gitignore to avoid committing credentials.';
  const one = await bed.run(['--', '--version'], { cwd: dir });
  assert.ok(one.stderr.includes(warning), one.stderr);
  bed.put(join(dir, '.gitignore'), '.codex/.environment/\n');
  assert.ok(!(await bed.run(['--', '--version'], { cwd: dir })).stderr.includes('not ignored'));
  assert.ok(!(await bed.run(['--', '--version'], { cwd: bed.project() })).stderr.includes('not ignored'));
  assert.ok(!existsSync(trap));
});
test('18 what git runs here later is read-only, and what a box leaves for the machine to run is told', async () => {
  const dir = bed.project();
  spawnSync('git', ['init', '-q', dir]);
  spawnSync('chown', ['-R', `${OWNER}:${OWNER}`, dir]);
  const evil = 'cd $PWD; git config core.fsmonitor evil; echo evil > .git/hooks/pre-commit; mv .git moved; echo evil > .envrc; echo wrote > .git/description; git status --short >/dev/null && echo git=works';
  const r = await bed.probe(evil, { cwd: dir });
  assert.equal(says(r, 'git'), 'works', r.stderr);
  assert.equal(readFileSync(join(dir, '.git/description'), 'utf8'), 'wrote\n');
  assert.match(r.stderr, /^Warning: the box changed what programs of this machine run or obey by themselves;[^\n]*\n {2}\.envrc\n(?! )/m);
  const free = await bed.probe(`${evil}; true`, { cwd: dir, env: { COVE_BOX_WRITABLE_GIT: '1' } });
  assert.match(free.stderr, /^ {2}\.git\/config \(gone\)$/m);
});
test('19 sessions are the environment\'s, or where --sessions-path says', async () => {
  const dir = bed.project();
  const task = ['exec', '--skip-git-repo-check', 'make a file'];
  assert.equal((await bed.run(task, { cwd: dir })).status, 0);
  const rollouts = (at) => spawnSync('find', [at, '-name', 'rollout-*.jsonl'], { encoding: 'utf8' }).stdout.trim().split('\n').filter(Boolean).length;
  assert.equal(rollouts(join(dir, '.codex/.environment/sessions')), 1);
  assert.equal((await bed.run(['--sessions-path', `${dir}/elsewhere`, ...task], { cwd: dir })).status, 0);
  assert.equal(rollouts(join(dir, 'elsewhere')), 1);
  assert.equal(rollouts(join(dir, '.codex/.environment/sessions')), 1);
  const r = await bed.probe('grep -c " /codex_home/sessions " /proc/self/mountinfo | sed s/^/mounts=/', { cwd: dir });
  assert.equal(says(r, 'mounts'), '1');
});
test('20 prompts of the first directory that has them, nothing overwritten', async () => {
  const home = bed.home();
  bed.put(join(home, '.codex/prompts/one.md'), 'new one');
  bed.put(join(home, '.codex/prompts/two.md'), 'two');
  const dir = bed.project({ '.codex/.environment/prompts/one.md': 'old one', 'codex/prompts/three.md': 'three' });
  const early = { cwd: dir, home, env: { OPENAI_ALLOWED_DOMAINS: '!' } };
  await bed.run([], early);
  const there = join(dir, '.codex/.environment/prompts');
  assert.deepEqual(readdirSync(there).sort(), ['one.md', 'two.md']);
  assert.equal(readFileSync(join(there, 'one.md'), 'utf8'), 'old one');
  const config = join(bed.dir, 'cfg20'); bed.put(join(config, 'config.toml'), ''); bed.put(join(config, 'prompts/four.md'), '4');
  await bed.run(['--config', config], early);
  assert.ok(existsSync(join(there, 'four.md')));
});
test('21 web_search_request = true is honoured', async () => {
  const r = (config) => bed.probe('grep ^web_search /etc/codex/config.toml', { args: ['--config', bed.put(join(bed.dir, 'c21.toml'), config)] });
  assert.match((await r('web_search_request = true\n')).stdout, /^web_search = "live"$/m);
  assert.match((await r('')).stdout, /^web_search = "disabled"$/m);
  const used = await bed.run(['--config', bed.put(join(bed.dir, 'c21.toml'), 'web_search_request = true\n'), 'exec', '--skip-git-repo-check', 'make a file'], { cwd: bed.project() });
  assert.equal(used.status, 0, used.stderr);
});

// ---- 1.4 mounts
test('22 --read-only: any file or directory that exists, below /app, repeatable, not writable', async () => {
  const file = bed.put(join(bed.dir, 'ro/file'), 'f'), tree = join(bed.dir, 'ro/tree');
  bed.put(join(tree, 'x'), 'x');
  symlinkSync(tree, join(bed.dir, 'ro/link'));
  const r = await bed.probe(`cat /app${file} /app${tree}/x; echo; echo y > /app${tree}/x || echo ro=yes; echo y > /app${file} || echo rof=yes`, { args: ['--read-only', file, '--read-only', `${bed.dir}/ro/link`] });
  assert.match(r.stdout, /^fx/);
  assert.equal(says(r, 'ro'), 'yes');
  assert.equal(says(r, 'rof'), 'yes');
  await refused(['--read-only', '/not/there'], 'Read-only path does not exist: /not/there');
});
test('23 a writable place outside the project needs consent', async () => {
  const dir = bed.project();
  const out = join(bed.dir, 'outside23');
  for (const flag of ['--codex-home', '--sessions-path']) {
    await refused([flag, out], `Non-interactive shell; refusing to mount ${out} outside workdir.`, { cwd: dir });
    const no = await bed.run([flag, out], { cwd: dir, pty: true, input: 'n\n' });
    assert.equal(no.status, 1);
    assert.match(no.stdout, /Proceed .*\? \[y\/N\]/);
    assert.match(no.stdout, /Aborting per user choice\./);
    assert.ok(!existsSync(out));
  }
  const yes = await bed.run(['-y', '--codex-home', out, '--', '--version'], { cwd: dir });
  assert.equal(yes.status, 0, yes.stderr);
  assert.match(yes.stderr, new RegExp(`Warning: --codex-home ${out} is outside the work directory; .*breaks workdir-only isolation`));
  assert.match(yes.stderr, /confirmed by --yes/);
  assert.ok(existsSync(join(out, '.environment')));
  const typed = await bed.run(['--sessions-path', `${out}-s`, '--', '--version'], { cwd: dir, pty: true, input: 'y\n' });
  assert.equal(typed.status, 0, typed.stdout);
});
test('24 nothing else of the host is visible', async () => {
  const secret = bed.put(join(bed.dir, 'secret24'), 'host secret');
  const dir = bed.project();
  const r = await bed.probe(`cat ${secret} || echo gone=yes; ls -A /app${bed.dir} | tr '\\n' ' ' | sed s/^/beside=/; echo; ls -A /root /home /srv /mnt /media /opt 2>/dev/null | tr '\\n' ' '; ` +
    'echo mounts=$(awk \'$4 != "/" && $3 !~ /^0:/ {print $5}\' /proc/self/mountinfo | sort | tr "\\n" " ")', { cwd: dir });
  assert.equal(says(r, 'gone'), 'yes');
  assert.equal(says(r, 'beside').trim(), dir.split('/').pop());
  assert.doesNotMatch(r.stdout, /host secret/);
});

// ---- 1.5 init hook
test('25 --init_script is placed, made executable and run', async () => {
  const dir = bed.project();
  const script = bed.put(join(bed.dir, 'hook25.sh'), '#!/bin/sh\necho hook=ran\n', 0o600);
  const r = await bed.run(['--init_script', script, '--', '--version'], { cwd: dir });
  assert.equal(says(r, 'hook'), 'ran', r.stderr);
  assert.equal(statSync(join(dir, '.codex/.environment/init.sh')).mode & 0o777, 0o755);
  await refused(['--init_script', '/none.sh'], 'init script not found: /none.sh');
  await refused(['--init_script', dir], `init script not found: ${dir}`);
});
test('26 one that is there and executable runs by itself, pinned by its hash', async () => {
  const dir = bed.project();
  const hook = join(dir, '.codex/.environment/init.sh');
  const go = (args = [], options = {}) => bed.run([...args, '--', '--version'], { cwd: dir, ...options });
  assert.equal(says(await go(['--init_script', bed.script('echo hook=one')]), 'hook'), 'one');
  assert.equal(says(await go(), 'hook'), 'one', 'again without the option');
  // What the agent could do: write another.
  bed.put(hook, '#!/bin/sh\necho hook=two\n', 0o755);
  const changed = await go();
  assert.equal(changed.status, 1);
  assert.match(changed.stderr, /refusing to run .*init\.sh, which has changed since it was approved/);
  assert.match((await go([], { pty: true, input: 'n\n' })).stdout, /Aborting per user choice/);
  assert.equal(says(await go(['-y']), 'hook'), 'two');
  assert.equal(says(await go(), 'hook'), 'two');
  chmodSync(hook, 0o644);
  assert.equal(says(await go(), 'hook'), undefined, 'not executable: not run');
});
test('27 the hook runs as codex in the project with SANDBOX_ENV_DIR; its failure stops the start', async () => {
  const dir = bed.project();
  const r = await bed.probe('echo who=$(id -un):$(id -u); echo env=$SANDBOX_ENV_DIR; echo pwd=$PWD; touch $SANDBOX_ENV_DIR/artefact; ls /codex_home/artefact; echo "echo hook=evil" > $SANDBOX_ENV_DIR/init.sh || echo kept=yes', { cwd: dir });
  assert.equal(says(r, 'who'), 'codex:1000');
  assert.equal(says(r, 'env'), `/app${dir}/.codex/.environment`);
  assert.equal(says(r, 'pwd'), `/app${dir}`);
  assert.match(r.stdout, /^\/codex_home\/artefact$/m, 'both names are one directory');
  assert.equal(says(r, 'kept'), 'yes', 'it cannot be written while the box runs');
  const fails = await bed.run(['--init_script', bed.script('exit 7'), '--', '--version'], { cwd: dir });
  assert.equal(fails.status, 7);
  assert.doesNotMatch(fails.stdout, /codex-cli/);
});
test('28 the example hooks fetch what a project names into their places, once, and every line says [sandbox]', async () => {
  const examples = join(root, 'docs/examples/box');
  assert.deepEqual(readdirSync(examples).sort(), ['jdk.sh', 'maven.sh', 'node.sh', 'python.sh']);
  publishPackages(bed);
  const dir = bed.project({
    'package.json': JSON.stringify({ name: 'p', version: '1.0.0', dependencies: { 'cove-left': '1.0.0' } }),
    '.npmrc': 'registry=https://registry.example.org/\ncafile=bed.pem\n',
    'requirements.txt': '--index-url https://pypi.example.org/simple\ncove-right==1.0\n',
    'pom.xml': '<project/>',
    'bed.pem': readFileSync(join(bed.dir, 'cert.pem'), 'utf8'),
    // Maven itself would need half of its central repository.
    'tools/mvn': '#!/bin/sh\nfor w in "$@"; do case $w in -Dmaven.repo.local=*) echo "$*" >> "${w#*=}/asked" ;; esac; done\n',
  });
  chmodSync(join(dir, 'tools/mvn'), 0o755);
  const env = { OPENAI_ALLOWED_DOMAINS: 'registry.example.org pypi.example.org api.adoptium.net' };
  const hosts = env.OPENAI_ALLOWED_DOMAINS.split(' ');
  const fetched = () => bed.outside().filter((e) => e.kind === 'https' && hosts.includes(e.host)).map((e) => e.host + e.path);
  // What a machine that trusts the bed's certificate, and has Maven, would have.
  const hook = (name) => `export CURL_CA_BUNDLE=$PWD/bed.pem REQUESTS_CA_BUNDLE=$PWD/bed.pem PATH=$PWD/tools:$PATH\n${readFileSync(join(examples, name), 'utf8')}`;
  const lines = (r) => r.stdout.split('\n').filter((l) => l && !l.startsWith('codex-cli '));
  const wanted = { 'node.sh': /cove-left-1\.0\.0\.tgz$/, 'python.sh': /cove_right-1\.0-py3-none-any\.whl$/, 'jdk.sh': /binary\/latest\/25\/ga\/linux\/\w+\/jdk\//, 'maven.sh': null };
  for (const [name, request] of Object.entries(wanted)) {
    const before = fetched().length;
    const first = await bed.probe(hook(name), { cwd: dir, env });
    if (request) assert.match(fetched().at(-1), request, name);
    const between = fetched().length;
    assert.ok(!request || between > before, name);
    const again = await bed.probe(hook(name), { cwd: dir, env });
    assert.equal(fetched().length, between, `${name}: a second time nothing is fetched`);
    for (const r of [first, again]) {
      assert.ok(lines(r).length > 0 && lines(r).every((l) => l.startsWith('[sandbox] ')), `${name}: ${r.stdout}`);
    }
  }
  const environment = join(dir, '.codex/.environment');
  assert.ok(existsSync(join(dir, 'node_modules/cove-left/index.js')));
  assert.ok(existsSync(join(environment, '.venv/bin/python')));
  assert.ok(readdirSync(join(environment, '.venv/lib')).some((v) => existsSync(join(environment, '.venv/lib', v, 'site-packages/cove_right.py'))));
  assert.equal(readFileSync(join(environment, 'jdk-25/bin/java'), 'utf8'), '#!/bin/sh\necho 25\n');
  assert.equal(readlinkSync(join(environment, 'jdk-25/lib/security/cacerts')), '/etc/ssl/certs/java/cacerts');
  assert.match(readFileSync(join(environment, 'm2/asked'), 'utf8'), /^-q -B .*dependency:go-offline\n.*dependency:go-offline\n$/);
  // As they are, in a project that has none of it: nothing to do is no failure.
  const each = `for hook in /app${examples}/*.sh; do "$hook" || exit 1; done`;
  const none = await bed.probe(each, { args: ['--read-only', examples] });
  assert.equal(none.stdout.match(/^\[sandbox\] no /gm)?.length, 4, none.stdout);
});

// ---- 1.6 image and version
test('29 CODEX_DOCKER_IMAGE names the image; a tag is its version, a registry\'s port is none', async () => {
  const go = (image) => bed.run(['--', '--version'], { cwd: bed.project(), env: { CODEX_DOCKER_IMAGE: image } });
  assert.equal((await go('codex-sandbox:0.169.0')).stdout, 'codex-cli 0.169.0\n');
  const odd = await go('codex-sandbox:!');
  assert.match(odd.stderr, /^Error: 'codex-sandbox:!' is no Codex version/m);
  // Offline a new name cannot be made; its name shows what was understood.
  const other = bed.start(['--', '--version'], { cwd: bed.project(), env: { CODEX_DOCKER_IMAGE: 'registry.example:5000/codex' } });
  await until('it is understood', () => /Installing Codex 0\.169\.0/.test(other.stderr), 20000);
  // The shell in between execs: the child is cove box itself.
  other.child.kill('SIGTERM');
  assert.equal((await other.done).status, 130);
});
test('30 the version: --codex-version, CODEX_VERSION, the tag, npm for "latest"', async () => {
  const fakes = join(bed.dir, 'fake-npm');
  const npm = (text) => bed.put(join(fakes, 'npm'), `#!/bin/sh\n${text}\n`, 0o755);
  const PATH = `${fakes}:${process.env.PATH}`;
  const go = (args, env) => bed.run([...args, '--', '--version'], { cwd: bed.project(), env: { PATH, ...env } });
  // Not in the project, where the agent could tell it what to ask of whom.
  npm('[ "$PWD" = / ] || exit 1; echo 0.169.0');
  assert.equal((await go(['--codex-version', '0.169.0'], { CODEX_VERSION: '!', CODEX_DOCKER_IMAGE: 'codex-sandbox:!' })).status, 0);
  assert.equal((await go([], { CODEX_VERSION: '0.169.0', CODEX_DOCKER_IMAGE: 'codex-sandbox:!' })).status, 0);
  assert.equal((await go(['--codex-version', 'latest'])).status, 0);
  // It is run neither in the project, whose .npmrc is the agent's, nor with what its owner has.
  npm('[ "$(pwd)" = / ] && [ -z "$AWS_SECRET" ] && echo 0.169.0');
  assert.equal((await go(['--codex-version', 'latest'], { AWS_SECRET: 'hunter2' })).status, 0);
  npm('exit 1');
  assert.match((await go([], { CODEX_VERSION: 'latest' })).stderr, /^Error: npm could not tell the latest Codex version/m);
  npm('true');
  assert.match((await go([], { CODEX_VERSION: 'latest' })).stderr, /^Error: npm named no latest Codex version/m);
  rmSync(join(fakes, 'npm'));
  // No npm at all, but what the test itself needs.
  for (const name of ['nsenter', 'unshare', 'sh', 'mount']) symlinkSync(spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim(), join(fakes, name));
  assert.match((await go([], { CODEX_VERSION: 'latest', PATH: fakes })).stderr, /^Error: npm is required to find the latest Codex version/m);
});
test('31 ALLOW_REMOTE_IMAGE_PULL: without it an unknown latest is an error, with it the local image will do', async () => {
  const fakes = join(bed.dir, 'fake-npm31');
  bed.put(join(fakes, 'npm'), '#!/bin/sh\nexit 1\n', 0o755);
  const go = (pull) => bed.run(['--', '--version'], { cwd: bed.project(), env: { PATH: `${fakes}:${process.env.PATH}`, CODEX_VERSION: 'latest', ALLOW_REMOTE_IMAGE_PULL: pull } });
  assert.equal((await go('0')).status, 1);
  const used = await go('1');
  assert.equal(used.status, 0, used.stderr);
  assert.match(used.stderr, /^Warning: the latest Codex version cannot be found; using the local 0\.169\.0\.$/m);
});
test('32 the image: codex 1000, Node, Codex, git, curl, certificates, python3, /workspace', async () => {
  const r = await bed.probe('for c in node npm codex git curl python3 bash; do command -v $c >/dev/null || echo lacks=$c; done; ls -d /etc/ssl/certs/ca-certificates.crt /workspace; getent passwd codex | sed s/^/user=/; stat -c dir=%U /workspace; getent passwd daytona; node -p "\'node=\'+parseInt(process.versions.node)"');
  assert.equal(says(r, 'lacks'), undefined);
  assert.match(says(r, 'user'), /^codex:\*?x?:1000:1000:.*:\/home\/codex:\/bin\/bash$/);
  assert.equal(says(r, 'dir'), 'codex');
  assert.ok(Number(says(r, 'node')) >= 18);
  assert.doesNotMatch(r.stdout, /daytona/);
});

// ---- 1.7 the container
test('33 a name by the path, removed on every exit, nothing left; and any number per directory', async () => {
  const dir = bed.project();
  const long = (home) => bed.start(['exec', '--skip-git-repo-check', 'stay a while'], { cwd: dir, home });
  const before = netnsCount();
  const boxes = [long(), long()];
  await until('both work', () => existsSync(join(dir, 'here.txt')) && bed.runs().length === 2 && bed.modelCalls().filter((c) => c.status === 200).length >= 2, 30000);
  const env = readFileSync(join(bed.base, 'run', bed.runs()[0], 'env'), 'utf8');
  assert.match(env, new RegExp(`COVE_BOX=codex_${dir.replaceAll('/', '_').replaceAll(/[^\w-]/g, '')}\n`));
  const server = pids().filter((p) => cmdline(p).includes(`--data ${bed.base}/run/`) && cmdline(p).includes(' serve '));
  assert.equal(new Set(server.map((p) => / --data (\S+)/.exec(cmdline(p))[1])).size, 2);
  boxes[0].child.kill('SIGTERM');
  assert.notEqual((await boxes[0].done).status, 0);
  // One whose own process is killed outright: its server ends by itself, the next start tidies up.
  const own = pids().find((p) => cmdline(p).startsWith(bin) && cmdline(p).includes(' box ') && cmdline(p).includes('stay a while'));
  process.kill(own, 'SIGKILL');
  await boxes[1].done;
  await until('no server is left', () => !pids().some((p) => cmdline(p).includes(`--data ${bed.base}/run/`)), 20000);
  await bed.run(['--', '--version'], { cwd: dir });
  assert.deepEqual(bed.runs(), []);
  await until('no namespace is left', () => netnsCount() <= before, 20000);
  assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), new RegExp(bed.base));
});
test('34 no capability, no new privileges; the rules are out of reach; limits hold', async () => {
  const limited = bed.put(join(bed.dir, 'limited.toml'), readFileSync(bed.config, 'utf8') + '[limits]\npids = 200\n');
  const r = await bed.probe('grep -E "^(CapEff|CapPrm|CapAmb|NoNewPrivs)" /proc/self/status | tr "\\t\\n" "  " | sed s/^/status=/; echo; sudo -n id 2>&1; unshare -r sh -c "nft list ruleset; nft flush ruleset" 2>&1; ' +
    'chmod u+s /codex_home 2>&1 || echo setid=no; echo seccomp=$(awk "/^Seccomp:/ {print \\$2}" /proc/self/status); perl -e \'for (1..5000) { my $p = fork; if (!defined $p) { print "limit=$_\\n"; last } if (!$p) { sleep 20; exit } push @p, $p } kill 9, @p\'', { env: { COVE_BOX_CONFIG: limited } });
  assert.match(says(r, 'status'), /CapPrm: 0+ CapEff: 0+ CapAmb: 0+ NoNewPrivs: 1/);
  assert.doesNotMatch(r.stdout, /uid=0/);
  assert.equal(says(r, 'setid'), 'no');
  assert.equal(says(r, 'seccomp'), '2');
  assert.ok(Number(says(r, 'limit')) <= 200, r.stdout);
});
test('35 no network is made on the host: no device, no rule, no route', async () => {
  const look = () => spawnSync('sh', ['-c', `ip -n ${bed.inner} -o link; ip -n ${bed.inner} route; nsenter --net=/run/netns/${bed.inner} nft list ruleset`], { encoding: 'utf8' }).stdout;
  const dir = bed.project();
  const idle = look();
  const box = bed.start(['exec', '--skip-git-repo-check', 'stay a while'], { cwd: dir });
  await until('it works', () => existsSync(join(dir, 'here.txt')), 20000);
  assert.equal(look(), idle);
  box.child.kill('SIGTERM');
  await box.done;
});

// ---- 1.8 egress
const web = (url) => `curl -ksS --max-time 4 ${url} 2>&1 | head -c 200; echo; `;
test('36 the domains of OpenAI are always allowed, lists only add', async () => {
  const r = await bed.probe('cat /etc/codex/allowed_domains.txt; ' + web('https://chatgpt.com/') + web('https://openai.com/'), { env: { OPENAI_ALLOWED_DOMAINS: 'registry.example.org' } });
  for (const name of ['api.openai.com', 'chat.openai.com', 'chatgpt.com', 'auth0.openai.com', 'platform.openai.com', 'openai.com', 'registry.example.org']) {
    assert.match(r.stdout, new RegExp(`^${name}$`, 'm'));
  }
  assert.match(r.stdout, /https chatgpt\.com/);
  assert.match(r.stdout, /https openai\.com/);
});
test('37 the lists are merged in order, none twice, and their sources are told', async () => {
  const dir = bed.project({ '.codex/.environment/allowed_domains.txt': '# mine\n\nregistry.example.org  b.example.org\nopenai.com\n' });
  const go = (args = []) => bed.run([...args, '--', '--version'], { cwd: dir });
  assert.match((await go()).stderr, /^Error: Non-interactive shell; refusing to use .*allowed_domains\.txt, which was never approved\.$/m);
  assert.match((await go(['-y'])).stderr, /It allows: registry\.example\.org b\.example\.org$/m);
  // The agent may not add to it while the box runs; what it puts there by a new directory is asked about.
  const r = await bed.probe('for f in $SANDBOX_ENV_DIR /codex_home; do echo evil.example >> $f/allowed_domains.txt && echo wrote=yes; done; mv $PWD/.codex $PWD/moved && mkdir -p $PWD/.codex/.environment && echo evil.example > $PWD/.codex/.environment/allowed_domains.txt; grep -n . /etc/codex/allowed_domains.txt | tail -3 | tr "\\n" " " | sed s/^/list=/; echo', { cwd: dir, env: { OPENAI_ALLOWED_DOMAINS: 'b.example.org c.example.org' } });
  assert.equal(says(r, 'list').trim(), '7:registry.example.org 8:b.example.org 9:c.example.org');
  assert.match(r.stderr, /^\[sandbox\] Allowed domains from: defaults, allowed_domains\.txt, OPENAI_ALLOWED_DOMAINS$/m);
  assert.equal(says(r, 'wrote'), undefined);
  assert.match((await go()).stderr, /allowed_domains\.txt, which has changed since it was approved\.$/m);
  rmSync(join(dir, '.codex/.environment/allowed_domains.txt'));
  symlinkSync('/etc/shadow', join(dir, '.codex/.environment/allowed_domains.txt'));
  const link = await bed.run(['--', '--version'], { cwd: dir });
  assert.match(link.stderr, /^Error: Unable to read allowed_domains\.txt/m);
});
test('38 what is no domain is refused; the effective list is readable inside', async () => {
  for (const bad of ['-a.example', 'a_b.example', 'example', '1.2.3.4', 'a.example/x', '*.example.org']) {
    await refused([], `Invalid domain format: ${bad}`, { env: { OPENAI_ALLOWED_DOMAINS: bad } });
  }
  // An agent may have written it: nothing of that moves the cursor of whoever starts a box.
  const hostile = await bed.run([], { cwd: bed.project({ '.codex/.environment/allowed_domains.txt': 'a\x1b]0;owned\x07\n' }) });
  assert.match(hostile.stderr, /^Error: Invalid domain format: a.*owned/m);
  assert.doesNotMatch(hostile.stderr, /[\x1b\x07]/);
  const r = await bed.probe('stat -c mode=%A /etc/codex/allowed_domains.txt; echo x >> /etc/codex/allowed_domains.txt || echo ro=yes');
  assert.equal(says(r, 'ro'), 'yes');
});
test('39 proxy mode: an outer proxy is the only way, and tools are told of it', async () => {
  const env = { PROXY_IP_V4: OUTSIDE, COVE_BOX_TEST_REACHED: 'https://api.openai.com' };
  const r = await bed.probe('echo vars=$HTTP_PROXY,$HTTPS_PROXY,$NO_PROXY; cat /codex_home/.npmrc; ' + web('https://api.openai.com/by-proxy') + web(`http://${OUTSIDE}/direct`) + web('--noproxy "*" https://api.openai.com/around'), { env });
  assert.equal(says(r, 'vars'), `http://${OUTSIDE}:3128,http://${OUTSIDE}:3128,localhost,127.0.0.1,::1,models.cove`);
  assert.match(r.stdout, new RegExp(`^proxy=http://${OUTSIDE}:3128$`, 'm'));
  assert.match(r.stdout, /https api\.openai\.com/);
  assert.ok(bed.outside().some((e) => e.connect === 'api.openai.com:443'));
  assert.ok(!bed.outside().some((e) => e.path === '/around'));
  await refused([], 'PROXY_PORT must be numeric: x', { env: { PROXY_PORT: 'x' } });
  await refused([], 'PROXY_IP_V4 is no address: nowhere', { env: { PROXY_IP_V4: 'nowhere' } });
});
test('40 without one: 443 and 80 by allowed names only, never by number, never to private places', async () => {
  const r = await bed.probe(['https://registry.example.org/ok', 'http://registry.example.org/ok', 'https://registry.example.org:8443/port', 'https://other.example.org/denied', `https://${OUTSIDE}/number`, 'http://10.99.0.2/private', 'http://private.example.org/private',
    '--resolve registry.example.org:443:10.0.0.9 https://registry.example.org/named', `--connect-to other.example.org:443:registry.example.org:443 https://other.example.org/fronted`].map(web).join(''),
  { env: { OPENAI_ALLOWED_DOMAINS: 'registry.example.org private.example.org' } });
  assert.match(r.stdout, /^https registry\.example\.org$/m);
  assert.match(r.stdout, /^http registry\.example\.org$/m);
  for (const path of ['/port', '/denied', '/number', '/private', '/fronted']) assert.ok(!bed.outside().some((e) => e.path === path), path);
});
test('41 acl mode: names, not addresses; private answers are dropped, none left is fatal, ALLOW_PRIVATE_DNS keeps them', async () => {
  const dir = bed.project();
  const ask = (env) => bed.probe(web('http://private.example.org/acl') + web('https://registry.example.org/acl'), { cwd: dir, args: ['--firewall', 'acl'], env: { OPENAI_ALLOWED_DOMAINS: 'mixed.example.org private.example.org registry.example.org', PROXY_IP_V4: '192.0.2.1', ...env } });
  // A probe whose box ends with an error throws what that said.
  const { message } = await ask({}).then(() => assert.fail('it started'), (e) => e);
  assert.match(message, /^\[sandbox\] Skipping private\/reserved 10\.99\.0\.2 \(private\) of private\.example\.org$/m);
  assert.match(message, /^Error: no public address is left for private\.example\.org: /m);
  assert.doesNotMatch(message, /^https? /m);
  const mixed = await ask({ OPENAI_ALLOWED_DOMAINS: 'mixed.example.org registry.example.org' });
  assert.match(mixed.stderr + mixed.stdout, /Skipping private\/reserved 10\.99\.0\.3 \(private\) of mixed\.example\.org$/m);
  assert.match(mixed.stdout, /^https registry\.example\.org$/m);
  const last = () => {
    // Two boxes of one second sort by chance.
    const dirs = readdirSync(join(bed.base, 'audit')).map((name) => join(bed.base, 'audit', name));
    const dir = dirs.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1);
    return readdirSync(dir).map((f) => readFileSync(join(dir, f), 'utf8')).join('').split('\n').filter((line) => line.includes('private.example.org'));
  };
  const kept = await ask({ ALLOW_PRIVATE_DNS: '1' });
  assert.doesNotMatch(kept.stdout, /not permitted|denied|egress_denied/i);
  assert.ok(last().length > 0 && !last().some((line) => line.includes('"address_not_public"')), 'with it the address is dialled');
});
test('42 fail closed and at once: TCP is reset, UDP and ICMP go nowhere, IPv6 too', async () => {
  const r = await bed.probe('s=$(date +%s%N); ' + web(`https://${OUTSIDE}/`) + web('https://[2001:4860:4860::8888]/') + 'echo took=$(( ($(date +%s%N) - s) / 1000000 )); ' +
    'timeout 3 bash -c "echo x > /dev/udp/9.9.9.10/9999; echo y > /dev/udp/9.9.9.10/53"; ip -o link 2>/dev/null | grep -vc " lo:" | sed s/^/cards=/; ping -c1 -W1 9.9.9.10 >/dev/null 2>&1 || echo ping=no');
  assert.ok(Number(says(r, 'took')) < 4000, r.stdout);
  assert.equal(r.stdout.match(/curl: \((7|35|56)\)/g)?.length, 2, r.stdout);
  assert.equal(says(r, 'cards'), '0', 'no card but loopback');
  assert.equal(says(r, 'ping'), 'no');
  assert.ok(!bed.outside().some((e) => e.kind === 'dns' && e.name === ''), 'no datagram came out');
});
test('43 DNS: no query leaves for a name that is not allowed', async () => {
  const canary = `leak-${process.pid}.tunnel.example`;
  await bed.probe(`getent hosts ${canary}; getent hosts data.${canary}; timeout 2 bash -c 'exec 3<>/dev/udp/${OUTSIDE}/53; printf "\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x06secret\\x07example\\x00\\x00\\x01\\x00\\x01" >&3; timeout 1 cat <&3 | wc -c'; true`);
  assert.deepEqual(bed.outside().filter((e) => e.kind === 'dns' && /leak-|secret/.test(e.name)), []);
});
test('44 loopback is free; the local network and the gateway are not there', async () => {
  const r = await bed.probe('node -e "const s=require(\'http\').createServer((q,r)=>r.end(\'own\')).listen(8123,()=>fetch(\'http://127.0.0.1:8123\').then(x=>x.text()).then(t=>{console.log(\'loop=\'+t);s.close()}))"; ' + web('http://10.99.0.1/') + web('http://10.99.0.2/local') + web('http://169.254.169.254/meta'));
  assert.equal(says(r, 'loop'), 'own');
  assert.ok(!bed.outside().some((e) => e.path === '/local'));
});
test('45 no firewall of the host is touched; a wrong mode and a missing tool are errors', async () => {
  await refused([], "INIT_FIREWALL_MODE must be proxy or acl, not 'open'.", { env: { INIT_FIREWALL_MODE: 'open' } });
  assert.equal((await bed.run(['--', '--version'], { cwd: bed.project(), env: { INIT_FIREWALL_MODE: 'acl' } })).status, 0);
  const rules = spawnSync('nsenter', [`--net=/run/netns/${bed.inner}`, 'nft', 'list', 'ruleset'], { encoding: 'utf8' });
  assert.equal(rules.stdout, '');
});
test('46 the self-test: what must not be reached is not, what must be is, or codex does not start', async () => {
  const dir = bed.project();
  const open = await bed.run(['--', '--version'], { cwd: dir, env: { COVE_BOX_TEST_DENIED: 'https://api.openai.com' } });
  assert.equal(open.status, 1);
  assert.match(open.stderr, /^Error: Firewall verification failed: https:\/\/api\.openai\.com was reached\.$/m);
  assert.equal(open.stdout, '');
  const from = Date.now();
  const shut = await bed.run(['--', '--version'], { cwd: dir, env: { COVE_BOX_TEST_REACHED: 'https://other.example.org' } });
  assert.equal(shut.status, 1);
  assert.match(shut.stderr, /^Error: Firewall verification failed: https:\/\/other\.example\.org could not be reached/m);
  assert.match(shut.stderr, /^\[sandbox\] gateway: dns other\.example\.org no_rule/m, 'and why');
  assert.ok(Date.now() - from >= 4000, 'three attempts, two seconds apart');
  // A name of the test that its owner has allowed is no test.
  assert.equal((await bed.run(['--', '--version'], { cwd: dir, env: { OPENAI_ALLOWED_DOMAINS: 'example.com' } })).status, 0);
});
test('47 ALLOWED_DOMAINS_FILE and RESOLV_CONF_FILE are used instead of the usual files', async () => {
  const env = {
    ALLOWED_DOMAINS_FILE: bed.put(join(bed.dir, 'domains47.txt'), 'resolved.example.org\n'),
    RESOLV_CONF_FILE: bed.put(join(bed.dir, 'resolv47.conf'), `nameserver ${SECOND_RESOLVER}\n`),
  };
  const look = 'tail -1 /etc/codex/allowed_domains.txt; ' + web('https://resolved.example.org/47');
  const asked = (at) => bed.outside().filter((e) => e.kind === 'dns' && e.at === at && e.name === 'resolved.example.org').length;
  const own = { cwd: bed.project({ '.codex/.environment/allowed_domains.txt': 'unused.example.org\n' }) };
  const usual = await bed.probe(look, { ...own, env: { ALLOWED_DOMAINS_FILE: env.ALLOWED_DOMAINS_FILE } });
  assert.match(usual.stdout, /^resolved\.example\.org$/m);
  assert.doesNotMatch(usual.stdout, /https resolved/, 'the usual resolver does not know it');
  assert.deepEqual([asked(OUTSIDE) > 0, asked(SECOND_RESOLVER)], [true, 0]);
  const before = asked(OUTSIDE);
  const named = await bed.probe(look, { ...own, env });
  assert.match(named.stdout, /https resolved\.example\.org/);
  assert.deepEqual([asked(OUTSIDE), asked(SECOND_RESOLVER) > 0], [before, true]);
  assert.equal(spawnSync('nsenter', ['-m', '-t', String(process.pid), 'findmnt', '/etc/resolv.conf']).status, 1, 'the machine keeps its own');
});
test('47 PROXY_CONFIG_FILE names the proxy, over the variables', async () => {
  const file = bed.put(join(bed.dir, 'proxy47.conf'), `# ours\nPROXY_IP_V4="${OUTSIDE}"\nPROXY_PORT=3128\n`);
  const env = { PROXY_CONFIG_FILE: file, PROXY_IP_V4: '203.0.113.1', PROXY_PORT: '1', COVE_BOX_TEST_REACHED: 'https://api.openai.com' };
  const r = await bed.probe('echo vars=$HTTPS_PROXY; ' + web('https://api.openai.com/by-file') + web('--noproxy "*" https://api.openai.com/around47'), { env });
  assert.equal(says(r, 'vars'), `http://${OUTSIDE}:3128`);
  assert.ok(bed.outside().some((e) => e.path === '/by-file'));
  assert.ok(!bed.outside().some((e) => e.path === '/around47'));
  await refused([], "PROXY_CONFIG_FILE takes PROXY_IP_V4=, PROXY_IP_V6= and PROXY_PORT=, not 'touch /x'", { env: { PROXY_CONFIG_FILE: bed.put(file, 'touch /x\n') } });
});
test('47 a place that cannot be read, or that an agent could write, is not used unasked', async () => {
  for (const name of ['ALLOWED_DOMAINS_FILE', 'RESOLV_CONF_FILE', 'PROXY_CONFIG_FILE']) {
    const none = await bed.run([], { cwd: bed.project(), env: { [name]: '/none.txt' } });
    assert.match(none.stderr, /^Error: Unable to read \/none\.txt/m, name);
    const dir = bed.project({ 'mine.txt': 'evil.example.org\n' });
    const r = await bed.run([], { cwd: dir, env: { [name]: 'mine.txt' } });
    assert.match(r.stderr, /^Error: Non-interactive shell; refusing to use .*\/mine\.txt, which was never approved\.$/m, name);
  }
  await refused([], 'RESOLV_CONF_FILE names no nameserver', { env: { RESOLV_CONF_FILE: bed.put(join(bed.dir, 'no47.conf'), 'search example.org\n') } });
});
test('48 a second terminal can look inside, and every decision is on record', async () => {
  const dir = bed.project();
  const box = bed.start(['exec', '--skip-git-repo-check', 'stay a while'], { cwd: dir });
  await until('it works', () => existsSync(join(dir, 'here.txt')), 20000);
  const run = join(bed.base, 'run', bed.runs()[0]);
  const look = spawnSync('nsenter', [`--net=/run/netns/${bed.inner}`, 'sh', '-c', `. ${run}/env && ${bin} exec $COVE_BOX -- cat /etc/codex/allowed_domains.txt`], { encoding: 'utf8' });
  assert.match(look.stdout, /^api\.openai\.com$/m, look.stderr);
  assert.match(readFileSync(join(run, 'server.log'), 'utf8'), /box\.started/);
  box.child.kill('SIGINT');
  await box.done;
  const audits = readdirSync(join(bed.base, 'audit'));
  assert.ok(audits.length > 0 && audits.length <= 100);
  assert.ok(readFileSync(join(root, 'docs/box.md'), 'utf8').includes('| 48 |'));
});

function netnsCount() {
  const seen = new Set();
  for (const p of pids()) { const r = spawnSync('readlink', [`/proc/${p}/ns/net`], { encoding: 'utf8' }).stdout.trim(); if (r) seen.add(r); }
  return seen.size;
}
