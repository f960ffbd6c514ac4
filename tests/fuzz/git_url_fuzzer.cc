// SPDX-License-Identifier: Apache-2.0
// Addresses from Dockerfiles and command lines, and what a git server says of its refs.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/url.h"
#include "dockerfile/git_url.h"
#include "remote/git_refs.h"

namespace {

void check_git_url(std::string_view text) {
  using kiln::dockerfile::FileUrls;
  for (const auto files : {FileUrls::no, FileUrls::yes}) {
    const auto parsed = kiln::dockerfile::parse_git_url(text, files);
    if (!parsed) {
      CHECK(!parsed.error().message().empty());
      continue;
    }
    if (!*parsed) continue;
    const kiln::dockerfile::GitUrl& url = **parsed;
    CHECK(!url.remote.empty());
    CHECK(!url.remote.starts_with('-'));
    CHECK(!url.is_file || files == FileUrls::yes);
    CHECK(url.remote.find('\n') == std::string::npos);
    // The rest of an address means nothing else when it is read again.
    const auto again = kiln::dockerfile::parse_git_url(url.remote, files);
    CHECK(again.ok() && again->has_value());
    CHECK((*again)->remote == url.remote && (*again)->ref.empty() && (*again)->subdir.empty());
  }
}

void check_url(std::string_view text) {
  const auto url = kiln::parse_url(text);
  if (!url) return;
  CHECK(kiln::parse_url(url->location()).has_value());
  const auto bare = kiln::parse_url(url->public_location());
  CHECK(bare && !bare->userinfo);
  if (url->userinfo && url->userinfo->find(':') != std::string::npos) {
    const std::string shown = kiln::redact_credentials(url->location());
    CHECK(shown.starts_with(url->scheme + "://xxxxx:xxxxx@"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_git_url(text);
  check_url(text);
  static_cast<void>(kiln::parse_query(text));
  const auto ref = kiln::remote::choose_ref(text, "main");
  if (ref) CHECK(kiln::remote::is_object_name(ref->object));
  static_cast<void>(kiln::remote::default_branch(text));
  return 0;
}
