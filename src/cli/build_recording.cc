// SPDX-License-Identifier: Apache-2.0
#include "cli/build_recording.h"

#include "base/paths.h"
#include "cli/session.h"
#include "cli/storage_policy.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

using json = nlohmann::ordered_json;

std::string status_word(solver::StepOutcome outcome) {
  switch (outcome) {
    case solver::StepOutcome::done:
      return "done";
    case solver::StepOutcome::cached:
      return "cached";
    case solver::StepOutcome::failed:
      return "error";
    case solver::StepOutcome::cancelled:
      return "canceled";
  }
  return {};
}

/// docker's name for a build: its context, by its last component, and what is unusual about it.
std::string display_name(const BuildRequest& request) {
  std::string name = request.context;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  const bool remote = name.find("://") != std::string::npos;
  if (!remote) name = std::string(base_name(name));
  const std::string file(base_name(request.dockerfile));
  if (file != "Dockerfile" && !file.empty()) name += "/" + file;
  if (!request.target.empty()) name += " (" + request.target + ")";
  return name;
}

}  // namespace

BuildRecording::BuildRecording(store::Store& store, BuildRequest request, solver::Progress& display)
    : store_(&store),
      request_(std::move(request)),
      log_path_(store.workspace().new_path()),
      created_(os::wall_clock()),
      log_(display, log_path_),
      steps_(log_) {}

void BuildRecording::succeeded(const solver::SolveContext& context, const llb::Graph& graph,
                               const Results& results, const std::optional<store::Image>& image) {
  json details;
  if (image) {
    details["image"] = image->id.str();
    details["size"] = image->size;
  }
  write(context, "Completed", std::move(details), graph, results);
}

void BuildRecording::failed(const solver::SolveContext& context, const llb::Graph& graph,
                            const Error& error) {
  json details;
  details["error"] = error.message();
  write(context, error.kind() == ErrorKind::cancelled ? "Canceled" : "Error", std::move(details),
        graph, {});
}

void BuildRecording::write(const solver::SolveContext& context, const std::string& status,
                           json details, const llb::Graph& graph, const Results& results) {
  store::BuildRecord record;
  record.id = id_;
  record.created = created_;
  record.milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::steady_clock::now() - started_)
                            .count();
  record.status = status;
  record.name = display_name(request_);
  details["context"] = request_.context;
  details["dockerfile"] = request_.dockerfile;
  details["target"] = request_.target;
  details["buildArgs"] = request_.build_args;
  details["tags"] = request_.tags;
  details["steps"] = json::array();
  for (const auto& step : steps_.steps()) {
    json each = {{"name", step.name},
                 {"status", status_word(step.outcome)},
                 {"milliseconds", step.milliseconds}};
    if (step.reason) each["reason"] = reason_json(*step.reason);
    if (!step.error.empty()) each["error"] = step.error;
    const auto result = results.find(step.id);
    if (result != results.end() && llb::is_step(graph.vertex(step.id).op) &&
        !result->second.layers.empty()) {
      const auto layer = store_->layers().find(result->second.layers.back());
      if (layer && *layer) each["size"] = (*layer)->content_size;
    }
    details["steps"].push_back(std::move(each));
  }
  record.details = details.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto policy = read_storage_policy(store_->paths());
  const auto size = log_.finish();
  record.log_size = size ? *size : 0;
  const auto added =
      store_->builds().add(record, size && *size > 0 ? log_path_ : std::string(), context.used_keys,
                           policy ? policy->history : store::HistoryLimits{});
  if (!added.ok()) print_error("kiln: the build is not in the history: " + added.error().message());
}

}  // namespace kiln::cli
