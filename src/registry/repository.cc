// SPDX-License-Identifier: Apache-2.0
#include "registry/repository.h"

#include <fmt/format.h>

#include <iterator>
#include <set>

#include "base/json.h"
#include "base/strings.h"
#include "registry/blob_verifier.h"
#include "registry/response_error.h"
#include "registry/url.h"

namespace kiln::registry {
namespace {

namespace media_type = oci::media_type;

constexpr std::string_view kSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
constexpr std::string_view kSignedSchema1 =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// Of a list of tags; there are registries with many thousands.
constexpr std::size_t kMaxTagsAnswer = std::size_t{16} << 20;
constexpr std::size_t kMaxPages = 1000;
constexpr std::size_t kMaxList = std::size_t{64} << 20;

Scopes pull_scope(const Registries::Place& place) {
  return {fmt::format("repository:{}:pull", place.endpoint.repository)};
}

std::string accepted_manifests() {
  return fmt::format("{}, {}, {}, {}", media_type::kOciIndex, media_type::kOciManifest,
                     media_type::kDockerIndex, media_type::kDockerManifest);
}

/// What the content is, by its header, else by itself.
Result<std::string> type_of(const net::HttpResponse& response) {
  const std::string* header = response.header("Content-Type");
  const std::string type(header == nullptr
                             ? std::string_view()
                             : trim(std::string_view(*header).substr(0, header->find(';'))));
  const bool schema1 = type == kSchema1 || type == kSignedSchema1;
  const auto content = parse_json(response.body, "manifest");
  if (media_type::is_index(type) || media_type::is_manifest(type)) {
    // What is no JSON is refused by who parses it.
    if (!content.ok()) return type;
    const std::string said = TRY(json_string(*content, "mediaType"));
    if (said.empty() || said == type) return type;
    return corrupt(fmt::format("the server says that it is {}, but it is {} by itself", type,
                               said.substr(0, 100)));
  }
  if (!content.ok() || !content->is_object()) {
    return corrupt(fmt::format("the server's answer is no manifest but {}",
                               type.empty() ? "something unknown" : type.substr(0, 100)));
  }
  const auto version = json_int(*content, "schemaVersion");
  if (schema1 || (version.ok() && *version == 1)) {
    return unsupported("the image is in the format schema 1, which is no longer supported")
        .with_hint("push it again with a newer tool");
  }
  const std::string own = TRY(json_string(*content, "mediaType"));
  if (media_type::is_index(own) || media_type::is_manifest(own)) return own;
  if (own.empty() && content->contains("manifests")) return std::string(media_type::kOciIndex);
  if (own.empty() && content->contains("layers")) return std::string(media_type::kOciManifest);
  const std::string& said = own.empty() ? type : own;
  return corrupt(said.empty() ? "not an image, nor does the answer say what it is"
                              : "not an image but " + said.substr(0, 100));
}

Result<void> check_manifest_digest(const net::HttpResponse& response, const oci::Digest& found,
                                   const oci::Reference& reference) {
  if (reference.digest() && *reference.digest() != found) {
    return corrupt(fmt::format("the server's answer has the digest {}", found.str()));
  }
  const std::string* header = response.header("Docker-Content-Digest");
  // Digests of other algorithms can't be compared, and are no promise that we rely on.
  if (header != nullptr && header->starts_with("sha256:") && *header != found.str()) {
    return corrupt(fmt::format("the server's answer has the digest {}, not {}", found.str(),
                               header->substr(0, 80)));
  }
  return {};
}

/// The `next` of a Link header (RFC 8288), or empty.
std::string next_page(const net::HttpResponse& response) {
  const std::string* link = response.header("Link");
  if (link == nullptr || link->find("next") == std::string::npos) return {};
  const auto begin = link->find('<');
  const auto end = link->find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return resolve_location(response.url, link->substr(begin + 1, end - begin - 1));
}

/// The way through the pages of a list, which may be as long as a server likes.
class Pages {
 public:
  /// Where the one after `response` is, or empty.
  Result<std::string> after(const net::HttpResponse& response) {
    size_ += response.body.size();
    if (size_ > kMaxList) return corrupt(fmt::format("the list has more than {} bytes", kMaxList));
    std::string url = next_page(response);
    if (url.empty()) return url;
    if (!seen_.insert(url).second) return corrupt("the pages of the list lead back to " + url);
    if (seen_.size() == kMaxPages)
      return corrupt(fmt::format("the list has more than {} pages", kMaxPages));
    return url;
  }

 private:
  std::set<std::string> seen_;
  std::size_t size_ = 0;
};

/// Some bytes of a blob, in memory.
class PieceSink final : public archive::ByteSink {
 public:
  PieceSink(std::vector<std::byte>& into, std::uint64_t size) : into_(&into), size_(size) {
    into_->reserve(size);
  }
  Result<void> write(archive::Bytes data) override {
    if (data.size() > size_ - into_->size())
      return corrupt("the server sent more of the blob than it was asked for");
    into_->insert(into_->end(), data.begin(), data.end());
    return {};
  }

 private:
  std::vector<std::byte>* into_;
  std::uint64_t size_;
};

/// A server without it knows no such path, or takes it for one that is not to be read.
bool has_no_referrers_api(const net::HttpResponse& response) {
  return response.status == 404 || response.status == 405 || response.status == 400 ||
         response.status == 501;
}

}  // namespace

Error explain_refusal(Error error, const std::string& repository) {
  if (error.kind() != ErrorKind::unauthorized && error.kind() != ErrorKind::permission) {
    return error;
  }
  const std::string server = repository.substr(0, repository.find('/'));
  const bool has_server = server.find_first_of(".:") != std::string::npos || server == "localhost";
  return std::move(error).with_hint("log in with: kiln login" + (has_server ? " " + server : ""));
}

Result<Repository> Repository::open(Registries& registries, const oci::Reference& reference,
                                    Purpose purpose) {
  auto places = TRY(registries.places(reference, purpose));
  return Repository(registries, reference, std::move(places));
}

Retry Repository::new_retry(std::stop_token stop) const {
  return Retry(registries_->options().retry, registries_->options().sleep, std::move(stop));
}

Result<net::HttpResponse> Repository::send(const Registries::Place& place,
                                           const net::HttpRequest& request) {
  Retry retry = new_retry(request.stop);
  while (true) {
    auto response = place.host->send(request, pull_scope(place));
    if (!response.ok()) {
      TRY(retry.after(response.error()));
    } else if (is_temporary(response->status)) {
      TRY(retry.after(*response, response_error(*response, place.host->name())));
    } else {
      return response;
    }
  }
}

Result<FetchedManifest> Repository::fetch_manifest(const oci::Reference& reference,
                                                   std::stop_token stop) {
  std::optional<Error> last;
  for (const auto& place : places_) {
    auto fetched = fetch_manifest_from(place, reference, stop);
    if (fetched.ok()) return fetched;
    if (fetched.error().kind() == ErrorKind::cancelled) return fetched;
    last = fetched.error();
  }
  CHECK(last);
  return *last;
}

Result<FetchedManifest> Repository::fetch_manifest_from(const Registries::Place& place,
                                                        const oci::Reference& reference,
                                                        std::stop_token stop) {
  const std::string name = reference.with_default_tag().familiar();
  const std::string version =
      reference.digest() ? reference.digest()->str() : reference.tag().value_or("latest");
  net::HttpRequest request;
  request.url = fmt::format("/v2/{}/manifests/{}", place.endpoint.repository, version);
  request.headers = {{"Accept", accepted_manifests()}};
  request.body_limit = oci::kMaxManifestSize;
  request.stop = stop;
  Retry retry = new_retry(stop);
  while (true) {
    const net::HttpResponse response = TRY(send(place, request).context("manifest for " + name));
    if (!response.success()) {
      if (response.status == 404) {
        return not_found(
            fmt::format("manifest for {} not found: {}", name, failure_text(response)));
      }
      return explain_refusal(response_error(response, "pull access denied for " + name), name_);
    }
    FetchedManifest out;
    out.descriptor.digest = oci::Digest::of(response.body);
    out.descriptor.size = response.body.size();
    auto sound = check_manifest_digest(response, out.descriptor.digest, reference);
    if (!sound.ok()) {
      // Broken on the way, or broken there: another attempt tells.
      const Error error = std::move(sound).error().context("manifest for " + name);
      auto again = retry.after(Error(ErrorKind::interrupted, error.message()));
      if (again.ok()) continue;
      if (again.error().kind() == ErrorKind::cancelled) return std::move(again).error();
      return corrupt(again.error().message());
    }
    out.descriptor.media_type = TRY(type_of(response).context("manifest for " + name));
    out.content = response.body;
    return out;
  }
}

Result<void> Repository::fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                    std::stop_token stop) {
  const auto nothing = [](archive::ByteSink&) { return Result<void>(); };
  return fetch_rest_of_blob(blob, nothing, sink, std::move(stop));
}

Result<void> Repository::fetch_rest_of_blob(
    const oci::Descriptor& blob,
    const std::function<Result<void>(archive::ByteSink& sink)>& earlier, archive::ByteSink& sink,
    std::stop_token stop) {
  BlobVerifier verifier(blob, sink);
  TRY(earlier(verifier));
  const bool whole = verifier.size() == 0;
  std::vector<std::string> givers;
  std::optional<Error> last;
  for (const auto& place : places_) {
    const std::string name = place.host->name() + "/" + place.endpoint.repository;
    const bool is_last = &place == &places_.back();
    if (!is_last && damaged_->has(blob.digest, name)) continue;
    const std::uint64_t before = verifier.size();
    auto fetched = fetch_blob_from(place, blob, verifier, stop);
    // Where others gave the beginning, earlier, nobody knows who was wrong.
    if (whole && verifier.size() > before) givers.push_back(name);
    if (fetched.ok()) return check_digest(verifier, blob, givers);
    last = fetched.error();
    if (verifier.sink_failed()) return fetched;
    if (last->kind() == ErrorKind::cancelled) return fetched;
  }
  CHECK(last);
  const std::string damage = damaged_->text(blob.digest);
  if (damage.empty()) return *last;
  return Error(last->kind(), fmt::format("{} (before that, {})", last->message(), damage))
      .with_hint(last->hint());
}

Result<void> Repository::check_digest(BlobVerifier& verifier, const oci::Descriptor& blob,
                                      const std::vector<std::string>& givers) {
  auto sound = verifier.check_digest();
  if (sound.ok()) return {};
  std::string what = "blob " + blob.digest.str();
  if (!givers.empty()) what += " from " + join(givers, " and ");
  const Error error = std::move(sound).error().context(what);
  // Any of them may have given the wrong ones.
  for (const auto& giver : givers) damaged_->note(blob.digest, giver, error.message());
  return error;
}

unsigned Repository::attempts() const {
  constexpr unsigned kAttempts = 3;
  return kAttempts + static_cast<unsigned>(places_.size()) - 1;
}

net::HttpRequest Repository::blob_request(const Registries::Place& place,
                                          const oci::Descriptor& blob,
                                          const std::stop_token& stop) {
  net::HttpRequest request;
  request.url = fmt::format("/v2/{}/blobs/{}", place.endpoint.repository, blob.digest.str());
  request.stop = stop;
  return request;
}

Result<void> Repository::pause_after(const Result<net::HttpResponse>& answer, Retry& retry,
                                     const oci::Descriptor& blob, std::uint64_t got) const {
  const std::string what = "blob " + blob.digest.str();
  if (!answer.ok()) return retry.after(Error(answer.error()).context(what));
  if (!answer->success())
    return retry.after(*answer, explain_refusal(response_error(*answer, what), name_));
  return retry.after(Error(
      ErrorKind::interrupted,
      fmt::format("{}: the server's answer ends after {} of {} bytes", what, got, blob.size)));
}

Result<void> Repository::fetch_blob_from(const Registries::Place& place,
                                         const oci::Descriptor& blob, BlobVerifier& verifier,
                                         std::stop_token stop) {
  Retry retry = new_retry(stop);
  bool may_have_pieces = true;
  while (!verifier.complete()) {
    const std::uint64_t before = verifier.size();
    SlowAnswerWatch watch(verifier, blob.size, registries_->options().pieces);
    net::HttpRequest request = blob_request(place, blob, stop);
    if (before > 0) request.range = net::ByteRange{.first = before, .last = {}};
    request.sink = may_have_pieces ? static_cast<archive::ByteSink*>(&watch) : &verifier;
    request.on_response = [&](const net::HttpResponse& response) -> Result<void> {
      if (!response.success()) return {};
      watch.begin(response);
      return verifier.begin(response);
    };
    auto response = place.host->send(request, pull_scope(place));
    retry.note_progress(verifier.size() - before);
    if (watch.gave_up()) {
      const auto fetched = fetch_pieces_from(place, blob, verifier, stop);
      may_have_pieces = false;
      if (!fetched.ok() && fetched.error().kind() != ErrorKind::unsupported) return fetched;
    } else if (!response.ok() && verifier.sink_failed()) {
      return std::move(response).error();
    } else if (!verifier.complete()) {
      TRY(pause_after(response, retry, blob, verifier.size()));
    }
  }
  return {};
}

Result<void> Repository::fetch_pieces_from(const Registries::Place& place,
                                           const oci::Descriptor& blob, BlobVerifier& verifier,
                                           const std::stop_token& stop) {
  const auto fetch = [&](const net::ByteRange& range, std::vector<std::byte>& into,
                         const std::stop_token& ours) {
    return fetch_piece_from(place, blob, range, into, ours);
  };
  verifier.begin_at_end();
  return fetch_in_pieces(verifier.size(), blob.size, registries_->options().pieces, fetch, verifier,
                         stop);
}

Result<void> Repository::fetch_piece_from(const Registries::Place& place,
                                          const oci::Descriptor& blob, const net::ByteRange& range,
                                          std::vector<std::byte>& into,
                                          const std::stop_token& stop) {
  const std::uint64_t size = *range.last - range.first + 1;
  PieceSink sink(into, size);
  Retry retry = new_retry(stop);
  while (into.size() < size) {
    const std::uint64_t before = into.size();
    net::HttpRequest request = blob_request(place, blob, stop);
    request.range = net::ByteRange{.first = range.first + before, .last = range.last};
    request.sink = &sink;
    request.on_response = [&](const net::HttpResponse& response) -> Result<void> {
      if (!response.success() || is_part(response, request.range->first)) return {};
      return unsupported("the server sent another part of the blob than it was asked for");
    };
    auto response = place.host->send(request, pull_scope(place));
    retry.note_progress(into.size() - before);
    if (into.size() < size) TRY(pause_after(response, retry, blob, into.size()));
  }
  return {};
}

Result<std::string> Repository::read_blob(const oci::Descriptor& blob, std::size_t limit,
                                          std::stop_token stop) {
  if (blob.size > limit) {
    return corrupt(fmt::format("blob {} has {} bytes, more than {} are not allowed",
                               blob.digest.str(), blob.size, limit));
  }
  for (unsigned attempt = 1;; ++attempt) {
    archive::StringSink sink;
    auto fetched = fetch_blob(blob, sink, stop);
    if (fetched.ok()) return sink.text();
    if (fetched.error().kind() != ErrorKind::corrupt || attempt == attempts()) {
      return std::move(fetched).error();
    }
  }
}

Result<std::vector<std::string>> Repository::list_tags(std::stop_token stop) {
  const auto& place = places_.back();
  std::vector<std::string> out;
  net::HttpRequest request;
  request.url = fmt::format("/v2/{}/tags/list", place.endpoint.repository);
  request.body_limit = kMaxTagsAnswer;
  request.stop = stop;
  Pages pages;
  while (!request.url.empty()) {
    const net::HttpResponse response = TRY(send(place, request).context("tags of " + name_));
    if (!response.success()) {
      return explain_refusal(response_error(response, "tags of " + name_), name_);
    }
    const auto answer = TRY(parse_json(response.body, "list of tags"));
    auto tags = TRY(json_strings(answer, "tags"));
    if (tags) out.insert(out.end(), tags->begin(), tags->end());
    request.url = TRY(pages.after(response).context("tags of " + name_));
  }
  return out;
}

Result<std::vector<oci::IndexEntry>> Repository::list_referrers(const oci::Digest& subject,
                                                                std::stop_token stop) {
  const auto& place = places_.back();
  const std::string what = "referrers of " + subject.str();
  std::vector<oci::IndexEntry> out;
  net::HttpRequest request;
  request.url = fmt::format("/v2/{}/referrers/{}", place.endpoint.repository, subject.str());
  request.headers = {{"Accept", std::string(media_type::kOciIndex)}};
  request.body_limit = kMaxTagsAnswer;
  request.stop = stop;
  Pages pages;
  for (bool first = true; !request.url.empty(); first = false) {
    const net::HttpResponse response = TRY(send(place, request).context(what));
    if (first && has_no_referrers_api(response)) return tagged_referrers(subject, stop);
    if (!response.success()) return explain_refusal(response_error(response, what), name_);
    auto index = TRY(oci::FullIndex::parse(response.body).context(what));
    out.insert(out.end(), std::move_iterator(index.entries.begin()),
               std::move_iterator(index.entries.end()));
    request.url = TRY(pages.after(response).context(what));
  }
  return out;
}

Result<std::vector<oci::IndexEntry>> Repository::tagged_referrers(const oci::Digest& subject,
                                                                  std::stop_token stop) {
  const auto tagged = TRY(oci::Reference::parse(
      fmt::format("{}/{}:sha256-{}", reference_.domain(), reference_.path(), subject.hex())));
  auto fetched = fetch_manifest_from(places_.back(), tagged, std::move(stop));
  if (!fetched) {
    if (fetched.error().kind() == ErrorKind::not_found) return std::vector<oci::IndexEntry>();
    return std::move(fetched).error();
  }
  if (!media_type::is_index(fetched->descriptor.media_type)) return std::vector<oci::IndexEntry>();
  auto index =
      TRY(oci::FullIndex::parse(fetched->content).context("referrers of " + subject.str()));
  return std::move(index.entries);
}

}  // namespace kiln::registry
