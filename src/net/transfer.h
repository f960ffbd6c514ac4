// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "net/curl_library.h"
#include "net/http_client.h"

namespace kiln::net {

/// One request and its answer on a pair of libcurl's handles, redirects not followed.
class Transfer {
 public:
  /// What is borrowed has to outlive the transfer. `url` and `headers` stand for the request's.
  Transfer(const CurlLibrary& curl, CURLM* multi, CURL* easy, const HttpOptions& options,
           const HttpRequest& request, std::string url, const HttpHeaders& headers,
           HttpResponse& response);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  /// Where a redirect that may be followed leads, absolute; nullopt once there is a last answer.
  Result<std::optional<std::string>> run(bool may_redirect);

 private:
  using Clock = std::chrono::steady_clock;

  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_.easy_setopt(easy_, option, value);
  }
  void set_up_request();
  void set_up_connection();
  void set_up_proxy();
  void add_header(const std::string& line);

  /// Until libcurl says that the transfer has ended, and how.
  Result<CURLcode> drive();
  Result<void> check_for_stall();
  Error transfer_error(CURLcode code) const;

  /// Both return false to make libcurl give up, with the reason in failure_.
  bool take_header(std::string_view line);
  bool take_body(Bytes data);
  std::size_t give_body(MutableBytes into);
  bool has_payload() const;
  /// Whether the answer is a redirect that keeps the request what it is.
  bool is_redirect() const;
  bool fail(Error error);

  const CurlLibrary& curl_;
  CURLM* multi_;
  CURL* easy_;
  const HttpOptions& options_;
  const HttpRequest& request_;
  std::string url_;
  const HttpHeaders& headers_;
  HttpResponse& response_;

  curl_slist* header_lines_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> message_{};
  bool may_redirect_ = false;
  bool headers_complete_ = false;
  bool has_enough_ = false;  ///< of a failure's body, whose rest is not read
  std::uint64_t sent_ = 0;
  curl_off_t sent_on_wire_ = 0;
  Clock::time_point last_progress_;
  std::optional<Error> failure_;
};

}  // namespace kiln::net
