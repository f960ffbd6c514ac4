// SPDX-License-Identifier: Apache-2.0
#include "registry/host.h"

#include <fmt/format.h>

namespace kiln::registry {

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
  if (!request.url.starts_with('/')) return send_authorized(request, scopes);
  const std::string path = request.url;
  std::string base;
  {
    const std::scoped_lock lock(mutex_);
    if (base_.empty()) {
      // Others wait: the first answer tells them where to ask.
      auto response = send_first(request, path, scopes);
      if (response.ok()) return response;
      return std::move(response).error();
    }
    base = base_;
  }
  request.url = base + path;
  return send_authorized(request, scopes);
}

Result<net::HttpResponse> Host::send_first(net::HttpRequest& request, const std::string& path,
                                           const Scopes& scopes) {
  CHECK(request.body == nullptr);
  request.url = fmt::format("https://{}{}", name_, path);
  auto response = send_authorized(request, scopes);
  if (response.ok()) {
    base_ = "https://" + name_;
    return response;
  }
  const ErrorKind kind = response.error().kind();
  if (kind != ErrorKind::untrusted && kind != ErrorKind::unreachable &&
      kind != ErrorKind::interrupted) {
    return response;
  }
  request.url = fmt::format("http://{}{}", name_, path);
  auto plain = send_authorized(request, scopes);
  if (plain.ok()) base_ = "http://" + name_;
  return plain;
}

Result<net::HttpResponse> Host::send_authorized(net::HttpRequest& request, const Scopes& scopes) {
  const net::HttpHeaders plain = request.headers;
  const std::string origin = net::url_origin(request.url);
  const bool ours =
      origin == net::url_origin("https://" + name_) || origin == net::url_origin("http://" + name_);
  for (bool again = false;; again = true) {
    std::optional<std::string> header;
    request.headers = plain;
    // A place that an upload was sent to may be another's, who must not see our credentials.
    if (ours) header = TRY(authorizer_.header(scopes, request.stop));
    if (header) request.headers.push_back({"Authorization", *header});
    auto response = transport_->perform(request);
    if (!response.ok() || response->status != 401 || !ours) {
      request.headers = plain;
      return response;
    }
    const bool better = TRY(authorizer_.take_refusal(*response, header, scopes, request.stop));
    if (!better || again || request.body != nullptr) {
      request.headers = plain;
      return response;
    }
  }
}

}  // namespace kiln::registry
