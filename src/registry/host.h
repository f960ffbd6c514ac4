// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "net/http.h"
#include "registry/authorizer.h"
#include "registry/endpoint.h"

namespace kiln::registry {

/// One registry's server: finds out whether it speaks TLS, and adds what authorises requests.
/// Thread-safe.
class Host {
 public:
  Host(const Endpoint& endpoint, std::unique_ptr<net::HttpTransport> transport,
       Authorizer::FindCredentials find, Authorizer::Clock now);

  /// Sends `request`, whose URL is absolute (from an answer of this host) or a path such as
  /// `/v2/`. After a refusal (401), it is sent again with what the refusal asks for; if it has a
  /// body, which can be read only once, the refusal comes back and the next request does better.
  /// The answer of a token server that says when to ask again stands for the registry's.
  Result<net::HttpResponse> send(net::HttpRequest request, const Scopes& scopes);

  const std::string& name() const { return name_; }
  Authorizer& authorizer() { return authorizer_; }

 private:
  /// Only what goes to `base`'s origin is authorised, and only its refusals are obeyed: uploads may
  /// be sent and downloads be redirected elsewhere.
  Result<net::HttpResponse> send_authorized(net::HttpRequest& request, const std::string& base,
                                            const Scopes& scopes);
  Result<net::HttpResponse> send_first(net::HttpRequest& request, const Scopes& scopes);

  std::string name_;
  Endpoint::Scheme wanted_;
  std::unique_ptr<net::HttpTransport> transport_;
  Authorizer authorizer_;
  std::mutex mutex_;
  std::string base_;  ///< guarded by mutex_; empty until a server has answered
};

}  // namespace kiln::registry
