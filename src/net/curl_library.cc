// SPDX-License-Identifier: Apache-2.0
#include "net/curl_library.h"

#include <fmt/format.h>

#include "os/shared_library.h"

namespace kiln::net {
namespace {

template <typename Function>
Result<void> bind(const os::SharedLibrary& library, const char* symbol, Function*& function) {
  function = TRY(library.find<Function>(symbol));
  return {};
}

Result<CurlLibrary> load_library() {
  const auto library = TRY(os::SharedLibrary::load("libcurl.so.4"));
  CurlLibrary out{};
  TRY(bind(library, "curl_global_init", out.global_init));
  TRY(bind(library, "curl_easy_init", out.easy_init));
  TRY(bind(library, "curl_easy_cleanup", out.easy_cleanup));
  TRY(bind(library, "curl_easy_reset", out.easy_reset));
  TRY(bind(library, "curl_easy_setopt", out.easy_setopt));
  TRY(bind(library, "curl_easy_getinfo", out.easy_getinfo));
  TRY(bind(library, "curl_easy_strerror", out.easy_strerror));
  TRY(bind(library, "curl_slist_append", out.slist_append));
  TRY(bind(library, "curl_slist_free_all", out.slist_free_all));
  TRY(bind(library, "curl_multi_init", out.multi_init));
  TRY(bind(library, "curl_multi_cleanup", out.multi_cleanup));
  TRY(bind(library, "curl_multi_add_handle", out.multi_add_handle));
  TRY(bind(library, "curl_multi_remove_handle", out.multi_remove_handle));
  TRY(bind(library, "curl_multi_perform", out.multi_perform));
  TRY(bind(library, "curl_multi_poll", out.multi_poll));
  TRY(bind(library, "curl_multi_wakeup", out.multi_wakeup));
  TRY(bind(library, "curl_multi_info_read", out.multi_info_read));
  TRY(bind(library, "curl_multi_strerror", out.multi_strerror));
  if (const CURLcode code = out.global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK) {
    return unsupported(fmt::format("initialise libcurl: {}", out.easy_strerror(code)));
  }
  return out;
}

}  // namespace

Result<const CurlLibrary*> CurlLibrary::load() {
  static const Result<CurlLibrary> library = load_library();
  if (!library.ok()) return Error(library.error());
  return &*library;
}

}  // namespace kiln::net
