// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "executor/emulation.h"
#include "executor/executor.h"
#include "executor/runtime_spec.h"

namespace kiln::executor {

struct OciExecutorOptions {
  /// An absolute path; made if it isn't there. Bundles and the runtime's state are kept in it while
  /// containers run.
  std::string work_dir;
  /// Name or path of an OCI runtime with runc's command line.
  std::string runtime = "crun";
  /// A file with a profile in Docker's format. Empty: the built-in one, which is as Docker's
  /// default.
  std::string seccomp_profile = {};
  /// A folder for what is worth keeping for the next process, the compiled seccomp filter. Empty:
  /// work_dir.
  std::string cache_dir = {};
  /// More of the runtime's own flags, before its command; without `--`.
  std::vector<std::string> runtime_flags = {};
};

/// Runs containers with an OCI runtime (crun, runc, …), one bundle and one runtime process each.
/// The process must be root, or root of a user namespace (os::enter_user_namespace). The machine is
/// looked at when the first container runs, not before.
class OciExecutor final : public Executor {
 public:
  explicit OciExecutor(OciExecutorOptions options) : options_(std::move(options)) {}

  Result<os::ExitStatus> run(const ExecSpec& spec, ExecIo& io, std::stop_token stop) override;

 private:
  /// What is found out once.
  struct Machine {
    RuntimeHost host;
    std::string runtime;  ///< path
    bool is_crun = false;
    bool hide_cgroups = false;
    std::string seccomp;         ///< linux.seccomp
    std::string seccomp_filter;  ///< the same, compiled, if the runtime takes that
    std::string resolv_conf;
  };
  class Container;

  Result<const Machine*> machine();
  Result<Machine> inspect_machine() const;
  Result<const os::Fd*> namespace_for(const std::string& architecture);

  OciExecutorOptions options_;
  std::mutex mutex_;
  std::optional<Machine> machine_;
  std::optional<Emulation> emulation_;  ///< once a foreign program was to be run; under mutex_
};

}  // namespace kiln::executor
