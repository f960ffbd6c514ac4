// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_session.h"

#include "os/system.h"
#include "registry/settings.h"

namespace kiln::cli {

Result<std::unique_ptr<registry::Registries>> open_registries() {
  const auto files = TRY(registry::SettingsFiles::from_environment());
  auto rules = TRY(registry::load_rules(files));
  registry::RegistryOptions options{
      .rules = std::move(rules),
      .credentials = registry::CredentialStore(registry::CredentialFiles::from_environment())};
  return std::make_unique<registry::Registries>(std::move(options));
}

Result<oci::Platform> platform_or_host(const std::string& text) {
  const oci::Platform host{"linux", os::go_architecture(), {}};
  if (text.empty()) return host;
  return oci::Platform::parse(text, host);
}

}  // namespace kiln::cli
