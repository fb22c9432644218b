// The server's half of a WebSocket, as far as text messages need it. Source: RFC 6455.
import { createHash } from "node:crypto";

const kOpcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 };

function frame(opcode, payload) {
  const size = payload.length;
  const head = size < 126 ? Buffer.from([0x80 | opcode, size]) : Buffer.alloc(size < 65536 ? 4 : 10);
  if (size >= 126) {
    head[0] = 0x80 | opcode;
    head[1] = size < 65536 ? 126 : 127;
    if (size < 65536) head.writeUInt16BE(size, 2);
    else head.writeBigUInt64BE(BigInt(size), 2);
  }
  return Buffer.concat([head, payload]);
}

// The frame at the front of `bytes`, unmasked, and how long it is; undefined: it is not whole.
function readFrame(bytes) {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const at = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < at + 4) return undefined;
  const size = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  const end = at + 4 + size;
  if (bytes.length < end) return undefined;
  const payload = Buffer.from(bytes.subarray(at + 4, end));
  for (let i = 0; i < size; ++i) payload[i] ^= bytes[at + (i & 3)];
  return { final: (bytes[0] & 0x80) !== 0, opcode: bytes[0] & 0x0f, payload, end };
}

// Answers the handshake; `onText(text, send)` is called for one message after the other.
export function acceptWebSocket(request, socket, head, onText) {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
  const send = (text) => socket.writable && socket.write(frame(kOpcodes.text, Buffer.from(text)));
  let bytes = head, parts = [], work = Promise.resolve();
  const take = (data) => {
    bytes = Buffer.concat([bytes, data]);
    for (let next = readFrame(bytes); next; next = readFrame(bytes)) {
      bytes = bytes.subarray(next.end);
      if (next.opcode === kOpcodes.close) socket.end(frame(kOpcodes.close, next.payload.subarray(0, 2)));
      if (next.opcode === kOpcodes.ping) socket.write(frame(kOpcodes.pong, next.payload));
      if (next.opcode > kOpcodes.text) continue;
      parts.push(next.payload);
      if (!next.final) continue;
      const text = Buffer.concat(parts).toString("utf8");
      parts = [];
      work = work.then(() => onText(text, send)).catch((error) => socket.destroy(error));
    }
  };
  socket.on("error", () => socket.destroy());
  socket.on("data", take);
  take(Buffer.alloc(0));
}
