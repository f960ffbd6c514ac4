// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dockerfile/source.h"
#include "lint/check_options.h"

namespace kiln::lint {

/// One piece of a file and what is to stand there instead.
struct Edit {
  dockerfile::Range range;
  std::string text;
};

struct Finding {
  Rule rule;
  /// What is wrong, with its names.
  std::string detail;
  unsigned first_line = 0, last_line = 0;
  /// The very words, where they can be told; else the lines.
  dockerfile::Range range;
  /// Mends it; empty if that takes a person.
  std::vector<Edit> fix;
};

/// Collects what enabled rules find.
class Findings {
 public:
  Findings(CheckOptions options, Caller caller)
      : options_(std::move(options)), local_(options_), caller_(caller) {}

  const CheckOptions& options() const { return options_; }
  /// Of the instruction that is looked at now: its comments may switch rules.
  void look_at(const std::vector<std::string>& comments) {
    local_ = with_comments(options_, comments);
  }
  bool wants(Rule rule) const { return is_enabled(local_, rule, caller_); }
  void add(Finding finding) {
    if (wants(finding.rule)) found_.push_back(std::move(finding));
  }
  std::size_t size() const { return found_.size(); }
  std::vector<Finding> take() { return std::move(found_); }

 private:
  CheckOptions options_, local_;
  Caller caller_;
  std::vector<Finding> found_;
};

}  // namespace kiln::lint
