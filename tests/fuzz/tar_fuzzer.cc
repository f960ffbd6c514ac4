// SPDX-License-Identifier: Apache-2.0
// An archive as ADD gets it: perhaps compressed, then a tar. Whatever the reader takes must keep
// its promises, come the same in small pieces, and survive our own writer.
#include <cstdint>
#include <string>
#include <vector>

#include "archive/any_archive.h"
#include "archive/compression.h"
#include "archive/tar_reader.h"
#include "archive/tar_test_kit.h"
#include "archive/tar_writer.h"
#include "base/check.h"

namespace {

using namespace kiln;
using namespace kiln::archive;

constexpr std::size_t kMaxContent = std::size_t{1} << 20;
constexpr std::size_t kMaxHeader = std::size_t{1} << 20;

struct Outcome {
  std::vector<TarEntry> entries;
  std::string contents;
  bool ok = false;
};

/// Reads at most kMaxContent of each entry: a hole may claim any size.
bool read_content(TarReader& reader, const TarEntry& entry, std::string& contents) {
  std::byte buffer[4096];
  std::size_t total = 0;
  while (total < kMaxContent) {
    const auto count = reader.read(buffer);
    if (!count.ok()) return false;
    if (*count == 0) {
      CHECK(total == entry.size);
      return true;
    }
    CHECK(*count <= sizeof buffer);
    total += *count;
    CHECK(total <= entry.size);
    if (contents.size() < kMaxContent) contents += as_text(Bytes(buffer).first(*count));
  }
  return true;
}

Outcome read_archive(Bytes data, std::size_t piece) {
  Outcome outcome;
  test::PiecewiseSource source(as_text(data), piece);
  const auto plain = decompress(source);
  if (!plain.ok()) return outcome;
  TarReader reader(**plain);
  while (true) {
    auto entry = reader.next();
    if (!entry.ok()) return outcome;
    if (!entry->has_value()) break;
    outcome.entries.push_back(std::move(**entry));
    if (!read_content(reader, outcome.entries.back(), outcome.contents)) return outcome;
  }
  outcome.ok = true;
  return outcome;
}

void check_promises(const TarEntry& entry) {
  CHECK(!entry.path.ends_with('/'));
  CHECK(entry.mode <= 07777);
  CHECK(entry.mtime_nanoseconds < 1'000'000'000);
  CHECK(entry.size == 0 || entry.type == EntryType::file);
  CHECK(entry.link_target.empty() || entry.type == EntryType::symlink ||
        entry.type == EntryType::hardlink);
}

void check_round_trip(TarEntry entry) {
  entry.mtime_nanoseconds = 0;
  const std::string header = tar_header(entry);
  if (header.size() > kMaxHeader) return;
  CHECK(looks_like_tar(as_bytes(header)));
  MemorySource source(as_bytes(header));
  TarReader reader(source);
  const auto again = reader.next();
  CHECK(again.ok() && *again == entry);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = std::as_bytes(std::span(data, size));
  const Outcome outcome = read_archive(bytes, std::size_t{1} << 20);
  for (const TarEntry& entry : outcome.entries) {
    check_promises(entry);
    check_round_trip(entry);
  }
  // How much of a bad stream comes before its error may differ.
  const Outcome piecewise = read_archive(bytes, 61);
  CHECK(piecewise.ok == outcome.ok);
  if (!outcome.ok) return 0;
  CHECK(piecewise.entries == outcome.entries && piecewise.contents == outcome.contents);
  return 0;
}
