// SPDX-License-Identifier: Apache-2.0
#include "cli/referrers.h"

#include "cli/registry_session.h"
#include "os/process_setup.h"
#include "registry/repository.h"

namespace kiln::cli {

using nlohmann::ordered_json;

Result<ordered_json> find_referrers(const std::vector<std::string>& repo_digests) {
  ordered_json out = ordered_json::array();
  if (repo_digests.empty()) return out;
  const auto registries = TRY(open_registries());
  const os::InterruptWatcher interrupts;
  for (const auto& text : repo_digests) {
    const auto reference = TRY(oci::Reference::parse(text));
    if (!reference.digest()) continue;
    auto repository =
        TRY(registry::Repository::open(*registries, reference, registry::Purpose::pull_digest));
    const auto found =
        TRY(repository.list_referrers(*reference.digest(), interrupts.token()).context(text));
    for (const auto& entry : found) {
      ordered_json one = {{"Repository", reference.familiar_name()}};
      one.update(entry.to_json());
      out.push_back(std::move(one));
    }
  }
  return out;
}

}  // namespace kiln::cli
