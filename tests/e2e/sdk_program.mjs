// A program as a user of the published SDK writes it: nothing in it knows of Cove. It runs an agent
// inside a sandbox with the unmodified @openai/codex-sdk, over two processes and one thread.
// Needs DAYTONA_API_URL and DAYTONA_API_KEY. Prints one JSON object of what it saw.
import { Daytona } from '@daytona/sdk';
import { readFile } from 'node:fs/promises';

const seen = {};
const daytona = new Daytona();
const sandbox = await daytona.create({ language: 'typescript', envVars: { GREETING: 'hello from outside' } }, { timeout: 120 });
seen.id = sandbox.id;
try {
  const preview = await sandbox.getPreviewLink(1234);
  seen.preview = preview.url;
  seen.previewPattern = preview.url.replace('1234', 'PORT');

  // Folders and files: relative to the home, and absolute.
  await sandbox.fs.createFolder('.codex', '755');
  await sandbox.fs.createFolder('/tmp/agent', '755');
  await sandbox.fs.uploadFile(Buffer.from('developer_instructions = "Answer shortly."\n'), '.codex/config.toml');
  await sandbox.fs.uploadFile(Buffer.from(await readFile(new URL('./agent/package.json', import.meta.url))), '/tmp/agent/package.json');
  await sandbox.fs.uploadFile(Buffer.from(await readFile(new URL('./agent/index.mjs', import.meta.url))), '/tmp/agent/index.mjs');
  seen.home = (await sandbox.process.executeCommand('pwd; ls -d .codex; echo "$GREETING"')).result;
  seen.uploaded = (await sandbox.fs.downloadFile('.codex/config.toml')).toString();

  const install = await sandbox.process.executeCommand('npm install --prefix /tmp/agent', undefined, undefined, 0);
  seen.install = { exitCode: install.exitCode, tail: install.result.slice(-300) };

  const session = 'codex-session';
  await sandbox.process.createSession(session);
  seen.turns = [];
  for (const prompt of ['first: say hello', 'second: say it again']) {
    const { cmdId } = await sandbox.process.executeSessionCommand(session, {
      command: `PROMPT=${JSON.stringify(prompt)} node /tmp/agent/index.mjs`,
      runAsync: true,
    });
    const out = [], err = [];
    await sandbox.process.getSessionCommandLogs(session, cmdId, (c) => out.push(c), (c) => err.push(c));
    const info = await sandbox.process.getSessionCommand(session, cmdId);
    seen.turns.push({ stdout: out.join(''), stderr: err.join(''), exitCode: info.exitCode });
  }
  await sandbox.process.deleteSession(session);
  seen.sessions = (await sandbox.process.listSessions()).map((s) => s.sessionId);
} finally {
  await sandbox.delete();
}
seen.deleted = await daytona.get(seen.id).then(() => false, (e) => e.constructor.name === 'DaytonaNotFoundError');
console.log(JSON.stringify(seen));
process.exit(0);
