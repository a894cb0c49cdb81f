#include "host/sink/event_json.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

v1::Event Finding() {
  v1::Event event;
  event.set_id("7k2mq9xv-42");
  event.set_seq(42);
  event.mutable_append_time()->set_seconds(1767323045);
  event.set_type("hijack.origin");
  event.set_source("plugins/hijack");
  event.set_subject("say \"192.0.2.0/24\"");
  event.set_severity(v1::SEVERITY_WARNING);
  event.add_prefixes("192.0.2.0/24");
  event.add_as_numbers(64496);
  return event;
}

TEST(EventToJson, IsProtobufsMappingWithTheNamesOfTheProto) {
  EXPECT_EQ(EventToJson(Finding()),
            R"({"id":"7k2mq9xv-42","seq":"42",)"
            R"("append_time":"2026-01-02T03:04:05Z","type":"hijack.origin",)"
            R"("source":"plugins/hijack","subject":"say \"192.0.2.0/24\"",)"
            R"("severity":"SEVERITY_WARNING","prefixes":["192.0.2.0/24"],)"
            R"("as_numbers":[64496]})");
}

TEST(EventToJson, HasAJsonPayloadAsItIs) {
  v1::Event event;
  event.set_type("a.b");
  // A number that no double holds.
  event.set_json("{ \"n\": 18446744073709551615 }");
  EXPECT_EQ(EventToJson(event),
            R"({"type":"a.b","data":{ "n": 18446744073709551615 }})");
  event.clear_type();
  event.set_json("[]");
  EXPECT_EQ(EventToJson(event), R"({"data":[]})");
}

TEST(EventToJson, HasBytesInBase64) {
  v1::Event event;
  event.set_binary("\xff\x01");
  event.set_data_schema("application/mrt");
  EXPECT_EQ(EventToJson(event),
            R"({"binary":"/wE=","data_schema":"application/mrt"})");
}

TEST(EventToJson, HasAMessageOfAnyTypeAsItsBytes) {
  v1::Event event;
  event.mutable_proto()->set_type_url("type.example.com/a.B");
  event.mutable_proto()->set_value("\xff\x01");
  EXPECT_EQ(EventToJson(event),
            R"({"binary":"/wE=","data_schema":"type.example.com/a.B"})");
}

// By another implementation of RFC 4122, Python's:
//   uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, "weir.v1.Event"), "7k2mq9xv-42")
TEST(EventUuid, IsOfVersion5) {
  EXPECT_EQ(EventUuid("7k2mq9xv-42"), "86377c20-538d-5fa8-9468-32fba5f5caa3");
  EXPECT_NE(EventUuid("7k2mq9xv-43"), EventUuid("7k2mq9xv-42"));
}

}  // namespace
}  // namespace weir
