// /toolbox/{sandbox}/files/bulk-upload and upload-v2: multipart forms that go to the toolbox as
// they come; no more than one piece is in memory, whatever the size of the file.
#include <map>

#include "api/inside.h"
#include "api/routes.h"
#include "api/utf8.h"
#include "codec/multipart.h"

namespace cove::api {
namespace {

using Event = codec::MultipartParser::Event;

constexpr size_t kPieceBytes = 256 * 1024;  // few wake-ups per byte matter more than memory here
constexpr size_t kPathBytesMax = 4096;      // PATH_MAX
constexpr size_t kFilesMax = 10'000;

// The form's events, read from a body as needed.
class Form {
 public:
  Form(http::BodyReader& body, std::string_view boundary)
      : body_(body), parser_(boundary, 2 * kFilesMax), buffer_(kPieceBytes) {}

  // Never kNeedMore. kInvalid when the body ends before the form does.
  Task<Result<Event>> Next() {
    for (;;) {
      CO_ASSIGN_OR_RETURN(const Event event, parser_.Next(&unread_));
      if (event != Event::kNeedMore) co_return event;
      CO_ASSIGN_OR_RETURN(const size_t n, co_await body_.Read(buffer_));
      if (n == 0)
        co_return Error(Code::kInvalid, "the multipart body ends before its last boundary");
      unread_ = std::string_view(buffer_.data(), n);
    }
  }
  const codec::MultipartPart& part() const { return parser_.part(); }
  std::string_view data() const { return parser_.data(); }

 private:
  http::BodyReader& body_;
  codec::MultipartParser parser_;
  std::vector<char> buffer_;
  std::string_view unread_;
};

Result<Form> OpenForm(Call& call) {
  const auto type = call.request().headers.Get("Content-Type").value_or("");
  ASSIGN_OR_RETURN(const std::string boundary, codec::MultipartBoundary(type));
  return Form(call.exchange().body(), boundary);
}

// The content of a short field, to its end.
Task<Result<std::string>> ReadText(Form& form) {
  std::string text;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const Event event, co_await form.Next());
    if (event != Event::kData) co_return text;
    text += form.data();
    if (text.size() > kPathBytesMax) {
      co_return Error(Code::kInvalid, "a path of the form is longer than 4096 bytes");
    }
  }
}

struct Stored {
  uint64_t bytes = 0;
  std::optional<Error> error;  // the file failed, the form goes on
};

// The content of a file part to the toolbox. An error is one of the form: nothing more can be read.
Task<Result<Stored>> StoreFile(Form& form, toolbox::ToolboxClient& client, std::string path) {
  Stored stored;
  auto opened = co_await client.WriteFile(std::move(path));
  if (!opened) stored.error = opened.error();
  toolbox::FileWriter* writer = opened ? opened->get() : nullptr;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const Event event, co_await form.Next());
    if (event != Event::kData) break;
    if (stored.error) continue;
    auto written = co_await writer->Write(form.data());
    if (!written) {
      // The toolbox says why only at the end.
      auto finished = co_await writer->Finish();
      stored.error = finished ? std::move(written).error() : std::move(finished).error();
      continue;
    }
    stored.bytes += form.data().size();
  }
  if (stored.error) co_return stored;
  auto finished = co_await writer->Finish();
  if (!finished) stored.error = std::move(finished).error();
  co_return stored;
}

struct Upload {
  json::Array files;
  json::Array errors;
  std::optional<Error> first_error;

  void Add(const std::string& path, Stored stored) {
    if (stored.error) {
      errors.emplace_back(LossyUtf8(path) + ": " + LossyUtf8(stored.error->message()));
      if (!first_error) first_error = std::move(stored.error);
      return;
    }
    json::Object file;
    file["path"] = LossyUtf8(path);
    file["bytes"] = stored.bytes;
    files.push_back(std::move(file));
  }
};

// Pairs "files[i].path" (text) and "files[i].file", the path first.
Task<Result<Upload>> StorePairs(Form& form, toolbox::ToolboxClient& client) {
  constexpr std::string_view kPathField = ".path";
  constexpr std::string_view kFileField = ".file";
  Upload upload;
  std::map<std::string, std::string, std::less<>> paths;  // by "files[i]"
  for (;;) {
    CO_ASSIGN_OR_RETURN(const Event event, co_await form.Next());
    if (event == Event::kEnd) co_return upload;
    if (event != Event::kPart) continue;
    const std::string name = form.part().name;
    if (name.ends_with(kPathField)) {
      CO_ASSIGN_OR_RETURN(paths[name.substr(0, name.size() - kPathField.size())],
                          co_await ReadText(form));
    } else if (name.ends_with(kFileField)) {
      const auto path = paths.find(name.substr(0, name.size() - kFileField.size()));
      if (path == paths.end() || path->second.empty()) {
        co_return Error(Code::kInvalid, "the form has no path before the file '" + name + "'");
      }
      CO_ASSIGN_OR_RETURN(Stored stored, co_await StoreFile(form, client, path->second));
      upload.Add(path->second, std::move(stored));
    }
  }
}

// One failed file alone keeps its own status (403, 507); of several the form as a whole is 400.
Task<Result<void>> ReplyUpload(Call& call, Upload upload) {
  if (upload.first_error && upload.files.empty() && upload.errors.size() == 1) {
    co_return *std::move(upload.first_error);
  }
  const bool failed = upload.first_error.has_value();
  json::Object body;
  if (failed) {
    body["message"] = "some files could not be written";
    body["statusCode"] = 400;
    body["source"] = "DAYTONA_DAEMON";
    body["errors"] = std::move(upload.errors);
  }
  body["files"] = std::move(upload.files);
  co_return co_await call.Reply(failed ? 400 : 200, body);
}

Task<Result<void>> BulkUpload(Call& call) {
  CO_ASSIGN_OR_RETURN(Form form, OpenForm(call));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(Upload upload, co_await StorePairs(form, client));
  if (upload.files.empty() && upload.errors.empty()) {
    co_return Error(Code::kInvalid, "the form has no files");
  }
  co_return co_await ReplyUpload(call, std::move(upload));
}

// The one field "file"; its place is in the query.
Task<Result<void>> UploadOne(Call& call) {
  CO_ASSIGN_OR_RETURN(const std::string path, call.RequiredQuery("path"));
  CO_ASSIGN_OR_RETURN(Form form, OpenForm(call));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  Upload upload;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const Event event, co_await form.Next());
    if (event == Event::kEnd) break;
    if (event != Event::kPart || form.part().name != "file") continue;
    CO_ASSIGN_OR_RETURN(Stored stored, co_await StoreFile(form, client, path));
    upload.Add(path, std::move(stored));
  }
  if (upload.files.empty() && upload.errors.empty()) {
    co_return Error(Code::kInvalid, "the form has no field 'file'");
  }
  co_return co_await ReplyUpload(call, std::move(upload));
}

}  // namespace

void AddUploadRoutes(Routes& routes) {
  routes.AddInside("POST", "/files/bulk-upload", &BulkUpload, Area::kFiles);
  routes.AddInside("POST", "/files/upload-v2", &UploadOne, Area::kFiles);
  routes.AddInside("POST", "/files/upload", &UploadOne, Area::kFiles);
}

}  // namespace cove::api
