// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::net {
namespace {

struct StatusName {
  int status;
  std::string_view name;
};

// RFC 9110, section 15, and RFC 6585.
constexpr std::array kStatusNames = {
    StatusName{200, "OK"},
    StatusName{201, "Created"},
    StatusName{202, "Accepted"},
    StatusName{204, "No Content"},
    StatusName{206, "Partial Content"},
    StatusName{301, "Moved Permanently"},
    StatusName{302, "Found"},
    StatusName{303, "See Other"},
    StatusName{304, "Not Modified"},
    StatusName{307, "Temporary Redirect"},
    StatusName{308, "Permanent Redirect"},
    StatusName{400, "Bad Request"},
    StatusName{401, "Unauthorized"},
    StatusName{402, "Payment Required"},
    StatusName{403, "Forbidden"},
    StatusName{404, "Not Found"},
    StatusName{405, "Method Not Allowed"},
    StatusName{406, "Not Acceptable"},
    StatusName{408, "Request Timeout"},
    StatusName{409, "Conflict"},
    StatusName{410, "Gone"},
    StatusName{411, "Length Required"},
    StatusName{412, "Precondition Failed"},
    StatusName{413, "Request Entity Too Large"},
    StatusName{414, "Request URI Too Long"},
    StatusName{415, "Unsupported Media Type"},
    StatusName{416, "Requested Range Not Satisfiable"},
    StatusName{418, "I'm a teapot"},
    StatusName{421, "Misdirected Request"},
    StatusName{422, "Unprocessable Entity"},
    StatusName{425, "Too Early"},
    StatusName{429, "Too Many Requests"},
    StatusName{431, "Request Header Fields Too Large"},
    StatusName{451, "Unavailable For Legal Reasons"},
    StatusName{500, "Internal Server Error"},
    StatusName{501, "Not Implemented"},
    StatusName{502, "Bad Gateway"},
    StatusName{503, "Service Unavailable"},
    StatusName{504, "Gateway Timeout"},
    StatusName{507, "Insufficient Storage"},
};

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorKind::unauthorized;
    case 403:
      return ErrorKind::permission;
    case 404:
    case 410:
      return ErrorKind::not_found;
    case 408:
    case 425:
    case 429:
      return ErrorKind::interrupted;
    default:
      return status >= 500 ? ErrorKind::interrupted : ErrorKind::invalid_input;
  }
}

struct UrlParts {
  std::string_view scheme;
  std::string_view authority;  ///< host and port
  std::string_view path;       ///< with query and fragment
};

std::optional<UrlParts> split_url(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  UrlParts parts;
  parts.scheme = url.substr(0, colon);
  const std::string_view rest = url.substr(colon + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  parts.authority = rest.substr(0, end);
  parts.path = rest.substr(end);
  if (const auto at = parts.authority.rfind('@'); at != std::string_view::npos) {
    parts.authority.remove_prefix(at + 1);
  }
  return parts;
}

}  // namespace

const std::string* find_header(const HttpHeaders& headers, std::string_view name) {
  const auto found = std::ranges::find_if(
      headers, [&](const HttpHeader& header) { return equals_ignoring_case(header.name, name); });
  return found == headers.end() ? nullptr : &found->value;
}

std::string status_text(int status) {
  const auto* found = std::ranges::find(kStatusNames, status, &StatusName::status);
  return found == kStatusNames.end() ? fmt::format("{}", status)
                                     : fmt::format("{} {}", status, found->name);
}

Result<void> check_status(const HttpResponse& response) {
  if (response.success()) return {};
  return Error(kind_of_status(response.status),
               fmt::format("{}: {}", redacted_url(response.url), status_text(response.status)));
}

std::string redacted_url(std::string_view url) {
  const auto parts = split_url(url);
  if (!parts) return std::string(url.substr(0, url.find_first_of("?#")));
  return fmt::format("{}://{}{}", parts->scheme, parts->authority,
                     parts->path.substr(0, parts->path.find_first_of("?#")));
}

std::string url_origin(std::string_view url) {
  const auto parts = split_url(url);
  if (!parts) return {};
  const std::string scheme = to_lower(parts->scheme);
  std::string authority = to_lower(parts->authority);
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  if (!has_port) authority += scheme == "https" ? ":443" : ":80";
  return scheme + "://" + authority;
}

}  // namespace kiln::net
