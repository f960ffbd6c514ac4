// SPDX-License-Identifier: Apache-2.0
#include "oci/reference.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln::oci {
namespace {

constexpr std::string_view kOfficialPrefix = "library/";

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

/// path-component := [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)*
bool is_path_component(std::string_view text) {
  std::size_t i = 0;
  const auto word = [&] {
    const std::size_t begin = i;
    while (i < text.size() && is_lower_alnum(text[i])) ++i;
    return i > begin;
  };
  if (!word()) return false;
  while (i < text.size()) {
    if (text[i] == '.') {
      ++i;
    } else if (text[i] == '_') {
      i += text.substr(i).starts_with("__") ? 2 : 1;
    } else if (text[i] == '-') {
      while (i < text.size() && text[i] == '-') ++i;
    } else {
      return false;
    }
    if (!word()) return false;
  }
  return true;
}

bool is_domain(std::string_view text) {
  std::string_view host = text;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos ||
        host.substr(1, end - 1).find_first_not_of("0123456789abcdefABCDEF:") !=
            std::string_view::npos)
      return false;
    host.remove_prefix(end + 1);
    return host.empty() || (host.starts_with(':') && parse_uint(host.substr(1)).has_value());
  }
  const auto [name, port] = split_once(host, ':');
  if (port && !parse_uint(*port)) return false;
  return std::ranges::all_of(split(name, '.'), [](std::string_view part) {
    return !part.empty() && is_alnum(part.front()) && is_alnum(part.back()) &&
           std::ranges::all_of(part, [](char c) { return is_alnum(c) || c == '-'; });
  });
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && (is_alnum(text[0]) || text[0] == '_') &&
         std::ranges::all_of(
             text, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace

Result<Reference> Reference::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return invalid_input("invalid reference format" + (why.empty() ? "" : ": " + std::string(why)) +
                         ": \"" + std::string(text.substr(0, 300)) + "\"");
  };
  Reference out;
  auto [rest, digest_text] = split_once(text, '@');
  if (digest_text) {
    auto digest = Digest::parse(*digest_text);
    if (!digest) return bad("");
    out.digest_ = *std::move(digest);
  }
  const auto slash = rest.find_last_of('/');
  const auto colon = rest.find_last_of(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    const std::string_view tag = rest.substr(colon + 1);
    if (!is_tag(tag)) return bad("");
    out.tag_ = tag;
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) return bad("");
  std::string_view path = rest;
  const auto first_slash = rest.find('/');
  const std::string_view head = rest.substr(0, first_slash);
  const bool has_domain = first_slash != std::string_view::npos &&
                          (head.find_first_of(".:[") != std::string_view::npos ||
                           head == "localhost" || to_lower(head) != head);
  if (has_domain) {
    out.domain_ = head;
    path = rest.substr(first_slash + 1);
  } else {
    out.domain_ = kDockerHub;
  }
  if (out.domain_ == "index.docker.io") out.domain_ = kDockerHub;
  if (!is_domain(out.domain_)) return bad("");
  out.path_ = path;
  if (out.domain_ == kDockerHub && path.find('/') == std::string_view::npos)
    out.path_.insert(0, kOfficialPrefix);
  if (to_lower(path) != path)
    return invalid_input("invalid reference format: repository name (" + out.path_ +
                         ") must be lowercase");
  if (!std::ranges::all_of(split(path, '/'), is_path_component)) return bad("");
  if (out.path_.size() + out.domain_.size() > 255)
    return invalid_input("repository name must not be more than 255 characters");
  return out;
}

Reference Reference::with_default_tag() const {
  Reference out = *this;
  if (!out.tag_ && !out.digest_) out.tag_ = "latest";
  return out;
}

Reference Reference::without_digest() const {
  Reference out = *this;
  out.digest_.reset();
  return out;
}

Reference Reference::by_digest(const Digest& digest) const {
  Reference out = *this;
  out.tag_.reset();
  out.digest_ = digest;
  return out;
}

std::string Reference::canonical() const {
  std::string out = domain_ + "/" + path_;
  if (tag_) out += ":" + *tag_;
  if (digest_) out += "@" + digest_->str();
  return out;
}

std::string Reference::familiar_name() const {
  if (domain_ != kDockerHub) return domain_ + "/" + path_;
  if (path_.starts_with(kOfficialPrefix) &&
      path_.find('/', kOfficialPrefix.size()) == std::string::npos)
    return path_.substr(kOfficialPrefix.size());
  return path_;
}

std::string Reference::familiar() const {
  std::string out = familiar_name();
  if (tag_) out += ":" + *tag_;
  if (digest_) out += "@" + digest_->str();
  return out;
}

}  // namespace kiln::oci
