// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/sha256.h"
#include "base/strings.h"
#include "net/http_test_server.h"

namespace kiln::net {
namespace {

using os::test::must;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string text, std::size_t step = 1000)
      : text_(std::move(text)), step_(step) {}
  Result<std::size_t> read(MutableBytes into) override {
    const std::size_t count = std::min({into.size(), text_.size() - at_, step_});
    std::ranges::copy(std::as_bytes(std::span(text_)).subspan(at_, count), into.begin());
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t step_;
  std::size_t at_ = 0;
};

class TextSink final : public ByteSink {
 public:
  Result<void> write(Bytes data) override {
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  std::string text;
};

class FailingSink final : public ByteSink {
 public:
  Result<void> write(Bytes) override { return Error(ErrorKind::no_space, "disk is full"); }
};

std::string content(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 % 251);
  return out;
}

std::string hex_of(const std::string& text) { return to_hex(sha256(text)); }

class HttpClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::HttpTestServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  static HttpOptions options() {
    HttpOptions out;
    out.proxy = {};
    out.connect_timeout = seconds(5);
    out.stall_timeout = seconds(10);
    return out;
  }
  static HttpOptions trusting() {
    HttpOptions out = options();
    out.tls.authorities = server_->certificate();
    return out;
  }
  Result<HttpResponse> get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    return client_.perform(request);
  }
  Error failure_of(Result<HttpResponse> response) {
    if (response.ok()) {
      ADD_FAILURE() << "answered with " << response->status << " " << response->body;
      return {ErrorKind::system, ""};
    }
    return std::move(response).error();
  }

  static std::unique_ptr<test::HttpTestServer> server_;
  HttpClient client_{options()};
};

std::unique_ptr<test::HttpTestServer> HttpClientTest::server_;

TEST_F(HttpClientTest, SendsHeadersAndKeepsTheConnection) {
  HttpRequest request;
  request.url = server_->http("/echo/a");
  request.headers = {{"X-Own", "1"}, {"Accept", "text/x"}};
  const auto first = must(client_.perform(request));
  EXPECT_EQ(first.status, 200);
  EXPECT_TRUE(first.body.starts_with("GET /echo/a\naccept: text/x\nhost: localhost:"))
      << first.body;
  EXPECT_THAT(first.body, HasSubstr("user-agent: kiln\nx-own: 1\n"));
  ASSERT_NE(first.header("X-TWICE"), nullptr);
  EXPECT_EQ(*first.header("X-TWICE"), "one");
  const auto second = must(client_.perform(request));
  EXPECT_EQ(first.body, second.body);  // which names the connection's port
}

TEST_F(HttpClientTest, StreamsABodyToASinkAfterTheHeaders) {
  HttpRequest request;
  request.url = server_->http("/bytes/3000000");
  TextSink sink;
  int answers = 0;
  request.sink = &sink;
  request.on_response = [&](const HttpResponse& response) -> Result<void> {
    ++answers;
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(*response.header("content-length"), "3000000");
    EXPECT_TRUE(sink.text.empty());
    return {};
  };
  EXPECT_EQ(must(client_.perform(request)).body, "");
  EXPECT_EQ(hex_of(sink.text), hex_of(content(3000000)));
  EXPECT_EQ(answers, 1);
}

TEST_F(HttpClientTest, AsksForARange) {
  HttpRequest request;
  request.url = server_->http("/bytes/1000");
  request.range = ByteRange{.first = 990, .last = {}};
  const auto rest = must(client_.perform(request));
  EXPECT_EQ(rest.status, 206);
  EXPECT_EQ(rest.body, content(1000).substr(990));
  request.range = ByteRange{.first = 1, .last = 2};
  EXPECT_EQ(must(client_.perform(request)).body, content(1000).substr(1, 2));
}

TEST_F(HttpClientTest, SendsABodyOfKnownAndOfUnknownSize) {
  const std::string data = content(2'000'000);
  for (const bool known : {true, false}) {
    StringSource source(data, 300'000);
    HttpRequest request;
    request.method = "PUT";
    request.url = server_->http("/echo");
    request.body = &source;
    if (known) request.body_size = data.size();
    const auto response = must(client_.perform(request));
    EXPECT_THAT(response.body, HasSubstr("PUT /echo\n"));
    EXPECT_THAT(response.body, HasSubstr(fmt::format("body {} {}", data.size(), hex_of(data))));
    EXPECT_THAT(response.body,
                HasSubstr(known ? "content-length: 2000000" : "transfer-encoding: chunked"));
    EXPECT_THAT(response.body, Not(HasSubstr("expect:")));
    EXPECT_THAT(response.body, Not(HasSubstr("content-type:")));
  }
}

TEST_F(HttpClientTest, SendsTheLengthOfAnEmptyPost) {
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    HttpRequest request;
    request.method = method;
    request.url = server_->http("/echo");
    const auto response = must(client_.perform(request));
    EXPECT_THAT(response.body, HasSubstr(std::string(method) + " /echo\n"));
    EXPECT_THAT(response.body, HasSubstr("content-length: 0\n"));
    EXPECT_THAT(response.body, Not(HasSubstr("content-type")));
  }
}

TEST_F(HttpClientTest, HeadHasHeadersAndNoBody) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = server_->http("/bytes/5000");
  const auto response = must(client_.perform(request));
  EXPECT_EQ(*response.header("Content-Length"), "5000");
  EXPECT_EQ(response.body, "");
}

TEST_F(HttpClientTest, ABodyShorterThanAnnouncedIsAnErrorOfTheSource) {
  StringSource source("short");
  HttpRequest request;
  request.method = "PUT";
  request.url = server_->http("/echo");
  request.body = &source;
  request.body_size = 100;
  const Error error = failure_of(client_.perform(request));
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_THAT(error.message(), HasSubstr("the body ends after 5 of 100 bytes"));
}

TEST_F(HttpClientTest, StatusesAreAnswersThatCheckStatusMakesErrorsOf) {
  const std::pair<int, ErrorKind> cases[] = {
      {400, ErrorKind::invalid_input}, {401, ErrorKind::unauthorized},
      {403, ErrorKind::permission},    {404, ErrorKind::not_found},
      {413, ErrorKind::invalid_input}, {429, ErrorKind::interrupted},
      {500, ErrorKind::interrupted},   {503, ErrorKind::interrupted},
  };
  for (const auto& [status, kind] : cases) {
    TextSink sink;
    HttpRequest request;
    request.url = server_->http(fmt::format("/status/{}", status));
    request.sink = &sink;
    const auto response = must(client_.perform(request));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, fmt::format("reason {}", status));
    EXPECT_EQ(sink.text, "");
    EXPECT_EQ(*response.header("retry-after"), "7");
    const auto checked = check_status(response);
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().kind(), kind) << status;
    EXPECT_THAT(checked.error().message(), HasSubstr(status_text(status)));
  }
}

TEST_F(HttpClientTest, ReadsTheBeginningOfAFailureAndNotItsRest) {
  const auto response = must(get(server_->http("/endless/403")));
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body, std::string(65536, 'a'));
  // What follows has a connection of its own.
  EXPECT_EQ(must(get(server_->http("/bytes/10"))).body.size(), 10U);
}

TEST_F(HttpClientTest, ARedirectAndASuccessWithoutAnEndAreErrors) {
  for (const int status : {307, 200}) {
    const Error error = failure_of(get(server_->http(fmt::format("/endless/{}", status))));
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << status;
  }
}

TEST_F(HttpClientTest, FollowsRedirectsAndTellsThem) {
  const auto response = must(get(server_->http("/redirect/3")));
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.redirects,
              ElementsAre(server_->http("/redirect/2"), server_->http("/redirect/1"),
                          server_->http("/echo/end")));
  EXPECT_EQ(response.url, server_->http("/echo/end"));
  EXPECT_TRUE(response.body.starts_with("GET /echo/end\n")) << response.body;
}

TEST_F(HttpClientTest, EndsARedirectLoop) {
  const Error error = failure_of(get(server_->http("/loop")));
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), HasSubstr("stopped after 10 redirects"));
}

TEST_F(HttpClientTest, FollowsNoRedirectWithALimitOfZeroOrWithABody) {
  HttpRequest request;
  request.url = server_->http("/redirect/1");
  request.redirect_limit = 0;
  EXPECT_EQ(must(client_.perform(request)).status, 302);
  StringSource source("abc");
  request.redirect_limit = 10;
  request.method = "PUT";
  request.body = &source;
  request.body_size = 3;
  const auto response = must(client_.perform(request));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(*response.header("Location"), "/echo/end");
}

TEST_F(HttpClientTest, ABodyThatCanBeMadeAnewFollowsARedirect) {
  std::unique_ptr<StringSource> source;
  HttpRequest request;
  request.reopen = [&]() -> Result<ByteSource*> {
    source = std::make_unique<StringSource>("abc");
    return source.get();
  };
  request.method = "PUT";
  request.headers = {{"Authorization", "Bearer secret"}};
  request.body_size = 3;
  const std::string sent = "body 3 " + hex_of("abc");
  request.url = server_->http("/keep-on-to//keep-on-to//echo");
  request.body = must(request.reopen());
  const auto here = must(client_.perform(request));
  EXPECT_THAT(here.body, AllOf(HasSubstr("PUT /echo"), HasSubstr(sent), HasSubstr("secret")));

  request.url = server_->http("/keep-on-to/" + server_->https("/echo"));
  request.body = must(request.reopen());
  const auto elsewhere = must(HttpClient(trusting()).perform(request));
  EXPECT_THAT(elsewhere.body, AllOf(HasSubstr(sent), Not(HasSubstr("secret"))));

  // Another method would be another request.
  request.url = server_->http("/redirect/1");
  request.body = must(request.reopen());
  EXPECT_EQ(must(client_.perform(request)).status, 302);

  request.reopen = nullptr;
  request.url = server_->http("/keep-on-to//echo");
  StringSource once("abc");
  request.body = &once;
  EXPECT_EQ(must(client_.perform(request)).status, 308);
  request.method = "POST";
  request.body = nullptr;
  request.body_size = {};
  EXPECT_THAT(must(client_.perform(request)).body, HasSubstr("POST /echo"));
}

TEST_F(HttpClientTest, CredentialsStayAtTheirOrigin) {
  HttpRequest request;
  request.headers = {{"authorization", "Bearer secret"}, {"Cookie", "a=b"}, {"X-Own", "1"}};
  request.url = server_->http("/redirect/2");
  EXPECT_THAT(must(client_.perform(request)).body, HasSubstr("authorization: Bearer secret"));

  HttpClient client{trusting()};
  request.url = server_->https("/redirect-to/" + server_->http("/echo"));
  const auto elsewhere = must(client.perform(request));
  EXPECT_THAT(elsewhere.body, Not(HasSubstr("secret")));
  EXPECT_THAT(elsewhere.body, Not(HasSubstr("cookie")));
  EXPECT_THAT(elsewhere.body, HasSubstr("x-own: 1"));
  request.url =
      server_->http("/redirect-to/" + server_->https("/redirect-to/" + server_->http("/echo")));
  EXPECT_THAT(must(client.perform(request)).body, Not(HasSubstr("secret")));
}

TEST_F(HttpClientTest, RedirectsLeadToHttpOnly) {
  EXPECT_EQ(failure_of(get(server_->http("/redirect-to/file:///etc/passwd"))).kind(),
            ErrorKind::invalid_input);
}

TEST_F(HttpClientTest, ABrokenConnectionIsInterrupted) {
  for (const char* path : {"/truncated", "/truncated-chunks", "/drop", "/garbage"}) {
    TextSink sink;
    HttpRequest request;
    request.url = server_->http(path);
    request.sink = &sink;
    const Error error = failure_of(client_.perform(request));
    EXPECT_EQ(error.kind(), ErrorKind::interrupted) << path << ": " << error.message();
    EXPECT_THAT(error.message(), HasSubstr(path));
  }
}

TEST_F(HttpClientTest, AConnectionThatBreaksAfterABodyIsNamedAsTheCause) {
  must(get(server_->http("/echo")));
  StringSource source("abc");
  HttpRequest request;
  request.method = "PUT";
  request.url = server_->http("/drop");
  request.body = &source;
  request.body_size = 3;
  const Error error = failure_of(client_.perform(request));
  EXPECT_EQ(error.kind(), ErrorKind::interrupted);
  EXPECT_THAT(error.message(), HasSubstr("/drop: connection closed before the answer"));
}

TEST_F(HttpClientTest, AHandshakeThatBreaksIsInterrupted) {
  EXPECT_EQ(failure_of(get(server_->resetting())).kind(), ErrorKind::interrupted);
  EXPECT_EQ(failure_of(get(server_->closing())).kind(), ErrorKind::interrupted);
}

TEST_F(HttpClientTest, NoConnectionIsUnreachable) {
  EXPECT_EQ(failure_of(get(server_->refused())).kind(), ErrorKind::unreachable);
  EXPECT_EQ(failure_of(get("http://no-such-host.invalid/")).kind(), ErrorKind::unreachable);
}

TEST_F(HttpClientTest, MalformedAndForeignUrlsAreInvalid) {
  for (const char* url : {"http://", "file:///etc/passwd", "http://a b/", "ftp://a/"}) {
    EXPECT_EQ(failure_of(get(url)).kind(), ErrorKind::invalid_input) << url;
  }
}

TEST_F(HttpClientTest, AServerThatStopsTimesOut) {
  HttpOptions hasty = options();
  hasty.stall_timeout = milliseconds(300);
  HttpClient client{hasty};
  for (const auto& url : {server_->http("/stall"), server_->silent()}) {
    HttpRequest request;
    request.url = url;
    const auto started = std::chrono::steady_clock::now();
    const Error error = failure_of(client.perform(request));
    EXPECT_EQ(error.kind(), ErrorKind::timed_out) << error.message();
    EXPECT_THAT(error.message(), HasSubstr("nothing was received for 0.3 s"));
    EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(5));
  }
}

TEST_F(HttpClientTest, TimeInTheSinkIsNoStall) {
  class SlowSink final : public ByteSink {
    Result<void> write(Bytes) override {
      std::this_thread::sleep_for(milliseconds(400));
      return {};
    }
  };
  HttpOptions hasty = options();
  hasty.stall_timeout = milliseconds(300);
  HttpClient client{hasty};
  SlowSink sink;
  HttpRequest request;
  request.url = server_->http("/bytes/2000");
  request.sink = &sink;
  EXPECT_TRUE(client.perform(request).ok());
}

TEST_F(HttpClientTest, CanBeStopped) {
  std::stop_source stop;
  HttpRequest request;
  request.url = server_->http("/stall");
  request.stop = stop.get_token();
  const auto started = std::chrono::steady_clock::now();
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop.request_stop();
  });
  EXPECT_EQ(failure_of(client_.perform(request)).kind(), ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - started, milliseconds(900));
}

TEST_F(HttpClientTest, ErrorsOfTheSinkAndOfOnResponseComeBack) {
  FailingSink sink;
  HttpRequest request;
  request.url = server_->http("/bytes/100");
  request.sink = &sink;
  EXPECT_EQ(failure_of(client_.perform(request)).message(), "disk is full");
  request.on_response = [](const HttpResponse&) -> Result<void> { return corrupt("too long"); };
  EXPECT_EQ(failure_of(client_.perform(request)).message(), "too long");
  request = {};
  request.url = server_->http("/bytes/100");
  request.body_limit = 99;
  EXPECT_EQ(failure_of(client_.perform(request)).kind(), ErrorKind::invalid_input);
  request.body_limit = 100;
  EXPECT_TRUE(client_.perform(request).ok());
}

TEST_F(HttpClientTest, ACertificateHasToFit) {
  EXPECT_EQ(failure_of(get(server_->https("/echo"))).kind(), ErrorKind::untrusted);
  HttpClient trusting_client{trusting()};
  HttpRequest request;
  request.url = server_->https("/echo");
  EXPECT_TRUE(trusting_client.perform(request).ok());
  // The certificate is localhost's.
  request.url.replace(request.url.find("localhost"), 9, "127.0.0.1");
  EXPECT_EQ(failure_of(trusting_client.perform(request)).kind(), ErrorKind::untrusted);
  HttpOptions careless = options();
  careless.tls.verify = Verify::nothing;
  EXPECT_TRUE(HttpClient(careless).perform(request).ok());
  // A server without TLS.
  request.url = server_->http("/echo").replace(0, 4, "https");
  EXPECT_EQ(failure_of(trusting_client.perform(request)).kind(), ErrorKind::untrusted);
}

TEST_F(HttpClientTest, ShowsAClientCertificate) {
  HttpRequest request;
  request.url = server_->mutual("/echo");
  // Where the server has hung up before its reason could be read, another attempt tells.
  Error refused = failure_of(HttpClient(trusting()).perform(request));
  for (int i = 0; i < 50 && refused.kind() == ErrorKind::interrupted; ++i)
    refused = failure_of(HttpClient(trusting()).perform(request));
  EXPECT_EQ(refused.kind(), ErrorKind::untrusted) << refused.message();
  HttpOptions known = trusting();
  known.tls.client_certificate = server_->certificate_file();
  known.tls.client_key = server_->key_file();
  EXPECT_TRUE(HttpClient(known).perform(request).ok());
}

TEST_F(HttpClientTest, AsksAProxyButNotForThisMachine) {
  HttpOptions behind = options();
  behind.proxy.http = server_->http("");
  behind.proxy.none_for = "*.direct.invalid:80";
  HttpClient client{behind};
  HttpRequest request;
  request.url = "http://images.invalid/a";
  EXPECT_EQ(must(client.perform(request)).body, "proxied http://images.invalid/a");
  request.url = "http://a.direct.invalid/a";
  EXPECT_EQ(failure_of(client.perform(request)).kind(), ErrorKind::unreachable);
  request.url = server_->http("/echo");
  EXPECT_THAT(must(client.perform(request)).body, HasSubstr("GET /echo\n"));
}

TEST_F(HttpClientTest, ServesManyThreads) {
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j) {
        const auto size = static_cast<std::size_t>(10'000 * (i + 1) + j);
        const auto response = get(server_->http(fmt::format("/bytes/{}", size)));
        if (response.ok() && response->body == content(size)) ++good;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 30);
}

}  // namespace
}  // namespace kiln::net
