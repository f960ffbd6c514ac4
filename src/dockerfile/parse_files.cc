// SPDX-License-Identifier: Apache-2.0
// COPY and ADD.
#include <fmt/format.h>

#include "dockerfile/flags.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/statement_parser.h"

namespace kiln::dockerfile {
namespace {

std::optional<FlagValues> check_flags(const Request& request) {
  if (request.keyword == Keyword::add) {
    return FlagValues::check(request, {{"chown", FlagKind::text},
                                       {"chmod", FlagKind::text},
                                       {"link", FlagKind::boolean},
                                       {"keep-git-dir", FlagKind::boolean},
                                       {"checksum", FlagKind::text},
                                       {"unpack", FlagKind::boolean},
                                       {"exclude", FlagKind::list}});
  }
  return FlagValues::check(request, {{"chown", FlagKind::text},
                                     {"from", FlagKind::text},
                                     {"chmod", FlagKind::text},
                                     {"link", FlagKind::boolean},
                                     {"exclude", FlagKind::list},
                                     {"parents", FlagKind::boolean}});
}

std::optional<Heredoc> heredoc_of(const Word& word) {
  auto heredoc = parse_heredoc_word(word.text);
  if (!heredoc.ok()) return std::nullopt;
  return std::move(*heredoc);
}

/// Sorts a source into paths and heredocs. The content is found by name: of two heredocs with one
/// name, both get the last content.
void add_source(const Request& request, Word word, Copy& copy) {
  auto heredoc = heredoc_of(word);
  if (!heredoc) {
    copy.sources.push_back(std::move(word));
    return;
  }
  heredoc->range = word.range;
  for (const Heredoc& read : request.heredocs) {
    if (read.name != heredoc->name) continue;
    heredoc->content = read.content;
    heredoc->content_line = read.content_line;
  }
  copy.heredocs.push_back(std::move(*heredoc));
}

}  // namespace

std::optional<InstructionValue> parse_copy(const Request& request) {
  auto words = parse_list(request);
  if (!words) return std::nullopt;
  if (words->size() < 2) {
    request.fail(
        fmt::format("{} requires at least two arguments, but only one was provided. "
                    "Destination could not be determined",
                    request.name()));
    return std::nullopt;
  }
  const auto flags = check_flags(request);
  if (!flags) return std::nullopt;

  Copy copy;
  copy.destination = std::move(words->back());
  words->pop_back();
  if (heredoc_of(copy.destination)) {
    request.fail(copy.destination.range,
                 fmt::format("{} cannot accept a heredoc as a destination", request.name()),
                 "put the path after the heredoc: COPY <<EOF /path");
    return std::nullopt;
  }
  for (Word& word : *words) add_source(request, std::move(word), copy);
  copy.is_add = request.keyword == Keyword::add;
  copy.from = flags->text("from");
  copy.chown = flags->text("chown");
  copy.chmod = flags->text("chmod");
  copy.checksum = flags->text("checksum");
  copy.link = flags->boolean("link").value_or(false);
  copy.parents = flags->boolean("parents").value_or(false);
  copy.exclude = flags->list("exclude");
  copy.unpack = flags->boolean("unpack");
  copy.keep_git_dir = flags->boolean("keep-git-dir");
  return copy;
}

}  // namespace kiln::dockerfile
