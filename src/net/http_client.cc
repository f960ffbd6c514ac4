// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include <fmt/format.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "base/strings.h"
#include "net/curl_library.h"
#include "net/transfer.h"

namespace kiln::net {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string environment(const char* name, const char* otherwise) {
  std::string value = environment(name);
  return value.empty() ? environment(otherwise) : value;
}

/// A pair of libcurl's handles. The multi handle keeps the connections.
class Lane {
 public:
  static Result<Lane> create() {
    const CurlLibrary* curl = TRY(CurlLibrary::load());
    CURLM* multi = curl->multi_init();
    CURL* easy = curl->easy_init();
    Lane lane(curl, multi, easy);
    if (multi == nullptr || easy == nullptr) {
      return Error(ErrorKind::no_space, "libcurl: out of memory");
    }
    return lane;
  }
  Lane(Lane&& other) noexcept
      : curl_(other.curl_),
        multi_(std::exchange(other.multi_, nullptr)),
        easy_(std::exchange(other.easy_, nullptr)) {}
  Lane& operator=(Lane&&) = delete;
  ~Lane() {
    if (easy_ != nullptr) curl_->easy_cleanup(easy_);
    if (multi_ != nullptr) curl_->multi_cleanup(multi_);
  }

  const CurlLibrary& curl() const { return *curl_; }
  CURLM* multi() const { return multi_; }
  CURL* easy() const { return easy_; }

 private:
  Lane(const CurlLibrary* curl, CURLM* multi, CURL* easy)
      : curl_(curl), multi_(multi), easy_(easy) {}

  const CurlLibrary* curl_;
  CURLM* multi_;
  CURL* easy_;
};

/// Those that may go to another origin than the request's.
HttpHeaders without_credentials(const HttpHeaders& headers) {
  HttpHeaders out;
  for (const auto& header : headers) {
    if (!equals_ignoring_case(header.name, "Authorization") &&
        !equals_ignoring_case(header.name, "Cookie")) {
      out.push_back(header);
    }
  }
  return out;
}

Result<HttpResponse> perform_on(const Lane& lane, const HttpOptions& options,
                                const HttpRequest& request) {
  HttpRequest current = request;
  HttpHeaders headers = request.headers;
  HttpResponse response;
  response.url = request.url;
  while (true) {
    response.body.clear();
    Transfer transfer(lane.curl(), lane.multi(), lane.easy(), options, current, response.url,
                      headers, response);
    const auto next = TRY(transfer.run(request.redirect_limit > 0));
    if (!next) return response;
    if (response.redirects.size() == request.redirect_limit) {
      return invalid_input(fmt::format("{} {}: stopped after {} redirects", request.method,
                                       redacted_url(request.url), request.redirect_limit));
    }
    // Once away, always away: a host that is led back to could not tell who asks.
    if (url_origin(*next) != url_origin(request.url)) headers = without_credentials(headers);
    if (current.body != nullptr) current.body = TRY(current.reopen());
    response.redirects.push_back(*next);
    response.url = *next;
  }
}

}  // namespace

std::string TlsOptions::default_bundle() { return environment("SSL_CERT_FILE"); }

ProxyOptions ProxyOptions::from_environment() {
  return {.http = environment("http_proxy", "HTTP_PROXY"),
          .https = environment("https_proxy", "HTTPS_PROXY"),
          .none_for = environment("no_proxy", "NO_PROXY")};
}

struct HttpClient::Lanes {
  std::mutex mutex;
  std::vector<Lane> idle;

  Result<Lane> take() {
    const std::scoped_lock lock(mutex);
    if (idle.empty()) return Lane::create();
    Lane lane = std::move(idle.back());
    idle.pop_back();
    return lane;
  }
  void give_back(Lane lane) {
    const std::scoped_lock lock(mutex);
    idle.push_back(std::move(lane));
  }
};

HttpClient::HttpClient(HttpOptions options)
    : options_(std::move(options)), lanes_(std::make_unique<Lanes>()) {}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::perform(const HttpRequest& request) {
  Lane lane = TRY(lanes_->take());
  auto response = perform_on(lane, options_, request);
  // After a failure too: libcurl closes what it can't use again.
  lanes_->give_back(std::move(lane));
  return response;
}

}  // namespace kiln::net
