// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "archive/compression.h"
#include "archive/fd_stream.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "exporter/cache_mount_archive.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

constexpr int kLevel = 3;

Result<archive::Compression> parse_compression(const std::string& word) {
  if (word.empty() || word == "none" || word == "uncompressed") return archive::Compression::none;
  if (word == "gzip") return archive::Compression::gzip;
  if (word == "zstd") return archive::Compression::zstd;
  return invalid_input("invalid compression: " + word + " (one of none, gzip, zstd)");
}

/// What a step has in use is named; the exit code says whether there was any.
int tell(const exporter::CacheMountTransfer& transfer) {
  for (const auto& id : transfer.in_use) print_error("kiln: " + id + ": a step uses it");
  return transfer.in_use.empty() ? 0 : 1;
}

Result<std::vector<store::CacheMountRecord>> choose(store::Store& store,
                                                    const std::vector<std::string>& words) {
  std::vector<store::CacheMountRecord> records = TRY(store.cache_mounts().list());
  std::ranges::stable_sort(records, {}, &store::CacheMountRecord::id);
  if (words.empty()) return records;
  std::vector<store::CacheMountRecord> out;
  std::set<std::string> unknown(words.begin(), words.end());
  for (auto& record : records) {
    const auto named = std::ranges::find_if(words, [&](const std::string& word) {
      return word == record.id || (word.size() >= 12 && record.name.starts_with(word));
    });
    if (named == words.end()) continue;
    unknown.erase(*named);
    out.push_back(std::move(record));
  }
  if (!unknown.empty()) return not_found(*unknown.begin() + ": no such cache mount");
  return out;
}

}  // namespace

Result<int> export_cache_mounts_command(const Session& session, std::vector<std::string> words) {
  std::string output, compress;
  bool all = false;
  FlagSet set(session.command, "[OPTIONS] [ID...]",
              "Write the contents of RUN --mount=type=cache to a tar archive");
  set.flag("--all", all, "all of them")
      .option("--compress", compress, "none (default), gzip or zstd")
      .option("-o,--output", output, "the file to write (default standard output)")
      .arguments(0, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (all != parsed.arguments.empty()) return invalid_input("give ids, or --all alone");
  const archive::Compression compression = TRY(parse_compression(compress));
  const os::Fd out = TRY(os::standard_output());
  if (output.empty() && os::is_terminal(out))
    return invalid_input("an archive is nothing for a terminal: use -o, or redirect");
  store::Store store = TRY(session.open_store(Access::layers));
  const std::vector<store::CacheMountRecord> mounts = TRY(choose(store, parsed.arguments));
  exporter::CacheMountTransfer transfer;
  const auto write = [&](const os::Fd& fd) -> Result<void> {
    archive::FdSink sink(fd, output.empty() ? "standard output" : output);
    const auto compressor = archive::compress(sink, compression, kLevel, os::processor_count());
    transfer = TRY(exporter::write_cache_mounts(store, mounts, *compressor));
    return compressor->finish();
  };
  if (output.empty()) {
    TRY(write(out));
  } else {
    TRY(os::write_output_file(output, 0600, write));
  }
  return tell(transfer);
}

Result<int> import_cache_mounts_command(const Session& session, std::vector<std::string> words) {
  std::string input, id;
  FlagSet set(session.command, "[OPTIONS]",
              "Put the contents of an archive in place of those of RUN --mount=type=cache");
  set.option("--id", id, "the cache that a tar archive of any files is for")
      .option("-i,--input", input, "the archive, compressed or not (default standard input)")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const bool from_standard_input = input.empty() || input == "-";
  auto opened = from_standard_input ? os::standard_input() : os::open_for_reading(input);
  const os::Fd fd = TRY(std::move(opened));
  const std::string name = from_standard_input ? "standard input" : input;
  if (os::is_terminal(fd))
    return invalid_input("an archive is wanted on standard input, or with -i");
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  archive::FdSource source(fd, name, interrupts.token());
  auto transfer = id.empty() ? exporter::read_cache_mounts(store, source)
                             : exporter::read_cache_mount(store, id, source);
  if (!transfer) return std::move(transfer).error().context(name);
  return tell(*transfer);
}

}  // namespace kiln::cli
