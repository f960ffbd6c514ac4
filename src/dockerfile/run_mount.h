// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dockerfile/instructions.h"

namespace kiln::dockerfile {

/// A value of `RUN --mount=`, its variables expanded. What a type has no use for is unset.
struct RunMount {
  enum class Type { bind, cache, tmpfs, secret, ssh };
  enum class Sharing { shared, private_copy, locked };
  Type type = Type::bind;
  std::string from;
  std::string source;
  std::string target;  ///< as written
  bool read_only = false;
  std::string size;  ///< of tmpfs; as written
  std::string id;
  std::optional<Sharing> sharing;  ///< of cache
  bool required = false;           ///< of secret and ssh
  std::optional<std::string>
      env;  ///< of secret: set, perhaps to nothing, it has no file by default
  std::optional<std::uint32_t> mode, uid, gid;
};

/// A value of `RUN --device=`: a device by its CDI name.
struct RunDevice {
  std::string name;
  bool required = false;
};

using Expander = std::function<Result<std::string>(const std::string&)>;

/// `type=cache,target=/x,…`: every value but `from` goes through `expand`. Errors are of kind
/// invalid_input, in BuildKit's words; `failed` gets the field that is wrong, where it is one.
Result<RunMount> parse_run_mount(std::string_view text, const Expander& expand,
                                 std::string* failed = nullptr);
/// Where a field of a mount or device stands in the file, of `from=NAME` the name; all of the flag
/// if that can't be said.
Range field_range(const Flag& flag, const std::string& field);
Result<RunDevice> parse_run_device(std::string_view text);

}  // namespace kiln::dockerfile
