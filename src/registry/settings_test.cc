// SPDX-License-Identifier: Apache-2.0
#include "registry/settings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "os/system.h"
#include "os/test_temp_dir.h"
#include "registry/challenge.h"
#include "registry/credentials.h"
#include "registry/url.h"

namespace kiln::registry {
namespace {

using os::test::must;
using ::testing::HasSubstr;

std::vector<std::string> places(const RegistryRules& rules, const std::string& name,
                                Purpose purpose = Purpose::pull_tag) {
  std::vector<std::string> out;
  for (const auto& endpoint :
       must(find_endpoints(rules, must(oci::Reference::parse(name)), purpose))) {
    const char* scheme = endpoint.scheme == Endpoint::Scheme::https  ? "https "
                         : endpoint.scheme == Endpoint::Scheme::http ? "http "
                                                                     : "either ";
    out.push_back(scheme + endpoint.host + " " + endpoint.repository);
  }
  return out;
}

using Places = std::vector<std::string>;

TEST(Endpoints, DockersHubHasAHostOfItsOwn) {
  EXPECT_EQ(places({}, "busybox"), Places({"https registry-1.docker.io library/busybox"}));
  EXPECT_EQ(places({}, "r.example:5000/a/b"), Places({"https r.example:5000 a/b"}));
}

TEST(Endpoints, ThisMachineMayGoWithoutTls) {
  for (const char* host : {"localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"}) {
    EXPECT_EQ(places({}, std::string(host) + "/a"), Places({"either " + std::string(host) + " a"}));
  }
  EXPECT_FALSE(is_loopback("localhost.example"));
  EXPECT_FALSE(is_loopback("128.0.0.1"));
}

TEST(Endpoints, RegistriesConfRewritesMirrorsAndBlocks) {
  RegistryRules rules;
  must(add_registries_conf(rules, R"(
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "r.example/team"
location = "s.example/moved"
[[registry.mirror]]
location = "m.example/copy"
[[registry.mirror]]
location = "d.example"
pull-from-mirror = "digest-only"
insecure = true
[[registry]]
location = "r.example"
[[registry]]
prefix = "*.bad.example"
blocked = true
)",
                           "registries.conf"));
  EXPECT_EQ(places(rules, "r.example/team/app"),
            Places({"https m.example copy/app", "https s.example moved/app"}));
  EXPECT_EQ(
      places(rules, "r.example/team/app", Purpose::pull_digest),
      Places({"https m.example copy/app", "either d.example app", "https s.example moved/app"}));
  EXPECT_EQ(places(rules, "r.example/team/app", Purpose::push),
            Places({"https s.example moved/app"}));
  EXPECT_EQ(places(rules, "r.example/teams/app"), Places({"https r.example teams/app"}));
  const auto blocked =
      find_endpoints(rules, must(oci::Reference::parse("x.bad.example/a")), Purpose::pull_tag);
  ASSERT_FALSE(blocked.ok());
  EXPECT_EQ(blocked.error().kind(), ErrorKind::permission);
}

TEST(Settings, RegistriesConfNamesCredentialHelpers) {
  RegistryRules rules;
  must(add_registries_conf(rules, R"(credential-helpers = ["containers-auth.json", "keychain"])",
                           "registries.conf"));
  EXPECT_EQ(rules.credential_helpers, std::vector<std::string>{"keychain"});
  must(add_registries_conf(rules, "", "later.conf"));
  EXPECT_EQ(rules.credential_helpers.size(), 1U);
  must(add_registries_conf(rules, "credential-helpers = []", "last.conf"));
  EXPECT_TRUE(rules.credential_helpers.empty());
  EXPECT_FALSE(add_registries_conf(rules, "credential-helpers = [1]", "bad.conf").ok());
}

TEST(Endpoints, ALaterFileReplacesARule) {
  RegistryRules rules;
  must(add_registries_conf(rules, "[[registry]]\nlocation='r.example'\nblocked=true", "a"));
  must(add_registries_conf(rules, "[[registry]]\nlocation='r.example'\ninsecure=true", "b"));
  EXPECT_EQ(places(rules, "r.example/a"), Places({"either r.example a"}));
}

TEST(Endpoints, DaemonJsonMirrorsDockersHubOnly) {
  RegistryRules rules;
  must(add_daemon_json(rules,
                       R"({"registry-mirrors": ["https://m.example/", "http://n.example:80"],
                           "insecure-registries": ["r.example:5000", "10.0.0.0/8",
                                                   "http://s.example", "HTTPS://t.example:1/"]})",
                       "daemon.json"));
  EXPECT_EQ(places(rules, "busybox"),
            Places({"https m.example library/busybox", "http n.example:80 library/busybox",
                    "https registry-1.docker.io library/busybox"}));
  EXPECT_EQ(places(rules, "r.example:5000/a"), Places({"either r.example:5000 a"}));
  EXPECT_EQ(places(rules, "s.example/a"), Places({"either s.example a"}));
  EXPECT_EQ(places(rules, "t.example:1/a"), Places({"either t.example:1 a"}));
  EXPECT_EQ(places(rules, "10.1.2.3:99/a"), Places({"either 10.1.2.3:99 a"}));
  EXPECT_EQ(places(rules, "11.1.2.3:99/a"), Places({"https 11.1.2.3:99 a"}));
}

TEST(Settings, WhatCanNotBeReadIsNamedWithItsPlace) {
  RegistryRules rules;
  EXPECT_THAT(add_registries_conf(rules, "a = 1\n[[registry\n", "x.conf").error().message(),
              HasSubstr("x.conf:2: "));
  EXPECT_THAT(add_registries_conf(rules, "[registries.search]\n", "x.conf").error().message(),
              HasSubstr("version 1"));
  EXPECT_FALSE(add_daemon_json(rules, "[]", "d").ok());
  EXPECT_TRUE(add_daemon_json(rules, " \n", "d").ok());
}

TEST(Settings, AMistakeInRegistriesConfIsNamed) {
  const auto failure = [](const std::string& text) {
    RegistryRules rules;
    const auto added = add_registries_conf(rules, text, "x.conf");
    return added.ok() ? "" : added.error().message();
  };
  const std::string registry = "[[registry]]\nlocation = \"r.example\"\n";
  EXPECT_EQ(failure(registry + "blocked = \"true\""), "x.conf:3: blocked is not a boolean");
  EXPECT_EQ(failure(registry + "insecure = 1"), "x.conf:3: insecure is not a boolean");
  EXPECT_EQ(failure(registry + "prefix = true"), "x.conf:3: prefix is not a string");
  EXPECT_EQ(failure(registry + "[[registry.mirror]]\ninsecure = \"false\""),
            "x.conf:4: insecure is not a boolean");
  EXPECT_THAT(failure("[[registry]]\nprefix = \"a\"\nlocation = \"http://r.example\""),
              HasSubstr("x.conf:3: location \"http://r.example\" has a scheme"));
  EXPECT_EQ(failure(registry + "blocked = true\n" + registry),
            "x.conf: registry r.example has two tables that differ in \"blocked\"");
  EXPECT_EQ(failure(registry + "insecure = true\n" + registry),
            "x.conf: registry r.example has two tables that differ in \"insecure\"");
  EXPECT_EQ(failure(registry + registry), "");
}

TEST(Certificates, AreThoseOfTheHostsFolder) {
  const os::test::TempDir work;
  (void)work.make_dir("certs/r.example:5000");
  work.write("certs/r.example:5000/ca.crt", "CA");
  work.write("certs/r.example:5000/us.cert", "US");
  RegistryRules rules;
  rules.certificate_folders = {work.path("none"), work.path("certs")};
  const auto reference = must(oci::Reference::parse("r.example:5000/a"));
  const auto endpoint = must(find_endpoints(rules, reference, Purpose::push));
  EXPECT_EQ(tls_options(rules, endpoint[0]).error().kind(), ErrorKind::not_found);  // no key
  work.write("certs/r.example:5000/us.key", "KEY");
  const auto certificates = [&] {
    return must(tls_options(rules, must(find_endpoints(rules, reference, Purpose::push))[0]));
  };
  const auto tls = certificates();
  EXPECT_EQ(tls.authorities, "CA\n");
  EXPECT_EQ(tls.client_certificate, work.path("certs/r.example:5000/us.cert"));
  EXPECT_EQ(tls.client_key, work.path("certs/r.example:5000/us.key"));
  EXPECT_EQ(tls.verify, net::Verify::certificate);
  rules.insecure = {"r.example:5000"};
  EXPECT_EQ(certificates().verify, net::Verify::certificate);
  rules.tls = RegistryRules::Tls::optional;
  EXPECT_EQ(certificates().verify, net::Verify::nothing);
  EXPECT_EQ(certificates().client_key, tls.client_key);
}

TEST(Challenges, AreReadAsServersWriteThem) {
  const auto found = parse_challenges(
      R"(Basic realm="a, b", Bearer Realm="https://x/token",service=r,scope="repository:a:pull,push")");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].scheme, "basic");
  EXPECT_EQ(found[0].parameter("realm"), "a, b");
  EXPECT_EQ(found[1].scheme, "bearer");
  EXPECT_EQ(found[1].parameter("realm"), "https://x/token");
  EXPECT_EQ(found[1].parameter("service"), "r");
  EXPECT_EQ(found[1].parameter("scope"), "repository:a:pull,push");
  EXPECT_TRUE(parse_challenges("").empty());
  (void)parse_challenges("=,\"\\");
  EXPECT_EQ(parse_challenges(R"(Bearer realm="a\"b)")[0].parameter("realm"), "a\"b");
}

TEST(Urls, LocationsAreResolved) {
  EXPECT_EQ(resolve_location("https://a:1/b/c?d", "/e?f"), "https://a:1/e?f");
  EXPECT_EQ(resolve_location("https://a:1/b/c?d", "http://x/y"), "http://x/y");
  EXPECT_EQ(resolve_location("https://a/b/c?d", "e"), "https://a/b/e");
  EXPECT_EQ(resolve_location("https://a/b", "//x/y"), "https://x/y");
  EXPECT_EQ(with_parameter("http://a/b?c=d", "digest", "sha256:1"),
            "http://a/b?c=d&digest=sha256%3A1");
}

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialStore store() const {
    CredentialFiles files;
    files.read = {work_.path("config.json"), work_.path("auth.json")};
    files.write = files.read[0];
    return CredentialStore(files);
  }
  os::test::TempDir work_;
};

TEST_F(CredentialsTest, AreFoundUnderAllTheNamesOfARegistry) {
  work_.write("config.json", R"({"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"},
                                         "https://old.example/v2/":{"auth":"Yzpk"},
                                         "helped.example":{}}})");
  work_.write("auth.json",
              R"({"auths":{"r.example/team":{"auth":"ZTpm"},"r.example":{"auth":"Zzpo"}}})");
  EXPECT_EQ(must(store().find("docker.io", "library/busybox")), (Credentials{"a", "b", ""}));
  EXPECT_EQ(must(store().find("old.example", "x")), (Credentials{"c", "d", ""}));
  EXPECT_EQ(must(store().find("r.example", "team/app")), (Credentials{"e", "f", ""}));
  EXPECT_EQ(must(store().find("r.example", "other/app")), (Credentials{"g", "h", ""}));
  EXPECT_EQ(must(store().find("helped.example", "x")), std::nullopt);
  EXPECT_EQ(must(store().find("none.example", "x")), std::nullopt);
}

TEST_F(CredentialsTest, AreStoredForTheirOwnerAloneAndOtherMembersStay) {
  work_.write("config.json", R"({"psFormat":"x","auths":{"o.example":{"auth":"YTpi"}}})");
  const auto stored = must(store().store("r.example", {"me", "a:b", ""}));
  EXPECT_EQ(stored.helper, "");
  EXPECT_EQ(must(store().find("r.example", "x")), (Credentials{"me", "a:b", ""}));
  EXPECT_EQ(must(store().find("o.example", "x")), (Credentials{"a", "b", ""}));
  EXPECT_THAT(work_.read("config.json"), HasSubstr("psFormat"));
  EXPECT_EQ(must(work_.dir().stat("config.json")).permissions, 0600U);
  EXPECT_TRUE(must(store().erase("r.example")));
  EXPECT_FALSE(must(store().erase("r.example")));
  EXPECT_EQ(must(store().find("r.example", "x")), std::nullopt);
}

TEST_F(CredentialsTest, AFileThatIsNoneIsAnError) {
  work_.write("config.json", "{");
  EXPECT_EQ(store().find("r.example", "x").error().kind(), ErrorKind::corrupt);
  work_.write("config.json", R"({"auths":{"r.example":{"auth":"????"}}})");
  EXPECT_EQ(store().find("r.example", "x").error().kind(), ErrorKind::corrupt);
}

TEST_F(CredentialsTest, LoginsAtOnceAreAllKept) {
  const std::string others = R"({"n": 12345678901234567890123, "f": 1.50, )";
  work_.write("config.json", others + R"("auths": {}})");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      must(store().store(fmt::format("r{}.example", i), {"me", fmt::format("{}", i), ""}));
    });
  }
  threads.clear();
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(must(store().find(fmt::format("r{}.example", i), "x")),
              (Credentials{"me", fmt::format("{}", i), ""}));
  }
  EXPECT_TRUE(work_.read("config.json").starts_with(others));
}

TEST_F(CredentialsTest, AreWrittenThroughALink) {
  std::filesystem::create_directory(work_.path("elsewhere"));
  work_.write("elsewhere/kept.json", R"({"psFormat":"x"})");
  std::filesystem::create_symlink("elsewhere/second.json", work_.path("config.json"));
  std::filesystem::create_symlink(work_.path("elsewhere/kept.json"),
                                  work_.path("elsewhere/second.json"));
  must(store().store("r.example", {"me", "secret", ""}));
  EXPECT_TRUE(std::filesystem::is_symlink(work_.path("config.json")));
  EXPECT_TRUE(std::filesystem::is_symlink(work_.path("elsewhere/second.json")));
  EXPECT_THAT(work_.read("elsewhere/kept.json"),
              ::testing::AllOf(HasSubstr("psFormat"), HasSubstr("r.example")));
  // Nobody has made the file yet.
  std::filesystem::remove(work_.path("elsewhere/kept.json"));
  must(store().store("r.example", {"me", "secret", ""}));
  EXPECT_THAT(work_.read("elsewhere/kept.json"), HasSubstr("r.example"));
}

TEST_F(CredentialsTest, AFileWithoutAFolderIsInThisOne) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(work_.path());
  CredentialFiles files;
  files.write = "bare.json";
  const auto stored = CredentialStore(files).store("r.example", {"me", "secret", ""});
  std::filesystem::current_path(before);
  must(stored);
  EXPECT_THAT(work_.read("bare.json"), HasSubstr("r.example"));
}

TEST_F(CredentialsTest, FoldersOfARegistryHaveEntriesOfTheirOwn) {
  must(store().store("r.example/a", {"one", "1", ""}));
  must(store().store("r.example/b", {"two", "2", ""}));
  EXPECT_EQ(must(store().find("r.example", "a/app")), (Credentials{"one", "1", ""}));
  EXPECT_EQ(must(store().find("r.example", "b/app")), (Credentials{"two", "2", ""}));
  EXPECT_EQ(must(store().find("r.example", "c/app")), std::nullopt);
  EXPECT_FALSE(must(store().erase("r.example")));
  EXPECT_TRUE(must(store().erase("r.example/a")));
  EXPECT_EQ(must(store().find("r.example", "a/app")), std::nullopt);
  EXPECT_EQ(must(store().find("r.example", "b/app")), (Credentials{"two", "2", ""}));
}

TEST_F(CredentialsTest, AnEntryMakesUpForAHelperThatFails) {
  work_.write("config.json", R"({"credsStore":"there-is-none",
                                 "auths":{"r.example":{"auth":"YTpi"}}})");
  EXPECT_EQ(must(store().find("r.example", "x")), (Credentials{"a", "b", ""}));
  EXPECT_EQ(store().find("o.example", "x").error().kind(), ErrorKind::unauthorized);
  work_.write("auth.json", R"({"auths":{"o.example":{"auth":"Yzpk"}}})");
  EXPECT_EQ(must(store().find("o.example", "x")), (Credentials{"c", "d", ""}));
}

TEST_F(CredentialsTest, AHelperIsAskedByTheNameThatFitsItsEntry) {
  work_.write("docker-credential-kiln-test", R"(#!/bin/sh
read -r server; printf '{"Username":"me","Secret":"%s"}' "$server")");
  std::filesystem::permissions(work_.path("docker-credential-kiln-test"),
                               std::filesystem::perms::owner_all);
  const std::string before = os::environment("PATH").value_or("");
  ::setenv("PATH", (work_.path() + ":" + before).c_str(), 1);
  const auto asked = [&](const std::string& config) {
    work_.write("config.json", config);
    return must(store().find("docker.io", "library/a")).value_or(Credentials{}).password;
  };
  EXPECT_EQ(asked(R"({"credHelpers":{"docker.io":"kiln-test"}})"), "docker.io");
  const std::string url = "https://index.docker.io/v1/";
  EXPECT_EQ(asked(R"({"credHelpers":{")" + url + R"(":"kiln-test"}})"), url);
  EXPECT_EQ(asked(R"({"credsStore":"kiln-test"})"), url);
  ::setenv("PATH", before.c_str(), 1);
}

TEST_F(CredentialsTest, AHelperWithoutANameIsTheFile) {
  work_.write("config.json", R"({"credsStore":"there-is-none","credHelpers":{"r.example":""}})");
  EXPECT_EQ(must(store().find("r.example", "x")), std::nullopt);
  EXPECT_EQ(must(store().store("r.example", {"me", "secret", ""})).helper, "");
  EXPECT_EQ(must(store().find("r.example", "x")), (Credentials{"me", "secret", ""}));
  EXPECT_FALSE(store().store("o.example", {"me", "secret", ""}).ok());
}

TEST(Base64, IsRfc4648) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(decode_base64(encode_base64(text)), text);
  }
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(decode_base64("a b"), std::nullopt);
}

}  // namespace
}  // namespace kiln::registry
