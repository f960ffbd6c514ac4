// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/flags.h"
#include "registry/registry.h"

namespace kiln::cli {

/// podman's and skopeo's flags of who, where and how often, which stand over the files.
struct RegistryFlags {
  std::string authfile, credentials, certificate_folder, tls_verify;
  std::string username, password, registry_token;
  bool anonymous = false;
  std::string retries, retry_delay;
  std::vector<std::string> insecure;  ///< further hosts that may be asked without TLS
};
/// --authfile, --creds, --cert-dir and --tls-verify.
void add_registry_flags(FlagSet& set, RegistryFlags& flags);
/// skopeo's for one of two sides: the same as --src-creds …, and what it has besides.
void add_registry_flags_of_side(FlagSet& set, RegistryFlags& flags, const std::string& side);
/// `name`, such as --retry, and --retry-delay.
void add_retry_flags(FlagSet& set, RegistryFlags& flags, const std::string& name);

/// Whether that is one of podman's files alone, by --authfile or REGISTRY_AUTH_FILE.
bool has_podman_file(const RegistryFlags& flags);
/// Where a login is written and credentials are looked for.
registry::CredentialFiles credential_files(const RegistryFlags& flags);

/// The registries, as the user's and the machine's files say. Reads no more than these: nothing is
/// asked of the network, and no library for it is loaded, before an image is.
Result<std::unique_ptr<registry::Registries>> open_registries(const RegistryFlags& flags = {});

}  // namespace kiln::cli
