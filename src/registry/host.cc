// SPDX-License-Identifier: Apache-2.0
#include "registry/host.h"

#include <algorithm>

namespace kiln::registry {
namespace {

/// Whether no redirect on the way to an answer led away from `base`'s origin.
bool stayed_at(const std::string& base, const net::HttpResponse& response) {
  return std::ranges::all_of(response.redirects, [&](const std::string& url) {
    return net::url_origin(url) == net::url_origin(base);
  });
}

/// Whether a server with TLS answers a request without it: `Client sent an HTTP request to an HTTPS
/// server`, and nothing to HEAD.
bool wants_tls(const net::HttpResponse& response) {
  if (response.status != 400) return false;
  const std::string_view body = response.body;
  return body.empty() || body.find("HTTPS") != std::string_view::npos ||
         body.find("SSL") != std::string_view::npos;
}

}  // namespace

Host::Host(const Endpoint& endpoint, std::unique_ptr<net::HttpTransport> transport,
           Authorizer::FindCredentials find, Authorizer::Clock now)
    : name_(endpoint.host),
      wanted_(endpoint.scheme),
      transport_(std::move(transport)),
      authorizer_(*transport_, std::move(find), std::move(now)) {
  if (wanted_ == Endpoint::Scheme::https) base_ = "https://" + name_;
  if (wanted_ == Endpoint::Scheme::http) base_ = "http://" + name_;
}

Result<net::HttpResponse> Host::send(net::HttpRequest request, const Scopes& scopes) {
  std::string base;
  {
    const std::scoped_lock lock(mutex_);
    // Others wait: the first answer tells them where to ask.
    if (base_.empty() && request.body == nullptr) return send_first(request, scopes);
    if (base_.empty()) {
      // A body can be read only once.
      net::HttpRequest first;
      first.url = "/v2/";
      first.stop = request.stop;
      auto answered = send_first(first, scopes);
      if (!answered.ok()) return answered;
    }
    base = base_;
  }
  if (request.url.starts_with('/')) request.url.insert(0, base);
  return send_authorized(request, base, scopes);
}

Result<net::HttpResponse> Host::send_first(net::HttpRequest& request, const Scopes& scopes) {
  CHECK(request.body == nullptr && request.url.starts_with('/'));
  const std::string path = request.url;
  const std::string secure = "https://" + name_;
  request.url = secure + path;
  auto response = send_authorized(request, secure, scopes);
  if (response.ok()) {
    base_ = secure;
    return response;
  }
  // A connection that broke says nothing about what the server speaks.
  const ErrorKind kind = response.error().kind();
  if (kind != ErrorKind::untrusted && kind != ErrorKind::unreachable) return response;
  const std::string plain = "http://" + name_;
  request.url = plain + path;
  auto second = send_authorized(request, plain, scopes);
  if (second.ok() && wants_tls(*second)) return response;
  if (second.ok()) base_ = plain;
  return second;
}

Result<net::HttpResponse> Host::send_authorized(net::HttpRequest& request, const std::string& base,
                                                const Scopes& scopes) {
  const net::HttpHeaders own = request.headers;
  const bool ours = net::url_origin(request.url) == net::url_origin(base);
  for (bool again = false;; again = true) {
    std::optional<std::string> header;
    request.headers = own;
    Authorizer::Busy busy;
    if (ours) {
      auto made = authorizer_.header(scopes, request.stop, busy);
      if (busy) return *std::move(busy);
      header = TRY(std::move(made));
    }
    if (header) request.headers.push_back({"Authorization", *header});
    auto response = transport_->perform(request);
    if (!response.ok() || response->status != 401) return response;
    // What another host asks for is none of its business.
    if (!ours || !stayed_at(base, *response)) return response;
    auto taken = authorizer_.take_refusal(*response, header, scopes, request.stop, busy);
    if (busy) return *std::move(busy);
    const bool better = TRY(std::move(taken));
    if (better && !again && request.body == nullptr) continue;
    if (const auto missing = authorizer_.missing_credentials(); missing && (again || !better))
      return *missing;
    return response;
  }
}

}  // namespace kiln::registry
