// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "net/http_client.h"
#include "oci/reference.h"
#include "registry/credentials.h"
#include "registry/endpoint.h"
#include "registry/host.h"
#include "registry/piecewise.h"
#include "registry/retry.h"

namespace kiln::registry {

using TransportFactory =
    std::function<std::unique_ptr<net::HttpTransport>(const net::TlsOptions& tls)>;

struct RegistryOptions {
  RegistryRules rules;
  CredentialStore credentials;
  Retry::Policy retry = {};
  PiecePolicy pieces = {};
  TransportFactory make_transport = [](const net::TlsOptions& tls) {
    net::HttpOptions options;
    options.tls = tls;
    return std::make_unique<net::HttpClient>(std::move(options));
  };
  Sleep sleep = sleep_until_stopped;
  Authorizer::Clock now = [] { return std::chrono::steady_clock::now(); };
};

/// The hosts that were talked to, with their connections and tokens. Thread-safe.
class Registries {
 public:
  explicit Registries(RegistryOptions options) : options_(std::move(options)) {}

  struct Place {
    Endpoint endpoint;
    Host* host;
  };
  /// Where a reference is served, mirrors first.
  Result<std::vector<Place>> places(const oci::Reference& reference, Purpose purpose);

  /// Where a registry is searched: no mirror, and for docker.io the hub's index.
  Result<Place> search_place(const std::string& domain);

  /// Asks a registry whether it takes `credentials`, which are stored nowhere. What comes back is
  /// what to store: an identity token in place of the password, if the registry gave one. Kind
  /// unauthorized if it refuses.
  Result<Credentials> log_in(const std::string& domain, const Credentials& credentials,
                             std::stop_token stop);

  const RegistryOptions& options() const { return options_; }

 private:
  Result<Host*> host(const Endpoint& endpoint);
  Result<std::unique_ptr<Host>> connect(const Endpoint& endpoint, Authorizer::FindCredentials find);

  RegistryOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;  ///< guarded by mutex_
};

}  // namespace kiln::registry
