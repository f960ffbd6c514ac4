// SPDX-License-Identifier: Apache-2.0
#include "frontend/history_text.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "format/go_strconv.h"

namespace kiln::frontend {

std::string go_quoted_list(const std::vector<std::string>& items) {
  std::vector<std::string> quoted;
  for (const auto& item : items) quoted.push_back(format::quote(item));
  return "[" + join(quoted, " ") + "]";
}

std::string go_list(const std::vector<std::string>& items) { return "[" + join(items, " ") + "]"; }

std::string run_text(const std::vector<std::string>& argv, const std::vector<std::string>& args) {
  std::string out = "RUN ";
  if (!args.empty()) out += fmt::format("|{} {} ", args.size(), join(args, " "));
  return out + join(argv, " ");
}

std::string go_duration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  if (nanoseconds < 0) return "-" + go_duration(-nanoseconds);
  const auto with_fraction = [](std::int64_t value, std::int64_t unit, const char* name) {
    std::string text = fmt::format("{}.{:09}", value / unit, value % unit * (1'000'000'000 / unit));
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text + name;
  };
  constexpr std::int64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
  if (nanoseconds < kMicrosecond) return fmt::format("{}ns", nanoseconds);
  if (nanoseconds < kMillisecond) return with_fraction(nanoseconds, kMicrosecond, "µs");
  if (nanoseconds < kSecond) return with_fraction(nanoseconds, kMillisecond, "ms");
  const std::int64_t minutes = nanoseconds / (60 * kSecond);
  std::string out;
  if (minutes >= 60) out += fmt::format("{}h", minutes / 60);
  if (minutes > 0) out += fmt::format("{}m", minutes % 60);
  return out + with_fraction(nanoseconds % (60 * kSecond), kSecond, "s");
}

std::string healthcheck_text(const oci::Healthcheck& check) {
  // Go's %q of the struct: the number of retries comes out as a character.
  std::string retries = fmt::format("'\\x{:02x}'", check.retries);
  if (check.retries >= 0x20 && check.retries < 0x7f)
    retries = fmt::format("'{}'", static_cast<char>(check.retries));
  if (check.retries >= 7 && check.retries <= 13)
    retries = fmt::format("'\\{}'", "abtnvfr"[check.retries - 7]);
  return fmt::format("HEALTHCHECK &{{{} \"{}\" \"{}\" \"{}\" \"{}\" {}}}",
                     go_quoted_list(check.test), go_duration(check.interval),
                     go_duration(check.timeout), go_duration(check.start_period),
                     go_duration(check.start_interval), retries);
}

}  // namespace kiln::frontend
