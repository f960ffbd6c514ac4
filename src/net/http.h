// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.h"
#include "base/result.h"

namespace kiln::net {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// In the order of the message; names are compared without case.
using HttpHeaders = std::vector<HttpHeader>;
const std::string* find_header(const HttpHeaders& headers, std::string_view name);

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  /// Where the answer came from, after redirects.
  std::string url;
  /// The URLs that answers led to, in order; the last one is `url`.
  std::vector<std::string> redirects;
  /// What did not go to a sink: the whole body of a success, at most the beginning of another
  /// one's.
  std::string body;

  bool success() const { return status >= 200 && status < 300; }
  const std::string* header(std::string_view name) const { return find_header(headers, name); }
};

/// Part of a resource, from byte `first` to `last` (included; to the end without one). The answer
/// is 206 from a server that can do it and 200, with everything, from another.
struct ByteRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> last;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< http or https
  HttpHeaders headers;
  std::optional<ByteRange> range;

  /// The request's body, which is read once.
  ByteSource* body = nullptr;
  /// Makes the body anew, for an answer that leads elsewhere; without it none is followed.
  std::function<Result<ByteSource*>()> reopen;
  /// How long the body is; without it, it is sent in chunks.
  std::optional<std::uint64_t> body_size;

  /// Sees status and headers of the last answer before its body; an error ends the request.
  std::function<Result<void>(const HttpResponse&)> on_response;
  /// Gets the body of a success; other bodies, and all without a sink, go to HttpResponse::body.
  ByteSink* sink = nullptr;
  /// The longest HttpResponse::body of a success; more is an error of kind invalid_input.
  std::size_t body_limit = std::size_t{4} << 20;

  /// GET and HEAD follow as many; other methods too, if the answer keeps the method (307, 308). At
  /// 0 the answer that redirects is the answer.
  std::size_t redirect_limit = 10;
  std::stop_token stop = {};
};

/// Sends requests: the seam between what speaks a protocol over HTTP and the network.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  /// Sends a request and returns when its answer is complete. Any status is an answer, not an
  /// error; check_status() makes one of it. Errors: unreachable, untrusted, timed_out, interrupted
  /// (the connection broke, the body is shorter than announced), cancelled, invalid_input (a
  /// malformed URL, too many redirects), and those of body, sink and on_response as they are.
  /// Messages name the method and the URL without credentials. May be called from several threads.
  virtual Result<HttpResponse> perform(const HttpRequest& request) = 0;
};

/// An error unless the answer is a success: not_found for 404 and 410, unauthorized for 401,
/// permission for 403, interrupted for 408, 425, 429 and 5xx, otherwise invalid_input.
Result<void> check_status(const HttpResponse& response);
/// `404 Not Found`.
std::string status_text(int status);

/// A URL without user, password, query and fragment, which may hold secrets: for messages.
std::string redacted_url(std::string_view url);
/// Scheme, host and port of a URL, in lower case, the port always there; empty if it is none.
std::string url_origin(std::string_view url);

}  // namespace kiln::net
