// SPDX-License-Identifier: Apache-2.0
#include "solver/exec_op.h"

#include <fmt/format.h>

#include <chrono>

#include "base/strings.h"
#include "executor/ulimits.h"
#include "executor/user_lookup.h"
#include "oci/image_config.h"
#include "os/file_io.h"
#include "os/system.h"
#include "snapshot/overlay.h"
#include "snapshot/tree_tar.h"
#include "snapshot/whiteout_names.h"
#include "solver/exec_mounts.h"
#include "solver/explain.h"
#include "solver/step_cache.h"
#include "solver/step_key.h"
#include "solver/step_lock.h"

namespace kiln::solver {
namespace {

constexpr std::size_t kMaxUserFile = std::size_t{16} << 20;

/// `root` is the mounted root file system: the kernel finds a file in a stack of any height at
/// once.
Result<executor::ExecUser> find_user(const std::string& root, const std::string& user) {
  const os::Dir dir = TRY(os::Dir::open(root));
  const auto passwd = TRY(dir.find_text_in_root("/etc/passwd", kMaxUserFile));
  const auto group = TRY(dir.find_text_in_root("/etc/group", kMaxUserFile));
  return executor::resolve_user(user, passwd.value_or(""), group.value_or(""));
}

Result<executor::ExecSpec> make_spec(SolveContext& context, const llb::ExecOp& op,
                                     const store::LayerIngest& ingest) {
  executor::ExecSpec spec;
  spec.rootfs = ingest.mount_path();
  spec.argv = op.argv;
  spec.env = op.env;
  spec.env.insert(spec.env.end(), op.unkeyed_env.begin(), op.unkeyed_env.end());
  spec.cwd = op.cwd;
  spec.architecture = op.architecture;
  spec.network =
      op.network == llb::NetworkMode::none ? executor::Network::none : executor::Network::host;
  // The default is what Dockerfiles that look at it expect.
  spec.hostname = op.hostname.empty() ? "buildkitsandbox" : op.hostname;
  const executor::ExecUser user = TRY(find_user(spec.rootfs, op.user));
  spec.uid = user.uid;
  spec.gid = user.gid;
  spec.additional_gids = user.additional_gids;
  if (!oci::find_env(spec.env, "HOME")) spec.env.push_back("HOME=" + user.home);
  std::size_t number = 0;
  for (const auto& mount : op.inline_mounts) {
    const std::string path = fmt::format("{}/inline{}", ingest.scratch_path(), number++);
    TRY(os::write_file_atomically(path, mount.content, mount.mode));
    spec.mounts.emplace_back(executor::BindMount{path, mount.path, true, false, {}});
  }
  spec.security = op.security == llb::SecurityMode::insecure ? executor::Security::insecure
                                                             : executor::Security::sandbox;
  if (op.shm_size != 0) spec.shm_size = op.shm_size;
  for (const auto& limit : op.ulimits) spec.ulimits.push_back({limit.name, limit.soft, limit.hard});
  spec.resources = context.run.resources;
  if (!op.host_names.empty()) spec.extra_hosts = context.run.hosts;
  if (!op.devices.empty()) {
    if (!context.run.devices) return unsupported("no devices can be had here");
    spec.edits = TRY(context.run.devices->edits(op.devices));
  }
  return spec;
}

Error step_failure(const llb::ExecOp& op, const os::ExitStatus& status) {
  return Error(ErrorKind::step_failed,
               fmt::format("process \"{}\" did not complete successfully: exit code: {}",
                           join(op.argv, " "), status.code))
      .with_exit_code(status.code);
}

class ExecStep {
 public:
  ExecStep(SolveContext& context, const StepInputs& inputs, const llb::ExecOp& op)
      : context_(&context),
        inputs_(&inputs),
        op_(&op),
        base_(inputs.results.front()->layers),
        started_(std::chrono::steady_clock::now()) {
    record_.operation = llb::encode(op);
    record_.instruction = inputs.vertex.origin.instruction;
    record_.place = step_place(context, inputs.vertex);
  }

  Result<StepOutcomeResult> run() {
    append_layers("layer", base_, record_.inputs);
    store::InputList content = record_.inputs;
    append_mount_layers(*inputs_, record_.inputs);
    record_.key = step_key(record_.operation, record_.inputs);
    auto hit = TRY(look_up());
    if (hit) return *std::move(hit);
    // Of what is mounted only the files count: a stage that ran again may have made the same ones.
    if (inputs_->results.size() > 1) {
      definition_ = record_;
      if (context_->steps == Steps::look_up && awaits_mounts())
        return missed_step(report_miss(*context_, *inputs_, record_));
      TRY(ensure_inputs(1));
      TRY(append_mount_files(*context_, *inputs_, *op_, content));
      record_.inputs = std::move(content);
      record_.key = step_key(record_.operation, record_.inputs);
      hit = TRY(look_up());
      if (hit) {
        if (context_->steps == Steps::run) TRY(keep(*hit));
        return *std::move(hit);
      }
    }
    const StepLock lock = TRY(StepLock::acquire(*context_, *inputs_, record_.key));
    if (lock.held()) {
      hit = TRY(look_up());
      if (hit) return *std::move(hit);
    }
    MissReason reason = report_miss(*context_, *inputs_, record_);
    if (context_->steps == Steps::look_up) return missed_step(std::move(reason));
    TRY(ensure_inputs(0));
    StepOutcomeResult made = TRY(make_layer());
    made.milliseconds = milliseconds_since(started_);
    TRY(keep(made));
    return made;
  }

 private:
  Result<std::optional<StepOutcomeResult>> look_up() {
    if (inputs_->cache(*context_) == UseCache::ignore) return std::optional<StepOutcomeResult>();
    return find_step(*context_, *inputs_, record_.key, [this] { return record_; });
  }

  /// Layers of the inputs from `first` on that a cache elsewhere has.
  Result<void> ensure_inputs(std::size_t first) {
    for (std::size_t i = first; i < inputs_->results.size(); ++i)
      TRY(context_->ensure_layers(inputs_->results[i]->layers, inputs_->stop));
    return {};
  }
  bool awaits_mounts() const {
    bool out = false;
    for (std::size_t i = 1; i < inputs_->results.size(); ++i)
      out = out || are_away(*context_, inputs_->results[i]->layers);
    return out;
  }

  /// Under both of its keys.
  Result<void> keep(const StepOutcomeResult& outcome) {
    TRY(keep_record(*context_, record_, outcome));
    return definition_ ? keep_record(*context_, *definition_, outcome) : Result<void>();
  }

  Result<snapshot::TreeDigest> digest(const os::Dir& fs) {
    auto tree = snapshot::digest_tree(fs);
    if (tree || tree.error().kind() != ErrorKind::invalid_input) return tree;
    // A name that no layer can hold: rare, so it is not looked for beforehand.
    const auto adopted = TRY(snapshot::adopt_whiteout_names(fs));
    context_->report_whiteouts(inputs_->id, adopted);
    return snapshot::digest_tree(fs);
  }

  Result<StepOutcomeResult> make_layer() {
    store::LayerIngest ingest = TRY(context_->store.layers().create());
    TRY(run_process(ingest));
    if (op_->max_mtime)
      TRY(snapshot::limit_mtimes(ingest.fs(), {*op_->max_mtime, op_->all_mtimes}));
    // No stream says it, so it must not be seen: when the step ran would be in what follows.
    TRY(ingest.fs().set_mtime(".", 0, 0));
    const snapshot::TreeDigest tree = TRY(digest(ingest.fs()));
    const store::LayerInfo info{
        tree.diff_id, tree.stats.tar_size, tree.stats.content_size, tree.stats.disk_size, {}};
    TRY(context_->store.layers().commit(std::move(ingest), info));
    StepOutcomeResult out;
    out.result.layers = base_;
    out.result.layers.push_back(tree.diff_id);
    out.result.created = os::wall_clock();
    return out;
  }

  Result<void> run_process(const store::LayerIngest& ingest) {
    const bool is_insecure = op_->security == llb::SecurityMode::insecure;
    const os::Mount mount = TRY(snapshot::mount_layers(
        context_->store.layers(), base_, ingest.fs_path(), ingest.work_path(), ingest.mount_path(),
        ingest.scratch_path() + "/empty", is_insecure ? os::Devices::open : os::Devices::closed));
    const ExecMounts mounts =
        TRY(ExecMounts::prepare(*context_, *inputs_, *op_, ingest.scratch_path()));
    executor::ExecSpec spec = TRY(make_spec(*context_, *op_, ingest));
    mounts.add_to(spec);
    for (auto& note : executor::fit_ulimits(spec.ulimits))
      context_->report(StepNote{inputs_->id, std::move(note)});
    executor::ExecIo io;
    io.output = [&](executor::OutputStream stream, std::string_view bytes) {
      context_->report(
          StepOutput{inputs_->id,
                     stream == executor::OutputStream::out ? OutputStream::out : OutputStream::err,
                     std::string(bytes)});
    };
    const os::ExitStatus status = TRY(context_->executor.run(spec, io, inputs_->stop));
    if (status.code != 0) return step_failure(*op_, status);
    return {};
  }

  SolveContext* context_;
  const StepInputs* inputs_;
  const llb::ExecOp* op_;
  std::vector<oci::DiffId> base_;
  std::chrono::steady_clock::time_point started_;
  store::CacheRecord record_;                     ///< by content
  std::optional<store::CacheRecord> definition_;  ///< by the layers that are mounted
};

}  // namespace

Result<StepOutcomeResult> run_exec_op(SolveContext& context, const StepInputs& inputs,
                                      const llb::ExecOp& op) {
  return ExecStep(context, inputs, op).run();
}

}  // namespace kiln::solver
