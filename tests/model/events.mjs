// The events of one model answer, as the Responses API streams them.
// Source: the Responses API's streaming reference and what Codex 0.169 reads of it.
import { randomBytes } from "node:crypto";
import { callId } from "./script.mjs";

const id = (prefix) => `${prefix}_${randomBytes(12).toString("hex")}`;
const asList = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
export const pieces = (text, size = 48) => text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [];

// The output items that a step stands for, in the order: thinking, patch, commands, message.
export function itemsOf(found) {
  const { step, turnIndex, stepIndex } = found;
  const items = [];
  let calls = 0;
  const nextCall = () => callId(turnIndex, stepIndex, calls++);
  for (const text of asList(step.think)) {
    items.push({ id: id("rs"), type: "reasoning", summary: [{ type: "summary_text", text }],
                 encrypted_content: Buffer.from(text).toString("base64") });
  }
  for (const input of asList(step.patch)) {
    items.push({ id: id("ctc"), type: "custom_tool_call", status: "completed", call_id: nextCall(),
                 name: "apply_patch", input });
  }
  for (const run of asList(step.run)) {
    const args = typeof run === "string" ? { cmd: run } : run;
    items.push({ id: id("fc"), type: "function_call", status: "completed", call_id: nextCall(),
                 name: "exec_command", arguments: JSON.stringify(args) });
  }
  for (const { name, input } of asList(step.call)) {
    items.push({ id: id("fc"), type: "function_call", status: "completed", call_id: nextCall(), name,
                 arguments: JSON.stringify(input) });
  }
  for (const item of asList(step.items)) items.push({ id: id("it"), ...item });
  for (const text of asList(step.say)) {
    items.push({ id: id("msg"), type: "message", role: "assistant", status: "completed",
                 content: [{ type: "output_text", text, annotations: [] }] });
  }
  return items;
}

export function usageOf(step, bodyBytes, items, cachedBytes) {
  if (step.usage) return step.usage;
  const input = Math.ceil(bodyBytes / 4);
  const output = Math.max(1, Math.ceil(JSON.stringify(items).length / 4));
  const reasoning = items.some((item) => item.type === "reasoning") ? 16 : 0;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: Math.min(input, Math.floor(cachedBytes / 4)) },
    output_tokens: output + reasoning,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output + reasoning,
  };
}

export function responseObject(model, items, usage, status = "completed") {
  return { id: id("resp"), object: "response", created_at: Math.floor(Date.now() / 1000), status,
           model, output: items, parallel_tool_calls: true, tool_choice: "auto", usage };
}

function* deltas(item, output_index) {
  const at = { item_id: item.id, output_index };
  if (item.type === "message") {
    const text = item.content[0].text;
    yield { type: "response.content_part.added", ...at, content_index: 0,
            part: { type: "output_text", text: "", annotations: [] } };
    for (const delta of pieces(text)) {
      yield { type: "response.output_text.delta", ...at, content_index: 0, delta };
    }
    yield { type: "response.output_text.done", ...at, content_index: 0, text };
    yield { type: "response.content_part.done", ...at, content_index: 0, part: item.content[0] };
  } else if (item.type === "function_call") {
    for (const delta of pieces(item.arguments)) {
      yield { type: "response.function_call_arguments.delta", ...at, delta };
    }
    yield { type: "response.function_call_arguments.done", ...at, arguments: item.arguments };
  } else if (item.type === "custom_tool_call") {
    for (const delta of pieces(item.input, 256)) {
      yield { type: "response.custom_tool_call_input.delta", ...at, delta };
    }
    yield { type: "response.custom_tool_call_input.done", ...at, input: item.input };
  } else if (item.type === "reasoning") {
    const text = item.summary[0].text;
    yield { type: "response.reasoning_summary_part.added", ...at, summary_index: 0,
            part: { type: "summary_text", text: "" } };
    for (const delta of pieces(text)) {
      yield { type: "response.reasoning_summary_text.delta", ...at, summary_index: 0, delta };
    }
    yield { type: "response.reasoning_summary_text.done", ...at, summary_index: 0, text };
  }
}

// Every event of the answer, numbered. `response` is the finished response object.
export function* eventsOf(response) {
  let sequence_number = 0;
  const numbered = (event) => ({ ...event, sequence_number: sequence_number++ });
  const running = { ...response, status: "in_progress", output: [], usage: null };
  yield numbered({ type: "response.created", response: running });
  yield numbered({ type: "response.in_progress", response: running });
  for (const [index, item] of response.output.entries()) {
    const started = { ...item, status: "in_progress" };
    if (item.type === "message") started.content = [];
    yield numbered({ type: "response.output_item.added", output_index: index, item: started });
    for (const event of deltas(item, index)) yield numbered(event);
    yield numbered({ type: "response.output_item.done", output_index: index, item });
  }
  yield numbered({ type: "response.completed", response });
}
