// SPDX-License-Identifier: Apache-2.0
#include "cli/build_input.h"

#include <cstdint>
#include <variant>

#include "base/url.h"
#include "cli/build_time.h"
#include "solver/source_ops.h"

namespace kiln::cli {

Result<OpenStore*> BuildInput::open() {
  if (!opened_) {
    store::Store store = TRY(session_->open_store(Access::layers));
    opened_.emplace(std::move(store));
  }
  return &*opened_;
}

Result<const remote::Access*> BuildInput::access() {
  OpenStore* const opened = TRY(open());
  if (!access_)
    access_.emplace(opened->store, http_, solver::secret_lookup(settings_->environment),
                    opened->interrupts.token(), solver::ssh_access(settings_->environment));
  return &*access_;
}

/// Shown as a step of its own where fetching takes a while.
Result<BuildContext> BuildInput::fetch() {
  constexpr solver::StepId kStep = SIZE_MAX;
  const remote::Access* const from = TRY(access());
  const auto progress = TRY(open_progress(settings_->flags));
  const bool keeps = is_set(settings_->options, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
  const std::string name = fetching_name(settings_->context);
  if (!name.empty()) progress->report(solver::StepStarted{kStep, name});
  auto opened = open_build_context(*from, settings_->context, settings_->flags.file,
                                   keeps ? GitDir::keep : GitDir::as_the_url_says);
  if (!name.empty()) {
    const auto outcome = opened ? solver::StepOutcome::done : solver::StepOutcome::failed;
    progress->report(
        solver::StepEnded{kStep, outcome, opened ? std::string() : opened.error().message()});
    if (!opened) progress->report(solver::BuildEnded{false});
  }
  return opened;
}

Result<void> BuildInput::read() {
  const std::string& file = settings_->flags.file;
  if (has_to_be_fetched(settings_->context, file)) {
    BuildContext context = TRY(fetch());
    fetched_.emplace(std::move(context));
    dockerfile_ = TRY(read_dockerfile_of(*access_, *fetched_, file));
  } else {
    dockerfile_ = TRY(read_dockerfile(settings_->context, file));
  }
  settings_->options.ignore = dockerfile_.ignore;
  const std::string& ignore_file = settings_->flags.drop_in.ignore_file;
  if (!ignore_file.empty()) settings_->options.ignore = TRY(read_ignore_file(ignore_file));
  return {};
}

Result<void> BuildInput::settle_time(const dockerfile::Dockerfile& file) {
  std::optional<FetchedContext> timed;
  if (fetched_ && !fetched_->is_local)
    timed = FetchedContext{&*access_, &settings_->context, &*fetched_};
  return settle_build_time(file, timed, [this] { return access(); }, settings_->options);
}

std::string BuildInput::shown_context() const {
  return fetched_ ? redact_credentials(settings_->context) : dockerfile_.context_path;
}

Result<void> BuildInput::open_trees(solver::SolveContext& context) const {
  store::Store& store = context.store;
  const std::string& path = dockerfile_.context_path;
  // What is gone after the build is not worth remembering.
  const bool lasts = !fetched_ || !fetched_->scratch;
  context.contexts["context"] = TRY(
      solver::ContextTree::open(path, settings_->options.ignore,
                                lasts ? store.context_index(path) : store.workspace().new_path(),
                                fetched_ ? fetched_->owners : solver::Owners::root));
  for (const auto& [key, value] : settings_->named.contexts) {
    const auto* local = std::get_if<llb::LocalSource>(&value);
    if (local == nullptr) continue;
    const std::string& directory = settings_->named.directories.at(local->name);
    context.contexts[local->name] =
        TRY(solver::ContextTree::open(directory, local->ignore, store.context_index(directory)));
  }
  return {};
}

}  // namespace kiln::cli
