// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/build_context.h"
#include "cli/build_settings.h"
#include "cli/dockerfile_input.h"
#include "cli/session.h"
#include "dockerfile/parser.h"
#include "net/http_client.h"
#include "os/process_setup.h"
#include "remote/access.h"
#include "solver/solver.h"
#include "store/store.h"

namespace kiln::cli {

/// The store, and what comes with its opening: signals are watched once the user namespace is
/// entered, and before there are threads.
struct OpenStore {
  store::Store store;
  os::InterruptWatcher interrupts = {};
};

/// The files of a build, wherever they come from. The store is opened when something has to be
/// fetched, else when it is asked for: a Dockerfile's error needs none.
class BuildInput {
 public:
  /// Both must outlive this.
  BuildInput(const Session& session, BuildSettings& settings)
      : session_(&session), settings_(&settings) {}
  BuildInput(const BuildInput&) = delete;
  BuildInput& operator=(const BuildInput&) = delete;

  /// Fetches the context if it is not of this machine, and reads the Dockerfile and the ignore
  /// patterns, which become the options'.
  Result<void> read();
  const DockerfileInput& dockerfile() const { return dockerfile_; }
  /// Settles the options' time, which the file may say.
  Result<void> settle_time(const dockerfile::Dockerfile& file);
  Result<OpenStore*> open();
  net::HttpClient& http() { return http_; }
  /// The context as users are told of it.
  std::string shown_context() const;
  /// Gives the build the directories that it may read, by the names that its graph has for them.
  Result<void> open_trees(solver::SolveContext& context) const;

 private:
  Result<const remote::Access*> access();
  Result<BuildContext> fetch();

  const Session* session_;
  BuildSettings* settings_;
  std::optional<OpenStore> opened_;
  net::HttpClient http_;
  std::optional<remote::Access> access_;
  std::optional<BuildContext> fetched_;
  DockerfileInput dockerfile_;
};

}  // namespace kiln::cli
