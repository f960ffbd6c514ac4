// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_json.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "oci/digest.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

constexpr int kStandardOutput = 1, kStandardError = 2;

std::string vertex_digest(solver::StepId step) {
  return oci::Digest::of(fmt::format("step {}", step)).str();
}

}  // namespace

std::string JsonProgress::now() const {
  const TimePoint time = options_.clock();
  return format_rfc3339(time.seconds, time.nanoseconds);
}

void JsonProgress::write(const char* list, json item) {
  options_.sink(dump_json(json{{list, json::array({std::move(item)})}}) + "\n");
}

void JsonProgress::report(const solver::ProgressEvent& event) {
  std::visit([this](const auto& each) { handle(each); }, event);
}

void JsonProgress::handle(const solver::StepStarted& event) {
  json vertex{{"digest", vertex_digest(event.step)}, {"name", event.name}, {"started", now()}};
  for (const solver::StepId input : event.inputs) vertex["inputs"].push_back(vertex_digest(input));
  vertices_[event.step] = vertex;
  write("vertexes", std::move(vertex));
}

void JsonProgress::handle(const solver::StepOutput& event) {
  write("logs",
        {{"vertex", vertex_digest(event.step)},
         {"stream", event.stream == solver::OutputStream::out ? kStandardOutput : kStandardError},
         {"data", base64(event.bytes)},
         {"timestamp", now()}});
}

/// A remark is a status that is complete when it begins.
void JsonProgress::note(solver::StepId step, const std::string& text) {
  const std::string time = now();
  write("statuses", {{"id", text},
                     {"vertex", vertex_digest(step)},
                     {"current", 0},
                     {"timestamp", time},
                     {"started", time},
                     {"completed", time}});
}

void JsonProgress::handle(const solver::StepNote& event) { note(event.step, event.text); }

void JsonProgress::handle(const solver::StepMissed& event) {
  if (event.reason.kind != solver::MissReason::Kind::cache_off)
    note(event.step, "cache miss: " + describe(event.reason));
}

void JsonProgress::handle(const solver::StepEnded& event) {
  json& vertex = vertices_[event.step];
  if (vertex.is_null()) vertex = {{"digest", vertex_digest(event.step)}};
  vertex["completed"] = now();
  if (event.outcome == solver::StepOutcome::cached) vertex["cached"] = true;
  if (event.outcome == solver::StepOutcome::cancelled) vertex["error"] = "canceled";
  if (event.outcome == solver::StepOutcome::failed) vertex["error"] = event.error;
  write("vertexes", vertex);
}

void JsonProgress::handle(const solver::BuildWarning& event) {
  write("warnings", {{"vertex", ""}, {"level", 1}, {"short", base64(event.text)}});
}

void JsonProgress::handle(const solver::BuildEnded& /*event*/) {}

}  // namespace kiln::cli
