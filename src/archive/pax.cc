// SPDX-License-Identifier: Apache-2.0
#include "archive/pax.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "archive/tar_format.h"
#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr std::string_view kSparseOffset = "GNU.sparse.offset";
constexpr std::string_view kSparseLength = "GNU.sparse.numbytes";
constexpr std::string_view kSparseMap = "GNU.sparse.map";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr auto kMaxSeconds = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool holds_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool is_sound(std::string_view key, std::string_view value) {
  if (key.empty() || holds_nul(key)) return false;
  return !((key == "path" || key == "linkpath" || key == "GNU.sparse.name") && holds_nul(value));
}

/// Collects the number pairs of sparse format 0.0.
class SparsePairs {
 public:
  bool add(std::string_view key, std::string_view value) {
    if (value.empty() || value.find_first_not_of(kDigits) != std::string_view::npos) return false;
    if ((key == kSparseOffset) != (count_ % 2 == 0)) return false;
    if (count_ > 0) map_ += ',';
    map_ += value;
    ++count_;
    return true;
  }
  bool empty() const { return count_ == 0; }
  bool whole() const { return count_ % 2 == 0; }
  std::string take() { return std::move(map_); }

 private:
  std::string map_;
  std::size_t count_ = 0;
};

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    const auto value = digits.size() == 2 ? parse_uint(digits, 16) : std::nullopt;
    if (!value) return std::nullopt;
    decoded += static_cast<char>(*value);
    i += 2;
  }
  return decoded;
}

/// Undoes just what GNU tar escapes in a keyword; any other '%' stands for itself.
std::string unescape_keyword(std::string_view name) {
  std::string plain;
  plain.reserve(name.size());
  while (!name.empty()) {
    if (name.starts_with("%3D")) {
      plain += '=';
    } else if (name.starts_with("%25")) {
      plain += '%';
    } else {
      plain += name[0];
      name.remove_prefix(1);
      continue;
    }
    name.remove_prefix(3);
  }
  return plain;
}

/// Padding may be missing: libarchive writes none.
std::optional<std::string> base64_decoded(std::string_view text) {
  text = text.substr(0, text.find('='));
  std::string decoded;
  decoded.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kBase64Alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded += static_cast<char>(bits >> count & 0xff);
  }
  return decoded;
}

}  // namespace

Result<void> parse_pax_records(std::string_view body, PaxRecords& records) {
  SparsePairs sparse;
  while (!body.empty()) {
    const std::size_t blank = body.find_first_not_of(kDigits);
    const auto length = parse_uint(body.substr(0, std::min(blank, body.size())));
    if (!length || blank == std::string_view::npos || body[blank] != ' ' || *length < blank + 2 ||
        *length > body.size() || body[*length - 1] != '\n') {
      return corrupt("pax record without a right length");
    }
    const std::string_view record = body.substr(blank + 1, *length - blank - 2);
    body.remove_prefix(*length);
    const auto [key, value] = split_once(record, '=');
    if (!value || !is_sound(key, *value)) return corrupt("pax record without a sound keyword");
    if (key == kSparseOffset || key == kSparseLength) {
      if (!sparse.add(key, *value)) return corrupt("pax sparse record out of order");
    } else {
      records.insert_or_assign(std::string(key), std::string(*value));
    }
  }
  if (!sparse.whole()) return corrupt("pax sparse record out of order");
  if (!sparse.empty()) records.insert_or_assign(std::string(kSparseMap), sparse.take());
  return {};
}

std::optional<PaxTime> parse_pax_time(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto [whole, fraction] = split_once(text, '.');
  const auto magnitude = parse_uint(whole);
  if (!magnitude || *magnitude > kMaxSeconds) {
    // The least number has no positive counterpart.
    if (negative && magnitude == kMaxSeconds + 1 && !fraction) {
      return PaxTime{std::numeric_limits<std::int64_t>::min(), 0};
    }
    return std::nullopt;
  }
  PaxTime time{static_cast<std::int64_t>(*magnitude), 0};
  if (fraction) {
    if (fraction->find_first_not_of(kDigits) != std::string_view::npos) return std::nullopt;
    for (std::size_t i = 0; i < 9; ++i) {
      const int digit = i < fraction->size() ? (*fraction)[i] - '0' : 0;
      time.nanoseconds = time.nanoseconds * 10 + static_cast<std::uint32_t>(digit);
    }
  }
  if (!negative) return time;
  time.seconds = -time.seconds;
  if (time.nanoseconds > 0) {
    --time.seconds;
    time.nanoseconds = 1'000'000'000 - time.nanoseconds;
  }
  return time;
}

Result<std::map<std::string, std::string>> pax_xattrs(const PaxRecords& records) {
  std::map<std::string, std::string> xattrs;
  for (auto it = records.lower_bound(kLibarchiveXattr);
       it != records.end() && it->first.starts_with(kLibarchiveXattr); ++it) {
    const auto name = percent_decoded(std::string_view(it->first).substr(kLibarchiveXattr.size()));
    const auto value = base64_decoded(it->second);
    if (!name || name->empty() || holds_nul(*name) || !value) {
      return corrupt(fmt::format("bad pax record {}", it->first));
    }
    xattrs.insert_or_assign(*name, *value);
  }
  for (auto it = records.lower_bound(kSchilyXattr);
       it != records.end() && it->first.starts_with(kSchilyXattr); ++it) {
    std::string name = unescape_keyword(std::string_view(it->first).substr(kSchilyXattr.size()));
    if (name.empty()) return corrupt("pax xattr record without a name");
    xattrs.insert_or_assign(std::move(name), it->second);
  }
  return xattrs;
}

}  // namespace kiln::archive
