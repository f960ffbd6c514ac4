// SPDX-License-Identifier: Apache-2.0
#include "net/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "net/no_proxy.h"

namespace kiln::net {
namespace {

/// Of an answer that is no success, as much is kept for a message.
constexpr std::size_t kFailureBodyLimit = std::size_t{64} << 10;
constexpr long kBufferSize = 512L << 10;
/// How long a loop that nothing wakes waits at most.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::seconds(1);

bool is_http(std::string_view url) {
  const std::string scheme = to_lower(url.substr(0, url.find(':')));
  return scheme == "http" || scheme == "https";
}

ErrorKind kind_of(CURLcode code, std::string_view url) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return ErrorKind::unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorKind::timed_out;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return ErrorKind::untrusted;
    case CURLE_URL_MALFORMAT:
      return ErrorKind::invalid_input;
    case CURLE_UNSUPPORTED_PROTOCOL:  // the URL's, or what a server speaks that isn't HTTP
      return is_http(url) ? ErrorKind::interrupted : ErrorKind::invalid_input;
    case CURLE_OUT_OF_MEMORY:
      return ErrorKind::no_space;
    default:
      return ErrorKind::interrupted;
  }
}

/// What a server says of the client's certificate, or of none, after the handshake (RFC 8446, 6.2):
/// libcurl takes it for any failure of receiving.
bool refuses_certificate(std::string_view reason) {
  return reason.find(" alert ") != std::string_view::npos &&
         (reason.find("certificate") != std::string_view::npos ||
          reason.find("unknown ca") != std::string_view::npos);
}

/// A connection that breaks in the handshake, which libcurl takes for a failure of TLS.
bool breaks_handshake(CURLcode code, std::string_view reason) {
  if (code != CURLE_SSL_CONNECT_ERROR) return false;
  return std::ranges::any_of(
      std::array<std::string_view, 4>{"SSL_ERROR_SYSCALL", "Connection reset", "unexpected eof",
                                      "non-properly terminated"},
      [&](std::string_view sign) { return reason.find(sign) != std::string_view::npos; });
}

std::string first_letter_lower(std::string text) {
  // Not that of an abbreviation, `SSL`.
  if (text.size() > 1 && text[1] >= 'a' && text[1] <= 'z') text[0] = to_lower(text.substr(0, 1))[0];
  return text;
}

}  // namespace

Transfer::Transfer(const CurlLibrary& curl, CURLM* multi, CURL* easy, const HttpOptions& options,
                   const HttpRequest& request, std::string url, const HttpHeaders& headers,
                   HttpResponse& response)
    : curl_(curl),
      multi_(multi),
      easy_(easy),
      options_(options),
      request_(request),
      url_(std::move(url)),
      headers_(headers),
      response_(response) {
  curl_.easy_reset(easy_);
  set_up_connection();
  set_up_proxy();
  set_up_request();
}

Transfer::~Transfer() {
  curl_.multi_remove_handle(multi_, easy_);
  curl_.easy_reset(easy_);
  curl_.slist_free_all(header_lines_);
}

void Transfer::set_up_connection() {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, message_.data());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_BUFFERSIZE, kBufferSize);
  set(CURLOPT_UPLOAD_BUFFERSIZE, kBufferSize);
  set(CURLOPT_TCP_KEEPALIVE, 1L);

  const TlsOptions& tls = options_.tls;
  const bool verify = tls.verify == Verify::certificate;
  set(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (!tls.bundle.empty()) set(CURLOPT_CAINFO, tls.bundle.c_str());
  if (!tls.authorities.empty()) {
    // The bundle's place; the directory of the system's authorities stays.
    curl_blob blob{const_cast<char*>(tls.authorities.data()), tls.authorities.size(),
                   CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_certificate.empty()) set(CURLOPT_SSLCERT, tls.client_certificate.c_str());
  if (!tls.client_key.empty()) set(CURLOPT_SSLKEY, tls.client_key.c_str());
}

void Transfer::set_up_proxy() {
  const ProxyOptions& proxy = options_.proxy;
  // Set even if empty: else libcurl looks into the environment by rules of its own.
  const bool direct = goes_without_proxy(url_, proxy.none_for);
  const std::string& used = to_lower(url_).starts_with("https:") ? proxy.https : proxy.http;
  set(CURLOPT_PROXY, direct ? "" : used.c_str());
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void Transfer::add_header(const std::string& line) {
  header_lines_ = curl_.slist_append(header_lines_, line.c_str());
}

void Transfer::set_up_request() {
  set(CURLOPT_URL, url_.c_str());
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(CURLOPT_PRIVATE, this);

  if (request_.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  if (request_.body != nullptr) {
    set(CURLOPT_UPLOAD, 1L);
    set(
        CURLOPT_READFUNCTION, +[](char* into, std::size_t size, std::size_t count, void* self) {
          return static_cast<Transfer*>(self)->give_body(
              std::as_writable_bytes(std::span(into, size * count)));
        });
    set(CURLOPT_READDATA, this);
    if (request_.body_size) {
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*request_.body_size));
    }
  } else if (has_payload() && request_.method != "DELETE") {
    // Sends `Content-Length: 0`, without which some servers wait for more.
    set(CURLOPT_POSTFIELDSIZE, 0L);
    set(CURLOPT_POSTFIELDS, "");
  }
  if (has_payload()) set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());

  for (const auto& header : headers_) add_header(header.name + ": " + header.value);
  // A line without value takes away the header that libcurl would add.
  if (find_header(headers_, "Content-Type") == nullptr) add_header("Content-Type:");
  if (find_header(headers_, "Expect") == nullptr) add_header("Expect:");
  if (request_.range) {
    const auto& range = *request_.range;
    add_header(range.last ? fmt::format("Range: bytes={}-{}", range.first, *range.last)
                          : fmt::format("Range: bytes={}-", range.first));
  }
  set(CURLOPT_HTTPHEADER, header_lines_);

  set(
      CURLOPT_HEADERFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* self) {
        return static_cast<Transfer*>(self)->take_header({data, size * count}) ? size * count : 0;
      });
  set(CURLOPT_HEADERDATA, this);
  set(
      CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* self) {
        const Bytes bytes = std::as_bytes(std::span(data, size * count));
        // Anything but the number of bytes is a failure; an empty piece has no such number.
        return static_cast<Transfer*>(self)->take_body(bytes) ? bytes.size() : bytes.size() + 1;
      });
  set(CURLOPT_WRITEDATA, this);
}

Result<std::optional<std::string>> Transfer::run(bool may_redirect) {
  may_redirect_ = may_redirect;
  last_progress_ = Clock::now();
  const auto code = drive();
  if (failure_) return std::move(*failure_);
  if (!code.ok()) return Error(code.error());
  if (*code != CURLE_OK && !has_enough_) return transfer_error(*code);
  if (!may_redirect_ || !is_redirect()) return std::optional<std::string>();
  const char* target = nullptr;
  curl_.easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &target);
  if (target == nullptr) return std::optional<std::string>();
  return std::optional<std::string>(target);
}

Result<CURLcode> Transfer::drive() {
  const auto fail_multi = [&](CURLMcode code) {
    return Error(ErrorKind::system, fmt::format("{} {}: {}", request_.method, redacted_url(url_),
                                                curl_.multi_strerror(code)));
  };
  if (const auto code = curl_.multi_add_handle(multi_, easy_); code != CURLM_OK) {
    return fail_multi(code);
  }
  const std::stop_callback wake(request_.stop, [&] { curl_.multi_wakeup(multi_); });
  while (true) {
    if (request_.stop.stop_requested()) {
      return Error(ErrorKind::cancelled,
                   fmt::format("{} {}: cancelled", request_.method, redacted_url(url_)));
    }
    int running = 0;
    if (const auto code = curl_.multi_perform(multi_, &running); code != CURLM_OK) {
      return fail_multi(code);
    }
    int queued = 0;
    if (const CURLMsg* message = curl_.multi_info_read(multi_, &queued);
        message != nullptr && message->msg == CURLMSG_DONE) {
      return message->data.result;
    }
    TRY(check_for_stall());
    const auto wait = std::min(kLongestWait, options_.stall_timeout / 2);
    if (const auto code =
            curl_.multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
        code != CURLM_OK) {
      return fail_multi(code);
    }
  }
}

Result<void> Transfer::check_for_stall() {
  // The source of a body is asked long before what it gave has left the machine.
  curl_off_t sent = 0;
  curl_.easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
  const auto now = Clock::now();
  if (sent != sent_on_wire_) {
    sent_on_wire_ = sent;
    last_progress_ = now;
  }
  if (now - last_progress_ < options_.stall_timeout) return {};
  return Error(
      ErrorKind::timed_out,
      fmt::format("{} {}: nothing was received for {:g} s", request_.method, redacted_url(url_),
                  std::chrono::duration<double>(options_.stall_timeout).count()));
}

Error Transfer::transfer_error(CURLcode code) const {
  std::string reason = message_.front() != '\0' ? message_.data() : curl_.easy_strerror(code);
  if (code == CURLE_PARTIAL_FILE) reason = "connection closed before the end: " + reason;
  // libcurl would send the body again, and says that it can't.
  if (code == CURLE_SEND_FAIL_REWIND) reason = "connection closed before the answer";
  const bool refused = refuses_certificate(reason);
  const ErrorKind kind = refused                          ? ErrorKind::untrusted
                         : breaks_handshake(code, reason) ? ErrorKind::interrupted
                                                          : kind_of(code, url_);
  Error error(kind, fmt::format("{} {}: {}", request_.method, redacted_url(url_),
                                first_letter_lower(std::move(reason))));
  if (!refused) return error;
  return std::move(error).with_hint(
      "the server wants a certificate that it knows: NAME.cert and NAME.key in certs.d/HOST");
}

bool Transfer::has_payload() const { return request_.method != "GET" && request_.method != "HEAD"; }

bool Transfer::is_redirect() const {
  switch (response_.status) {
    case 301:
    case 302:
    case 303:
      return !has_payload() && response_.header("Location") != nullptr;
    case 307:
    case 308:
      return (request_.body == nullptr || request_.reopen) &&
             response_.header("Location") != nullptr;
    default:
      return false;
  }
}

bool Transfer::fail(Error error) {
  failure_ = std::move(error);
  return false;
}

bool Transfer::take_header(std::string_view line) {
  last_progress_ = Clock::now();
  if (headers_complete_) return true;  // trailers
  line = trim(line);
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();
    const auto code = split_once(line, ' ').second.value_or("");
    response_.status = static_cast<int>(parse_uint(code.substr(0, 3)).value_or(0));
    return true;
  }
  if (!line.empty()) {
    const auto [name, value] = split_once(line, ':');
    response_.headers.push_back({std::string(name), std::string(trim(value.value_or("")))});
    return true;
  }
  if (response_.status < 200) return true;  // interim answers, RFC 9110, 15.2
  headers_complete_ = true;
  if ((may_redirect_ && is_redirect()) || !request_.on_response) return true;
  auto taken = request_.on_response(response_);
  last_progress_ = Clock::now();
  return taken.ok() || fail(std::move(taken).error());
}

bool Transfer::take_body(Bytes data) {
  if (response_.success() && request_.sink != nullptr) {
    auto written = request_.sink->write(data);
    last_progress_ = Clock::now();
    return written.ok() || fail(std::move(written).error());
  }
  last_progress_ = Clock::now();
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  if (response_.success()) {
    if (text.size() > request_.body_limit - response_.body.size()) {
      return fail(
          invalid_input(fmt::format("{} {}: the answer has more than {} bytes", request_.method,
                                    redacted_url(url_), request_.body_limit)));
    }
    response_.body += text;
  } else {
    const std::size_t room = kFailureBodyLimit - response_.body.size();
    response_.body += text.substr(0, room);
    // The rest may have no end. Where the answer leads to another one, libcurl has to see its end.
    if (text.size() > room) {
      if (may_redirect_ && is_redirect())
        return fail(
            invalid_input(fmt::format("{} {}: a redirect with more than {} bytes", request_.method,
                                      redacted_url(url_), kFailureBodyLimit)));
      has_enough_ = true;
      return false;
    }
  }
  return true;
}

std::size_t Transfer::give_body(MutableBytes into) {
  if (request_.body_size) {
    const std::uint64_t rest = *request_.body_size - sent_;
    if (rest == 0) return 0;
    into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), rest)));
  }
  auto count = request_.body->read(into);
  last_progress_ = Clock::now();
  if (!count.ok()) {
    fail(std::move(count).error());
    return CURL_READFUNC_ABORT;
  }
  if (*count == 0 && request_.body_size) {
    fail(corrupt(fmt::format("{} {}: the body ends after {} of {} bytes", request_.method,
                             redacted_url(url_), sent_, *request_.body_size)));
    return CURL_READFUNC_ABORT;
  }
  sent_ += *count;
  return *count;
}

}  // namespace kiln::net
