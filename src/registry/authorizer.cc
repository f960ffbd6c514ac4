// SPDX-License-Identifier: Apache-2.0
#include "registry/authorizer.h"

#include <fmt/format.h>

#include "archive/byte_stream.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/response_error.h"
#include "registry/url.h"

namespace kiln::registry {
namespace {

constexpr std::size_t kMaxTokenAnswer = std::size_t{1} << 20;
/// What a token lives that does not say (token.md, "Token Response Fields").
constexpr std::int64_t kDefaultLifetime = 60;
/// Before its end, a token is not used any more.
constexpr auto kMargin = std::chrono::seconds(10);

std::string form(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    out += name + "=" + percent_encode(value);
  }
  return out;
}

}  // namespace

Result<std::optional<std::string>> Authorizer::header(const Scopes& scopes, std::stop_token stop,
                                                      Busy& busy) {
  const std::scoped_lock lock(mutex_);
  if (!challenge_) return std::optional<std::string>();
  if (challenge_->scheme == "basic") {
    if (!has_password()) return std::optional<std::string>();
    return std::optional("Basic " +
                         encode_base64(credentials_->username + ":" + credentials_->password));
  }
  const std::string token = TRY(bearer(scopes, stop, busy));
  return std::optional("Bearer " + token);
}

Result<bool> Authorizer::take_refusal(const net::HttpResponse& refusal,
                                      const std::optional<std::string>& sent, const Scopes& scopes,
                                      std::stop_token stop, Busy& busy) {
  const std::scoped_lock lock(mutex_);
  std::optional<Challenge> chosen;
  for (const auto& header : refusal.headers) {
    if (!equals_ignoring_case(header.name, "WWW-Authenticate")) continue;
    for (auto& challenge : parse_challenges(header.value)) {
      const bool usable = challenge.scheme == "basic" ||
                          (challenge.scheme == "bearer" && !challenge.parameter("realm").empty());
      if (usable && (!chosen || challenge.scheme == "bearer")) chosen = std::move(challenge);
    }
  }
  if (!chosen) return false;
  refusing_url_ = refusal.url;
  TRY(find_credentials());
  if (chosen->scheme == "basic") {
    challenge_ = std::move(chosen);
    // The same once more would be refused once more.
    return has_password() && !sent;
  }
  if (has_registry_token()) {
    challenge_ = std::move(chosen);
    return !sent;
  }
  Scopes wanted = scopes;
  if (wanted.empty()) {
    for (const auto scope : split(chosen->parameter("scope"), ' ')) {
      if (!scope.empty()) wanted.emplace(scope);
    }
  }
  const bool repeated = sent && challenge_ && challenge_->scheme == "bearer";
  const auto known = tokens_.find(wanted);
  challenge_ = std::move(chosen);
  if (repeated && known != tokens_.end() && *sent == "Bearer " + known->second.value) {
    tokens_.erase(known);
  }
  TRY(bearer(wanted, stop, busy));
  if (wanted != scopes) tokens_[scopes] = tokens_.at(wanted);
  return true;
}

Result<void> Authorizer::find_credentials() {
  if (looked_for_credentials_) return {};
  auto found = find_credentials_();
  if (found.ok()) {
    credentials_ = *std::move(found);
  } else if (found.error().kind() == ErrorKind::unauthorized) {
    missing_credentials_ = std::move(found).error();
  } else {
    return std::move(found).error();
  }
  looked_for_credentials_ = true;
  return {};
}

bool Authorizer::has_password() const {
  return credentials_ && !(credentials_->username.empty() && credentials_->password.empty());
}

bool Authorizer::has_registry_token() const {
  return credentials_ && !credentials_->registry_token.empty();
}

Result<std::string> Authorizer::bearer(const Scopes& scopes, std::stop_token stop, Busy& busy) {
  if (has_registry_token()) return credentials_->registry_token;
  const auto known = tokens_.find(scopes);
  if (known != tokens_.end() && now_() + kMargin < known->second.end) return known->second.value;
  Token token = TRY(ask_for_token(scopes, stop, busy));
  tokens_[scopes] = token;
  return token.value;
}

net::HttpRequest Authorizer::password_request(const Scopes& scopes) const {
  std::vector<std::pair<std::string, std::string>> fields;
  if (const std::string service = challenge_->parameter("service"); !service.empty()) {
    fields.emplace_back("service", service);
  }
  net::HttpRequest request;
  request.url = challenge_->parameter("realm");
  for (const auto& scope : scopes) fields.emplace_back("scope", scope);
  if (credentials_) {
    fields.emplace_back("account", credentials_->username);
    fields.emplace_back("client_id", "kiln");
    if (wants_identity_token_) fields.emplace_back("offline_token", "true");
    request.headers.push_back(
        {"Authorization",
         "Basic " + encode_base64(credentials_->username + ":" + credentials_->password)});
  }
  request.url += (request.url.find('?') == std::string::npos ? "?" : "&") + form(fields);
  return request;
}

/// distribution's docs/spec/auth/oauth.md, where one field holds all scopes.
std::string Authorizer::exchange_form(const Scopes& scopes) const {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"grant_type", "refresh_token"},
      {"service", challenge_->parameter("service")},
      {"client_id", "kiln"},
      {"refresh_token", credentials_->identity_token}};
  if (!scopes.empty()) fields.emplace_back("scope", join({scopes.begin(), scopes.end()}, " "));
  return form(fields);
}

Result<Authorizer::Token> Authorizer::ask_for_token(const Scopes& scopes, std::stop_token stop,
                                                    Busy& busy) {
  const std::string realm = challenge_->parameter("realm");
  if (credentials_ && !realm.starts_with("https:") && refusing_url_.starts_with("https:")) {
    return Error(ErrorKind::permission,
                 fmt::format("the registry wants the credentials sent unencrypted to {}",
                             net::redacted_url(realm)));
  }
  const bool exchange = credentials_ && !credentials_->identity_token.empty();
  net::HttpRequest request;
  std::string body;
  if (exchange) {
    body = exchange_form(scopes);
    request.method = "POST";
    request.url = realm;
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  } else {
    request = password_request(scopes);
  }
  archive::MemorySource source(archive::as_bytes(body));
  if (exchange) {
    request.body = &source;
    request.body_size = body.size();
  }
  request.body_limit = kMaxTokenAnswer;
  request.stop = stop;
  const net::HttpResponse response = TRY(transport_->perform(request).context("ask for a token"));
  if (!response.success()) {
    if (is_temporary(response.status) && retry_after(response)) busy = response;
    Error error = response_error(response, "ask for a token");
    if (response.status == 400 || response.status == 401 || response.status == 403) {
      return missing_credentials_.value_or(Error(ErrorKind::unauthorized, error.message()));
    }
    return error;
  }
  const auto answer = TRY(parse_json(response.body, "the token server's answer"));
  Token token;
  token.value = TRY(json_string(answer, "token"));
  if (token.value.empty()) token.value = TRY(json_string(answer, "access_token"));
  if (token.value.empty()) return corrupt("the token server's answer holds no token");
  if (token.value.find_first_of("\r\n") != std::string::npos) {
    return corrupt("the token server's answer holds no sound token");
  }
  const std::int64_t lifetime = TRY(json_int(answer, "expires_in"));
  token.end = now_() + std::chrono::seconds(lifetime > 0 ? std::min<std::int64_t>(lifetime, 86400)
                                                         : kDefaultLifetime);
  const std::string refresh = TRY(json_string(answer, "refresh_token"));
  if (!refresh.empty()) identity_token_ = refresh;
  return token;
}

std::optional<Error> Authorizer::missing_credentials() {
  const std::scoped_lock lock(mutex_);
  return missing_credentials_;
}

std::string Authorizer::identity_token() {
  const std::scoped_lock lock(mutex_);
  return identity_token_;
}

}  // namespace kiln::registry
