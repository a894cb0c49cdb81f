#include "sim/old_format.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace weir::sim {
namespace {

// A line of either format whose message begins and ends like this.
std::string Today(const std::string& rest) {
  return absl::StrCat(
      R"({"type":"ris_message","data":{"timestamp":1789019601.670,)",
      R"("peer":"192.0.2.1","peer_asn":"64496",)",
      R"("id":"192.0.2.1-01a089e0bb06000a","host":"rrc01.ripe.net",)", rest,
      "}}\n");
}

std::string In2019(const std::string& raw, const std::string& rest) {
  return absl::StrCat(
      R"({"type":"ris_message","data":{"timestamp":1789019601.67,)",
      R"("peer":"192.0.2.1","peer_asn":"64496",)",
      R"("id":"192.0.2.1-1789019601.67-10",)", raw, R"("host":"rrc01",)", rest,
      "}}\n");
}

TEST(OldFormatTest, WritesEachTypeAsIn2019) {
  struct Case {
    const char* why;
    std::string today;
    std::string want;
  };
  for (const Case& c : std::vector<Case>{
           {"raw moves, empty arrays go, origin is in lower case",
            Today(R"("type":"UPDATE","path":[1,2,[3]],"community":[],)"
                  R"("origin":"IGP","announcements":[{"next_hop":)"
                  R"("192.0.2.1","prefixes":["10.0.0.0/8"]}],)"
                  R"("withdrawals":[],"raw":"FF")"),
            In2019(R"("raw":"FF",)",
                   R"("type":"UPDATE","path":[1,2,[3]],"origin":"igp",)"
                   R"("announcements":[{"next_hop":"192.0.2.1",)"
                   R"("prefixes":["10.0.0.0/8"]}])")},
           {"two next hops are two groups, a MED of 0 is left out",
            Today(R"("type":"UPDATE","path":[1],"community":[[1,2]],)"
                  R"("origin":"EGP","med":0,"announcements":[{"next_hop":)"
                  R"("2001:db8::1,fe80::1","prefixes":["2001:db8::/32"]}],)"
                  R"("withdrawals":[])"),
            In2019("",
                   R"("type":"UPDATE","path":[1],"community":[[1,2]],)"
                   R"("origin":"egp","announcements":[{"next_hop":)"
                   R"("2001:db8::1","prefixes":["2001:db8::/32"]},)"
                   R"({"next_hop":"fe80::1","prefixes":["2001:db8::/32"]}])")},
           {"IPv6 withdrawals are short",
            Today(R"("type":"UPDATE","path":[],"community":[],)"
                  R"("announcements":[],)"
                  R"("withdrawals":["2001:db8:0:0:0:0:0:0/32"],"raw":"FF")"),
            In2019(R"("raw":"FF",)",
                   R"("type":"UPDATE","withdrawals":["2001:db8::/32"])")},
           {"STATE has its old name", Today(R"("type":"STATE","state":"down")"),
            In2019("", R"("type":"RIS_PEER_STATE","state":"down")")},
           {"the octets of a notification are hexadecimal",
            Today(R"("type":"NOTIFICATION","notification":{"code":6,)"
                  R"("subcode":5,"data":"\u0006\u0005"},"raw":"FF")"),
            In2019(R"("raw":"FF",)",
                   R"("type":"NOTIFICATION","notification":{"code":6,)"
                   R"("subcode":5,"data":"0605"})")},
       }) {
    EXPECT_EQ(ToOldFormat(c.today), c.want) << c.why;
  }
}

TEST(OldFormatTest, LeavesAloneWhatIsNoMessage) {
  for (const char* line :
       {"garbage\n", "{\"type\":\"ris_error\",\"data\":{\"message\":\"x\"}}\n",
        "{\"type\":\"pong\",\"data\":null}\n", "[]\n"}) {
    EXPECT_EQ(ToOldFormat(line), line);
  }
}

}  // namespace
}  // namespace weir::sim
