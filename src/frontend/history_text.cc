// SPDX-License-Identifier: Apache-2.0
#include "frontend/history_text.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace kiln::frontend {

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string go_quoted_list(const std::vector<std::string>& items) {
  std::vector<std::string> quoted;
  for (const auto& item : items) quoted.push_back(go_quoted(item));
  return "[" + join(quoted, " ") + "]";
}

std::string go_list(const std::vector<std::string>& items) { return "[" + join(items, " ") + "]"; }

std::string run_text(const std::vector<std::string>& argv, const std::vector<std::string>& args) {
  std::string out = "RUN ";
  if (!args.empty()) out += fmt::format("|{} {} ", args.size(), join(args, " "));
  return out + join(argv, " ");
}

std::string healthcheck_text(const oci::Healthcheck& check) {
  const auto seconds = [](std::int64_t nanoseconds) {
    return fmt::format("{}s", static_cast<double>(nanoseconds) / 1e9);
  };
  return fmt::format(
      "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
      go_list(check.test), seconds(check.interval), seconds(check.timeout),
      seconds(check.start_period), seconds(check.start_interval), check.retries);
}

}  // namespace kiln::frontend
