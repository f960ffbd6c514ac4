// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "net/http.h"
#include "os/test_temp_dir.h"
#include "registry/registry.h"

/// For tests only.
namespace kiln::registry::test {

/// What a server of the test answers: a response whose `body` is sent, or an Error. `cut_after`
/// bytes of it arrive before the connection breaks.
struct Answer {
  int status = 200;
  net::HttpHeaders headers = {};
  std::string body = {};
  std::optional<std::size_t> cut_after = {};
  std::optional<Error> error = {};
  /// Gives parts of `body`, as they are asked for.
  bool gives_parts = false;
  /// Where it came from, if the request was redirected.
  std::string from = {};
};

struct Seen {
  std::string method;
  std::string url;
  std::string authorization;
  std::string range;
  std::string body;
};

/// Servers in memory: `METHOD URL` → the answers, in order, the last of which is repeated.
struct FakeServers {
  std::mutex mutex;  ///< of what requests change
  std::map<std::string, std::deque<Answer>> answers;
  std::vector<Seen> seen;

  void on(const std::string& request, Answer answer) {
    answers[request].push_back(std::move(answer));
  }
  std::vector<std::string> requests() const {
    std::vector<std::string> out;
    for (const auto& each : seen) out.push_back(each.method + " " + each.url);
    return out;
  }
};

class FakeTransport final : public net::HttpTransport {
 public:
  explicit FakeTransport(FakeServers& servers) : servers_(&servers) {}

  Result<net::HttpResponse> perform(const net::HttpRequest& request) override {
    Seen seen{request.method, request.url, {}, {}, {}};
    if (const auto* header = net::find_header(request.headers, "Authorization")) {
      seen.authorization = *header;
    }
    if (request.range) seen.range = std::to_string(request.range->first);
    if (request.body != nullptr) seen.body = TRY(archive::read_all(*request.body, 1 << 20));
    Answer answer = TRY(next_answer(request, seen));
    if (request.body != nullptr && !answer.from.empty()) TRY(redirect_body(request, answer.from));
    if (answer.error) return *answer.error;
    net::HttpResponse response;
    response.status = answer.status;
    response.headers = answer.headers;
    response.url = answer.from.empty() ? request.url : answer.from;
    if (!answer.from.empty()) response.redirects = {answer.from};
    if (answer.gives_parts && request.range) cut_part(answer, *request.range, response);
    if (request.on_response) TRY(request.on_response(response));
    const std::string sent = answer.body.substr(0, answer.cut_after.value_or(std::string::npos));
    if (response.success() && request.sink != nullptr) {
      for (std::size_t at = 0; at < sent.size(); at += kStep)
        TRY(request.sink->write(archive::as_bytes(std::string_view(sent).substr(at, kStep))));
    } else {
      response.body = sent;
    }
    if (answer.cut_after) return Error(ErrorKind::interrupted, "connection closed");
    return response;
  }

 private:
  /// So many bytes arrive at once.
  static constexpr std::size_t kStep = 1000;

  Result<Answer> next_answer(const net::HttpRequest& request, const Seen& seen) {
    const std::scoped_lock lock(servers_->mutex);
    servers_->seen.push_back(seen);
    const auto found = servers_->answers.find(request.method + " " + request.url);
    if (found == servers_->answers.end()) {
      return Error(ErrorKind::unreachable, "nobody answers " + request.url);
    }
    Answer answer = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    return answer;
  }
  Result<void> redirect_body(const net::HttpRequest& request, const std::string& url) {
    archive::ByteSource* body = TRY(request.reopen());
    const std::string sent = TRY(archive::read_all(*body, 1 << 20));
    const std::scoped_lock lock(servers_->mutex);
    servers_->seen.push_back({request.method, url, {}, {}, sent});
    return {};
  }
  static void cut_part(Answer& answer, const net::ByteRange& range, net::HttpResponse& response) {
    response.status = 206;
    response.headers.push_back({"Content-Range", "bytes " + std::to_string(range.first) + "-/*"});
    const std::size_t end = range.last ? *range.last + 1 : answer.body.size();
    answer.body = answer.body.substr(range.first, end - range.first);
  }

  FakeServers* servers_;
};

/// Registries that talk to `servers`; pauses are noted in `slept`, not made.
inline RegistryOptions fake_options(FakeServers& servers, CredentialFiles files = {},
                                    std::vector<std::chrono::milliseconds>* slept = nullptr) {
  RegistryOptions options{.rules = {}, .credentials = CredentialStore(std::move(files))};
  // All answers are slow ones, if there is enough to come.
  options.pieces = {.patience = {}, .least_rest = 5000, .piece = 3000, .connections = 3};
  options.make_transport = [&servers](const net::TlsOptions&) {
    return std::make_unique<FakeTransport>(servers);
  };
  options.sleep = [slept](std::chrono::milliseconds time, std::stop_token) -> Result<void> {
    if (slept != nullptr) slept->push_back(time);
    return {};
  };
  return options;
}

}  // namespace kiln::registry::test
