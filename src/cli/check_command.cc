// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "os/system.h"
#include "snapshot/store_check.h"

namespace kiln::cli {
namespace {

std::string subject_word(snapshot::Defect::Subject subject) {
  switch (subject) {
    case snapshot::Defect::Subject::index:
      return "index";
    case snapshot::Defect::Subject::blob:
      return "blob";
    case snapshot::Defect::Subject::layer:
      return "layer";
    case snapshot::Defect::Subject::record:
      return "record";
    case snapshot::Defect::Subject::image:
      return "image";
  }
  return {};
}

}  // namespace

Result<int> system_check_command(const Session& session, std::vector<std::string> words) {
  bool repair = false;
  FlagSet set(session.command, "[OPTIONS]",
              "Verify the index, every blob, layer, cache record and image of the store");
  set.flag("--repair", repair, "drop what is wrong where only the cache has it").arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::layers));
  const snapshot::CheckReport report = TRY(snapshot::check_store(
      store, repair ? snapshot::Repair::yes : snapshot::Repair::no, os::processor_count()));
  std::string out;
  for (const auto& defect : report.defects)
    out += sanitize_line(fmt::format("{} {}: {}{}", subject_word(defect.subject), defect.name,
                                     defect.what, defect.repaired ? " (dropped)" : ""),
                         Escapes::none) +
           "\n";
  out += fmt::format("{} blobs, {} layers, {} records, {} images: {} wrong\n", report.blobs,
                     report.layers, report.records, report.images, report.defects.size());
  TRY(print(out));
  const bool all_right =
      std::ranges::all_of(report.defects, [](const auto& defect) { return defect.repaired; });
  return all_right ? 0 : 1;
}

}  // namespace kiln::cli
