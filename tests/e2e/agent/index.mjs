// Runs inside the sandbox: one prompt with the Codex SDK, on the thread of the last prompt if any.
import { Codex } from '@openai/codex-sdk';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const threadFile = '/tmp/codex-thread-id';
const options = { workingDirectory: process.env.HOME, skipGitRepoCheck: true, sandboxMode: 'danger-full-access', model: 'gpt-5.5' };
const codex = new Codex({ baseUrl: process.env.OPENAI_BASE_URL });
const thread = existsSync(threadFile) ? codex.resumeThread(readFileSync(threadFile, 'utf8').trim(), options) : codex.startThread(options);

console.error('Thinking...');
const { events } = await thread.runStreamed(process.env.PROMPT);
for await (const event of events) {
  if (event.type === 'item.completed' && event.item.type === 'agent_message') console.log(event.item.text);
  if (event.type === 'item.completed' && event.item.type === 'command_execution') console.error(`ran: ${event.item.command} -> ${event.item.exit_code}`);
  if (event.type === 'turn.failed') { console.error(event.error.message); process.exitCode = 1; }
}
writeFileSync(threadFile, thread.id);
console.log(`thread ${thread.id}`);
