// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/http.h"

namespace kiln::net {

enum class Verify { certificate, nothing };

struct TlsOptions {
  Verify verify = Verify::certificate;
  /// A file (PEM) in place of the system's; SSL_CERT_FILE, as everywhere.
  std::string bundle = default_bundle();
  /// Certificates (PEM) of authorities that are trusted besides the system's.
  std::string authorities;
  /// Files (PEM) of the certificate and key that we show; empty for none.
  std::string client_certificate;
  std::string client_key;

  static std::string default_bundle();
};

/// Which proxies lead where. An empty one is none.
struct ProxyOptions {
  std::string http;   ///< for http URLs
  std::string https;  ///< for https URLs
  /// Hosts, domains and networks (CIDR) that are asked directly, separated by commas; `*` for all.
  /// This machine always is.
  std::string none_for;

  /// http_proxy, https_proxy and no_proxy, in lower or upper case.
  static ProxyOptions from_environment();
};

struct HttpOptions {
  TlsOptions tls = {};
  ProxyOptions proxy = ProxyOptions::from_environment();
  std::string user_agent = "kiln";
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(30);
  /// The longest time without a byte in either direction. There is no limit for a whole request.
  /// Time that a body's source or sink takes does not count.
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(60);
};

/// HTTP/1.1 and, over TLS, HTTP/2, by libcurl, which is loaded by the first request. Connections
/// are kept for later requests. Redirects keep headers, but for Authorization and Cookie, which go
/// to the scheme, host and port of the request only.
class HttpClient final : public HttpTransport {
 public:
  explicit HttpClient(HttpOptions options = {});
  ~HttpClient() override;

  Result<HttpResponse> perform(const HttpRequest& request) override;

 private:
  struct Lanes;
  HttpOptions options_;
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace kiln::net
