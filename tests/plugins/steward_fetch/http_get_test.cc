#include "plugins/steward_fetch/http_get.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>

#include "gtest/gtest.h"
#include "plugins/steward_fetch/url_list.h"

namespace weir {
namespace {

bool IsWithin(const std::string& text) {
  const int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  std::array<unsigned char, 16> address = {};
  EXPECT_EQ(inet_pton(family, text.c_str(), address.data()), 1) << text;
  return weir::IsWithin(family, address.data());
}

TEST(IsWithinTest, KnowsWhatNoRouterOfTheInternetPassesOn) {
  for (const char* const text : {"0.0.0.0",
                                 "10.0.0.1",
                                 "10.255.255.255",
                                 "100.64.0.1",
                                 "100.127.255.255",
                                 "127.0.0.1",
                                 "127.255.0.1",
                                 "169.254.169.254",
                                 "172.16.0.1",
                                 "172.31.255.255",
                                 "192.0.0.8",
                                 "192.0.2.1",
                                 "192.168.1.1",
                                 "198.18.0.1",
                                 "198.19.255.255",
                                 "198.51.100.1",
                                 "203.0.113.9",
                                 "224.0.0.1",
                                 "239.1.2.3",
                                 "240.0.0.1",
                                 "255.255.255.255",
                                 "::",
                                 "::1",
                                 "::ffff:127.0.0.1",
                                 "::ffff:192.168.0.1",
                                 "64:ff9b::10.0.0.1",
                                 "64:ff9b:1::1",
                                 "100::1",
                                 "fc00::1",
                                 "fdff::1",
                                 "fe80::1",
                                 "fec0::1",
                                 "ff02::1",
                                 "2001::1",
                                 "2001:db8::1",
                                 "2002:7f00:1::",
                                 "2002:c0a8:101::1",
                                 "3fff::1",
                                 "4000::1"}) {
    EXPECT_TRUE(IsWithin(text)) << text;
  }
  for (const char* const text :
       {"1.1.1.1",          "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",   "100.128.0.0",     "126.255.255.255",
        "128.0.0.1",        "169.253.255.255", "169.255.0.0",
        "172.15.255.255",   "172.32.0.0",      "192.0.1.1",
        "192.167.255.255",  "193.0.0.1",       "198.17.255.255",
        "198.20.0.0",       "223.255.255.255", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2001:200::1",     "2001:67c::1",
        "2002:808:808::1",  "2606:4700::1",    "2a00:1450::1",
        "3ffe::1"}) {
    EXPECT_FALSE(IsWithin(text)) << text;
  }
}

TEST(UrlPartsTest, ReadsAUrlAsItWillBeAskedFor) {
  struct Case {
    const char* text;
    const char* host;
    const char* port;
    const char* path;
    bool has_address;
  };
  for (const Case& c :
       {Case{"http://A.Example/x", "a.example", "80", "/x"},
        Case{"https://a.example", "a.example", "443", "/"},
        Case{"http://0x7f.1:8080/a/../b?c", "127.0.0.1", "8080", "/b", true},
        Case{"http://2130706433/", "127.0.0.1", "80", "/", true},
        Case{"HTTP://[::1]/", "[::1]", "80", "/", true}}) {
    UrlParts parts;
    EXPECT_EQ(parts.Parse(c.text), "") << c.text;
    EXPECT_EQ(parts.host, c.host) << c.text;
    EXPECT_EQ(parts.port, c.port) << c.text;
    EXPECT_EQ(parts.path, c.path) << c.text;
    EXPECT_EQ(parts.has_address(), c.has_address) << c.text;
  }
}

TEST(UrlPartsTest, RefusesWhatServersReadDifferently) {
  for (const char* const text :
       {"http://a/s/..;/admin", "http://a/s/..;x=1/admin", "http://a/s/.;/..;",
        "http://a/s/..%3B/admin", "http://a/s/%2e%2e/admin"}) {
    EXPECT_NE(UrlParts().Parse(text), "") << text;
  }
  EXPECT_EQ(UrlParts().Parse("http://a/s/v1..2;x=1/.well-known"), "");
}

TEST(UrlListTest, AllowsWhatIsBelowAnEntryThatEndsWithASlashAlone) {
  struct Case {
    const char* entry;
    const char* url;
    bool allowed;
  };
  for (const Case& c :
       {Case{"https://a", "https://a/", true},
        Case{"https://a", "https://a", true},
        Case{"https://a", "https://a?x=1", true},
        Case{"https://a", "https://a/admin", false},
        Case{"https://a/", "https://a/admin", true},
        Case{"https://a/s/", "https://a/s/x?y", true},
        Case{"https://a/s/", "https://a/s", false},
        Case{"https://a/s/?x=1", "https://a/s/?x=1", true},
        Case{"https://a/s/?x=1", "https://a/s/admin?x=1", false},
        Case{"https://a/s/?x=/", "https://a/s/admin?x=/", false}}) {
    UrlList list;
    ASSERT_EQ(list.Add(c.entry), "") << c.entry;
    UrlParts url;
    ASSERT_EQ(url.Parse(c.url), "") << c.url;
    EXPECT_EQ(list.Find(url) != nullptr, c.allowed) << c.entry << " " << c.url;
  }
}

}  // namespace
}  // namespace weir
