// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "cli/base_pulls.h"
#include "cli/registry_session.h"
#include "frontend/build_plan.h"
#include "registry/registry.h"
#include "store/store.h"

namespace kiln::cli {

/// When a base image is asked for at its registry.
enum class PullPolicy {
  always,   ///< in any case; a failure ends the build
  missing,  ///< if the store has it not
  never,
  newer,  ///< in any case; what the store has serves if that fails
};

/// docker's boolean or podman's word; kind invalid_input for anything else.
Result<PullPolicy> parse_pull_policy(std::string_view text);

/// Base images out of the store. Those that it has not, or that are to be renewed, are looked up at
/// their registries, once in a build each; layers that are missing come when pulls() is asked for
/// them. `oci-layout://…` is an image of an OCI
/// layout, whose layers come into the store and go with this if nothing came to use them.
class StoreImages final : public frontend::BaseImages {
 public:
  using Notice = std::function<void(std::string_view line)>;

  /// Only what the store has.
  explicit StoreImages(store::Store& store) : StoreImages(store, PullPolicy::never, {}, {}) {}
  StoreImages(store::Store& store, PullPolicy policy, std::stop_token stop, Notice notice)
      : store_(&store),
        policy_(policy),
        stop_(std::move(stop)),
        notice_(std::move(notice)),
        pulls_(store) {}
  ~StoreImages() override;
  /// Who registries are asked as, and how; else as the user's files say.
  void ask_with(RegistryFlags flags) { flags_ = std::move(flags); }
  StoreImages(const StoreImages&) = delete;
  StoreImages& operator=(const StoreImages&) = delete;

  Result<frontend::BaseImage> resolve(const std::string& reference,
                                      const oci::Platform& platform) override;
  BasePulls& pulls() { return pulls_; }

 private:
  Result<oci::ImageConfig> find(const std::string& reference, const oci::Platform& platform);
  Result<oci::ImageConfig> look_up(const oci::Reference& reference, const oci::Platform& platform);
  Result<bool> fits(const store::Image& image, const oci::Platform& platform) const;

  store::Store* store_;
  PullPolicy policy_;
  std::stop_token stop_;
  Notice notice_;
  RegistryFlags flags_;
  std::unique_ptr<registry::Registries> registries_;  ///< once one was needed
  std::map<std::string, oci::ImageConfig> found_;     ///< there, by reference and platform
  BasePulls pulls_;
  bool has_borrowed_ = false;  ///< layers of layouts
};

}  // namespace kiln::cli
