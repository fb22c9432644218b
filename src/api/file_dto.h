// Files as the API shows them. Thread: pure functions.
#pragma once

#include "json/json.h"
#include "proto/toolbox.h"

namespace cove::api {

// `with_path` also gives the path, for listings deeper than one level.
enum class FilePath { kOmit, kShow };
json::Object FileDto(const proto::toolbox::FileInfo& file, FilePath show_path);

// "drwxr-xr-x", as ls(1) writes st_mode.
std::string ModeText(uint32_t mode);

}  // namespace cove::api
