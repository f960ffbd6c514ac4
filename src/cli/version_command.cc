// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/platform_flag.h"
#include "cli/version.h"
#include "format/table.h"

namespace kiln::cli {

Result<int> version_command(const Session& session, std::vector<std::string> words) {
  std::string format;
  FlagSet set(session.command, "[OPTIONS]", "Show the version");
  set.option("-f,--format", format, "json, or a Go template").arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (format.empty()) {
    TRY(print(fmt::format("kiln {}\n", kVersion)));
    return 0;
  }
  const oci::Platform platform = host_platform();
  nlohmann::ordered_json side = {
      {"Version", kVersion}, {"Os", platform.os}, {"Arch", platform.architecture}};
  // Scripts ask either side of docker; here one program is both.
  nlohmann::ordered_json both = {{"Client", side}, {"Server", std::move(side)}};
  std::string out = TRY(format::render_object(format, both));
  TRY(print(out));
  return 0;
}

}  // namespace kiln::cli
