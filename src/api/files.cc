// /toolbox/{sandbox}/files: looking at files and changing what they are called and may do.
#include "api/file_dto.h"
#include "api/inside.h"
#include "api/routes.h"
#include "api/utf8.h"
#include "base/text.h"

namespace cove::api {
namespace {

constexpr uint32_t kDepthMax = 64;

// Some clients leave the path out for the home.
std::string PathOrHome(const Call& call) {
  const auto path = call.request().Query("path");
  return path && !path->empty() ? *path : ".";
}

Task<Result<void>> List(Call& call) {
  uint32_t depth = 1;
  if (const auto text = call.request().Query("depth"); text && !text->empty()) {
    const auto number = ParseInt<uint32_t>(*text);
    if (!number || *number < 1 || *number > kDepthMax) {
      co_return Error(Code::kInvalid, "depth must be a number from 1 to 64");
    }
    depth = *number;
  }
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto files, co_await client.ListFiles(PathOrHome(call), depth));
  const auto show_path = call.request().Query("depth") ? FilePath::kShow : FilePath::kOmit;
  json::Array out;
  for (const auto& file : files) out.push_back(FileDto(file, show_path));
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> Info(Call& call) {
  CO_ASSIGN_OR_RETURN(std::string path, call.RequiredQuery("path"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto file, co_await client.Stat(std::move(path)));
  co_return co_await call.Reply(200, FileDto(file, FilePath::kOmit));
}

Task<Result<void>> MakeFolder(Call& call) {
  CO_ASSIGN_OR_RETURN(std::string path, call.RequiredQuery("path"));
  uint32_t mode = 0755;
  if (const auto text = call.request().Query("mode"); text && !text->empty()) {
    const auto number = ParseInt<uint32_t>(*text, 8);
    if (!number || *number > 07777) {
      co_return Error(Code::kInvalid, "mode must be octal, like 755, not '" + *text + "'");
    }
    mode = *number;
  }
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(co_await client.MakeFolder(std::move(path), mode));
  co_return co_await call.ReplyEmpty(201);
}

Task<Result<void>> Delete(Call& call) {
  toolbox::FileDelete request;
  CO_ASSIGN_OR_RETURN(request.path, call.RequiredQuery("path"));
  request.recursive = call.request().Query("recursive").value_or("false") == "true";
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(co_await client.Delete(std::move(request)));
  co_return co_await call.ReplyEmpty(204);
}

Task<Result<void>> Move(Call& call) {
  CO_ASSIGN_OR_RETURN(std::string source, call.RequiredQuery("source"));
  CO_ASSIGN_OR_RETURN(std::string destination, call.RequiredQuery("destination"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(co_await client.Move(std::move(source), std::move(destination)));
  co_return co_await call.ReplyEmpty(200);
}

Task<Result<void>> SetPermissions(Call& call) {
  toolbox::FileSetMode request;
  CO_ASSIGN_OR_RETURN(request.path, call.RequiredQuery("path"));
  request.mode = call.request().Query("mode").value_or("");
  request.owner = call.request().Query("owner").value_or("");
  request.group = call.request().Query("group").value_or("");
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(co_await client.SetMode(std::move(request)));
  co_return co_await call.ReplyEmpty(200);
}

Task<Result<void>> Find(Call& call) {
  CO_ASSIGN_OR_RETURN(std::string pattern, call.RequiredQuery("pattern"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto matches,
                      co_await client.FindText(PathOrHome(call), std::move(pattern)));
  json::Array out;
  for (const auto& match : matches) {
    json::Object item;
    item["file"] = LossyUtf8(match.file);
    item["line"] = match.line;
    item["content"] = LossyUtf8(match.content);
    out.push_back(std::move(item));
  }
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> Search(Call& call) {
  CO_ASSIGN_OR_RETURN(std::string pattern, call.RequiredQuery("pattern"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto names,
                      co_await client.SearchNames(PathOrHome(call), std::move(pattern)));
  json::Array files;
  for (const std::string& name : names) files.emplace_back(LossyUtf8(name));
  json::Object out;
  out["files"] = std::move(files);
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> Replace(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  toolbox::FileReplace request;
  CO_ASSIGN_OR_RETURN(request.files, TextListField(body, "files"));
  CO_ASSIGN_OR_RETURN(request.pattern, RequiredText(body, "pattern"));
  CO_ASSIGN_OR_RETURN(const auto new_value, TextField(body, "newValue"));
  request.new_value = new_value.value_or("");
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto results, co_await client.Replace(std::move(request)));
  json::Array out;
  for (const auto& result : results) {
    json::Object item;
    item["file"] = LossyUtf8(result.file);
    item["success"] = result.content.empty();
    if (!result.content.empty()) item["error"] = LossyUtf8(result.content);
    out.push_back(std::move(item));
  }
  co_return co_await call.Reply(200, out);
}

}  // namespace

void AddFileRoutes(Routes& routes) {
  routes.AddInside("GET", "/files", &List, Area::kFiles);
  routes.AddInside("DELETE", "/files", &Delete, Area::kFiles);
  routes.AddInside("GET", "/files/info", &Info, Area::kFiles);
  routes.AddInside("POST", "/files/folder", &MakeFolder, Area::kFiles);
  routes.AddInside("POST", "/files/move", &Move, Area::kFiles);
  routes.AddInside("POST", "/files/permissions", &SetPermissions, Area::kFiles);
  routes.AddInside("GET", "/files/find", &Find, Area::kFiles);
  routes.AddInside("GET", "/files/search", &Search, Area::kFiles);
  routes.AddInside("POST", "/files/replace", &Replace, Area::kFiles);
}

}  // namespace cove::api
