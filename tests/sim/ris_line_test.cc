#include "sim/ris_line.h"

#include <string>

#include "gtest/gtest.h"
#include "sim/ris_message.h"

namespace weir::sim {
namespace {

constexpr char kMarker[] = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";

RisMessage Message(RisType type) {
  RisMessage message;
  message.timestamp_ms = 1789019601670;
  message.sequence = 6;
  message.peer = "2001:db8::1";
  message.peer_asn = 65540;
  message.host = "rrc01.ripe.net";
  message.type = type;
  return message;
}

std::string Line(const RisMessage& message) {
  std::string line;
  AppendRisLine(message, line);
  return line;
}

// What every line begins with, up to the value of `type`.
std::string Beginning() {
  return R"({"type":"ris_message","data":{"timestamp":1789019601.670,)"
         R"("peer":"2001:db8::1","peer_asn":"65540",)"
         R"("id":"2001:db8::1-01a089e0bb060006","host":"rrc01.ripe.net",)"
         R"("type":)";
}

TEST(RisLineTest, WritesAnUpdateWithEverythingInTheOrderOfTheWire) {
  RisMessage message = Message(RisType::kUpdate);
  message.path = {65540, 64504, 64496};
  message.path_set = {64497, 64498};
  message.communities = {{64504, 1}, {64504, 200}};
  message.origin = Origin::kIncomplete;
  message.med = 4294967295u;
  message.aggregator_asn = 64496;
  message.router_id = IpPrefix::Of("203.0.113.1");
  message.next_hop = IpPrefix::Of("2001:db8::1");
  message.link_local = IpPrefix::Of("fe80::1");
  message.announced = {IpPrefix::Of("2001:db8:1000::/36")};
  message.withdrawn = {IpPrefix::Of("2001:db8:2000::/36")};

  EXPECT_EQ(Line(message),
            Beginning() +
                R"("UPDATE","path":[65540,64504,64496,[64497,64498]],)"
                R"("community":[[64504,1],[64504,200]],"origin":"INCOMPLETE",)"
                R"("med":4294967295,"aggregator":"64496:203.0.113.1",)"
                R"("announcements":[{"next_hop":"2001:db8::1,fe80::1",)"
                R"("prefixes":["2001:db8:1000::/36"]}],)"
                R"("withdrawals":["2001:db8:2000:0:0:0:0:0/36"],"raw":")" +
                kMarker + "008D020000" +
                "0076"
                "800F09000201242001"
                "0DB820"
                "40010102"
                "40021802030001000400"
                "00FBF80000FBF0"
                "01020000FBF10000FBF2"
                "800404FFFFFFFF"
                "C00708"
                "0000FBF0"
                "CB007101"
                "C00808"
                "FBF80001"
                "FBF800C8"
                "800E2B"
                "00020120"
                "20010DB8000000000000000000000001"
                "FE800000000000000000000000000001"
                "00"
                "2420010DB810"
                "\"}}\n");
}

TEST(RisLineTest, WritesAnIpv4UpdateWithItsBytes) {
  RisMessage message = Message(RisType::kUpdate);
  message.peer = "198.51.100.10";
  message.path = {65540, 64496};
  message.next_hop = IpPrefix::Of("198.51.100.10");
  message.announced = {IpPrefix::Of("192.0.2.0/24")};
  message.withdrawn = {IpPrefix::Of("10.0.0.0/8")};

  const std::string line = Line(message);
  EXPECT_NE(line.find(R"("community":[],"origin":"IGP","announcements":)"
                      R"([{"next_hop":"198.51.100.10",)"
                      R"("prefixes":["192.0.2.0/24"]}],)"
                      R"("withdrawals":["10.0.0.0/8"],"raw":")" +
                      std::string(kMarker) +
                      "003502"
                      "0002080A"
                      "0018"
                      "40010100"
                      "40020A02020001000400"
                      "00FBF0"
                      "400304C633640A"
                      "18C00002\""),
            std::string::npos)
      << line;
}

TEST(RisLineTest, WritesAWithdrawalWithEmptyPathAndNoAttributes) {
  RisMessage message = Message(RisType::kUpdate);
  message.withdrawn = {IpPrefix::Of("2001:db8:2000::/36")};

  EXPECT_EQ(Line(message),
            Beginning() +
                R"("UPDATE","path":[],"community":[],"announcements":[],)"
                R"("withdrawals":["2001:db8:2000:0:0:0:0:0/36"],"raw":")" +
                kMarker + "0023020000000C800F09000201242001" + "0DB820\"}}\n");
}

TEST(RisLineTest, WritesTheOtherTypes) {
  EXPECT_EQ(Line(Message(RisType::kKeepalive)),
            Beginning() + R"("KEEPALIVE","raw":")" + kMarker + "001304\"}}\n");

  RisMessage state = Message(RisType::kState);
  state.state = "connected";
  EXPECT_EQ(Line(state), Beginning() + R"("STATE","state":"connected"}})"
                                       "\n");

  RisMessage notification = Message(RisType::kNotification);
  notification.code = 6;
  notification.subcode = 5;
  EXPECT_EQ(Line(notification),
            Beginning() +
                R"("NOTIFICATION","notification":{"code":6,"subcode":5,)"
                R"("data":"\u0006\u0005"},"raw":")" +
                kMarker + "0015030605\"}}\n");

  RisMessage open = Message(RisType::kOpen);
  open.router_id = IpPrefix::Of("192.0.2.254");
  EXPECT_EQ(Line(open),
            Beginning() +
                R"("OPEN","direction":"received","version":4,"asn":23456,)"
                R"("hold_time":180,"router_id":"192.0.2.254",)"
                R"("capabilities":{"65":{"name":"asn4","asn4":65540}},)"
                R"("raw":")" +
                kMarker + "002501045BA000B4C00002FE080206410400010004\"}}\n");
}

}  // namespace
}  // namespace weir::sim
