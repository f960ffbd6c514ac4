// SPDX-License-Identifier: Apache-2.0
#include "registry/upload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "registry/repository.h"
#include "registry/response_error.h"
#include "registry/url.h"

namespace kiln::registry {
namespace {

/// `0-N`, the bytes that an upload has so far (distribution spec, "Pushing a blob in chunks"). A
/// registry says `0-0` of none and of one.
std::optional<std::uint64_t> received(const net::HttpResponse& response) {
  const std::string* range = response.header("Range");
  if (range == nullptr) return std::nullopt;
  std::string_view text = trim(*range);
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  const auto last = parse_uint(split_once(text, '-').second.value_or(""));
  if (!last || *last == 0) return std::nullopt;
  return *last + 1;
}

/// Of a blob that was asked for with HEAD; nullopt for an answer which doesn't say it, as those
/// don't that were encoded on the way or have the length of their own, empty, body.
std::optional<std::uint64_t> size_of(const net::HttpResponse& response) {
  const std::string* length = response.header("Content-Length");
  if (length == nullptr || response.header("Content-Encoding") != nullptr) return std::nullopt;
  const auto size = parse_uint(trim(*length));
  return size && *size != 0 ? size : std::nullopt;
}

/// What the server says that it has is another manifest.
Result<void> check_put_digest(const net::HttpResponse& response, std::string_view content,
                              const std::string& what) {
  const std::string* header = response.header("Docker-Content-Digest");
  const std::string sent = oci::Digest::of(content).str();
  if (header == nullptr || !header->starts_with("sha256:") || *header == sent) return {};
  return corrupt(fmt::format("{}: the server says that the manifest has the digest {}, not {}",
                             what, header->substr(0, 80), sent));
}

}  // namespace

Result<Uploader> Uploader::open(Registries& registries, const oci::Reference& reference) {
  auto places = TRY(registries.places(reference, Purpose::push));
  return Uploader(registries, reference.without_digest().familiar_name(), std::move(places.back()));
}

Scopes Uploader::push_scope() const {
  return {fmt::format("repository:{}:pull,push", place_.endpoint.repository)};
}

std::string Uploader::url(std::string_view rest) const {
  return fmt::format("/v2/{}/{}", place_.endpoint.repository, rest);
}

Retry Uploader::new_retry(std::stop_token stop) const {
  return Retry(registries_->options().retry, registries_->options().sleep, std::move(stop));
}

Result<net::HttpResponse> Uploader::send(const net::HttpRequest& request, const Scopes& scopes,
                                         const std::string& what, const std::vector<int>& fine) {
  Retry retry = new_retry(request.stop);
  while (true) {
    auto response = place_.host->send(request, scopes);
    if (!response.ok()) {
      TRY(retry.after(std::move(response).error().context(what)));
      continue;
    }
    if (response->success() || std::ranges::find(fine, response->status) != fine.end()) {
      return response;
    }
    const Error error = explain_refusal(response_error(*response, what), name_);
    TRY(retry.after(*response, error));
  }
}

Result<net::HttpResponse> Uploader::ask_for_blob(const oci::Digest& digest, std::stop_token stop) {
  net::HttpRequest request;
  request.method = "HEAD";
  request.url = url("blobs/" + digest.str());
  request.stop = std::move(stop);
  return send(request, push_scope(), "push to " + name_, {404});
}

Result<bool> Uploader::has_blob(const oci::Digest& digest, std::stop_token stop) {
  const auto response = TRY(ask_for_blob(digest, std::move(stop)));
  return response.success();
}

Result<bool> Uploader::has_blob(const oci::Descriptor& blob, std::stop_token stop) {
  const auto response = TRY(ask_for_blob(blob.digest, std::move(stop)));
  if (!response.success()) return false;
  const auto size = size_of(response);
  if (size && *size != blob.size) {
    return corrupt(
        fmt::format("push to {}: the registry has {} bytes of blob {}, the manifest "
                    "says {}",
                    name_, *size, blob.digest.str(), blob.size));
  }
  return true;
}

Result<bool> Uploader::mount_blob(const oci::Digest& digest, const std::string& from,
                                  std::stop_token stop) {
  net::HttpRequest request;
  request.method = "POST";
  request.url =
      with_parameter(with_parameter(url("blobs/uploads/"), "mount", digest.str()), "from", from);
  request.stop = stop;
  Scopes scopes = push_scope();
  scopes.insert(fmt::format("repository:{}:pull", from));
  // Who may not read `from` is refused, here or by the token server, and sends the blob.
  auto response = send(request, scopes, "push to " + name_, {400, 401, 403, 404, 405, 415});
  if (response.ok()) return response->status == 201;
  if (response.error().kind() == ErrorKind::unauthorized) return false;
  return std::move(response).error();
}

Result<void> Uploader::begin_session(Session& session, std::stop_token stop) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = url("blobs/uploads/");
  request.stop = stop;
  Retry retry = new_retry(stop);
  while (true) {
    const auto response = TRY(send(request, push_scope(), "push to " + name_, {}));
    const std::string* location = response.header("Location");
    if (response.status == 202 && location != nullptr) {
      session.location = resolve_location(response.url, *location);
      session.offset = 0;
      session.given = 0;
      return {};
    }
    // Broken on the way: another attempt tells.
    TRY(retry.after(Error(ErrorKind::interrupted,
                          "push to " + name_ + ": the server names no place to upload to")));
  }
}

/// After a break: where to go on. A server that no longer knows gets everything again.
Result<void> Uploader::recover_session(Session& session, std::stop_token stop) {
  net::HttpRequest request;
  request.url = session.location;
  request.stop = stop;
  session.location.clear();
  auto response = send(request, push_scope(), "push to " + name_, {400, 404, 405, 416});
  if (!response.ok()) return std::move(response).error();
  const auto offset = received(*response);
  const std::string* location = response->header("Location");
  // It can't have more than it was given, and who makes the rest would wait for nobody.
  if (response->success() && offset && *offset <= session.given && location != nullptr) {
    session.location = resolve_location(response->url, *location);
    session.offset = *offset;
  }
  return {};
}

Result<net::HttpResponse> Uploader::send_content(Session& session, BlobContent& content,
                                                 std::stop_token stop) {
  std::unique_ptr<archive::ByteSource> source;
  std::optional<archive::CountingSource> body;
  net::HttpRequest request;
  request.reopen = [&]() -> Result<archive::ByteSource*> {
    source = TRY(content.open(session.offset));
    return &body.emplace(*source);
  };
  request.method = "PATCH";
  request.url = session.location;
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.body = TRY(request.reopen());
  if (const auto size = content.size()) request.body_size = *size - session.offset;
  request.stop = stop;
  auto response = place_.host->send(request, push_scope()).context("push to " + name_);
  const bool complete = body->ended() || request.body_size == body->count();
  session.given = std::max(session.given, session.offset + body->count());
  if (response.ok() && response->success() && !complete) {
    return Error(ErrorKind::interrupted,
                 "push to " + name_ + ": the server answers before it has the whole content");
  }
  return response;
}

Result<net::HttpResponse> Uploader::finish_session(const Session& session,
                                                   const oci::Digest& digest,
                                                   std::stop_token stop) {
  net::HttpRequest request;
  request.method = "PUT";
  request.url = with_parameter(session.location, "digest", digest.str());
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.stop = stop;
  return place_.host->send(request, push_scope()).context("push to " + name_);
}

/// One pass of an upload; an answer that is no success goes to `refusal`.
Result<void> Uploader::try_upload(Session& session, BlobContent& content, std::stop_token stop,
                                  std::optional<net::HttpResponse>& refusal) {
  const bool sent = content.size() && session.offset >= *content.size() && session.offset > 0;
  if (!sent) {
    auto response = TRY(send_content(session, content, stop));
    if (!response.success()) {
      refusal = std::move(response);
      return {};
    }
    if (const std::string* location = response.header("Location")) {
      session.location = resolve_location(response.url, *location);
    }
  }
  const oci::Digest digest = TRY(content.digest());
  auto response = finish_session(session, digest, stop);
  if (response.ok() && response->success()) return {};
  // It may be done although the answer is lost, or a temporary failure's.
  const auto there = has_blob(digest, stop);
  if (there.ok() && *there) return {};
  session = {};
  if (!response.ok()) return std::move(response).error();
  refusal = *std::move(response);
  return {};
}

Result<void> Uploader::upload_blob(BlobContent& content, std::stop_token stop) {
  const std::string what = "push to " + name_;
  Retry retry = new_retry(stop);
  Session session;
  bool unauthorized = false;
  while (true) {
    // It has attempts of its own.
    if (session.location.empty()) TRY(begin_session(session, stop));
    const std::uint64_t before = session.offset;
    std::optional<net::HttpResponse> refusal;
    auto tried = try_upload(session, content, stop, refusal);
    if (tried.ok() && !refusal) return {};
    if (!tried.ok()) {
      TRY(retry.after(tried.error()));
    } else if (refusal->status == 401) {
      // A token that ended. The next attempt has a new one, and is the last if that is refused too.
      if (unauthorized) return explain_refusal(response_error(*refusal, what), name_);
      unauthorized = true;
    } else if (refusal->status == 404 || refusal->status == 416 || refusal->status == 400) {
      // An upload that the server lost or got wrong: the next attempt has a new one.
      const Error error = explain_refusal(response_error(*refusal, what), name_);
      const auto again = retry.after(Error(ErrorKind::interrupted, error.message()));
      if (!again.ok()) {
        if (again.error().kind() == ErrorKind::cancelled) return again;
        return Error(error.kind(), again.error().message()).with_hint(error.hint());
      }
      session = {};
    } else {
      TRY(retry.after(*refusal, explain_refusal(response_error(*refusal, what), name_)));
    }
    if (!session.location.empty()) TRY(recover_session(session, stop));
    if (session.offset > before && retry.note_progress(session.offset - before))
      unauthorized = false;
  }
}

Result<void> Uploader::put_manifest(const std::string& version, std::string_view media_type,
                                    std::string_view content, std::stop_token stop) {
  const std::string what = "push to " + name_;
  Retry retry = new_retry(stop);
  bool unauthorized = false;
  while (true) {
    archive::MemorySource source(archive::as_bytes(content));
    net::HttpRequest request;
    request.method = "PUT";
    request.url = url("manifests/" + version);
    request.headers = {{"Content-Type", std::string(media_type)}};
    request.body = &source;
    request.reopen = [&]() -> Result<archive::ByteSource*> {
      source = archive::MemorySource(archive::as_bytes(content));
      return &source;
    };
    request.body_size = content.size();
    request.stop = stop;
    auto response = place_.host->send(request, push_scope());
    if (!response.ok()) {
      TRY(retry.after(std::move(response).error().context(what)));
    } else if (response->success()) {
      return check_put_digest(*response, content, what);
    } else {
      const Error error = explain_refusal(response_error(*response, what), name_);
      // The token may have ended; the next attempt has a new one.
      if (response->status == 401 && !unauthorized) {
        unauthorized = true;
      } else {
        TRY(retry.after(*response, error));
      }
    }
  }
}

}  // namespace kiln::registry
