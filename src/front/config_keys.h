// The table of configuration keys: the one place that says what may stand in cove.toml.
// Thread: constant.
#pragma once

#include <functional>
#include <span>

#include "front/config.h"
#include "front/config_file.h"

namespace cove::front {

struct ConfigKey {
  // "NAME" as a whole part stands for any name of [a-z0-9-], "[]" for the number of a table in a
  // list of tables, "MODEL" at the end for any text; it is given to `set`.
  std::string_view key;
  std::string_view type;           // for people
  std::string_view default_value;  // for people
  std::string_view text;           // what it does, one or two sentences
  // kInvalid if the value will not do; the caller adds file, line and key.
  std::function<Result<void>(Config&, const ConfigValue&, const std::string& name)> set;
};

std::span<const ConfigKey> ConfigKeys();

}  // namespace cove::front
