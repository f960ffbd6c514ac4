// SPDX-License-Identifier: Apache-2.0
#include "lint/fix.h"

#include <algorithm>
#include <map>

namespace kiln::lint {
namespace {

namespace df = dockerfile;

/// A fix may make room for another (a keyword's case for that of AS); more rounds than this would
/// mean that two rules undo each other.
constexpr int kMaxRounds = 8;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Bytes of the text, and what replaces them.
struct Replacement {
  std::size_t begin, end;
  std::string_view text;
};

std::size_t offset_of(const df::Source& source, df::Position position) {
  // The line after the last one begins at the end.
  if (position.line > source.line_count()) return source.text().size();
  const std::string_view line = source.raw_line(position.line);
  const auto start = static_cast<std::size_t>(line.data() - source.text().data());
  return std::min(start + position.column - 1, source.text().size());
}

/// Replacements that do not touch each other, by where they begin.
class Patch {
 public:
  /// All edits of a finding, or none of them if one meets another finding's.
  bool add(const df::Source& source, const std::vector<Edit>& edits) {
    std::vector<Replacement> wanted;
    for (const Edit& edit : edits)
      wanted.push_back(
          {offset_of(source, edit.range.begin), offset_of(source, edit.range.end), edit.text});
    for (const Replacement& one : wanted) {
      if (meets_another(one)) return false;
    }
    for (const Replacement& one : wanted) replacements_.emplace(one.begin, one);
    return true;
  }

  std::string apply(std::string_view text) const {
    std::string out;
    std::size_t done = 0;
    for (const auto& [begin, one] : replacements_) {
      out += text.substr(done, begin - done);
      out += one.text;
      done = one.end;
    }
    return out.append(text.substr(done));
  }

 private:
  bool meets_another(const Replacement& one) const {
    return std::ranges::any_of(replacements_, [&](const auto& entry) {
      return one.begin <= entry.second.end && entry.second.begin <= one.end;
    });
  }

  std::map<std::size_t, Replacement> replacements_;
};

}  // namespace

Result<FixedText> fix(const std::string& name, const std::string& text,
                      const LintRequest& request) {
  FixedText out;
  const std::string_view mark = text.starts_with(kByteOrderMark) ? kByteOrderMark : "";
  out.text = text.substr(mark.size());
  for (int round = 0; round < kMaxRounds; ++round) {
    const df::Dockerfile file = TRY(df::parse(name, out.text));
    const auto findings = lint(file, request);
    Patch patch;
    std::size_t mended = 0;
    for (const Finding& finding : findings) {
      if (!finding.fix.empty() && patch.add(file.source, finding.fix)) ++mended;
    }
    if (mended == 0) break;
    std::string next = patch.apply(file.source.text());
    // A fix that breaks the file would be worse than none.
    TRY(df::parse(name, next));
    out.text = std::move(next);
    out.count += mended;
  }
  out.text.insert(0, mark);
  return out;
}

}  // namespace kiln::lint
