// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "net/http.h"
#include "registry/challenge.h"
#include "registry/credentials.h"

namespace kiln::registry {

/// What a request needs to be allowed: `repository:library/busybox:pull`. In order, so that equal
/// sets are equal.
using Scopes = std::set<std::string>;

/// Makes the Authorization headers for one registry, from what it said when it refused a request:
/// Basic, or a Bearer token that a token server gives for scopes (distribution's
/// docs/spec/auth/token.md). Tokens are kept until shortly before they end. Thread-safe.
class Authorizer {
 public:
  using FindCredentials = std::function<Result<std::optional<Credentials>>()>;
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  Authorizer(net::HttpTransport& transport, FindCredentials find, Clock now)
      : transport_(&transport), find_credentials_(std::move(find)), now_(std::move(now)) {}

  /// The answer of a token server that says when to ask again (Retry-After), if that is why there
  /// is no token: it stands for the registry's own.
  using Busy = std::optional<net::HttpResponse>;

  /// The header for a request; nullopt while the registry has not asked for one.
  Result<std::optional<std::string>> header(const Scopes& scopes, std::stop_token stop, Busy& busy);

  /// Takes up what a refusal (401) says. `sent` is the header that was refused; false if there is
  /// nothing better than it. Errors: unauthorized if the token server refuses, others of the
  /// transport.
  Result<bool> take_refusal(const net::HttpResponse& refusal,
                            const std::optional<std::string>& sent, const Scopes& scopes,
                            std::stop_token stop, Busy& busy);

  /// Why credentials were not found, if a credential helper failed: requests are anonymous then,
  /// and this is why they are refused.
  std::optional<Error> missing_credentials();

  /// Makes identity_token() possible; before the first request.
  void ask_for_identity_token() { wants_identity_token_ = true; }
  /// The token that the server gave to use in place of the password, if it gave one.
  std::string identity_token();

 private:
  struct Token {
    std::string value;
    std::chrono::steady_clock::time_point end;
  };
  Result<void> find_credentials();
  bool has_password() const;
  bool has_registry_token() const;
  Result<std::string> bearer(const Scopes& scopes, std::stop_token stop, Busy& busy);
  Result<Token> ask_for_token(const Scopes& scopes, std::stop_token stop, Busy& busy);
  net::HttpRequest password_request(const Scopes& scopes) const;
  std::string exchange_form(const Scopes& scopes) const;

  net::HttpTransport* transport_;
  FindCredentials find_credentials_;
  Clock now_;

  bool wants_identity_token_ = false;
  std::mutex mutex_;  ///< guards the rest
  std::optional<Challenge> challenge_;
  std::string refusing_url_;
  bool looked_for_credentials_ = false;
  std::optional<Credentials> credentials_;
  std::optional<Error> missing_credentials_;
  std::map<Scopes, Token> tokens_;
  std::string identity_token_;
};

}  // namespace kiln::registry
