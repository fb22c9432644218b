// /toolbox/{sandbox}/files/download and bulk-download: files as streams. A file that breaks in the
// middle breaks the connection, so that a cut file never looks whole.
#include <sys/stat.h>

#include "api/inside.h"
#include "api/routes.h"
#include "api/utf8.h"
#include "base/text.h"

namespace cove::api {
namespace {

// A quoted-string of RFC 2616; control characters cannot travel in one.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '_' : c;
  }
  return out + '"';
}

// The exact path twice: plain for all clients, and percent-encoded (RFC 5987) for odd characters.
std::string Disposition(std::string_view kind, std::string_view name, std::string_view path) {
  std::string out(kind);
  if (!name.empty()) out += "; name=" + Quoted(name);
  out += "; filename=" + Quoted(path);
  out += "; filename*=UTF-8''" + PercentEncode(path);
  return out;
}

bool IsFolder(const toolbox::FileInfo& info) { return (info.mode & S_IFMT) == S_IFDIR; }

// Sends what the file holds; with a size at most and at least so much, since that was announced.
// Files of /proc say 0 and hold more: then the end of the file counts.
Task<Result<void>> SendFile(toolbox::FileReader& file, http::BodyWriter& out) {
  const uint64_t announced = file.info().size;
  uint64_t sent = 0;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const std::string bytes, co_await file.Next());
    if (bytes.empty()) break;
    std::string_view piece = bytes;
    if (announced != 0) piece = piece.substr(0, announced - sent);
    if (piece.empty()) break;
    CO_RETURN_IF_ERROR(co_await out.Write(piece));
    sent += piece.size();
  }
  if (announced != 0 && sent < announced) {
    co_return Error(Code::kClosed, "the file became shorter while it was read");
  }
  co_return Ok();
}

Task<Result<std::unique_ptr<toolbox::FileReader>>> OpenFile(toolbox::ToolboxClient& client,
                                                            std::string path) {
  CO_ASSIGN_OR_RETURN(auto file, co_await client.ReadFile(path));
  if (IsFolder(file->info())) co_return Error(Code::kInvalid, path + " is a folder");
  co_return std::move(file);
}

Task<Result<void>> Download(Call& call) {
  CO_ASSIGN_OR_RETURN(const std::string path, call.RequiredQuery("path"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(auto file, co_await OpenFile(client, path));
  http::ResponseHead head;
  head.headers.Add("Content-Type", "application/octet-stream");
  const std::string name = path.substr(path.rfind('/') + 1);
  head.headers.Add("Content-Disposition", Disposition("attachment", {}, name));
  if (file->info().size != 0) {
    head.headers.Add("Content-Length", std::to_string(file->info().size));
  }
  CO_ASSIGN_OR_RETURN(http::BodyWriter* const out,
                      co_await call.exchange().StartResponse(std::move(head)));
  CO_RETURN_IF_ERROR(co_await SendFile(*file, *out));
  co_return co_await out->Finish();
}

std::string PartHead(std::string_view boundary, std::string_view name, std::string_view path,
                     std::string_view type, uint64_t length) {
  std::string out = "--" + std::string(boundary) + "\r\n";
  out += "Content-Disposition: " + Disposition("form-data", name, path) + "\r\n";
  out += "Content-Type: " + std::string(type) + "\r\n";
  if (length != 0) out += "Content-Length: " + std::to_string(length) + "\r\n";
  return out + "\r\n";
}

Task<Result<void>> SendErrorPart(Call& call, http::BodyWriter& out, const std::string& boundary,
                                 std::string path, Error error) {
  const std::string body =
      FaultBody(FaultOf(error.code(), Area::kFiles), error.message(), call.request());
  const std::string part =
      PartHead(boundary, "error", path, "application/json", body.size()) + body + "\r\n";
  co_return co_await out.Write(part);
}

Task<Result<void>> SendPart(Call& call, toolbox::ToolboxClient& client, http::BodyWriter& out,
                            const std::string& boundary, std::string path) {
  auto file = co_await OpenFile(client, path);
  if (!file) {
    co_return co_await SendErrorPart(call, out, boundary, path, std::move(file).error());
  }
  const std::string head =
      PartHead(boundary, "file", path, "application/octet-stream", (*file)->info().size);
  CO_RETURN_IF_ERROR(co_await out.Write(head));
  CO_RETURN_IF_ERROR(co_await SendFile(**file, out));
  co_return co_await out.Write("\r\n");
}

Task<Result<void>> BulkDownload(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(const auto paths, TextListField(body, "paths"));
  if (paths.empty()) co_return Error(Code::kInvalid, "the field 'paths' is missing or empty");
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  // 128 random bits: no file holds them by accident.
  const std::string boundary = "cove-" + RandomHex(16);
  http::ResponseHead head;
  head.headers.Add("Content-Type", "multipart/form-data; boundary=" + boundary);
  CO_ASSIGN_OR_RETURN(http::BodyWriter* const out,
                      co_await call.exchange().StartResponse(std::move(head)));
  for (const std::string& path : paths) {
    CO_RETURN_IF_ERROR(co_await SendPart(call, client, *out, boundary, path));
  }
  const std::string end = "--" + boundary + "--\r\n";
  CO_RETURN_IF_ERROR(co_await out->Write(end));
  co_return co_await out->Finish();
}

}  // namespace

void AddDownloadRoutes(Routes& routes) {
  routes.AddInside("GET", "/files/download", &Download, Area::kFiles);
  routes.AddInside("POST", "/files/bulk-download", &BulkDownload, Area::kFiles);
}

}  // namespace cove::api
