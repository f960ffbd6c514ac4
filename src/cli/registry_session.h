// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/flags.h"
#include "registry/registry.h"

namespace kiln::cli {

/// podman's flags of who and where, which stand over the files.
struct RegistryFlags {
  std::string authfile, credentials, certificate_folder, tls_verify;
  std::vector<std::string> insecure;  ///< further hosts that may be asked without TLS
};
/// --authfile, --creds, --cert-dir and --tls-verify; `prefix` makes them skopeo's --src-creds ….
void add_registry_flags(FlagSet& set, RegistryFlags& flags, const std::string& prefix = {});

/// Where a login is written and credentials are looked for.
registry::CredentialFiles credential_files(const RegistryFlags& flags);

/// The registries, as the user's and the machine's files say. Reads no more than these: nothing is
/// asked of the network, and no library for it is loaded, before an image is.
Result<std::unique_ptr<registry::Registries>> open_registries(const RegistryFlags& flags = {});

}  // namespace kiln::cli
