// The three APIs that the scripted model speaks. Each says how a request's conversation reads, as
// Responses input items (script.mjs looks only at those), and how an answer looks, whole and as a
// stream. Sources: OpenAI's Responses and Chat Completions references, Anthropic's Messages
// reference.
import { randomBytes } from "node:crypto";
import { eventsOf, pieces } from "./events.mjs";

const id = (prefix) => `${prefix}_${randomBytes(12).toString("hex")}`;
const openaiError = (status, message, code) => {
  const type = status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
  return { error: { message, type, param: null, code } };
};
const kAnthropicTypes = { 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error" };
const textIn = (items) => items.filter((item) => item.type === "message").map((item) => item.content[0].text).join("\n\n");

export const responses = {
  path: "/v1/responses",
  items: (body) => (typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input ?? []),
  whole: (result) => result,
  * stream(result) {
    for (const event of eventsOf(result)) yield { event: event.type, data: event };
  },
  error: openaiError,
};

function chatMessage(result) {
  const calls = result.output.filter((item) => item.type.endsWith("_call")).map((item) => (item.type === "custom_tool_call"
    ? { id: item.call_id, type: "custom", custom: { name: item.name, input: item.input } }
    : { id: item.call_id, type: "function", function: { name: item.name, arguments: item.arguments } }));
  const message = { role: "assistant", content: textIn(result.output) || null, refusal: null };
  return calls.length ? { ...message, tool_calls: calls } : message;
}

function chatUsage(usage) {
  return { prompt_tokens: usage.input_tokens, completion_tokens: usage.output_tokens, total_tokens: usage.input_tokens + usage.output_tokens,
           prompt_tokens_details: { cached_tokens: usage.input_tokens_details?.cached_tokens ?? 0 },
           completion_tokens_details: { reasoning_tokens: usage.output_tokens_details?.reasoning_tokens ?? 0 } };
}

export const chat = {
  path: "/v1/chat/completions",
  items: (body) => (body.messages ?? []).map((message) => (message.role === "tool"
    ? { type: "function_call_output", call_id: message.tool_call_id } : message)),
  whole(result) {
    const message = chatMessage(result);
    return { id: result.id, object: "chat.completion", created: result.created_at, model: result.model,
             choices: [{ index: 0, message, logprobs: null, finish_reason: message.tool_calls ? "tool_calls" : "stop" }],
             usage: chatUsage(result.usage) };
  },
  * stream(result, body) {
    const message = chatMessage(result);
    const asked = body.stream_options?.include_usage === true;
    const chunk = (delta, finish_reason = null) => ({ data: { id: result.id, object: "chat.completion.chunk", created: result.created_at,
      model: result.model, choices: [{ index: 0, delta, logprobs: null, finish_reason }], ...(asked ? { usage: null } : {}) } });
    yield chunk({ role: "assistant", content: "" });
    for (const content of pieces(message.content ?? "")) yield chunk({ content });
    for (const [index, call] of (message.tool_calls ?? []).entries()) {
      const inside = call.type === "custom" ? "input" : "arguments";
      yield chunk({ tool_calls: [{ index, ...call, [call.type]: { ...call[call.type], [inside]: "" } }] });
      for (const piece of pieces(call[call.type][inside])) yield chunk({ tool_calls: [{ index, [call.type]: { [inside]: piece } }] });
    }
    yield chunk({}, message.tool_calls ? "tool_calls" : "stop");
    if (asked) yield { data: { ...chunk({}).data, choices: [], usage: chatUsage(result.usage) } };
    yield { data: "[DONE]" };
  },
  error: openaiError,
};

function blocksOf(result) {
  const out = [];
  for (const item of result.output) {
    if (item.type === "reasoning") out.push({ type: "thinking", thinking: item.summary[0].text, signature: item.encrypted_content });
    else if (item.type === "message") out.push({ type: "text", text: item.content[0].text });
    else if (item.type === "function_call") out.push({ type: "tool_use", id: item.call_id, name: item.name, input: JSON.parse(item.arguments) });
  }
  return out;
}

function messagesUsage(usage) {
  const cached = usage.input_tokens_details?.cached_tokens ?? 0;
  return { input_tokens: usage.input_tokens - cached, cache_creation_input_tokens: usage.input_tokens_details?.cache_write_tokens ?? 0,
           cache_read_input_tokens: cached, output_tokens: usage.output_tokens };
}

export const messages = {
  path: "/v1/messages",
  items: (body) => (body.messages ?? []).flatMap((message) => {
    if (typeof message.content === "string") return [message];
    return message.content.map((block) => (block.type === "tool_result"
      ? { type: "function_call_output", call_id: block.tool_use_id } : { role: message.role, content: [block] }));
  }),
  whole(result) {
    const content = blocksOf(result);
    return { id: result.id.replace("resp", "msg"), type: "message", role: "assistant", model: result.model, content,
             stop_reason: content.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn", stop_sequence: null,
             usage: messagesUsage(result.usage) };
  },
  * stream(result) {
    const whole = messages.whole(result);
    const send = (data) => ({ event: data.type, data });
    // The output counts as it grows: one token is there when the message starts.
    yield send({ type: "message_start", message: { ...whole, content: [], stop_reason: null, usage: { ...whole.usage, output_tokens: 1 } } });
    yield send({ type: "ping" });
    for (const [index, block] of whole.content.entries()) {
      const delta = (delta) => send({ type: "content_block_delta", index, delta });
      if (block.type === "text") {
        yield send({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
        for (const text of pieces(block.text)) yield delta({ type: "text_delta", text });
      } else if (block.type === "tool_use") {
        yield send({ type: "content_block_start", index, content_block: { ...block, input: {} } });
        for (const partial_json of pieces(JSON.stringify(block.input))) yield delta({ type: "input_json_delta", partial_json });
      } else {
        yield send({ type: "content_block_start", index, content_block: { type: "thinking", thinking: "", signature: "" } });
        for (const thinking of pieces(block.thinking)) yield delta({ type: "thinking_delta", thinking });
        yield delta({ type: "signature_delta", signature: block.signature });
      }
      yield send({ type: "content_block_stop", index });
    }
    yield send({ type: "message_delta", delta: { stop_reason: whole.stop_reason, stop_sequence: null }, usage: { output_tokens: whole.usage.output_tokens } });
    yield send({ type: "message_stop" });
  },
  error: (status, message) => ({ type: "error", error: { type: kAnthropicTypes[status] ?? (status >= 500 ? "api_error" : "invalid_request_error"), message },
                                request_id: id("req") }),
};

export const dialects = [responses, chat, messages];
