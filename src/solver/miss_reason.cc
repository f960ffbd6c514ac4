// SPDX-License-Identifier: Apache-2.0
#include "solver/miss_reason.h"

#include <algorithm>

namespace kiln::solver {
namespace {

/// Of a value in a line; a whole script would drown it.
constexpr std::size_t kMaxShown = 60;
constexpr std::size_t kMaxInLine = 3;

std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    // A character of several bytes is not cut.
    if (out.size() >= kMaxShown && (static_cast<unsigned char>(c) & 0xc0) != 0x80) return out + "…";
    out += c == '\n' || c == '\t' ? ' ' : c;
  }
  return out;
}

/// Where two texts, one of which is too long, begin to be shown: near what differs.
std::size_t shown_from(const std::string& a, const std::string& b) {
  constexpr std::size_t kLead = 16;
  if (std::max(a.size(), b.size()) <= kMaxShown) return 0;
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t at = 0;
  while (at < shorter && a[at] == b[at]) ++at;
  if (at <= 2 * kLead) return 0;
  at -= kLead;
  while (at > 0 && (static_cast<unsigned char>(a[at]) & 0xc0) == 0x80) --at;
  return at;
}

std::string transition(const Change& change) {
  if (change.before.empty() && change.after.empty()) return {};
  const std::size_t from = shown_from(change.before, change.after);
  const auto side = [&](const std::string& text) {
    if (text.empty()) return std::string("(none)");
    return from == 0 ? one_line(text) : "…" + one_line(text.substr(from));
  };
  return side(change.before) + " → " + side(change.after);
}

}  // namespace

std::string kind_word(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::file_added:
      return "file added";
    case Change::Kind::file_removed:
      return "file removed";
    case Change::Kind::file_content:
      return "file content";
    case Change::Kind::file_mode:
      return "file mode";
    case Change::Kind::file_owner:
      return "file owner";
    case Change::Kind::file_type:
      return "file type";
    case Change::Kind::link_target:
      return "link target";
    case Change::Kind::file_xattrs:
      return "file xattrs";
    case Change::Kind::hard_links:
      return "hard links";
    case Change::Kind::option:
      return "option";
    case Change::Kind::base:
      return "base image";
    case Change::Kind::below:
      return "earlier step";
  }
  return {};
}

std::string kind_word(MissReason::Kind kind) {
  switch (kind) {
    case MissReason::Kind::cache_off:
      return "cache off";
    case MissReason::Kind::never_run:
      return "never run";
    case MissReason::Kind::result_gone:
      return "result gone";
    case MissReason::Kind::changed:
      return "changed";
    case MissReason::Kind::follows:
      return "follows";
  }
  return {};
}

std::string describe(const Change& change) {
  const std::string to = transition(change);
  switch (change.kind) {
    case Change::Kind::file_added:
      return change.subject + " added";
    case Change::Kind::file_removed:
      return change.subject + " removed";
    case Change::Kind::file_content:
      return change.subject + " changed";
    case Change::Kind::file_mode:
      return change.subject + ": mode " + to;
    case Change::Kind::file_owner:
      return change.subject + ": owner " + to;
    case Change::Kind::file_type:
      return change.subject + ": type " + to;
    case Change::Kind::link_target:
      return change.subject + ": link target " + to;
    case Change::Kind::file_xattrs:
      return change.subject + ": extended attributes changed";
    case Change::Kind::hard_links:
      return change.subject + ": hard links changed";
    case Change::Kind::option:
      return to.empty() ? change.subject + " changed" : change.subject + ": " + to;
    case Change::Kind::base:
      return "base image " + change.subject + ": " + to;
    case Change::Kind::below:
      return "the result of " + change.subject;
  }
  return {};
}

std::string describe(const MissReason& reason) {
  switch (reason.kind) {
    case MissReason::Kind::cache_off:
      return "the cache is not used";
    case MissReason::Kind::never_run:
      return "no earlier run of this instruction";
    case MissReason::Kind::result_gone:
      return "the result of its earlier run has been deleted";
    case MissReason::Kind::follows:
      return "follows " + reason.step;
    case MissReason::Kind::changed:
      break;
  }
  std::string out;
  const std::size_t shown = std::min(reason.changes.size(), kMaxInLine);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += "; ";
    out += describe(reason.changes[i]);
  }
  const std::size_t rest = reason.changes.size() - shown + reason.more;
  if (rest > 0) out += "; and " + std::to_string(rest) + " more";
  return out;
}

}  // namespace kiln::solver
