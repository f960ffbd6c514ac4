// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <fmt/format.h>

#include "oci/reference.h"
#include "registry/response_error.h"

namespace kiln::registry {

Result<std::vector<Registries::Place>> Registries::places(const oci::Reference& reference,
                                                          Purpose purpose) {
  auto endpoints = TRY(find_endpoints(options_.rules, reference, purpose));
  std::vector<Place> out;
  for (auto& endpoint : endpoints) {
    Host* found = TRY(host(endpoint));
    out.push_back({std::move(endpoint), found});
  }
  return out;
}

Result<Registries::Place> Registries::search_place(const std::string& domain) {
  const auto reference = TRY(oci::Reference::parse(domain + "/search"));
  auto endpoints = TRY(find_endpoints(options_.rules, reference, Purpose::push));
  Endpoint endpoint = std::move(endpoints.back());
  if (domain == oci::kDockerHub) endpoint.host = "index.docker.io";
  Host* found = TRY(host(endpoint));
  return Place{std::move(endpoint), found};
}

Result<Host*> Registries::host(const Endpoint& endpoint) {
  const std::scoped_lock lock(mutex_);
  // Credentials may differ between the repositories of a host.
  const std::string key = fmt::format("{} {} {} {}", endpoint.host, endpoint.domain,
                                      static_cast<int>(endpoint.scheme), endpoint.repository);
  auto& known = hosts_[key];
  if (known == nullptr) {
    known = TRY(connect(endpoint, [this, domain = endpoint.domain, path = endpoint.repository] {
      return options_.credentials.find(domain, path);
    }));
  }
  return known.get();
}

Result<std::unique_ptr<Host>> Registries::connect(const Endpoint& endpoint,
                                                  Authorizer::FindCredentials find) {
  const net::TlsOptions tls = TRY(tls_options(options_.rules, endpoint));
  Endpoint reached = endpoint;
  // Who has set up certificates wants no way around them, but by a flag.
  const bool optional = options_.rules.tls == RegistryRules::Tls::optional;
  if (!tls.authorities.empty() && !optional) reached.scheme = Endpoint::Scheme::https;
  return std::make_unique<Host>(reached, options_.make_transport(tls), std::move(find),
                                options_.now);
}

Result<Credentials> Registries::log_in(const std::string& domain, const Credentials& credentials,
                                       std::stop_token stop) {
  const auto reference = TRY(oci::Reference::parse(domain + "/login"));
  const auto endpoints = TRY(find_endpoints(options_.rules, reference, Purpose::push));
  const auto host = TRY(connect(endpoints.back(), [&] {
    return Result<std::optional<Credentials>>(std::optional(credentials));
  }));
  host->authorizer().ask_for_identity_token();
  net::HttpRequest request;
  request.url = "/v2/";
  request.stop = stop;
  const net::HttpResponse response =
      TRY(host->send(request, {}).context("login attempt to " + domain));
  if (!response.success()) return response_error(response, "login attempt to " + domain);
  Credentials out = credentials;
  if (const std::string token = host->authorizer().identity_token(); !token.empty()) {
    out.identity_token = token;
    out.password.clear();
  }
  return out;
}

}  // namespace kiln::registry
