// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln {

/// An absolute URL (RFC 3986) in its parts.
struct Url {
  std::string scheme;                   ///< in lower case
  std::optional<std::string> userinfo;  ///< as written: `user:password`
  std::string host;                     ///< with the port, if one is given
  std::string path;                     ///< percent-decoded
  std::string raw_path;                 ///< as written
  std::string query;                    ///< as written
  std::string fragment;                 ///< percent-decoded

  /// Without the port, and without the brackets of an IPv6 address.
  std::string host_name() const;
  /// Without query and fragment.
  std::string location() const;
  /// The same without user and password.
  std::string public_location() const;
};

/// nullopt for what is none, by Go's rules, which BuildKit's are: control characters, bad escapes,
/// blanks in the host, a port that is no number.
std::optional<Url> parse_url(std::string_view text);

std::optional<std::string> percent_decode(std::string_view text);
/// `a=b&c`, in order, decoded ('+' is a blank); nullopt for bad escapes or a semicolon.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text);

/// `text` with the user and password of every URL in it as `xxxxx`: for whatever is shown or kept.
std::string redact_credentials(std::string_view text);

}  // namespace kiln
