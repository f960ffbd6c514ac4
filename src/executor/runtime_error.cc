// SPDX-License-Identifier: Apache-2.0
#include "executor/runtime_error.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/strings.h"

namespace kiln::executor {
namespace {

constexpr int kRuntimeFailed = 125;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr int kBadFormat = 255;  // runc's, hence docker's

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Error missing(std::string_view program, std::string_view reason) {
  return Error(ErrorKind::not_found, fmt::format("exec: \"{}\": {}", program, reason))
      .with_exit_code(kNotFound);
}

Error not_executable(std::string_view program, std::string_view reason) {
  return Error(ErrorKind::permission, fmt::format("exec: \"{}\": {}", program, reason))
      .with_exit_code(kNotExecutable);
}

std::optional<Error> crun_failure(std::string_view message, std::string_view program) {
  if (message.starts_with("executable file `")) {
    if (program.find('/') == std::string_view::npos)
      return missing(program, "executable file not found in $PATH");
    return missing(program, fmt::format("stat {}: no such file or directory", program));
  }
  if (message.starts_with("open executable")) {
    // crun answers EPERM for what is no regular file.
    if (has(message, "Operation not permitted"))
      return not_executable(program, "is a directory: permission denied");
    if (has(message, "Permission denied")) return not_executable(program, "permission denied");
    if (has(message, "Not a directory"))
      return missing(program, fmt::format("stat {}: not a directory", program));
    if (has(message, "No such file"))
      return missing(program, fmt::format("stat {}: no such file or directory", program));
  }
  if (message.starts_with("exec container process")) {
    if (has(message, "Exec format error")) {
      return Error(ErrorKind::unsupported, fmt::format("exec {}: exec format error", program))
          .with_exit_code(kBadFormat)
          .with_hint("it is no program of this machine's architecture, or a script without #!");
    }
    if (has(message, "No such file")) {
      return Error(ErrorKind::not_found, fmt::format("exec {}: no such file or directory", program))
          .with_exit_code(kBadFormat)
          .with_hint(
              "the interpreter in its first line, or its dynamic linker, is not in the image");
    }
    if (has(message, "Permission denied")) return not_executable(program, "permission denied");
  }
  return std::nullopt;
}

std::optional<Error> runc_failure(std::string_view message) {
  const auto start = message.find("exec: \"");
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view text = message.substr(start);
  const bool absent = has(text, "not found in $PATH") || has(text, "no such file or directory");
  if (absent) return Error(ErrorKind::not_found, std::string(text)).with_exit_code(kNotFound);
  return Error(ErrorKind::permission, std::string(text)).with_exit_code(kNotExecutable);
}

}  // namespace

std::optional<std::string> last_error_in_log(std::string_view log) {
  std::optional<std::string> found;
  for (const std::string_view line : split(log, '\n')) {
    const auto entry = parse_json(line, "log of the OCI runtime");
    if (!entry) continue;
    const auto level = json_string(*entry, "level");
    const auto message = json_string(*entry, "msg");
    if (level && message && *level == "error" && !message->empty()) found = *message;
  }
  return found;
}

Error runtime_failure(std::string_view runtime, std::string_view message,
                      std::string_view program) {
  if (auto known = crun_failure(message, program)) return *std::move(known);
  if (auto known = runc_failure(message)) return *std::move(known);
  Error error = Error(ErrorKind::system, fmt::format("{}: {}", runtime, message))
                    .with_exit_code(kRuntimeFailed);
  // crun gives no reason when only a part of its filter can be written.
  const bool cut_short = message == "write to seccomp fd";
  if (cut_short || has(message, "No space left on device") || has(message, "Disk quota exceeded")) {
    return Error(ErrorKind::no_space, fmt::format("{}: {}{}", runtime, message,
                                                  cut_short ? ": No space left on device" : ""))
        .with_exit_code(kRuntimeFailed);
  }
  if (message.starts_with("mount `proc`") && has(message, "Operation not permitted")) {
    return std::move(error).with_hint(
        "parts of /proc are masked here, as in a container; give that container all of /proc "
        "(docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=ALL)");
  }
  return error;
}

}  // namespace kiln::executor
