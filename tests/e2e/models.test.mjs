// Goal: published model clients work through the gateway unmodified, their usage is in the books to
// the token, keys fail over, and a recorded run replays without any provider. Method: openai,
// @anthropic-ai/sdk, @anthropic-ai/bedrock-sdk and Claude Code from npm, with tools, in several steps,
// against the scripted model (models_script.json), which checks AWS's signatures as well; then the
// same programs against the cassette of that run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Cove, startModel, until } from './lib/cove.mjs';

const script = new URL('./models_script.json', import.meta.url).pathname;
const dir = mkdtempSync('/tmp/cove-models-');
const cassette = join(dir, 'run.cassette');
const aws = { AWS_ACCESS_KEY_ID: 'AKIDOFTHESERVER', AWS_SECRET_ACCESS_KEY: 'aws/secret+of=the-server', AWS_SESSION_TOKEN: 'aws-session-of-the-server' };
const roleFile = join(dir, 'role.json');
// As `aws configure export-credentials --format process` prints the key of a role, put in place whole.
function writeRole(seconds) {
  const key = { Version: 1, AccessKeyId: aws.AWS_ACCESS_KEY_ID, SecretAccessKey: aws.AWS_SECRET_ACCESS_KEY, SessionToken: aws.AWS_SESSION_TOKEN, Expiration: new Date(Date.now() + seconds * 1000).toISOString() };
  writeFileSync(`${roleFile}.new`, JSON.stringify(key));
  chownSync(`${roleFile}.new`, 61800, 61800);
  renameSync(`${roleFile}.new`, roleFile);
}
const opus = 'us.anthropic.claude-opus-4-8-v1:0';
let cove, model;

const start = (mode, url) => Cove.start({
  config: `[ai]\nmode = "${mode}"\ncassette = "${cassette}"\ncassette_match = "order"\n[ai.guard]\ndeny_models = ["forbidden-*"]\nhosted_tools = []\n`
    + `[ai.providers.openai]\nbase_url = "${url}/v1"\n[ai.providers.anthropic]\nbase_url = "${url}"\n`
    + `[ai.providers.two-keys]\nkind = "openai"\nbase_url = "${url}/v1"\napi_key_env = ["WRONG_API_KEY", "RIGHT_API_KEY"]\n`
    + `[ai.providers.bedrock]\nkind = "bedrock"\nbase_url = "${url}"\nregion = "eu-central-1"\n`
    + `[ai.providers.rock-keys]\nkind = "bedrock"\nbase_url = "${url}"\nregion = "eu-central-1"\napi_key_env = ["AWS_WRONG", "AWS_RIGHT"]\n`
    + `[ai.providers.rock-role]\nkind = "bedrock"\nbase_url = "${url}"\nregion = "eu-central-1"\napi_key_file = ["${roleFile}"]\n`,
  env: mode === 'replay' ? { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '' }
    : { ...aws, AWS_WRONG: 'AKIDOFTHESERVER:not-the-secret', AWS_RIGHT: Object.values(aws).join(':'), OPENAI_API_KEY: 'scripted-key', ANTHROPIC_API_KEY: 'scripted-key', WRONG_API_KEY: 'wrong-key-of-the-operator', RIGHT_API_KEY: 'scripted-key' },
});
before(async () => {
  chmodSync(dir, 0o711);
  chownSync(dir, 61800, 61800);
  writeRole(-1);
  model = await startModel(script, '--aws-key', Object.values(aws).join(':'));
  cove = await start('record', model.url);
});
after(async () => {
  await cove.stop();
  await model.stop();
  rmSync(dir, { recursive: true, force: true });
});

const openai = (provider = 'openai') => new OpenAI({ baseURL: `${cove.url}/ai/${provider}/v1`, apiKey: cove.key, maxRetries: 0 });
const anthropic = () => new Anthropic({ baseURL: `${cove.url}/ai/anthropic`, apiKey: cove.key, maxRetries: 0 });
const bedrock = (provider = 'bedrock') => new AnthropicBedrock({ baseURL: `${cove.url}/ai/${provider}`, apiKey: cove.key, awsRegion: 'us-east-1', maxRetries: 0 });
const weather = { type: 'object', properties: { city: { type: 'string' } } };

// Each runs until the model calls no tool any more; gives the texts that came, in the order.
async function responsesRun(client) {
  const texts = [], input = [{ role: 'user', content: 'weather please' }];
  for (;;) {
    const stream = await client.responses.create({ model: 'gpt-5.5', input, stream: true, store: false, tools: [{ type: 'function', name: 'weather', parameters: weather, strict: false }] });
    let done, text = '';
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.completed') done = event.response;
    }
    texts.push(text, done.usage);
    const calls = done.output.filter((item) => item.type === 'function_call');
    if (!calls.length) return texts;
    input.push(...done.output, ...calls.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: `sunny in ${JSON.parse(call.arguments).city}` })));
  }
}

async function chatRun(client) {
  const texts = [], messages = [{ role: 'user', content: 'weather please' }];
  for (;;) {
    const stream = client.chat.completions.stream({ model: 'gpt-4.1', messages, stream_options: { include_usage: true }, tools: [{ type: 'function', function: { name: 'weather', parameters: weather } }] });
    const done = await stream.finalChatCompletion();
    const { message } = done.choices[0];
    texts.push(message.content, done.usage);
    if (!message.tool_calls?.length) return texts;
    messages.push(message, ...message.tool_calls.map((call) => ({ role: 'tool', tool_call_id: call.id, content: `sunny in ${JSON.parse(call.function.arguments).city}` })));
  }
}

async function messagesRun(client, name = 'claude-opus-4-8') {
  const texts = [], messages = [{ role: 'user', content: 'weather please' }];
  for (;;) {
    const stream = client.messages.stream({ model: name, max_tokens: 1000, messages, tools: [{ name: 'weather', input_schema: weather }] });
    const done = await stream.finalMessage();
    texts.push(done.content.find((block) => block.type === 'text')?.text, done.usage);
    const calls = done.content.filter((block) => block.type === 'tool_use');
    if (!calls.length) return texts;
    messages.push({ role: 'assistant', content: done.content }, { role: 'user', content: calls.map((call) => ({ type: 'tool_result', tool_use_id: call.id, content: `sunny in ${call.input.city}` })) });
  }
}

function claude(prompt, way) {
  const home = mkdtempSync(join(dir, 'home-'));
  const child = spawn(new URL('./node_modules/.bin/claude', import.meta.url).pathname, ['-p', prompt, '--model', 'claude-opus-4-8', '--output-format', 'json', '--allowedTools', 'Bash'], {
    cwd: home, stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: home, ...(way ?? { ANTHROPIC_BASE_URL: `${cove.url}/ai/anthropic`, ANTHROPIC_AUTH_TOKEN: cove.key }), CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' },
  });
  return new Promise((done) => {
    let out = '', err = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (err += d));
    child.on('close', (code) => done({ code, out, err, home }));
  });
}

// What the model said that it used, against what the book says, for the calls since `from`.
async function checkBook(from, { rows: count }) {
  const said = model.requests().slice(from).filter((q) => q.usage).map(({ model: name, usage }) => [name,
    usage.input_tokens - (usage.input_tokens_details?.cached_tokens ?? 0), usage.input_tokens_details?.cached_tokens ?? 0, usage.output_tokens].join(' '));
  const rows = (await newest(count)).map((row) => [row.model, row.inputTokens, row.cachedTokens, row.outputTokens].join(' '));
  assert.deepEqual(rows.sort(), said.sort());
  assert.equal(rows.length, count);
}

// The last calls in the book, once all have ended.
const newest = (count) => until('the calls have ended', async () => {
  const rows = (await cove.api('GET', `/api/ai/calls?limit=${count}`)).json.items;
  return rows.every((row) => row.outcome !== 'running') && rows;
});

const whole = {};

test('openai: Responses, streamed, with a tool', async () => {
  const from = model.requests().length;
  whole.responses = await responsesRun(openai());
  assert.deepEqual(whole.responses.filter((t) => typeof t === 'string'), ['Let me look.', 'It is sunny in Ulm: take a hat.']);
  assert.equal(whole.responses.at(-1).output_tokens_details.reasoning_tokens, 7);
  await checkBook(from, { rows: 2 });
  const blocking = await openai().responses.create({ model: 'gpt-5.5', input: 'hello' });
  assert.equal(blocking.output_text, 'Hello.');
  assert.ok((await openai().models.list()).data.some((m) => m.id === 'gpt-5.5'));
});

test('openai: Chat Completions, streamed, with a tool', async () => {
  const from = model.requests().length;
  whole.chat = await chatRun(openai());
  assert.equal(whole.chat.at(-2), 'It is sunny in Ulm: take a hat.');
  await checkBook(from, { rows: 2 });
});

test('@anthropic-ai/sdk: Messages, streamed, with a tool; counting is not a call', async () => {
  const from = model.requests().length;
  whole.messages = await messagesRun(anthropic());
  assert.equal(whole.messages.at(-2), 'It is sunny in Ulm: take a hat.');
  await checkBook(from, { rows: 2 });
  const counted = await anthropic().messages.countTokens({ model: 'claude-opus-4-8', messages: [{ role: 'user', content: 'hi' }] });
  assert.ok(counted.input_tokens > 0);
  await checkBook(from, { rows: 2 });
});

test('@anthropic-ai/bedrock-sdk: Messages by Bedrock, whole and streamed, with a tool, signed with the key of the server', async () => {
  // The scripted model takes what the client itself signs: its check is AWS's.
  const own = new AnthropicBedrock({ baseURL: model.url, awsAccessKey: aws.AWS_ACCESS_KEY_ID, awsSecretKey: aws.AWS_SECRET_ACCESS_KEY, awsSessionToken: aws.AWS_SESSION_TOKEN, awsRegion: 'us-east-1', maxRetries: 0 });
  const hello = (name) => ({ model: name, max_tokens: 9, messages: [{ role: 'user', content: 'hello' }] });
  const direct = await own.messages.create(hello(opus));
  const from = model.requests().length;
  whole.bedrock = await messagesRun(bedrock(), opus);
  assert.equal(whole.bedrock.at(-2), 'It is sunny in Ulm: take a hat.');
  await checkBook(from, { rows: 2 });
  assert.deepEqual((await bedrock().messages.create(hello(opus))).content, direct.content);
  const arn = `arn:aws:bedrock:us-east-1:111122223333:inference-profile/${opus}`;
  assert.deepEqual((await bedrock('rock-keys').messages.create(hello(arn))).content, direct.content);
  const seen = model.requests().slice(from);
  assert.deepEqual(seen.map((q) => q.auth), ['right', 'right', 'right', 'wrong', 'right']);
  assert.ok(seen.every((q) => q.path.startsWith('/model/') && q.headers['x-amz-date']));
  const [row] = await newest(1);
  assert.deepEqual([row.model, row.provider, row.api, row.keyHint], [arn, 'rock-keys', 'messages', '2 (…RVER)']);
  assert.doesNotMatch(cove.log(), /not-the-secret|aws\/secret|aws-session/);
  await assert.rejects(bedrock().messages.create(hello('us.anthropic.forbidden-1')), (e) => e.status === 403 && e.headers.get('x-amzn-errortype') === 'AccessDeniedException' && /forbidden-1/.test(e.message));
});

test("a role's key that has ended is renewed by its file, without a restart; Converse is told not to be served", async () => {
  const hello = () => bedrock('rock-role').messages.create({ model: opus, max_tokens: 9, messages: [{ role: 'user', content: 'hello' }] });
  await assert.rejects(hello(), (e) => e.status === 503 && /role\.json/.test(e.message), 'its end is over');
  writeRole(3600);
  const answer = await until('the new key is used', () => hello().catch(() => null));
  assert.equal(answer.content[0].text, 'Hello.');
  const [row] = await newest(1);
  assert.deepEqual([row.provider, row.keyHint, row.outcome], ['rock-role', '1 (…RVER)', 'completed']);
  const converse = await cove.api('POST', `/ai/bedrock/model/${opus}/converse`, { messages: [] });
  assert.equal(converse.status, 501);
  assert.match(converse.json.message, /does not serve Converse/);
});

test('Claude Code runs a command and answers', async () => {
  const from = model.requests().length;
  const run = await claude('write the note');
  assert.equal(run.code, 0, run.err + run.out);
  const result = JSON.parse(run.out);
  assert.equal(result.result, 'The note is written.');
  assert.equal(readFileSync(join(run.home, 'note.txt'), 'utf8'), 'from the model\n');
  const calls = model.requests().slice(from).filter((q) => q.usage);
  await checkBook(from, { rows: calls.length });
  assert.equal(result.usage.output_tokens, calls.reduce((sum, q) => sum + q.usage.output_tokens, 0));
});

test('Claude Code does so by Bedrock, with a token of Cove in place of a key of AWS', async () => {
  const from = model.requests().length;
  const run = await claude('write the note', { CLAUDE_CODE_USE_BEDROCK: '1', ANTHROPIC_BEDROCK_BASE_URL: `${cove.url}/ai/bedrock`, AWS_BEARER_TOKEN_BEDROCK: cove.key, AWS_REGION: 'us-east-1' });
  assert.equal(run.code, 0, run.err + run.out);
  assert.equal(JSON.parse(run.out).result, 'The note is written.');
  assert.equal(readFileSync(join(run.home, 'note.txt'), 'utf8'), 'from the model\n');
  const calls = model.requests().slice(from).filter((q) => q.usage);
  assert.ok(calls.every((q) => /^\/model\/[^/]+\/invoke/.test(q.path) && q.auth === 'right'));
  await checkBook(from, { rows: calls.length });
});

test('a refused key is replaced by the next, and what the guard forbids is a proper error', async () => {
  const from = model.requests().length;
  assert.equal((await openai('two-keys').responses.create({ model: 'gpt-5.5', input: 'hello' })).output_text, 'Hello.');
  await until('both tries are in the log', () => model.requests().length === from + 2);  // each just after its answer
  assert.deepEqual(model.requests().slice(from).map((q) => q.auth), ['wrong', 'right']);
  assert.match(cove.log(), /"event":"bridge.key_refused","provider":"two-keys","key":"1 \(…ator\)"/);
  assert.doesNotMatch(cove.log(), /wrong-key-of/);
  await assert.rejects(openai().responses.create({ model: 'forbidden-1', input: 'hello' }), (e) => e.status === 403 && e.code === 'cove_model_not_allowed');
  await assert.rejects(openai().responses.create({ model: 'gpt-5.5', input: 'hello', tools: [{ type: 'web_search' }] }), (e) => e.code === 'cove_tool_not_allowed');
  await assert.rejects(anthropic().messages.create({ model: 'forbidden-1', max_tokens: 9, messages: [] }), (e) => e.status === 403 && e.error.error.type === 'permission_error');
  // A layer's policy cuts, too, from the next call on. That it is gone again, the replay shows.
  const put = await cove.api('PUT', '/api/policy/organization', { toml: '[ceiling.models]\ndeny = ["gpt-5.5"]' });
  assert.equal(put.status, 200, put.text);
  await assert.rejects(openai().responses.create({ model: 'gpt-5.5', input: 'hello' }), (e) => e.code === 'cove_model_not_allowed' && /the policy of the organization/.test(e.message));
  assert.ok((await cove.api('DELETE', '/api/policy/organization')).status < 300);
  assert.equal(model.requests().length, from + 2);
});

test('the recorded run replays, with no provider and no key', async () => {
  const text = readFileSync(cassette, 'utf8');
  for (const secret of ['scripted-key', 'wrong-key', cove.key, aws.AWS_SECRET_ACCESS_KEY, aws.AWS_SESSION_TOKEN]) assert.ok(!text.includes(secret), secret);
  const before = model.requests().length;
  await cove.stop();
  cove = await start('replay', 'http://127.0.0.1:1');
  assert.deepEqual(await responsesRun(openai()), whole.responses);
  assert.deepEqual(await chatRun(openai()), whole.chat);
  assert.deepEqual(await messagesRun(anthropic()), whole.messages);
  assert.deepEqual(await messagesRun(bedrock(), opus), whole.bedrock);
  const run = await claude('write the note');
  assert.equal(run.code, 0, run.err + run.out);
  assert.equal(JSON.parse(run.out).result, 'The note is written.');
  assert.equal(model.requests().length, before);
  const rows = await newest(8);
  assert.ok(rows.every((row) => row.status === 200 && row.inputTokens > 0 && row.costBasis === 'usage'), 'in the books as if it had been');
});
