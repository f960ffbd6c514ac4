// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dockerfile/parser.h"
#include "frontend/build_plan.h"

/// For tests: plans of Dockerfile texts over images that are made up.
namespace kiln::frontend::testing {

/// Images by name; keeps the names that it was asked for.
class FakeImages final : public BaseImages {
 public:
  Result<BaseImage> resolve(const std::string& reference, const oci::Platform& platform) override {
    asked.push_back(reference);
    platforms.push_back(platform);
    const auto found = images.find(reference);
    if (found == images.end()) return not_found(reference + ": no such image");
    return BaseImage{found->second};
  }
  oci::ImageConfig& add(const std::string& name) {
    oci::ImageConfig& config = images[name];
    config.platform = {"linux", "amd64", {}};
    config.diff_ids = {oci::DiffId::of(name)};
    config.config.env = {"PATH=/bin"};
    return config;
  }

  std::map<std::string, oci::ImageConfig> images;
  std::vector<std::string> asked;
  std::vector<oci::Platform> platforms;
};

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    options.platform = {"linux", "amd64", {}};
    images.add("base");
  }

  Result<BuildPlan> try_plan(const std::string& text) {
    auto file = dockerfile::parse("Dockerfile", text);
    if (!file) return std::move(file).error();
    return plan_build(*file, options, images);
  }
  BuildPlan plan(const std::string& text) {
    auto result = try_plan(text);
    if (!result) {
      ADD_FAILURE() << result.error().message();
      return {};
    }
    return *std::move(result);
  }
  Error failure(const std::string& text) {
    auto result = try_plan(text);
    if (!result) return std::move(result).error();
    ADD_FAILURE() << "planned: " << text;
    return invalid_input("none");
  }

  /// The ops of one type that the result needs, inputs first.
  template <typename Op>
  static std::vector<Op> ops(const BuildPlan& plan) {
    std::vector<Op> out;
    for (const llb::VertexId id : plan.graph.needed_by(plan.result)) {
      if (const auto* op = std::get_if<Op>(&plan.graph.vertex(id).op)) out.push_back(*op);
    }
    return out;
  }
  static llb::ExecOp last_exec(const BuildPlan& plan) {
    const auto all = ops<llb::ExecOp>(plan);
    if (all.empty()) {
      ADD_FAILURE() << "no RUN";
      return {};
    }
    return all.back();
  }
  static std::vector<std::string> history(const BuildPlan& plan) {
    std::vector<std::string> out;
    for (const auto& step : plan.history) out.push_back(step.created_by);
    return out;
  }

  BuildOptions options;
  FakeImages images;
};

}  // namespace kiln::frontend::testing
