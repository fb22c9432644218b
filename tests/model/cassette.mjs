// Reads a cassette (docs/formats/cassette.md): answers that Cove's model gateway recorded, given
// again to the same request or in order.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const kVolatile = new Set(["prompt_cache_key", "client_metadata", "metadata", "user", "safety_identifier"]);

const text = (value) => `s${Buffer.byteLength(value)}:${value}`;

function number(value) {
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 53) return `i${value === 0 ? 0 : value};`;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return `d${bytes.toString("hex")};`;
}

function feed(value, top = false) {
  if (value === null) return "n";
  if (typeof value === "boolean") return value ? "t" : "f";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return `[${value.map((item) => feed(item)).join("")}]`;
  const keys = Object.keys(value).filter((key) => !(top && kVolatile.has(key)));
  keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${keys.map((key) => text(key) + feed(value[key])).join("")}}`;
}

export function requestHash(kind, method, path, bytes) {
  const hash = createHash("sha256").update(`${kind} ${method} ${path}\n`);
  try {
    const body = JSON.parse(bytes.toString("utf8"));
    if (body !== null && typeof body === "object" && !Array.isArray(body)) return hash.update(feed(body, true)).digest("hex");
  } catch { /* counts as its bytes */ }
  return hash.update(bytes).digest("hex");
}

// The protocol of a request, as its path and fields tell.
export function kindOf(path, headers) {
  if (path.startsWith("/model/")) return "bedrock";
  return path.startsWith("/v1/messages") || headers["anthropic-version"] ? "anthropic" : "openai";
}

// match: "exact" or "order".
export function loadCassette(file, match) {
  const [head, ...lines] = readFileSync(file, "utf8").split("\n").filter(Boolean);
  if (JSON.parse(head).cassette !== 1) throw new Error(`${file} is not a cassette`);
  const groupOf = (call) => (match === "exact" ? call.hash : `${call.kind} ${call.method} ${call.path}`);
  const groups = new Map();
  for (const line of lines) {
    const call = JSON.parse(line);
    groups.set(groupOf(call), [...(groups.get(groupOf(call)) ?? []), call]);
  }
  const given = new Map();
  return function next(method, path, headers, bytes) {
    const kind = kindOf(path, headers);
    const group = groupOf({ kind, method, path, hash: requestHash(kind, method, path, bytes) });
    const calls = groups.get(group) ?? [];
    const at = given.get(group) ?? 0;
    given.set(group, at + 1);
    if (at < calls.length) return calls[at];
    return match === "exact" || method === "GET" ? calls.at(-1) : undefined;
  };
}

export const bodyOf = (call) => (call.body_base64 !== undefined ? Buffer.from(call.body_base64, "base64") : Buffer.from(call.body ?? ""));
