// SPDX-License-Identifier: Apache-2.0
#include "cli/build_time.h"

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/git_url.h"
#include "frontend/remote_sources.h"
#include "os/dir.h"
#include "remote/git_source.h"
#include "solver/source_ops.h"

namespace kiln::cli {
namespace {

constexpr const char* kArgument = "SOURCE_DATE_EPOCH";
using Time = std::optional<std::int64_t>;

/// Of directories only what is in them counts: an archive need not name them.
Result<Time> newest_file(const os::Dir& dir) {
  Time out;
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  for (const auto& entry : entries) {
    const os::FileInfo info = TRY(dir.stat(entry.name));
    Time time = info.mtime;
    if (info.type == os::FileType::directory) {
      const os::Dir sub = TRY(dir.open_dir(entry.name));
      time = TRY(newest_file(sub));
    }
    if (time && (!out || *time > *out)) out = time;
  }
  return out;
}

Result<Time> newest_file(const std::string& path) {
  const os::Dir dir = TRY(os::Dir::open(path));
  return newest_file(dir);
}

Result<Time> time_of(const FetchedContext& fetched) {
  const auto git = TRY(dockerfile::parse_git_url(*fetched.name, dockerfile::FileUrls::yes));
  if (git) {
    remote::GitCheckout checkout = solver::checkout_of(frontend::git_source(*git));
    checkout.times = remote::FileTimes::commit;
    const store::KeptTree tree = TRY(remote::check_out(*fetched.access, checkout));
    return newest_file(tree.path());
  }
  if (fetched.context->modified != 0) return Time(fetched.context->modified);
  if (fetched.context->dockerfile) return Time();
  return newest_file(fetched.context->path);
}

}  // namespace

Result<void> settle_build_time(const dockerfile::Dockerfile& file,
                               const std::optional<FetchedContext>& fetched,
                               frontend::BuildOptions& options) {
  const auto value = TRY(frontend::find_source_date_epoch(file, options));
  if (!value) return {};
  Time time;
  if (*value == "context") {
    if (fetched) time = TRY(time_of(*fetched));
    // What a stage that declares it gets to see.
    options.build_args[kArgument] = time ? std::to_string(*time) : std::string();
  } else {
    const auto seconds = parse_uint(*value);
    if (!seconds || *seconds > INT64_MAX)
      return invalid_input("invalid SOURCE_DATE_EPOCH: " + *value + " is not a number of seconds")
          .with_hint("a number of seconds since 1970, or context");
    time = static_cast<std::int64_t>(*seconds);
  }
  if (!options.source_date_epoch) options.source_date_epoch = time;
  return {};
}

}  // namespace kiln::cli
