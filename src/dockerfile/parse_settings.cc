// SPDX-License-Identifier: Apache-2.0
// The instructions that change an image's config: ENV, LABEL, ARG, USER, WORKDIR and the like.
#include <fmt/format.h>

#include <algorithm>

#include "dockerfile/command_line.h"
#include "dockerfile/flags.h"
#include "dockerfile/key_values.h"
#include "dockerfile/statement_parser.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

KeyValue split_pair(const Request& request, std::string_view word, std::size_t equals) {
  KeyValue pair;
  pair.key = request.line.word(word.substr(0, equals));
  pair.value = request.line.word(word.substr(equals + 1));
  return pair;
}

std::optional<std::vector<KeyValue>> parse_pairs(const Request& request) {
  if (!FlagValues::check(request, {})) return std::nullopt;
  const std::string_view arguments = request.statement.arguments;
  const auto words = split_quoted_words(arguments, request.escape);
  if (words.empty()) {
    request.fail(fmt::format("{} requires at least one argument", request.name()));
    return std::nullopt;
  }
  std::vector<KeyValue> pairs;
  if (words[0].find('=') == std::string_view::npos) {
    const auto [key, value] = split_first_blank(arguments);
    if (!value) {
      request.fail_malformed(key, fmt::format("{} must have two arguments", request.name()),
                             fmt::format("write {} {}=<value>", request.name(), key));
      return std::nullopt;
    }
    KeyValue& pair = pairs.emplace_back();
    pair.key = request.line.word(key);
    pair.value = request.line.word(*value);
    pair.legacy = true;
    return pairs;
  }
  const auto before = request.findings.errors.size();
  for (const std::string_view word : words) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) {
      request.fail_malformed(
          word,
          fmt::format("Syntax error - can't find = in \"{}\". Must be of the form: "
                      "name=value",
                      word),
          "a value with blanks must be quoted");
    } else if (equals == 0) {
      request.fail_at(word, fmt::format("{} names can not be blank", request.name()));
    } else {
      pairs.push_back(split_pair(request, word, equals));
    }
  }
  if (request.findings.errors.size() != before) return std::nullopt;
  return pairs;
}

/// BuildKit drops the flags of these instructions without a word.
void warn_of_flags(const Request& request) {
  for (const Flag& flag : request.statement.flags) {
    request.findings.warnings.push_back(
        {flag.range,
         fmt::format("{} has no flags: --{} is ignored", request.name(), flag.name),
         {}});
  }
}

}  // namespace

std::optional<std::vector<Word>> parse_list(const Request& request) {
  const std::string_view arguments = request.statement.arguments;
  const JsonArray array = parse_json_array(arguments);
  std::vector<Word> words;
  switch (array.form) {
    case JsonForm::mixed:
      request.fail_malformed(
          arguments, "when using JSON array syntax, arrays must be comprised of strings only");
      return std::nullopt;
    case JsonForm::strings:
      for (const auto& item : array.items) {
        words.push_back({item.value, request.line.range_of(item.literal)});
      }
      break;
    case JsonForm::none:
      for (const auto part : split_blanks(arguments)) words.push_back(request.line.word(part));
      break;
  }
  return words;
}

std::optional<InstructionValue> parse_env(const Request& request) {
  auto pairs = parse_pairs(request);
  if (!pairs) return std::nullopt;
  return Env{std::move(*pairs)};
}

std::optional<InstructionValue> parse_label(const Request& request) {
  auto pairs = parse_pairs(request);
  if (!pairs) return std::nullopt;
  return Label{std::move(*pairs)};
}

std::optional<InstructionValue> parse_arg(const Request& request) {
  warn_of_flags(request);
  const auto words = split_quoted_words(request.statement.arguments, request.escape);
  if (words.empty()) {
    request.fail("ARG requires at least one argument");
    return std::nullopt;
  }
  Arg arg;
  for (const std::string_view word : words) {
    const auto equals = word.find('=');
    if (equals == 0) {
      request.fail_at(word, "ARG names can not be blank");
      return std::nullopt;
    }
    if (equals == std::string_view::npos) {
      KeyValue& pair = arg.pairs.emplace_back();
      pair.key = request.line.word(word);
      pair.has_value = false;
    } else {
      arg.pairs.push_back(split_pair(request, word, equals));
    }
  }
  return arg;
}

std::optional<InstructionValue> parse_one_word(const Request& request) {
  if (request.statement.arguments.empty()) {
    request.fail(fmt::format("{} requires exactly one argument", request.name()));
    return std::nullopt;
  }
  if (request.keyword == Keyword::stopsignal) {
    warn_of_flags(request);
  } else if (!FlagValues::check(request, {})) {
    return std::nullopt;
  }
  Word word = request.line.word(request.statement.arguments);
  switch (request.keyword) {
    case Keyword::workdir:
      return Workdir{std::move(word)};
    case Keyword::user:
      return User{std::move(word)};
    case Keyword::stopsignal:
      return StopSignal{std::move(word)};
    default:
      return Maintainer{std::move(word.text)};
  }
}

std::optional<InstructionValue> parse_expose(const Request& request) {
  if (request.statement.arguments.empty()) {
    request.fail("EXPOSE requires at least one argument");
    return std::nullopt;
  }
  if (!FlagValues::check(request, {})) return std::nullopt;
  Expose expose;
  for (const auto part : split_blanks(request.statement.arguments)) {
    expose.ports.push_back(request.line.word(part));
  }
  return expose;
}

std::optional<InstructionValue> parse_volume(const Request& request) {
  auto words = parse_list(request);
  if (!words) return std::nullopt;
  if (words->empty()) {
    request.fail("VOLUME requires at least one argument");
    return std::nullopt;
  }
  if (!FlagValues::check(request, {})) return std::nullopt;
  for (Word& word : *words) {
    word.text = std::string(trim_space(word.text));
    if (word.text.empty()) {
      request.fail(word.range, "VOLUME specified can not be an empty string");
      return std::nullopt;
    }
  }
  return Volume{std::move(*words)};
}

}  // namespace kiln::dockerfile
