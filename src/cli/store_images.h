// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

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

/// Base images out of the store, which gets those that it has not, or that are to be renewed, from
/// their registries. Each is asked for once in a build. `oci-layout://…` is an image of an OCI
/// layout, whose layers come into the store and go with this if nothing came to use them.
class StoreImages final : public frontend::BaseImages {
 public:
  using Notice = std::function<void(std::string_view line)>;

  /// Only what the store has.
  explicit StoreImages(store::Store& store) : StoreImages(store, PullPolicy::never, {}, {}) {}
  StoreImages(store::Store& store, PullPolicy policy, std::stop_token stop, Notice notice)
      : store_(&store), policy_(policy), stop_(std::move(stop)), notice_(std::move(notice)) {}
  ~StoreImages() override;
  StoreImages(const StoreImages&) = delete;
  StoreImages& operator=(const StoreImages&) = delete;

  Result<frontend::BaseImage> resolve(const std::string& reference,
                                      const oci::Platform& platform) override;

 private:
  Result<store::Image> find_or_pull(const std::string& reference, const oci::Platform& platform);
  Result<store::Image> pull(const oci::Reference& reference, const oci::Platform& platform);
  Result<bool> fits(const store::Image& image, const oci::Platform& platform) const;

  store::Store* store_;
  PullPolicy policy_;
  std::stop_token stop_;
  Notice notice_;
  std::unique_ptr<registry::Registries> registries_;  ///< once one was needed
  std::map<std::string, store::Image> pulled_;        ///< by reference and platform
  bool has_borrowed_ = false;                         ///< layers of layouts
};

}  // namespace kiln::cli
