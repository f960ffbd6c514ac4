// SPDX-License-Identifier: Apache-2.0
#include "archive/sparse_map.h"

#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr std::size_t kNumberSize = 12;
constexpr unsigned kMaxDigits = 19;  ///< of any 63-bit number

}  // namespace

bool append_gnu_runs(const char* block, Field table, std::vector<SparseRun>& runs) {
  for (std::size_t at = table.offset; at < table.offset + table.size; at += 2 * kNumberSize) {
    if (block[at] == '\0' || block[at + kNumberSize] == '\0') return true;
    const auto offset = field_number(block, {at, kNumberSize});
    const auto length = field_number(block, {at + kNumberSize, kNumberSize});
    if (!offset || !length || *offset < 0 || *length < 0) return false;
    if (runs.size() == kMaxSparseRuns) return false;
    runs.push_back({static_cast<std::uint64_t>(*offset), static_cast<std::uint64_t>(*length)});
  }
  return true;
}

std::optional<std::vector<SparseRun>> parse_sparse_map(std::string_view map) {
  std::vector<SparseRun> runs;
  while (!map.empty()) {
    const std::size_t comma = map.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    const std::size_t end = map.find(',', comma + 1);
    const auto offset = parse_uint(map.substr(0, comma));
    const auto length = parse_uint(map.substr(comma + 1, end - comma - 1));
    if (!offset || !length || runs.size() == kMaxSparseRuns) return std::nullopt;
    runs.push_back({*offset, *length});
    if (end == std::string_view::npos) break;
    map.remove_prefix(end + 1);
    if (map.empty()) return std::nullopt;
  }
  return runs;
}

SparseMapParser::State SparseMapParser::number(std::uint64_t value) {
  if (!missing_) {
    if (value > kMaxSparseRuns) return State::bad;
    missing_ = 2 * value;
  } else if (!offset_) {
    offset_ = value;
    --*missing_;
  } else {
    runs_.push_back({*offset_, value});
    offset_.reset();
    --*missing_;
  }
  return *missing_ == 0 ? State::done : State::unfinished;
}

SparseMapParser::State SparseMapParser::feed(std::string_view block) {
  for (const char c : block) {
    if (c == '\n' && digits_ > 0) {
      const State state = number(value_);
      if (state != State::unfinished) return state;
      value_ = 0;
      digits_ = 0;
    } else if (c >= '0' && c <= '9' && digits_ < kMaxDigits) {
      value_ = value_ * 10 + static_cast<std::uint64_t>(c - '0');
      ++digits_;
    } else {
      return State::bad;
    }
  }
  return State::unfinished;
}

bool is_sound(const std::vector<SparseRun>& runs, std::uint64_t size) {
  std::uint64_t end = 0;
  for (const SparseRun& run : runs) {
    if (run.offset < end || run.offset > size || run.length > size - run.offset) return false;
    end = run.offset + run.length;
  }
  return true;
}

std::uint64_t stored_size(const std::vector<SparseRun>& runs) {
  std::uint64_t size = 0;
  for (const SparseRun& run : runs) size += run.length;
  return size;
}

}  // namespace kiln::archive
