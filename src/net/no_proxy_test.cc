// SPDX-License-Identifier: Apache-2.0
#include "net/no_proxy.h"

#include <gtest/gtest.h>

namespace kiln::net {
namespace {

TEST(NoProxy, ThisMachineIsAlwaysAskedDirectly) {
  for (const char* url : {"http://localhost:5000/", "http://127.1.2.3/", "https://[::1]:1/"})
    EXPECT_TRUE(goes_without_proxy(url, "")) << url;
  EXPECT_FALSE(goes_without_proxy("http://128.0.0.1/", ""));
  EXPECT_FALSE(goes_without_proxy("http://r.example/", ""));
  EXPECT_TRUE(goes_without_proxy("http://r.example/", "a, *"));
}

TEST(NoProxy, ADomainStandsForThoseBelow) {
  const char* list = "Corp.example, .sub.example,*.star.example";
  for (const char* host : {"corp.example", "r.CORP.example", "a.sub.example", "a.b.star.example"})
    EXPECT_TRUE(goes_without_proxy(std::string("https://") + host + "/v2/", list)) << host;
  for (const char* host : {"mycorp.example", "sub.example", "star.example", "example", "mystar"})
    EXPECT_FALSE(goes_without_proxy(std::string("https://") + host + "/v2/", list)) << host;
}

TEST(NoProxy, AnEntryMayNameAPort) {
  const char* list = "r.example:443,s.example:5000,10.0.0.1:80,[fd00::1]:5000";
  for (const char* url : {"https://r.example/", "http://a.r.example:443/", "http://s.example:5000/",
                          "http://10.0.0.1/", "http://[fd00::1]:5000/"})
    EXPECT_TRUE(goes_without_proxy(url, list)) << url;
  for (const char* url : {"http://r.example/", "http://s.example:50001/", "http://10.0.0.1:8080/",
                          "http://[fd00::1]/"})
    EXPECT_FALSE(goes_without_proxy(url, list)) << url;
}

TEST(NoProxy, AddressesAndNetworksAreComparedAsSuch) {
  const char* list = "10.0.0.0/8,192.168.1.1,fd00::/16,2001:db8::1";
  for (const char* host : {"10.255.0.1", "192.168.1.1", "[fd00:0::5]", "[2001:db8:0::1]"})
    EXPECT_TRUE(goes_without_proxy(std::string("http://") + host + "/", list)) << host;
  for (const char* host : {"11.0.0.1", "192.168.1.11", "[fd01::5]", "[2001:db8::2]", "10.example"})
    EXPECT_FALSE(goes_without_proxy(std::string("http://") + host + "/", list)) << host;
  EXPECT_FALSE(goes_without_proxy("http://10.0.0.1/", "10.0.0.0/33,10.0.0.0/x,/,:80,"));
}

}  // namespace
}  // namespace kiln::net
