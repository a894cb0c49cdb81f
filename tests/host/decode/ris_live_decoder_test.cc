#include "host/decode/ris_live_decoder.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/decode/decoder.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "tests/support/decoded_fields.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using Verdict = Decoded::Verdict;

std::string Line(absl::string_view data) {
  return absl::StrCat(R"({"type":"ris_message","data":{)", data, "}}");
}

std::string Update(absl::string_view data) {
  return Line(absl::StrCat(R"("type":"UPDATE",)", data));
}

class RisLiveDecoderTest : public testing::Test {
 protected:
  RisLiveDecoderTest() { InternWellKnownTypes(types_); }

  Decoded Decode(absl::string_view line) {
    writer_.Begin(Receipt());
    Decoded decoded = decoder_.Decode(line, writer_);
    batch_ = writer_.Finish();
    return decoded;
  }

  // The fields of the message that `line` is.
  DecodedFields Fields(absl::string_view line) {
    const Decoded decoded = Decode(line);
    EXPECT_EQ(decoded.text, "") << line;
    EXPECT_TRUE(batch_) << line;
    return DecodedFields(batch_ ? batch_->first()->view : nothing_);
  }

  std::string TypeOf(absl::string_view line) {
    Decode(line);
    return batch_ ? std::string(types_.Name(batch_->first()->view.type_id))
                  : "no message";
  }

  const weir_msg nothing_ = {};
  NameTable types_;
  SlabPool pool_;
  MessageWriter writer_{pool_};
  RisLiveDecoder decoder_{types_};
  MessageBatchRef batch_;
};

TEST_F(RisLiveDecoderTest, ReadsAnUpdateOfToday) {
  const std::string line = Line(
      R"("timestamp":1789019606.210,"peer":"2001:7f8:1::a501:3030:1",)"
      R"("peer_asn":"13030","id":"2001:7f8:1::a501:3030:1-01a089e0ccc20002",)"
      R"("host":"rrc03.ripe.net","type":"UPDATE","path":[13030,2914,[7,8]],)"
      R"("community":[[2914,410],[65535,65535]],"origin":"IGP","med":1,)"
      R"("aggregator":"4200000002:10.102.100.2","announcements":[{"next_hop":)"
      R"("2001:db8::1,fe80::2","prefixes":["2806:320:340::/42"]}],)"
      R"("withdrawals":["2a12:ca42:0:0:0:0:0:0/32"],"raw":"FFFF")");
  const DecodedFields fields = Fields(line);
  const weir_msg& view = batch_->first()->view;

  EXPECT_EQ(view.type_id, kTypeUpdate);
  EXPECT_EQ(view.ts_ns, 1789019606210000000);
  EXPECT_EQ(batch_->first()->payload(), line);
  EXPECT_EQ(fields.Address(WEIR_FIELD_BGP_PEER), "2001:7f8:1::a501:3030:1");
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_PEER_ASN), Optional(13030));
  EXPECT_THAT(
      fields.Text(WEIR_FIELD_BGP_ID),
      Optional(std::string("2001:7f8:1::a501:3030:1-01a089e0ccc20002")));
  EXPECT_THAT(fields.Text(WEIR_FIELD_BGP_COLLECTOR),
              Optional(std::string("rrc03.ripe.net")));
  EXPECT_EQ(fields.Path(), "13030 2914 [7 8]");
  EXPECT_THAT(fields.Array<uint32_t>(WEIR_FIELD_BGP_COMMUNITIES),
              ElementsAre(2914u << 16 | 410, 0xffffffffu));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_ORIGIN), Optional(0));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_MED), Optional(1));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_AGGREGATOR_ASN), Optional(4200000002));
  EXPECT_EQ(fields.Address(WEIR_FIELD_BGP_AGGREGATOR), "10.102.100.2");
  EXPECT_THAT(fields.Prefixes(WEIR_FIELD_BGP_ANNOUNCED),
              ElementsAre("2806:320:340::/42>0"));
  EXPECT_THAT(fields.Prefixes(WEIR_FIELD_BGP_WITHDRAWN),
              ElementsAre("2a12:ca42::/32"));
  EXPECT_THAT(fields.NextHops(), ElementsAre("2001:db8::1 fe80::2"));
  EXPECT_THAT(fields.Text(WEIR_FIELD_BGP_RAW), Optional(std::string("FFFF")));
}

TEST_F(RisLiveDecoderTest, ReadsAnUpdateOf2019) {
  const DecodedFields fields = Fields(Line(
      R"("timestamp":1558620047.08,"peer":"192.0.2.1","peer_asn":"57695",)"
      R"("id":"192.0.2.1-1558620047.08-11924763","raw":"FF","host":"rrc19",)"
      R"("type":"UPDATE","origin":"incomplete","withdrawals":["10.0.0.0/8"])"));

  EXPECT_EQ(batch_->first()->view.ts_ns, 1558620047080000000);
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_ORIGIN), Optional(2));
  EXPECT_THAT(fields.Prefixes(WEIR_FIELD_BGP_WITHDRAWN),
              ElementsAre("10.0.0.0/8"));
  EXPECT_EQ(fields.Find(WEIR_FIELD_BGP_PATH), nullptr);
  EXPECT_EQ(fields.Find(WEIR_FIELD_BGP_ANNOUNCED), nullptr);
}

TEST_F(RisLiveDecoderTest, ReadsEveryFormOfAPath) {
  struct Case {
    const char* why;
    const char* path;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"withdraw-only", "[]", ""},
           {"prepends stay", "[1,1,1]", "1 1 1"},
           {"four octets", "[4294967295,0,23456]", "4294967295 0 23456"},
           {"an AS_SET at the end", "[1,[2,3]]", "1 [2 3]"},
           {"an AS_SET of one member", "[1,[2]]", "1 [2]"},
           {"an AS_SET in the middle", "[1,[2,3],4]", "1 [2 3] 4"},
           {"an AS_SET at the beginning", "[[1],2]", "[1] 2"},
           {"an AS_SET without members", "[1,[],2]", "1 [] 2"},
           {"white space, which costs time only", "[ 1 , [ 2 ] ]", "1 [2]"},
       }) {
    EXPECT_EQ(Fields(Update(absl::StrCat(R"("path":)", c.path))).Path(), c.want)
        << c.why;
  }
}

TEST_F(RisLiveDecoderTest, ReadsEveryFormOfAnAnnouncement) {
  struct Case {
    const char* why;
    const char* announcements;
    std::vector<std::string> prefixes;
    std::vector<std::string> next_hops;
  };
  for (
      const Case& c : std::vector<Case>{
          {"none", "[]", {}, {}},
          {"global first",
           R"([{"next_hop":"2001:db8::1,fe80::1","prefixes":["::/0"]}])",
           {"::/0>0"},
           {"2001:db8::1 fe80::1"}},
          {"link-local first",
           R"([{"next_hop":"fe80::1,2001:db8::1","prefixes":["::/0"]}])",
           {"::/0>0"},
           {"2001:db8::1 fe80::1"}},
          {"link-local alone",
           R"([{"next_hop":"fe80::1","prefixes":["2001:db8::/32"]}])",
           {"2001:db8::/32>0"},
           {"fe80::1"}},
          {"until 2022: a pair in two groups",
           R"([{"next_hop":"2001:db8::1","prefixes":["2001:db8::/32","::/0"]},)"
           R"({"next_hop":"fe80::1","prefixes":["2001:db8::/32","::/0"]}])",
           {"2001:db8::/32>0", "::/0>0"},
           {"2001:db8::1 fe80::1"}},
          {"the same, link-local first",
           R"([{"next_hop":"fe80::1","prefixes":["::/0"]},)"
           R"({"next_hop":"2001:db8::1","prefixes":["::/0"]}])",
           {"::/0>0"},
           {"2001:db8::1 fe80::1"}},
          {"two groups that are no pair, since the prefixes differ",
           R"([{"next_hop":"2001:db8::1","prefixes":["::/0"]},)"
           R"({"next_hop":"fe80::1","prefixes":["::/1"]}])",
           {"::/0>0", "::/1>1"},
           {"2001:db8::1", "fe80::1"}},
          {"two groups that are no pair, since both are global",
           R"([{"next_hop":"2001:db8::1","prefixes":["::/0"]},)"
           R"({"next_hop":"2001:db8::2","prefixes":["::/0"]}])",
           {"::/0>0", "::/0>1"},
           {"2001:db8::1", "2001:db8::2"}},
          {"IPv4 NLRI and MP_REACH in one message",
           R"([{"next_hop":"192.0.2.1","prefixes":["10.0.0.0/8"]},)"
           R"({"next_hop":"2001:db8::1","prefixes":["::/0"]}])",
           {"10.0.0.0/8>0", "::/0>1"},
           {"192.0.2.1", "2001:db8::1"}},
          {"the same prefix twice is what was said",
           R"([{"next_hop":"192.0.2.1","prefixes":["10.0.0.0/8","10.0.0.0/8"]}])",
           {"10.0.0.0/8>0", "10.0.0.0/8>0"},
           {"192.0.2.1"}},
          {"bits behind the length are cleared",
           R"([{"next_hop":"192.0.2.1","prefixes":["10.1.2.3/8"]}])",
           {"10.0.0.0/8>0"},
           {"192.0.2.1"}},
          {"longer than anybody should announce",
           R"([{"next_hop":"192.0.2.1","prefixes":["10.1.2.3/32","::1/128"]}])",
           {"10.1.2.3/32>0", "::1/128>0"},
           {"192.0.2.1"}},
          {"the end of a table transfer",
           R"([{"next_hop":"192.0.2.1","prefixes":["eor"]}])",
           {},
           {"192.0.2.1"}},
          {"keys in the other order, and one that is new",
           R"([{"prefixes":["::/0"],"x":{"y":[1]},"next_hop":"2001:db8::1"}])",
           {"::/0>0"},
           {"2001:db8::1"}},
          {"no next hop", R"([{"prefixes":["::/0"]}])", {"::/0"}, {}},
          {"white space, which costs time only",
           R"( [ { "next_hop" : "::1" , "prefixes" : [ "::/0" , "::/1" ] } ] )",
           {"::/0>0", "::/1>0"},
           {"::1"}},
      }) {
    const DecodedFields fields =
        Fields(Update(absl::StrCat(R"("announcements":)", c.announcements)));
    EXPECT_EQ(fields.Prefixes(WEIR_FIELD_BGP_ANNOUNCED), c.prefixes) << c.why;
    EXPECT_EQ(fields.NextHops(), c.next_hops) << c.why;
  }
}

TEST_F(RisLiveDecoderTest, ReadsTimestampsToTheNanosecond) {
  struct Case {
    const char* why;
    const char* timestamp;
    int64_t want;
  };
  for (const Case& c : std::vector<Case>{
           {"no decimals", "1789019601", 1789019601000000000},
           {"one: 2019", "1562822895.4", 1562822895400000000},
           {"two: 2019", "1558620047.08", 1558620047080000000},
           {"three: today", "1789019601.670", 1789019601670000000},
           {"no double holds it", "1789019601.123456789", 1789019601123456789},
           {"beyond nanoseconds", "1.1234567899", 1123456789},
           {"the last second that fits", "9223372035.999999999",
            9223372035999999999},
           {"null is as good as absent", "null", 0},
       }) {
    Fields(Update(absl::StrCat(R"("timestamp":)", c.timestamp)));
    EXPECT_EQ(batch_->first()->view.ts_ns, c.want) << c.why;
  }
}

TEST_F(RisLiveDecoderTest, NamesTypesAsTheLineDoes) {
  struct Case {
    const char* why;
    std::string line;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"today", Line(R"("type":"STATE","state":"up")"), "STATE"},
           {"before", Line(R"("type":"RIS_PEER_STATE","state":"up")"), "STATE"},
           {"known", Line(R"("type":"KEEPALIVE","raw":"FF")"), "KEEPALIVE"},
           {"new", Line(R"("type":"ROUTE_REFRESH")"), "ROUTE_REFRESH"},
           {"no type, but routes", Line(R"("withdrawals":["::/0"])"), "UPDATE"},
           {"no type, nothing", Line(R"("host":"rrc00")"), "OTHER"},
           {"a name that nobody should keep",
            Line(absl::StrCat(R"("type":")", std::string(65, 'X'), "\"")),
            "OTHER"},
           {"the type behind the data",
            R"({"data":{"type":"UPDATE"},"type":"ris_message"})", "UPDATE"},
       }) {
    EXPECT_EQ(TypeOf(c.line), c.want) << c.why;
  }
}

TEST_F(RisLiveDecoderTest, CountsTypesThatNobodyConfigured) {
  EXPECT_EQ(Decode(Line(R"("type":"UPDATE")")).unknown_types, 0);
  EXPECT_EQ(Decode(Line(R"("type":"ROUTE_REFRESH")")).unknown_types, 1);
  EXPECT_EQ(Decode(Line(R"("host":"rrc00")")).unknown_types, 1);
}

TEST_F(RisLiveDecoderTest, ReadsAnOpen) {
  const DecodedFields fields = Fields(
      Line(R"("type":"OPEN","direction":"received","version":4,"asn":23456,)"
           R"("hold_time":90,"router_id":"102.67.56.1",)"
           R"("capabilities":{"65":{"name":"asn4","asn4":1}} ,"raw":"FF")"));
  EXPECT_THAT(fields.Text(WEIR_FIELD_BGP_DIRECTION),
              Optional(std::string("received")));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_VERSION), Optional(4));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_ASN), Optional(23456));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_HOLD_TIME), Optional(90));
  EXPECT_THAT(fields.Text(WEIR_FIELD_BGP_ROUTER_ID),
              Optional(std::string("102.67.56.1")));
  EXPECT_THAT(fields.Text(WEIR_FIELD_BGP_CAPABILITIES),
              Optional(std::string(R"({"65":{"name":"asn4","asn4":1}})")));
}

TEST_F(RisLiveDecoderTest, ReadsEveryFormOfNotificationData) {
  struct Case {
    const char* why;
    std::string data;
    std::string want;
  };
  for (const Case& c : std::vector<Case>{
           {"today: the octets, escaped", R"("\u0006\u0005")", "\6\5"},
           {"2019: hex, code and subcode in front", R"("0605")", ""},
           {"2019: hex with data", R"("0605ff00")", std::string("\xff\0", 2)},
           {"hex digits that are text", R"("beef")", "beef"},
           {"octets above 0x7f, escaped", R"("\u00ff\u0080")", "\xff\x80"},
           {"octets above 0x7f as UTF-8", "\"\xc3\xbf\"", "\xff"},
           {"octets above 0x7f as they are", "\"\xff\x80\"", "\xff\x80"},
           {"what an octet cannot be", R"("\u20ac")", "\xe2\x82\xac"},
           {"nothing", R"("")", ""},
       }) {
    const std::string line =
        Line(absl::StrCat(R"("type":"NOTIFICATION","notification":{"code":6,)",
                          R"("subcode":5,"data":)", c.data, "}"));
    const DecodedFields fields = Fields(line);
    EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_NOTIFY_CODE), Optional(6)) << c.why;
    EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_NOTIFY_SUBCODE), Optional(5));
    EXPECT_EQ(fields.Text(WEIR_FIELD_BGP_NOTIFY_DATA).value_or(""), c.want)
        << c.why;
    EXPECT_EQ(batch_->first()->payload(), line) << c.why;
  }
}

TEST_F(RisLiveDecoderTest, ReadsNumbersAndStringsInEveryForm) {
  const DecodedFields fields = Fields(
      Update(R"("med":4294967295,"peer_asn":4200000000,"id":"a\"b\u00e9",)"
             R"("host":null,"community":null,"origin":"EGP")"));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_MED), Optional(4294967295));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_PEER_ASN), Optional(4200000000));
  EXPECT_THAT(fields.Uint(WEIR_FIELD_BGP_ORIGIN), Optional(1));
  EXPECT_THAT(fields.Text(WEIR_FIELD_BGP_ID),
              Optional(std::string("a\"b\xc3\xa9")));
  EXPECT_EQ(fields.Find(WEIR_FIELD_BGP_COLLECTOR), nullptr);
  EXPECT_EQ(fields.Find(WEIR_FIELD_BGP_COMMUNITIES), nullptr);
}

// Eight bytes at once: whatever stops a string is seen wherever it stands.
TEST_F(RisLiveDecoderTest, SeesTheEndOfAStringAndWhatMustNotBeInIt) {
  for (size_t bytes = 1; bytes < 20; ++bytes) {
    const std::string text(bytes, '~');
    const std::string id = Update(absl::StrCat(R"("id":")", text, "\""));
    EXPECT_THAT(Fields(id).Text(WEIR_FIELD_BGP_ID), Optional(text));
    for (size_t at = 0; at < bytes; ++at) {
      const size_t place = id.find('~') + at;
      std::string line = id;
      line[place] = '\x1f';
      EXPECT_EQ(Decode(line).verdict, Verdict::kParseError) << at;
      line[place] = '"';
      EXPECT_EQ(Decode(line).verdict, Verdict::kParseError) << at;
      std::string escaped = text;
      escaped[at] = '\n';
      line = id;
      line.replace(place, 1, "\\n");
      EXPECT_THAT(Fields(line).Text(WEIR_FIELD_BGP_ID), Optional(escaped));
      line = id;
      line[place] = '\xe9';
      std::string repaired = text;
      repaired.replace(at, 1, "\xc3\xa9");
      EXPECT_THAT(Fields(line).Text(WEIR_FIELD_BGP_ID), Optional(repaired));
    }
  }
}

TEST_F(RisLiveDecoderTest, TakesWhatIsNoMessageForWhatItIs) {
  for (const char* line :
       {R"({"type":"pong","data":null})", R"({"type":"pong"})",
        R"({"type":"ris_subscribe_ok","data":{"subscription":{}}})",
        R"({"type":"ris_rrc_list","data":["rrc00","rrc01"]})"}) {
    EXPECT_EQ(Decode(line).verdict, Verdict::kNotAMessage) << line;
    EXPECT_FALSE(batch_) << line;
  }
  EXPECT_EQ(Decode("").verdict, Verdict::kEmpty);
  EXPECT_EQ(Decode(" \r").verdict, Verdict::kEmpty);
}

TEST_F(RisLiveDecoderTest, PassesOnWhatTheServerSaysIsWrong) {
  const Decoded decoded =
      Decode(R"({"type":"ris_error","data":{"message":"Unknown command type",)"
             R"("command_type":"wrong"}})");
  EXPECT_EQ(decoded.verdict, Verdict::kUpstreamError);
  EXPECT_EQ(decoded.text, "Unknown command type");
  EXPECT_EQ(Decode(R"({"type":"ris_error","data":null})").verdict,
            Verdict::kUpstreamError);
}

TEST_F(RisLiveDecoderTest, RefusesHalfAnUpdate) {
  struct Case {
    const char* why;
    std::string line;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {"no JSON", "hello", "JSON"},
           {"no object", "[1,2]", "JSON"},
           {"no type", R"({"data":{}})", "JSON"},
           {"no data", R"({"type":"ris_message"})", "JSON"},
           {"something behind it", Update(R"("med":1)") + "{}", "JSON"},
           {"a key twice", Update(R"("med":1,"med":2)"), "data.med: stands"},
           {"no address", Update(R"("peer":"192.0.2.1.")"), "data.peer: not"},
           {"no prefix", Update(R"("withdrawals":["192.0.2.0/33"])"),
            "data.withdrawals: not a prefix"},
           {"one prefix of two", Update(R"("withdrawals":["::/0","x"])"),
            "data.withdrawals: not a prefix"},
           {"no next hop",
            Update(R"("announcements":[{"next_hop":"x","prefixes":[]}])"),
            "data.announcements: next_hop"},
           {"above 32 bits", Update(R"("path":[4294967296])"), "data.path"},
           {"below zero", Update(R"("path":[-1])"), "data.path"},
           {"deeper than AS_SETs are", Update(R"("path":[[[1]]])"),
            "data.path"},
           {"a community of one", Update(R"("community":[[1]])"), "of 0-65535"},
           {"a community of three", Update(R"("community":[[1,2,3]])"),
            "data.community"},
           {"above 16 bits", Update(R"("community":[[65536,1]])"),
            "data.community"},
           {"above 32 bits", Update(R"("med":4294967296)"), "0-4294967295"},
           {"a text", Update(R"("med":"1")"), "data.med"},
           {"no origin", Update(R"("origin":"igp2")"), "data.origin"},
           {"no time", Update(R"("timestamp":"1")"), "data.timestamp"},
           {"below zero", Update(R"("timestamp":-1)"), "data.timestamp"},
           {"floating point", Update(R"("timestamp":1.5e9)"), "data.timestamp"},
           {"the year 2262", Update(R"("timestamp":9223372036)"), "9223372035"},
           {"nearly null", Update(R"("peer_asn":n"1")"), "data.peer_asn"},
           {"no aggregator", Update(R"("aggregator":"1:::1")"),
            "data.aggregator"},
       }) {
    const Decoded decoded = Decode(c.line);
    EXPECT_EQ(decoded.verdict, Verdict::kParseError) << c.why;
    EXPECT_THAT(decoded.text, HasSubstr(c.text)) << c.why;
    EXPECT_FALSE(batch_) << c.why;
  }
}

TEST_F(RisLiveDecoderTest, RefusesALineThatIsCutAnywhere) {
  const std::string line = Update(
      R"("timestamp":1789019601.670,"path":[1,[2]],"community":[[1,2]],)"
      R"("announcements":[{"next_hop":"::1","prefixes":["::/0"]}],)"
      R"("capabilities":{"1":{}},"withdrawals":["10.0.0.0/8"],"raw":"FF")");
  ASSERT_EQ(Decode(line).verdict, Verdict::kMessages);
  for (size_t bytes = 1; bytes < line.size(); ++bytes) {
    EXPECT_EQ(Decode(line.substr(0, bytes)).verdict, Verdict::kParseError)
        << line.substr(0, bytes);
  }
}

TEST_F(RisLiveDecoderTest, KeepsOfADecodedLineNoMoreThanItMayGrow) {
  std::string prefixes = R"("::/0")";
  for (int i = 0; i < 100000; ++i) prefixes += R"(,"::/0")";
  const std::string line =
      Update(absl::StrCat(R"("withdrawals":[)", prefixes, "]"));
  const DecodedFields fields = Fields(line);
  const weir_field* const field = fields.Find(WEIR_FIELD_BGP_WITHDRAWN);
  ASSERT_NE(field, nullptr);
  EXPECT_EQ(field->count, 100001);
  EXPECT_LE(field->len, RisLiveDecoder::MaxExtraBytes(line.size()));
}

TEST_F(RisLiveDecoderTest, SharesThePayloadOfTheMessageBefore) {
  const std::string line = Update(R"("withdrawals":["10.0.0.0/8"])");
  writer_.Begin(Receipt());
  writer_.Reserve(line, 0, 0);
  writer_.Commit(0, 0);
  const Message* first = nullptr;
  writer_.ForEach([&](Message& message) { first = &message; });
  decoder_.Decode(first->payload(), writer_);
  batch_ = writer_.Finish();

  ASSERT_EQ(batch_->size(), 2);
  const Message* const second = batch_->first()->next;
  EXPECT_EQ(second->view.base, first->view.base);
  EXPECT_EQ(second->payload(), line);
  EXPECT_THAT(DecodedFields(second->view).Prefixes(WEIR_FIELD_BGP_WITHDRAWN),
              ElementsAre("10.0.0.0/8"));
}

}  // namespace
}  // namespace weir
