// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln {
namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_scheme(std::string_view text) {
  if (text.empty() || !is_alphanumeric(text.front())) return false;
  return (text.front() < '0' || text.front() > '9') && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '+' || c == '-' || c == '.';
         });
}

bool is_host(std::string_view host) {
  std::string_view port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return false;
    port = host.substr(end + 1);
  } else {
    if (std::ranges::count(host, ':') > 1) return false;
    const auto colon = host.find(':');
    if (colon != std::string_view::npos) port = host.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !std::ranges::all_of(port.substr(1), [](char c) {
                          return c >= '0' && c <= '9';
                        })))
    return false;
  return std::ranges::none_of(host, [](char c) {
    return std::string_view(" \"<>\\^`{|}").find(c) != std::string_view::npos;
  });
}

bool is_userinfo(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) ||
           std::string_view("-._:~!$&'()*+,;=%@").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string_view piece : split(text, '&')) {
    if (piece.empty()) continue;
    if (piece.find(';') != std::string_view::npos) return std::nullopt;
    std::string spaced(piece);
    std::ranges::replace(spaced, '+', ' ');
    const auto [name, value] = split_once(spaced, '=');
    auto decoded_name = percent_decode(name);
    auto decoded_value = percent_decode(value.value_or(""));
    if (!decoded_name || !decoded_value) return std::nullopt;
    out.emplace_back(*std::move(decoded_name), *std::move(decoded_value));
  }
  return out;
}

std::optional<Url> parse_url(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }))
    return std::nullopt;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || !is_scheme(text.substr(0, scheme_end)))
    return std::nullopt;
  Url out;
  out.scheme = to_lower(text.substr(0, scheme_end));
  const auto [before_fragment, fragment] = split_once(text.substr(scheme_end + 3), '#');
  const auto [before_query, query] = split_once(before_fragment, '?');
  out.query = query.value_or("");
  auto decoded_fragment = percent_decode(fragment.value_or(""));
  if (!decoded_fragment) return std::nullopt;
  out.fragment = *std::move(decoded_fragment);

  const auto slash = before_query.find('/');
  std::string_view authority = before_query.substr(0, slash);
  if (slash != std::string_view::npos) out.raw_path = before_query.substr(slash);
  auto path = percent_decode(out.raw_path);
  if (!path) return std::nullopt;
  out.path = *std::move(path);
  const auto at = authority.rfind('@');
  if (at != std::string_view::npos) {
    out.userinfo = authority.substr(0, at);
    if (!is_userinfo(*out.userinfo) || !percent_decode(*out.userinfo)) return std::nullopt;
    authority.remove_prefix(at + 1);
  }
  if (!is_host(authority)) return std::nullopt;
  out.host = authority;
  return out;
}

std::string Url::host_name() const {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

std::string Url::location() const {
  return scheme + "://" + (userinfo ? *userinfo + "@" : "") + host + raw_path;
}

std::string Url::public_location() const { return scheme + "://" + host + raw_path; }

std::string redact_credentials(std::string_view text) {
  std::string out;
  for (;;) {
    const auto mark = text.find("://");
    if (mark == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, mark + 3));
    text.remove_prefix(mark + 3);
    const auto end = std::min(text.find_first_of("/?# \t\r\n\""), text.size());
    const auto at = text.substr(0, end).rfind('@');
    if (at == std::string_view::npos) continue;
    // A user alone (ssh://git@…) is no secret, unless it is where a token stands.
    const std::string_view user = text.substr(0, at);
    const bool is_ssh = out.ends_with("ssh://");
    if (user.find(':') != std::string_view::npos) {
      out += "xxxxx:xxxxx";
    } else if (is_ssh) {
      out += user;
    } else {
      out += "xxxxx";
    }
    text.remove_prefix(at);
  }
}

}  // namespace kiln
