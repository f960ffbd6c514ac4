// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"
#include "oci/reference.h"

namespace kiln::registry {

/// One place where a repository is served.
struct Endpoint {
  std::string host;        ///< host[:port]
  std::string repository;  ///< below /v2/ there
  /// The registry whose credentials are used.
  std::string domain;
  enum class Scheme {
    https,
    http,
    either,  ///< https, with any certificate, else http
  };
  Scheme scheme = Scheme::https;
  bool mirror = false;
  bool operator==(const Endpoint&) const = default;
};

/// What a request is for: mirrors may serve tags, digests, or both, and take no pushes.
enum class Purpose { pull_tag, pull_digest, push };
inline Purpose pull_purpose(const oci::Reference& reference) {
  return reference.digest() ? Purpose::pull_digest : Purpose::pull_tag;
}

/// A mirror of a registry or of a part of it.
struct Mirror {
  std::string location;  ///< host[:port][/path], in place of the prefix
  bool insecure = false;
  bool tags = true;
  bool digests = true;
  std::optional<Endpoint::Scheme> scheme = {};  ///< where the mirror's URL names it
};

/// Rules for references that begin with `prefix`: a registry, or a folder or repository of it.
struct RegistryRule {
  std::string prefix;    ///< `*.example.com`, `host[:port][/path]`
  std::string location;  ///< host[:port][/path] in place of the prefix; empty: as it is
  bool insecure = false;
  bool blocked = false;
  std::vector<Mirror> mirrors;
};

/// Which hosts serve which names, and how: docker's daemon.json and containers' registries.conf
/// lead to it (registry/settings.h).
struct RegistryRules {
  std::vector<RegistryRule> rules;
  /// Of docker.io, by full URL or host.
  std::vector<Mirror> docker_mirrors;
  /// host[:port], or networks (CIDR).
  std::vector<std::string> insecure;
  /// Folders with one folder per host[:port]: `*.crt` are authorities, `*.cert` and `*.key` ours.
  std::vector<std::string> certificate_folders;
  /// A folder with certificates for every host, in place of those.
  std::string certificate_folder = {};
  /// What a user says of all registries, over what the rules say of each.
  enum class Tls { by_rule, required, optional };
  Tls tls = Tls::by_rule;
  /// Names of docker-credential-NAME, for what no file of credentials has.
  std::vector<std::string> credential_helpers = {};
};

/// The places to ask for a reference, in this order. Kind permission if a rule blocks it.
Result<std::vector<Endpoint>> find_endpoints(const RegistryRules& rules,
                                             const oci::Reference& reference, Purpose purpose);

/// localhost, 127.0.0.0/8 and ::1, with any port: may be asked without TLS, as docker does.
bool is_loopback(std::string_view host);

/// Certificates for a host, of the first folder that has any.
Result<net::TlsOptions> tls_options(const RegistryRules& rules, const Endpoint& endpoint);

}  // namespace kiln::registry
