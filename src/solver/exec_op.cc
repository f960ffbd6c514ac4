// SPDX-License-Identifier: Apache-2.0
#include "solver/exec_op.h"

#include <fmt/format.h>

#include <chrono>

#include "base/strings.h"
#include "executor/user_lookup.h"
#include "oci/image_config.h"
#include "os/file_io.h"
#include "os/system.h"
#include "snapshot/overlay.h"
#include "snapshot/tree_tar.h"
#include "solver/explain.h"
#include "solver/step_cache.h"
#include "solver/step_key.h"

namespace kiln::solver {
namespace {

Result<executor::ExecSpec> make_spec(SolveContext& context, const llb::ExecOp& op,
                                     const std::vector<oci::DiffId>& base,
                                     const store::LayerIngest& ingest) {
  executor::ExecSpec spec;
  spec.rootfs = ingest.mount_path();
  spec.argv = op.argv;
  spec.env = op.env;
  spec.env.insert(spec.env.end(), op.unkeyed_env.begin(), op.unkeyed_env.end());
  spec.cwd = op.cwd;
  spec.network =
      op.network == llb::NetworkMode::none ? executor::Network::none : executor::Network::host;
  spec.hostname = "buildkitsandbox";  // what Dockerfiles that look at it expect
  const auto view = TRY(snapshot::LayerView::open(context.store.layers(), base));
  const auto passwd = TRY(view.read_text("/etc/passwd"));
  const auto group = TRY(view.read_text("/etc/group"));
  const executor::ExecUser user =
      TRY(executor::resolve_user(op.user, passwd.value_or(""), group.value_or("")));
  spec.uid = user.uid;
  spec.gid = user.gid;
  spec.additional_gids = user.additional_gids;
  if (!oci::find_env(spec.env, "HOME")) spec.env.push_back("HOME=" + user.home);
  std::size_t number = 0;
  for (const auto& mount : op.inline_mounts) {
    const std::string path = fmt::format("{}/inline{}", ingest.scratch_path(), number++);
    TRY(os::write_file_atomically(path, mount.content, mount.mode));
    spec.mounts.emplace_back(executor::BindMount{path, mount.path, true, false});
  }
  return spec;
}

Error step_failure(const llb::ExecOp& op, const os::ExitStatus& status) {
  return Error(ErrorKind::step_failed,
               fmt::format("process \"{}\" did not complete successfully: exit code: {}",
                           join(op.argv, " "), status.code))
      .with_exit_code(status.code);
}

}  // namespace

Result<StepOutcomeResult> run_exec_op(SolveContext& context, const StepInputs& inputs,
                                      const llb::ExecOp& op) {
  const auto started = std::chrono::steady_clock::now();
  const std::vector<oci::DiffId>& base = inputs.results.front()->layers;
  store::CacheRecord record;
  record.operation = llb::encode(op);
  append_layers("layer", base, record.inputs);
  record.key = step_key(record.operation, record.inputs);
  if (context.cache == UseCache::use) {
    auto hit = TRY(find_step(context, record.key, base));
    if (hit) return *std::move(hit);
  }
  MissReason reason = report_miss(context, inputs, record);
  if (context.steps == Steps::look_up) return missed_step(std::move(reason));

  store::LayerIngest ingest = TRY(context.store.layers().create());
  {
    const os::Mount mount = TRY(
        snapshot::mount_layers(context.store.layers(), base, ingest.fs_path(), ingest.work_path(),
                               ingest.mount_path(), ingest.scratch_path() + "/empty"));
    const executor::ExecSpec spec = TRY(make_spec(context, op, base, ingest));
    executor::ExecIo io;
    io.output = [&](executor::OutputStream stream, std::string_view bytes) {
      context.report(StepOutput{
          inputs.id, stream == executor::OutputStream::out ? OutputStream::out : OutputStream::err,
          std::string(bytes)});
    };
    const os::ExitStatus status = TRY(context.executor.run(spec, io, inputs.stop));
    if (status.code != 0) return step_failure(op, status);
  }
  if (op.max_mtime) TRY(snapshot::clamp_mtimes(ingest.fs(), *op.max_mtime));
  const snapshot::TreeDigest tree = TRY(snapshot::digest_tree(ingest.fs()));
  const store::LayerInfo info{
      tree.diff_id, tree.stats.tar_size, tree.stats.content_size, tree.stats.disk_size, {}};
  TRY(context.store.layers().commit(std::move(ingest), info));

  StepOutcomeResult out;
  out.result.layers = base;
  out.result.layers.push_back(tree.diff_id);
  out.result.created = os::wall_clock();
  record.instruction = inputs.vertex.origin.instruction;
  record.place = step_place(context, inputs.vertex);
  record.layer = tree.diff_id;
  record.created = out.result.created;
  record.milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::steady_clock::now() - started)
                            .count();
  TRY(context.store.records().put(record));
  return out;
}

}  // namespace kiln::solver
