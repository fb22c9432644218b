// Bedrock, as the scripted model speaks it: Messages whose model stands in the path, requests that
// are signed, and streams in Amazon's event stream. Written apart from the gateway's own code, so
// that each proves the other. Sources: InvokeModel, InvokeModelWithResponseStream and CountTokens in
// the reference of Bedrock's runtime API; "Create a signed AWS API request" in the guide of AWS IAM;
// the specification of the event stream (smithy.io).
import { createHash, createHmac } from "node:crypto";
import { crc32 } from "node:zlib";
import { messages } from "./dialects.mjs";

const kPath = /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream|count-tokens)$/;
const kTypes = { 400: "ValidationException", 401: "AccessDeniedException", 403: "AccessDeniedException", 404: "ResourceNotFoundException",
                 429: "ThrottlingException", 503: "ServiceUnavailableException" };

const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// The model and what is asked of it; undefined for another path.
export function readPath(path) {
  const found = kPath.exec(path);
  return found && { model: decodeURIComponent(found[1]), verb: found[2], stream: found[2] === "invoke-with-response-stream" };
}

// Whether the request is signed with `key` ("ID:SECRET" or "ID:SECRET:TOKEN"), just now.
export function isSigned(request, bytes, key) {
  const [id, secret, token] = key.split(":");
  const given = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/bedrock\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(request.headers.authorization ?? "");
  if (!given || given[1] !== id || request.headers["x-amz-security-token"] !== token) return false;
  const [, , day, region, names, signature] = given;
  const stamp = request.headers["x-amz-date"] ?? "";
  const at = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!stamp.startsWith(day) || !(Math.abs(Date.now() - at) < 300_000)) return false;
  const signed = names.split(";");
  const must = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  if (!must.every((name) => signed.includes(name))) return false;
  const [path, query = ""] = request.url.split("?");
  const canonical = [request.method, path.split("/").map(encoded).join("/"), query,
    ...signed.map((name) => `${name}:${String(request.headers[name]).trim()}`), "", names, sha256(bytes)].join("\n");
  const scope = `${day}/${region}/bedrock/aws4_request`;
  const secretOfDay = [day, region, "bedrock", "aws4_request"].reduce(hmac, `AWS4${secret}`);
  return hmac(secretOfDay, ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n")).toString("hex") === signature;
}

function u32(...values) {
  const out = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => out.writeUInt32BE(value >>> 0, 4 * at));
  return out;
}

// A message of the event stream.
export function frame(headers, payload) {
  const fields = Buffer.concat(Object.entries(headers).map(([name, value]) => {
    const size = Buffer.alloc(2);
    size.writeUInt16BE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), size, Buffer.from(value)]);
  }));
  const lengths = u32(16 + fields.length + payload.length, fields.length);
  const whole = Buffer.concat([lengths, u32(crc32(lengths)), fields, payload]);
  return Buffer.concat([whole, u32(crc32(whole))]);
}

const chunk = (data, at) => frame({ ":event-type": "chunk", ":content-type": "application/json", ":message-type": "event" },
  Buffer.from(JSON.stringify({ bytes: Buffer.from(JSON.stringify(data)).toString("base64"), p: "abcdefghijklmnopqrstuvwxyz".slice(0, (at * 7) % 26) })));

export const bedrock = {
  type: "application/vnd.amazon.eventstream",
  items: messages.items,
  whole: messages.whole,
  * stream(result) {
    let at = 0;
    for (const { data } of messages.stream(result)) {
      const metrics = { inputTokenCount: result.usage.input_tokens, outputTokenCount: result.usage.output_tokens, invocationLatency: 20, firstByteLatency: 10 };
      yield { bytes: chunk(data.type === "message_stop" ? { ...data, "amazon-bedrock-invocationMetrics": metrics } : data, ++at) };
    }
  },
  error: (status, message) => ({ message }),
  errorHeaders: (status) => ({ "x-amzn-errortype": kTypes[status] ?? (status >= 500 ? "InternalServerException" : "ValidationException") }),
};
