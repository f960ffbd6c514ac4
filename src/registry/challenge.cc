// SPDX-License-Identifier: Apache-2.0
#include "registry/challenge.h"

#include "base/strings.h"

namespace kiln::registry {
namespace {

constexpr std::string_view kBlanks = " \t";
/// What ends a token (RFC 9110, 5.6.2) where one can stand here.
constexpr std::string_view kTokenEnds = " \t,=\"";

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<Challenge> parse() {
    std::vector<Challenge> out;
    while (true) {
      skip(" \t,");
      if (rest_.empty()) return out;
      const std::string word = token();
      if (word.empty()) {
        rest_.remove_prefix(1);
        continue;
      }
      skip(kBlanks);
      if (!out.empty() && rest_.starts_with('=')) {
        rest_.remove_prefix(1);
        skip(kBlanks);
        out.back().parameters[to_lower(word)] = value();
      } else {
        out.push_back({to_lower(word), {}});
      }
    }
  }

 private:
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }

  std::string token() {
    const auto end = std::min(rest_.find_first_of(kTokenEnds), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }

  std::string value() {
    if (!rest_.starts_with('"')) return token();
    rest_.remove_prefix(1);
    std::string out;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
    return out;
  }

  std::string_view rest_;
};

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) { return Parser(header).parse(); }

}  // namespace kiln::registry
