// SPDX-License-Identifier: Apache-2.0
#include "cli/build_time.h"

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/git_url.h"
#include "frontend/build_time_source.h"
#include "frontend/remote_sources.h"
#include "os/dir.h"
#include "remote/archive_tree.h"
#include "remote/git_source.h"
#include "remote/http_source.h"
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

Result<Time> time_of(const remote::Access& access, const llb::GitSource& source) {
  remote::GitCheckout checkout = solver::checkout_of(source);
  checkout.times = remote::FileTimes::commit;
  const store::KeptTree tree = TRY(remote::check_out(access, checkout));
  return newest_file(tree.path());
}

/// What its server says, else the newest file of an archive.
Result<Time> time_of(const remote::Access& access, const llb::HttpSource& source) {
  const remote::FetchedFile file =
      TRY(remote::fetch_file(access, {source.url, source.name, source.checksum}));
  const Time modified = TRY(newest_file(file.tree.path()));
  if (modified && *modified != 0) return modified;
  const auto content = remote::unpack_fetched(access, file);
  // What looks like an archive and is none has no time.
  if (!content || !*content) return Time();
  return newest_file((*content)->path());
}

Result<Time> time_of(const FetchedContext& fetched) {
  const auto git = TRY(dockerfile::parse_git_url(*fetched.name, dockerfile::FileUrls::yes));
  if (git) return time_of(*fetched.access, frontend::git_source(*git));
  if (fetched.context->modified != 0) return Time(fetched.context->modified);
  if (fetched.context->dockerfile) return Time();
  return newest_file(fetched.context->path);
}

/// Of a named context or stage; a directory of this machine has none.
Result<Time> time_of_name(const dockerfile::Dockerfile& file, const frontend::BuildOptions& options,
                          const std::string& name, const AccessGiver& give_access) {
  const auto source = TRY(frontend::find_build_time_source(file, options, name));
  if (!source) return Time();
  const auto* git = std::get_if<llb::GitSource>(&*source);
  const auto* http = std::get_if<llb::HttpSource>(&*source);
  if (git == nullptr && http == nullptr) return Time();
  const remote::Access* access = TRY(give_access());
  auto time = git != nullptr ? time_of(*access, *git) : time_of(*access, *http);
  if (!time) return std::move(time).error().context("SOURCE_DATE_EPOCH=" + name);
  return time;
}

}  // namespace

Result<void> settle_build_time(const dockerfile::Dockerfile& file,
                               const std::optional<FetchedContext>& fetched,
                               const AccessGiver& give_access, frontend::BuildOptions& options) {
  const auto value = TRY(frontend::find_source_date_epoch(file, options));
  if (!value) return {};
  Time time;
  const auto seconds = parse_uint(*value);
  if (seconds && *seconds <= INT64_MAX) {
    time = static_cast<std::int64_t>(*seconds);
  } else {
    if (*value != "context") {
      time = TRY(time_of_name(file, options, *value, give_access));
    } else if (fetched) {
      time = TRY(time_of(*fetched));
    }
    // What a stage that declares it gets to see.
    options.build_args[kArgument] = time ? std::to_string(*time) : std::string();
  }
  if (!options.source_date_epoch) options.source_date_epoch = time;
  return {};
}

}  // namespace kiln::cli
