// SPDX-License-Identifier: Apache-2.0
#include "frontend/config_changes.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "dockerfile/parser.h"
#include "frontend/build_plan.h"

namespace kiln::frontend {
namespace {

constexpr std::array<std::string_view, 11> kAllowed = {
    "CMD",     "ENTRYPOINT", "ENV",  "EXPOSE", "HEALTHCHECK", "LABEL",
    "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"};

class OneImage final : public BaseImages {
 public:
  explicit OneImage(const oci::ImageConfig& config) : config_(&config) {}
  Result<BaseImage> resolve(const std::string&, const oci::Platform&) override {
    return BaseImage{*config_};
  }

 private:
  const oci::ImageConfig* config_;
};

/// `error` says where in the text that was made of the change, and quotes that.
Error error_of(const std::string& change, const Error& error) {
  const std::string first(split_once(error.message(), '\n').first);
  const auto place = first.find(": ");
  Error out(error.kind(), "--change \"" + change + "\": " +
                              (place == std::string::npos ? first : first.substr(place + 2)));
  return error.hint().empty() ? out : std::move(out).with_hint(error.hint());
}

}  // namespace

Result<oci::RunConfig> apply_changes(const oci::ImageConfig& config,
                                     const std::vector<std::string>& changes) {
  // Each on its own first: what is wrong is told of the change, not of the text that all make.
  std::string text = "FROM base\n";
  for (const auto& change : changes) {
    auto alone = dockerfile::parse("--change", "FROM base\n" + change + "\n");
    if (!alone) return error_of(change, alone.error());
    text += change + "\n";
  }
  const dockerfile::Dockerfile file = TRY(dockerfile::parse("--change", text));
  if (file.stages.size() != 1) return invalid_input("FROM is not a valid change command");
  for (const auto& instruction : file.stages.back().instructions) {
    if (std::ranges::find(kAllowed, instruction.keyword) == kAllowed.end())
      return invalid_input(instruction.keyword + " is not a valid change command");
  }
  // Triggers of the image itself are for builds.
  oci::ImageConfig base = config;
  std::vector<std::string> triggers = std::exchange(base.config.on_build, {});
  BuildOptions options;
  options.platform = config.platform;
  OneImage images(base);
  BuildPlan plan = TRY(plan_build(file, options, images));
  oci::RunConfig out = std::move(plan.config.config);
  // A build gives every image a PATH; a change does so only if it says so.
  const bool had_path = oci::find_env(config.config.env, "PATH").has_value();
  const bool sets_path = std::ranges::any_of(file.stages.back().instructions, [](const auto& i) {
    const auto* env = std::get_if<dockerfile::Env>(&i.value);
    return env != nullptr && std::ranges::any_of(env->pairs, [](const auto& pair) {
             return pair.key.text == "PATH";
           });
  });
  if (!had_path && !sets_path)
    std::erase_if(out.env, [](const std::string& pair) { return pair.starts_with("PATH="); });
  out.on_build.insert(out.on_build.begin(), triggers.begin(), triggers.end());
  return out;
}

}  // namespace kiln::frontend
