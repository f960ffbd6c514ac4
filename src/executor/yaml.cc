// SPDX-License-Identifier: Apache-2.0
#include "executor/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "base/strings.h"

namespace kiln::executor {
namespace {

using nlohmann::json;

constexpr int kMostDepth = 100;
constexpr std::size_t kMostValues = 100'000;

std::string text_of(const yaml_char_t* bytes) {
  return bytes == nullptr ? std::string() : reinterpret_cast<const char*>(bytes);
}

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }
  yaml_event_t* get() { return &event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_ = {};
};

/// As YAML 1.1 has it, in which a leading zero makes a number octal.
std::optional<json> as_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = text;
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.starts_with("0o")) {
    base = 8;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.starts_with('0')) {
    base = 8;
    digits.remove_prefix(1);
  }
  const auto value = parse_uint(digits, base);
  if (!value || *value > INT64_MAX) return std::nullopt;
  const auto number = static_cast<std::int64_t>(*value);
  return json(negative ? -number : number);
}

std::optional<json> as_float(std::string_view text) {
  if (text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return json(value);
}

json plain_value(const std::string& text) {
  const std::string word = to_lower(text);
  if (word.empty() || word == "~" || word == "null") return nullptr;
  if (word == "true") return true;
  if (word == "false") return false;
  if (auto number = as_integer(text)) return *std::move(number);
  if (auto number = as_float(text)) return *std::move(number);
  return text;
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view what) : what_(what) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { yaml_parser_delete(&parser_); }

  Result<json> document() {
    while (true) {
      Event event;
      TRY(next(event));
      if (event->type == YAML_STREAM_END_EVENT) return json();
      if (event->type != YAML_STREAM_START_EVENT && event->type != YAML_DOCUMENT_START_EVENT)
        return value(event, 0);
    }
  }

 private:
  Error error(std::size_t line, std::string_view problem) const {
    return corrupt(fmt::format("{}: line {}: {}", what_, line + 1, problem));
  }

  Result<void> next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) != 0) return {};
    return error(parser_.problem_mark.line,
                 parser_.problem != nullptr ? parser_.problem : "no YAML");
  }

  Result<json> value(const Event& event, int depth) {
    const std::size_t line = event->start_mark.line;
    if (depth > kMostDepth) return error(line, "nests too deeply");
    if (++values_ > kMostValues) return error(line, "too many values");
    switch (event->type) {
      case YAML_SCALAR_EVENT: {
        const auto& scalar = event->data.scalar;
        const std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
        TRY(check_tag(text_of(scalar.tag), line));
        const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.tag == nullptr;
        return kept(text_of(scalar.anchor), plain ? plain_value(text) : json(text));
      }
      case YAML_SEQUENCE_START_EVENT:
        return sequence(event, depth);
      case YAML_MAPPING_START_EVENT:
        return mapping(event, depth);
      case YAML_ALIAS_EVENT: {
        const auto found = anchors_.find(text_of(event->data.alias.anchor));
        if (found == anchors_.end()) return error(line, "an alias of nothing");
        values_ += found->second.size;
        if (values_ > kMostValues) return error(line, "too many values");
        return found->second.value;
      }
      default:
        return error(line, "a value is missing");
    }
  }

  Result<json> sequence(const Event& start, int depth) {
    TRY(check_tag(text_of(start->data.sequence_start.tag), start->start_mark.line));
    const std::size_t before = values_;
    json out = json::array();
    while (true) {
      Event event;
      TRY(next(event));
      if (event->type == YAML_SEQUENCE_END_EVENT) break;
      json item = TRY(value(event, depth + 1));
      out.push_back(std::move(item));
    }
    return kept(text_of(start->data.sequence_start.anchor), std::move(out), values_ - before);
  }

  Result<json> mapping(const Event& start, int depth) {
    TRY(check_tag(text_of(start->data.mapping_start.tag), start->start_mark.line));
    const std::size_t before = values_;
    json out = json::object();
    while (true) {
      Event key;
      TRY(next(key));
      if (key->type == YAML_MAPPING_END_EVENT) break;
      if (key->type != YAML_SCALAR_EVENT)
        return error(key->start_mark.line, "a key that is no scalar");
      const std::string name = text_of(key->data.scalar.value);
      if (out.contains(name))
        return error(key->start_mark.line, fmt::format("key \"{}\" is there twice", name));
      Event event;
      TRY(next(event));
      json item = TRY(value(event, depth + 1));
      out[name] = std::move(item);
    }
    return kept(text_of(start->data.mapping_start.anchor), std::move(out), values_ - before);
  }

  /// "!!str" and the like; others ask for what no reader of plain values has.
  Result<void> check_tag(const std::string& tag, std::size_t line) const {
    if (tag.empty() || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return {};
    return error(line, "an unknown tag " + tag);
  }

  json kept(const std::string& anchor, json value, std::size_t size = 0) {
    if (!anchor.empty()) anchors_[anchor] = {value, size};
    return value;
  }

  struct Anchor {
    json value;
    std::size_t size = 0;  ///< values in it
  };

  yaml_parser_t parser_ = {};
  std::string what_;
  std::size_t values_ = 0;
  std::map<std::string, Anchor> anchors_;
};

}  // namespace

Result<json> parse_yaml(std::string_view text, std::string_view what) {
  return Reader(text, what).document();
}

}  // namespace kiln::executor
