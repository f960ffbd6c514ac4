// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/run_mount.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "dockerfile/csv.h"

namespace kiln::dockerfile {
namespace {

using Type = RunMount::Type;
using Sharing = RunMount::Sharing;

constexpr std::string_view kFromKey = "from=";

template <typename Value, std::size_t Size>
using Names = std::array<std::pair<std::string_view, Value>, Size>;

constexpr Names<Type, 5> kTypes = {{{"bind", Type::bind},
                                    {"cache", Type::cache},
                                    {"tmpfs", Type::tmpfs},
                                    {"secret", Type::secret},
                                    {"ssh", Type::ssh}}};
constexpr Names<Sharing, 3> kSharing = {
    {{"shared", Sharing::shared}, {"private", Sharing::private_copy}, {"locked", Sharing::locked}}};
const std::vector<std::string> kKeys = {"type", "from",    "source",    "target",     "readonly",
                                        "id",   "sharing", "required",  "size",       "mode",
                                        "uid",  "gid",     "src",       "dst",        "ro",
                                        "rw",   "env",     "readwrite", "destination"};

template <typename Value, std::size_t Size>
std::optional<Value> find_value(const Names<Value, Size>& names, std::string_view text) {
  for (const auto& [name, value] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

template <typename Value, std::size_t Size>
std::vector<std::string> words_of(const Names<Value, Size>& names) {
  std::vector<std::string> out;
  for (const auto& [name, value] : names) out.emplace_back(name);
  return out;
}

std::string_view name_of(Type type) {
  return std::ranges::find(kTypes, type, &std::pair<std::string_view, Type>::second)->first;
}

Error with_suggestion(Error error, std::string_view word, const std::vector<std::string>& words) {
  const auto near = nearest_word(word, words);
  if (!near) return error;
  return std::move(error).with_hint("did you mean " + *near + "?");
}

class MountParser {
 public:
  Result<void> field(const std::string& text, const Expander& expand) {
    const auto [raw_key, raw_value] = split_once(text, '=');
    const std::string key = to_lower(raw_key);
    if (!raw_value) return bare(key, text);
    std::string value(*raw_value);
    if (key != "from") value = TRY(expand(value));
    return set(key, std::move(value), text);
  }

  Result<RunMount> finish() {
    if (!writable_)
      mount_.read_only = mount_.type != Type::cache && mount_.type != Type::tmpfs;
    else
      mount_.read_only = !*writable_;
    const bool takes_owner =
        mount_.type == Type::secret || mount_.type == Type::ssh || mount_.type == Type::cache;
    for (const auto& [name, value] : {std::pair("mode", mount_.mode), std::pair("uid", mount_.uid),
                                      std::pair("gid", mount_.gid)}) {
      if (value && !takes_owner)
        return invalid_input(
            fmt::format("{} not allowed for \"{}\" type mounts", name, name_of(mount_.type)));
    }
    if (mount_.type == Type::secret) TRY(check_secret());
    if (mount_.type == Type::ssh && !mount_.source.empty())
      return invalid_input("ssh does not support source");
    if (mount_.sharing && mount_.type != Type::cache)
      return invalid_input(
          fmt::format("invalid cache sharing set for {} mount", name_of(mount_.type)));
    return std::move(mount_);
  }

 private:
  Result<void> bare(const std::string& key, const std::string& text) {
    if (key == "readonly" || key == "ro") {
      writable_ = false;
    } else if (key == "readwrite" || key == "rw") {
      writable_ = true;
    } else if (key == "required") {
      TRY(check_type(key, {Type::secret, Type::ssh}));
      mount_.required = true;
    } else {
      return with_suggestion(
          invalid_input(fmt::format("invalid field '{}' must be a key=value pair", text)), key,
          {"readonly", "readwrite", "required"});
    }
    return {};
  }

  Result<void> set(const std::string& key, std::string value, const std::string& text) {
    if (key == "type") return set_type(value);
    if (key == "sharing") return set_sharing(value);
    if (key == "from") {
      mount_.from = std::move(value);
    } else if (key == "source" || key == "src") {
      mount_.source = std::move(value);
    } else if (key == "target" || key == "dst" || key == "destination") {
      mount_.target = std::move(value);
    } else if (key == "id") {
      mount_.id = std::move(value);
    } else if (key == "env") {
      mount_.env = std::move(value);
    } else if (key == "size") {
      TRY(check_type(key, {Type::tmpfs}));
      mount_.size = std::move(value);
    } else if (key == "mode") {
      mount_.mode = TRY(number(key, value, 8));
    } else if (key == "uid") {
      mount_.uid = TRY(number(key, value, 10));
    } else if (key == "gid") {
      mount_.gid = TRY(number(key, value, 10));
    } else if (key == "required") {
      TRY(check_type(key, {Type::secret, Type::ssh}));
      mount_.required = TRY(boolean(key, value));
    } else if (key == "readonly" || key == "ro") {
      const bool read_only = TRY(boolean(key, value));
      writable_ = !read_only;
    } else if (key == "readwrite" || key == "rw") {
      writable_ = TRY(boolean(key, value));
    } else {
      return with_suggestion(invalid_input(fmt::format("unexpected key '{}' in '{}'", key, text)),
                             key, kKeys);
    }
    return {};
  }

  Result<void> set_type(const std::string& value) {
    const auto type = find_value(kTypes, to_lower(value));
    if (!type)
      return with_suggestion(invalid_input(fmt::format("unsupported mount type \"{}\"", value)),
                             value, words_of(kTypes));
    mount_.type = *type;
    return {};
  }

  Result<void> set_sharing(const std::string& value) {
    const auto sharing = find_value(kSharing, to_lower(value));
    if (!sharing)
      return with_suggestion(invalid_input(fmt::format("unsupported sharing value \"{}\"", value)),
                             value, words_of(kSharing));
    mount_.sharing = sharing;
    return {};
  }

  /// Of the types named so far: the order of the fields matters, as in BuildKit.
  Result<void> check_type(const std::string& key, std::initializer_list<Type> allowed) const {
    if (std::ranges::find(allowed, mount_.type) != allowed.end()) return {};
    return invalid_input(
        fmt::format("unexpected key '{}' for mount type '{}'", key, name_of(mount_.type)));
  }

  static Result<bool> boolean(const std::string& key, const std::string& value) {
    const auto found = parse_bool(value);
    if (!found) return invalid_input(fmt::format("invalid value for {}: {}", key, value));
    return *found;
  }

  static Result<std::uint32_t> number(const std::string& key, const std::string& value, int base) {
    const auto found = parse_uint(value, base);
    if (!found || *found > std::numeric_limits<std::uint32_t>::max())
      return invalid_input(fmt::format("invalid value {} for {}", value, key));
    return static_cast<std::uint32_t>(*found);
  }

  Result<void> check_secret() const {
    if (!mount_.from.empty()) return invalid_input("secret mount should not have a from");
    if (mount_.sharing) return invalid_input("secret mount should not define sharing");
    if (mount_.source.empty() && mount_.target.empty() && mount_.id.empty())
      return invalid_input("invalid secret mount. one of source, target required");
    if (!mount_.source.empty() && !mount_.id.empty())
      return invalid_input("both source and id can't be set");
    return {};
  }

  RunMount mount_;
  std::optional<bool> writable_;
};

}  // namespace

Result<RunMount> parse_run_mount(std::string_view text, const Expander& expand,
                                 std::string* failed) {
  const auto fields = TRY(csv_fields(text).context("failed to parse csv mounts"));
  MountParser parser;
  for (const auto& field : fields) {
    auto taken = parser.field(field, expand);
    if (taken) continue;
    if (failed != nullptr) *failed = field;
    return std::move(taken).error();
  }
  return parser.finish();
}

Range field_range(const Flag& flag, const std::string& field) {
  const std::string value = flag.value.value_or("");
  const std::size_t at = field.empty() ? std::string::npos : value.find(field);
  auto out = value_range(flag);
  if (at == std::string::npos || !out || value.find(field, at + 1) != std::string::npos)
    return flag.range;
  const std::size_t key = field.starts_with(kFromKey) ? kFromKey.size() : 0;
  out->begin.column += static_cast<unsigned>(at + key);
  out->end.column = out->begin.column + static_cast<unsigned>(field.size() - key);
  return *out;
}

Result<RunDevice> parse_run_device(std::string_view text) {
  const auto fields = TRY(csv_fields(text).context("failed to parse csv devices"));
  RunDevice device;
  for (const auto& field : fields) {
    const auto [raw_key, value] = split_once(field, '=');
    const std::string key = to_lower(raw_key);
    if (key == "required") {
      const auto required = parse_bool(value.value_or("true"));
      if (!required)
        return invalid_input(fmt::format("invalid value for {}: {}", key, value.value_or("")));
      device.required = *required;
    } else if (value && key == "name") {
      device.name = *value;
    } else if (device.name.empty()) {
      device.name = field;
    }
  }
  if (device.name.empty()) return invalid_input("device name is required");
  return device;
}

}  // namespace kiln::dockerfile
