// SPDX-License-Identifier: Apache-2.0
#include "registry/response_error.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "net/http_date.h"
#include "os/system.h"

namespace kiln::registry {
namespace {

constexpr std::size_t kLongestText = 500;

/// Foreign text for a message: one line, no control characters.
std::string clean(std::string_view text) {
  std::string out(trim(text.substr(0, kLongestText)));
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return out;
}

std::string text_member(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? clean(found->get<std::string>())
                                                     : std::string();
}

/// `manifest unknown: text` for each error of the list, as docker shows it.
std::string listed_errors(const nlohmann::json& list) {
  std::vector<std::string> texts;
  for (const auto& error : list) {
    if (!error.is_object()) continue;
    std::string code = to_lower(text_member(error, "code"));
    std::ranges::replace(code, '_', ' ');
    const std::string message = text_member(error, "message");
    std::string text = code.empty() ? message : code;
    if (!code.empty() && !message.empty()) text += ": " + message;
    if (!text.empty() && texts.size() < 5) texts.push_back(std::move(text));
  }
  return join(texts, "; ");
}

}  // namespace

std::string failure_text(const net::HttpResponse& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_object()) {
    if (const auto errors = body.find("errors"); errors != body.end() && errors->is_array()) {
      if (std::string text = listed_errors(*errors); !text.empty()) return text;
    }
    // Token servers and proxies have forms of their own.
    for (const char* key : {"details", "message", "error_description", "error"}) {
      if (std::string text = text_member(body, key); !text.empty()) return text;
    }
  }
  // What registries say in these cases, to requests whose answers have no body too.
  if (response.status == 401) return "unauthorized: authentication required";
  if (response.status == 403) return "denied: requested access to the resource is denied";
  return "the server answered " + net::status_text(response.status);
}

Error response_error(const net::HttpResponse& response, std::string_view what) {
  const auto checked = net::check_status(response);
  const ErrorKind kind = checked.ok() ? ErrorKind::corrupt : checked.error().kind();
  std::string text = failure_text(response);
  const std::string number = fmt::format("{}", response.status);
  if (response.status >= 500 || response.status == 429 || response.status == 413) {
    if (text.find(number) == std::string::npos)
      text += " (" + net::status_text(response.status) + ")";
  }
  return {kind, fmt::format("{}: {}", what, text)};
}

bool is_temporary(int status) {
  return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
         status == 503 || status == 504;
}

bool is_temporary(const Error& error) {
  return error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::timed_out ||
         error.kind() == ErrorKind::unreachable;
}

std::optional<std::chrono::seconds> retry_after(const net::HttpResponse& response) {
  const std::string* value = response.header("Retry-After");
  if (value == nullptr) return std::nullopt;
  const std::string_view text = trim(*value);
  constexpr std::int64_t kMost = 3600;
  if (const auto seconds = parse_uint(text))
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, kMost));
  // More digits than any number has here.
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos)
    return std::chrono::seconds(kMost);
  const auto date = net::parse_http_date(text);
  if (!date) return std::nullopt;
  const std::string* header = response.header("Date");
  const auto served = header == nullptr ? std::nullopt : net::parse_http_date(trim(*header));
  const std::int64_t now = served.value_or(os::wall_clock().seconds);
  return std::chrono::seconds(std::clamp(*date - now, std::int64_t{0}, kMost));
}

}  // namespace kiln::registry
