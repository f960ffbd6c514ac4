// SPDX-License-Identifier: Apache-2.0
#include "remote/http_source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/url.h"
#include "net/http_date.h"
#include "os/file_io.h"
#include "snapshot/hash_sink.h"

namespace kiln::remote {
namespace {

constexpr std::uint32_t kFileMode = 0600;

/// What is known of a URL since it was last fetched.
struct Note {
  std::string etag;
  std::string last_modified;
  std::string digest;
  std::int64_t mtime = 0;
};

std::string note_key(const HttpFile& file) { return "http\n" + file.url; }

/// A file with this digest, time and name: wherever it came from.
std::string tree_key(const oci::Digest& digest, std::int64_t mtime, const std::string& name) {
  return fmt::format("http file\n{}\n{}\n{}", digest.str(), mtime, name);
}

Result<std::optional<Note>> find_note(const Access& access, const HttpFile& file) {
  const auto text = TRY(access.store.remote().find_note(note_key(file)));
  if (!text) return std::optional<Note>();
  const auto json = parse_json(*text, "note");
  if (!json) return std::optional<Note>();  // it costs a request, nothing else
  Note note;
  note.etag = TRY(json_string(*json, "etag"));
  note.last_modified = TRY(json_string(*json, "lastModified"));
  note.digest = TRY(json_string(*json, "digest"));
  note.mtime = TRY(json_int(*json, "mtime"));
  return std::optional(std::move(note));
}

Result<void> put_note(const Access& access, const HttpFile& file, const Note& note) {
  return access.store.remote().put_note(note_key(file),
                                        dump_json({{"etag", note.etag},
                                                   {"lastModified", note.last_modified},
                                                   {"digest", note.digest},
                                                   {"mtime", note.mtime}}));
}

Result<std::optional<FetchedFile>> find_kept(const Access& access, const HttpFile& file,
                                             const Note& note) {
  const auto digest = oci::Digest::parse(note.digest);
  if (!digest) return std::optional<FetchedFile>();
  auto tree = TRY(access.store.remote().find_tree(tree_key(*digest, note.mtime, file.name)));
  if (!tree) return std::optional<FetchedFile>();
  return std::optional(FetchedFile{*std::move(tree), file.name, *digest});
}

/// Writes to a file and hashes on the way.
class HashingFileSink final : public ByteSink {
 public:
  HashingFileSink(const os::Fd& fd, std::string name) : fd_(&fd), name_(std::move(name)) {}
  Result<void> write(Bytes data) override {
    TRY(hash_.write(data));
    return os::write_all(*fd_, data, name_);
  }
  oci::Digest digest() { return oci::Digest(hash_.finish()); }

 private:
  const os::Fd* fd_;
  std::string name_;
  snapshot::HashSink hash_;
};

/// The request's headers: who asks, and what for.
Result<net::HttpHeaders> request_headers(const Access& access, const Url& url) {
  net::HttpHeaders out;
  const std::string host = url.host_name();
  if (access.secrets) {
    const auto header = TRY(access.secrets("HTTP_AUTH_HEADER_" + host));
    const auto token = TRY(access.secrets("HTTP_AUTH_TOKEN_" + host));
    if (token) {
      out.push_back({"Authorization", "Bearer " + std::string(trim(*token))});
    } else if (header) {
      out.push_back({"Authorization", std::string(trim(*header))});
    }
  }
  if (out.empty() && url.userinfo)
    out.push_back({"Authorization",
                   "Basic " + base64(percent_decode(*url.userinfo).value_or(*url.userinfo))});
  return out;
}

Error digest_mismatch(const oci::Digest& got, const oci::Digest& wanted) {
  return corrupt("digest mismatch " + got.str() + ": " + wanted.str())
      .with_hint("--checksum says what the file has to be; the server gave another one");
}

std::string without_weakness(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  return std::string(etag);
}

class Fetch {
 public:
  Fetch(const Access& access, const HttpFile& file) : access_(&access), file_(&file) {}

  Result<FetchedFile> run() {
    const auto url = parse_url(file_->url);
    if (!url || (url->scheme != "http" && url->scheme != "https") || url->host.empty())
      return invalid_input("invalid URL " + redact_credentials(file_->url));
    headers_ = TRY(request_headers(*access_, *url));
    address_ = url->public_location() + (url->query.empty() ? "" : "?" + url->query);
    const auto note = TRY(find_note(*access_, *file_));
    if (note) {
      auto kept = TRY(find_kept(*access_, *file_, *note));
      if (kept && file_->checksum && kept->digest == *file_->checksum) return *std::move(kept);
      if (kept && !file_->checksum) {
        const bool same = TRY(is_unchanged(*note));
        if (same) return *std::move(kept);
      }
    }
    return get();
  }

 private:
  net::HttpRequest request(const char* method) const {
    net::HttpRequest out;
    out.method = method;
    out.url = address_;
    out.headers = headers_;
    out.stop = access_->stop;
    return out;
  }

  /// Asks by HEAD first, and compares: some servers give ETags but don't honour If-None-Match.
  Result<bool> is_unchanged(const Note& note) {
    if (note.etag.empty() && note.last_modified.empty()) return false;
    net::HttpRequest head = request("HEAD");
    if (!note.etag.empty()) {
      head.headers.push_back({"If-None-Match", note.etag});
    } else {
      head.headers.push_back({"If-Modified-Since", note.last_modified});
    }
    const auto answer = access_->http.perform(head);
    if (!answer) {
      if (answer.error().kind() == ErrorKind::cancelled) return answer.error();
      return false;
    }
    if (answer->status == 304) return true;
    if (answer->status != 200) return false;
    const std::string* etag = answer->header("ETag");
    const std::string* modified = answer->header("Last-Modified");
    if (!note.etag.empty())
      return etag != nullptr && without_weakness(*etag) == without_weakness(note.etag);
    return modified != nullptr && *modified == note.last_modified;
  }

  Result<FetchedFile> get() {
    store::TreeIngest ingest = TRY(access_->store.remote().create_tree());
    Note note;
    {
      const os::Fd fd = TRY(ingest.tree().create_file(file_->name, kFileMode));
      HashingFileSink sink(fd, address_);
      net::HttpRequest get = request("GET");
      get.sink = &sink;
      const net::HttpResponse answer = TRY(access_->http.perform(get));
      if (!answer.success())
        return Error(answer.status == 404 ? ErrorKind::not_found : ErrorKind::invalid_input,
                     fmt::format("invalid response status {}", answer.status))
            .context(net::redacted_url(address_));
      note.digest = sink.digest().str();
      if (const std::string* etag = answer.header("ETag")) note.etag = *etag;
      if (const std::string* modified = answer.header("Last-Modified")) {
        note.last_modified = *modified;
        note.mtime = net::parse_http_date(*modified).value_or(0);
      }
    }
    const oci::Digest digest = TRY(oci::Digest::parse(note.digest));
    if (file_->checksum && digest != *file_->checksum)
      return digest_mismatch(digest, *file_->checksum);
    TRY(ingest.tree().set_mode(file_->name, kFileMode));
    TRY(ingest.tree().set_mtime(file_->name, note.mtime, 0));
    store::KeptTree tree = TRY(
        access_->store.remote().keep(std::move(ingest), tree_key(digest, note.mtime, file_->name)));
    TRY(put_note(*access_, *file_, note));
    return FetchedFile{std::move(tree), file_->name, digest};
  }

  const Access* access_;
  const HttpFile* file_;
  net::HttpHeaders headers_;
  std::string address_;  ///< without the credentials, which go into a header
};

}  // namespace

Result<FetchedFile> fetch_file(const Access& access, const HttpFile& file) {
  return Fetch(access, file).run();
}

}  // namespace kiln::remote
