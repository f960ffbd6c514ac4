// SPDX-License-Identifier: Apache-2.0
#include "solver/source_ops.h"

#include <fmt/format.h>

#include "remote/archive_tree.h"
#include "remote/http_source.h"

namespace kiln::solver {
namespace {

Result<remote::Access> access_of(SolveContext& context, const StepInputs& inputs) {
  if (context.http == nullptr) return unsupported("this build has no network");
  return remote::Access{context.store, *context.http, secret_lookup(context.run), inputs.stop,
                        ssh_access(context.run)};
}

Result<StepOutcomeResult> use_tree(SolveContext& context, const StepInputs& inputs,
                                   store::KeptTree files, Owners owners) {
  StepOutcomeResult out;
  out.result.local_context = fmt::format("fetched:{}", inputs.id);
  auto tree =
      TRY(ContextTree::open(files.path(), {}, context.store.context_index(files.path()), owners));
  context.add_context(out.result.local_context, std::move(tree), std::move(files));
  return out;
}

}  // namespace

Result<StepOutcomeResult> run_http_source(SolveContext& context, const StepInputs& inputs,
                                          const llb::HttpSource& source) {
  const remote::Access access = TRY(access_of(context, inputs));
  const remote::FetchedFile file =
      TRY(remote::fetch_file(access, {source.url, source.name, source.checksum}));
  if (source.unpack) {
    auto content = TRY(remote::unpack_fetched(access, file));
    if (content) return use_tree(context, inputs, *std::move(content), Owners::as_on_disk);
  }
  return use_tree(context, inputs, file.tree, Owners::root);
}

remote::SecretLookup secret_lookup(const RunEnvironment& run) {
  return [&run](const std::string& id) { return secret_value(run, id); };
}

remote::SshAccess ssh_access(const RunEnvironment& run) {
  const auto found = run.ssh.find("default");
  if (found == run.ssh.end()) return {};
  return {found->second.socket, found->second.keys};
}

remote::GitCheckout checkout_of(const llb::GitSource& source) {
  remote::GitCheckout out;
  out.remote = source.remote;
  out.ref = source.ref;
  out.checksum = source.checksum;
  out.subdir = source.subdir;
  if (source.keep_git_dir) out.git_dir = remote::GitDir::keep;
  if (!source.submodules) out.submodules = remote::Submodules::skip;
  if (source.commit_mtime) out.times = remote::FileTimes::commit;
  out.fetch_by_commit = source.fetch_by_commit;
  return out;
}

Result<StepOutcomeResult> run_git_source(SolveContext& context, const StepInputs& inputs,
                                         const llb::GitSource& source) {
  const remote::Access access = TRY(access_of(context, inputs));
  store::KeptTree files = TRY(remote::check_out(access, checkout_of(source)));
  return use_tree(context, inputs, std::move(files), Owners::root);
}

}  // namespace kiln::solver
