#include "cli/follow.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/escape.h"
#include "cli/event_line.h"
#include "cli/human.h"
#include "cli/json.h"
#include "lib/client/cursor_file.h"
#include "lib/client/event_observer.h"

namespace weir::cli {
namespace {

using client::CallStatus;
using weir::v1::SubscribeResponse;

std::string GapText(const SubscribeResponse::Gap& gap) {
  const std::string reason =
      EnumWords(SubscribeResponse::Gap::Reason_Name(gap.reason()), "REASON_");
  return absl::StrCat(
      "gap: ",
      gap.missing() == 0 ? "an unknown number of" : Thousands(gap.missing()),
      " positions are missing",
      gap.after_id().empty() ? "" : " after " + Escape(gap.after_id()),
      gap.before_id().empty() ? "" : " before " + Escape(gap.before_id()), " (",
      reason, ")", gap.resync_required() ? "; rebuild derived state" : "");
}

std::string NoticeText(const SubscribeResponse::Notice& notice) {
  std::string text = absl::StrCat("notice: ", Escape(notice.code()));
  if (!notice.message().empty()) {
    absl::StrAppend(&text, ": ", Escape(notice.message()));
  }
  return text;
}

// Prints what a client tells, and stops it when it is enough.
class Printer final : public client::EventObserver {
 public:
  Printer(const FollowOptions& options, Session& session)
      : limit_(options.limit),
        session_(session),
        line_(session.time_zone, session.colour) {}

  // The client that is to be stopped; must be set before it runs.
  void set_client(client::EventClient* client) { client_ = client; }

  void OnEvent(const weir::v1::Event& event) override {
    if (session_.json) {
      PrintEvent(event);
    } else {
      session_.out << line_.Format(event) << "\n" << std::flush;
    }
    // Nobody reads it any more: a full disk, or a pager that was left.
    const bool written = static_cast<bool>(session_.out);
    if (++printed_ == limit_ || !written) client_->Stop();
  }

  void OnHello(const Response::Hello&) override {
    if (reconnecting_) session_.err << "weir: connected again\n";
    reconnecting_ = false;
  }

  void OnGap(const Response::Gap& gap) override {
    SubscribeResponse response;
    *response.mutable_gap() = gap;
    Tell(response, GapText(gap), "\x1b[31m");
  }

  void OnNotice(const Response::Notice& notice) override {
    SubscribeResponse response;
    *response.mutable_notice() = notice;
    Tell(response, NoticeText(notice), "\x1b[36m");
  }

  // Only for programs: people see by the pace that what comes is live.
  void OnCaughtUp(const Response::CaughtUp& caught_up) override {
    if (!session_.json) return;
    SubscribeResponse response;
    *response.mutable_caught_up() = caught_up;
    PrintJson(response, Defaults::kOmit, session_.out);
  }

  void OnReconnect(const CallStatus& why, absl::Duration delay) override {
    reconnecting_ = true;
    session_.err << "weir: the stream broke: "
                 << DescribeFailure(why, session_.server)
                 << "; connecting again in " << Span(delay)
                 << (client_->cursor().empty() ? "" : ", resuming after ")
                 << Escape(client_->cursor()) << std::endl;
  }

 private:
  void PrintEvent(const weir::v1::Event& event) {
    if (!event.has_proto()) {
      PrintJson(event, Defaults::kOmit, session_.out);
      return;
    }
    weir::v1::Event plain = event;
    plain.set_data_schema(event.proto().type_url());
    plain.set_binary(event.proto().value());
    PrintJson(plain, Defaults::kOmit, session_.out);
  }

  void Tell(const SubscribeResponse& response, const std::string& text,
            const char* colour) {
    if (session_.json) {
      PrintJson(response, Defaults::kOmit, session_.out);
    } else {
      session_.out << (session_.colour ? colour : "") << "-- " << text
                   << (session_.colour ? "\x1b[0m" : "") << std::endl;
    }
  }

  const uint64_t limit_;
  Session& session_;
  EventLine line_;
  client::EventClient* client_ = nullptr;
  uint64_t printed_ = 0;
  bool reconnecting_ = false;
};

}  // namespace

int Follow(client::EventClientOptions request, const FollowOptions& options,
           Session& session) {
  std::optional<client::CursorFile> file;
  if (!options.cursor_file.empty()) file.emplace(options.cursor_file);
  Printer printer(options, session);
  client::EventClient client(
      std::move(request), [&] { return session.Connect(); }, printer,
      session.clock, session.sleeper, session.random,
      file.has_value() ? &*file : nullptr);
  printer.set_client(&client);
  const Interrupt::Registration registration(session.interrupt,
                                             [&] { client.Stop(); });
  const CallStatus status = client.Run();
  if (!status.ok()) return ReportFailure(status, session);
  if (session.out) return kDone;
  session.err << "weir: writing to standard output: it takes no more\n";
  return kRefused;
}

}  // namespace weir::cli
