#!/usr/bin/env node
// clang-tidy over every source file of the product (the tests have the sanitizers), TIDY_JOBS at a
// time, by the commands of the release build.
//
// Files of one room are checked together, as one file that includes them: most of the time goes to
// the headers, which are then read once. Files whose unnamed namespaces would clash are kept
// apart; where that was not seen, each half is checked by itself. What has passed is not checked
// again until its text, a header or a check changes (stamps in build/tidy).
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const together = 8;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamps = join(root, 'build/tidy');
const hashOf = (...texts) => texts.reduce((h, t) => h.update(t).update('\0'), createHash('sha256')).digest('hex').slice(0, 32);
const tracked = (...patterns) => execFileSync('git', ['ls-files', ...patterns], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
const read = (file) => readFileSync(join(root, file), 'utf8');

mkdirSync(stamps, { recursive: true });
const common = hashOf(...tracked('src/*.h', '.clang-tidy').map(read));
const commands = new Map(JSON.parse(read('build/release/compile_commands.json')).map((e) => [e.file, e]));

// How a file is compiled, but for its own name.
function wayOf(file) {
  const entry = commands.get(join(root, file));
  if (!entry) throw new Error(`${file} is in no target of the release build: ./dev build`);
  return { directory: entry.directory, command: entry.command.replace(/ -o \S+/, '').replace(` -c ${entry.file}`, '') };
}

// What its unnamed namespace names, as far as the beginnings of lines show it.
function namesIn(file) {
  const hidden = read(file).match(/(?<=^namespace \{\n)[^]*?(?=^\}  \/\/ namespace$)/gm) ?? [];
  return hidden.flatMap((text) => [...text.matchAll(/^(?!using |namespace )[A-Za-z].*?(\w+)[ ]*[({=;\[]/gm)].map((m) => m[1]));
}

// Each file is in the first group of its room and way that has room for it and none of its names;
// those with the most names come first, while there is most choice.
function groups() {
  const out = [];
  const files = tracked('src/*.cc').filter((f) => !/_(fuzz|test|bench)\.cc$/.test(f));
  const all = files.map((file) => ({ file, way: [dirname(file), wayOf(file).command].join('\0'), names: namesIn(file) }));
  for (const { file, way, names } of all.sort((a, b) => b.names.length - a.names.length)) {
    let group = out.find((g) => g.way === way && g.files.length < together && !names.some((n) => g.names.has(n)));
    if (!group) out.push(group = { way, files: [], names: new Set() });
    group.files.push(file);
    for (const name of names) group.names.add(name);
  }
  return out.map((g) => g.files);
}

function run(program, args) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (d) => { text += d; });
    child.on('error', (e) => done({ passed: false, text: `${program}: ${e.message}\n` }));
    child.on('close', (code) => done({ passed: code === 0, text }));
  });
}

// True: nothing was found in `files`.
async function check(files) {
  const way = wayOf(files[0]);
  const stamp = join(stamps, hashOf(common, way.command, ...files, ...files.map(read)));
  if (existsSync(stamp)) return true;
  const dir = mkdtempSync(join(stamps, 'group-'));
  const unit = join(dir, 'unit.cc');
  writeFileSync(unit, files.map((f) => `#include "${join(root, f)}"\n`).join(''));
  writeFileSync(join(dir, 'compile_commands.json'), JSON.stringify([{ ...way, command: `${way.command} -c ${unit}`, file: unit }]));
  const { passed, text } = await run('clang-tidy-19', ['-p', dir, '--quiet', unit]);
  rmSync(dir, { recursive: true });
  if (passed) {
    writeFileSync(stamp, '');
  } else if (files.length > 1 && text.includes('[clang-diagnostic-error]')) {
    const half = Math.ceil(files.length / 2);
    const first = await check(files.slice(0, half));
    return await check(files.slice(half)) && first;
  } else {
    process.stderr.write(text.replace(/^(\d+ warnings generated|Suppressed|Use -header-filter).*\n/gm, ''));
  }
  return passed;
}

const waiting = groups();
let clean = true;
await Promise.all(Array.from({ length: Number(process.env.TIDY_JOBS ?? 2) }, async () => {
  for (let files = waiting.shift(); files; files = waiting.shift()) clean = await check(files) && clean;
}));
process.exit(clean ? 0 : 1);
