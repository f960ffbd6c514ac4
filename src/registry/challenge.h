// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::registry {

/// One way to authenticate that a server offers (RFC 9110, 11.6.1).
struct Challenge {
  std::string scheme;                             ///< lower case: basic, bearer
  std::map<std::string, std::string> parameters;  ///< names in lower case
  bool operator==(const Challenge&) const = default;

  std::string parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  }
};

/// Those of a WWW-Authenticate header; what can't be read is left out.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace kiln::registry
