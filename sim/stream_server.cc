#include "sim/stream_server.h"

#include <microhttpd.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "sim/line_editor.h"
#include "sim/listening_socket.h"
#include "sim/stream_body.h"
#include "sim/subscription_filter.h"

namespace weir::sim {
namespace {

constexpr char kPath[] = "/v1/stream/";

// The library sends pieces of up to half of this.
constexpr size_t kConnectionMemoryBytes = 1 << 20;

ssize_t ReadBody(void* body, uint64_t /*position*/, char* buffer, size_t room) {
  const ssize_t size = static_cast<StreamBody*>(body)->Read(buffer, room);
  if (size == StreamBody::kEnd) return MHD_CONTENT_READER_END_OF_STREAM;
  if (size == StreamBody::kCut) return MHD_CONTENT_READER_END_WITH_ERROR;
  return size;
}

void DeleteBody(void* body) { delete static_cast<StreamBody*>(body); }

MHD_Result Queue(MHD_Connection* connection, unsigned status,
                 MHD_Response* response) {
  // Each stream is a connection of its own, and so is each refusal.
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  const MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

MHD_Response* TextResponse(absl::string_view text) {
  const std::string line = absl::StrCat(text, "\n");
  MHD_Response* const response = MHD_create_response_from_buffer(
      line.size(), const_cast<char*>(line.data()), MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
  return response;
}

MHD_Result Refuse(MHD_Connection* connection, unsigned status,
                  absl::string_view why) {
  return Queue(connection, status, TextResponse(why));
}

MHD_Result CollectArgument(void* arguments, MHD_ValueKind /*kind*/,
                           const char* key, const char* value) {
  const absl::string_view name = key;
  if (name == "fault" || name == "after") return MHD_YES;
  static_cast<std::vector<std::string>*>(arguments)->push_back(
      absl::StrCat(name, "=", value == nullptr ? "" : value));
  return MHD_YES;
}

int SocketOf(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
      ->connect_fd;
}

}  // namespace

// One request for the stream, on the thread of its connection.
struct StreamRequest {
  static MHD_Result Handle(void* server, MHD_Connection* connection,
                           const char* url, const char* method,
                           const char* /*version*/, const char* /*upload*/,
                           size_t* upload_size, void** seen) {
    // The library calls once for the header and again after the body.
    if (*seen == nullptr) {
      *seen = server;
      return MHD_YES;
    }
    *upload_size = 0;
    if (absl::string_view(method) != MHD_HTTP_METHOD_GET) {
      return Refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET");
    }
    if (absl::string_view(url) != kPath) {
      return Refuse(connection, MHD_HTTP_NOT_FOUND,
                    absl::StrCat("nothing is here; the stream is ", kPath));
    }
    return StreamRequest{*static_cast<StreamServer*>(server), connection}
        .Answer();
  }

  std::optional<std::string> Argument(const char* name) const {
    const char* const value =
        MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  std::optional<std::string> Header(const char* name) const {
    const char* const value =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  // The fault that the URL asks for.
  absl::StatusOr<std::optional<ScriptedFault>> RequestedFault() const {
    const std::optional<std::string> kind = Argument("fault");
    const std::optional<std::string> after = Argument("after");
    if (!kind.has_value() && !after.has_value()) return std::nullopt;
    if (!kind.has_value()) {
      return absl::InvalidArgumentError("'after' without 'fault'");
    }
    absl::StatusOr<ScriptedFault> fault =
        ScriptedFault::Parse(absl::StrCat(after.value_or("0"), ":", *kind));
    if (!fault.ok()) return fault.status();
    return *fault;
  }

  absl::StatusOr<std::optional<SubscriptionFilter>> Filter() const {
    const std::optional<std::string> header = Header("X-RIS-Subscribe");
    if (!header.has_value()) return std::nullopt;
    absl::StatusOr<SubscriptionFilter> filter =
        SubscriptionFilter::Parse(*header);
    if (!filter.ok()) return filter.status();
    return *std::move(filter);
  }

  MHD_Result Answer() {
    ++server.connections_;
    if (Argument("format") != "json") {
      return Refuse(connection, MHD_HTTP_BAD_REQUEST,
                    "ask for format=json; there is no other here");
    }
    absl::StatusOr<std::optional<ScriptedFault>> fault = RequestedFault();
    if (!fault.ok()) {
      return Refuse(connection, MHD_HTTP_BAD_REQUEST, fault.status().message());
    }
    absl::StatusOr<std::optional<SubscriptionFilter>> filter = Filter();
    if (!filter.ok()) {
      return Refuse(connection, MHD_HTTP_BAD_REQUEST,
                    filter.status().message());
    }
    const int socket = SocketOf(connection);
    SessionPool::Lease lease =
        server.pool_.Acquire(Argument("client").value_or(""), socket);
    if (fault->has_value() && (*fault)->fault.of_request()) {
      const Fault of_request = (*fault)->fault;
      fault->reset();
      if (std::optional<MHD_Result> result = Suffer(of_request, lease)) {
        return *result;
      }
    }
    const uint64_t position = lease.session().position();
    while (const std::optional<Fault> scripted =
               server.script_.TakeForRequest(position)) {
      if (std::optional<MHD_Result> result = Suffer(*scripted, lease)) {
        return *result;
      }
    }
    return Stream(std::move(lease), LineEditor(*std::move(filter)),
                  *std::move(fault));
  }

  // Does what a fault of the request asks. Returns nothing if the stream comes
  // all the same. The lease goes back before the client can see the answer.
  std::optional<MHD_Result> Suffer(const Fault& fault,
                                   SessionPool::Lease& lease) {
    switch (fault.kind) {
      case FaultKind::kHttp500:
        lease.Release();
        return Refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                      "internal server error, as ordered");
      case FaultKind::kHttp404:
        lease.Release();
        return Refuse(connection, MHD_HTTP_NOT_FOUND, "not found, as ordered");
      case FaultKind::kRedirect:
        lease.Release();
        return Redirect();
      case FaultKind::kSlowHeaders:
        if (server.stop_.WaitFor(absl::Seconds(fault.arg),
                                 SocketOf(connection)) ==
            StopSignal::Woken::kTimeUp) {
          return std::nullopt;
        }
        return MHD_NO;  // Hangs up; there is nobody to answer.
      case FaultKind::kGzip:
        gzip = absl::StrContains(
            Header(MHD_HTTP_HEADER_ACCEPT_ENCODING).value_or(""), "gzip");
        return std::nullopt;
      case FaultKind::kCutMidLine:
      case FaultKind::kEof:
      case FaultKind::kStall:
      case FaultKind::kGarbage:
      case FaultKind::kUnknownType:
      case FaultKind::kLongLine:
      case FaultKind::kRisError:
      case FaultKind::kOldFormat:
      case FaultKind::kBurst:
        break;  // Faults of the stream.
    }
    return std::nullopt;
  }

  // To the same address without the fault. Arguments are sent back as they were
  // decoded; those of RIS Live need no escapes.
  MHD_Result Redirect() {
    std::vector<std::string> arguments;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND,
                              CollectArgument, &arguments);
    const std::string location =
        absl::StrCat(kPath, "?", absl::StrJoin(arguments, "&"));
    MHD_Response* const response = TextResponse(location);
    MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION,
                            location.c_str());
    return Queue(connection, MHD_HTTP_FOUND, response);
  }

  MHD_Result Stream(SessionPool::Lease lease, LineEditor editor,
                    std::optional<ScriptedFault> fault) {
    auto body = std::make_unique<StreamBody>(
        std::move(lease), std::move(editor),
        StreamBody::Options{fault, gzip, server.hold_at_end_}, server.script_,
        server.stop_, SocketOf(connection), server.sent_);
    MHD_Response* const response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, kConnectionMemoryBytes / 2, ReadBody, body.release(),
        DeleteBody);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            "application/json");
    if (gzip) {
      MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING,
                              "gzip");
    }
    return Queue(connection, MHD_HTTP_OK, response);
  }

  StreamServer& server;
  MHD_Connection* const connection;
  bool gzip = false;
};

absl::StatusOr<std::unique_ptr<StreamServer>> StreamServer::Start(
    const Options& options, SessionPool::SourceFactory factory) {
  absl::StatusOr<ListeningSocket> listening =
      ListeningSocket::Open(options.address, options.port);
  if (!listening.ok()) return listening.status();

  std::unique_ptr<StreamServer> server =
      absl::WrapUnique(new StreamServer(options, std::move(factory)));
  const bool is_v6 = absl::StrContains(options.address, ':');
  server->url_ = absl::StrCat("http://", is_v6 ? "[" : "", options.address,
                              is_v6 ? "]" : "", ":", listening->port, kPath);
  server->daemon_ = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
          MHD_USE_POLL | MHD_USE_ITC | (is_v6 ? MHD_USE_IPv6 : 0),
      0, nullptr, nullptr, &StreamRequest::Handle, server.get(),
      MHD_OPTION_LISTEN_SOCKET, listening->descriptor,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemoryBytes,
      MHD_OPTION_END);
  if (server->daemon_ == nullptr) {
    close(listening->descriptor);
    return absl::InternalError("libmicrohttpd does not start");
  }
  return server;
}

StreamServer::StreamServer(const Options& options,
                           SessionPool::SourceFactory factory)
    : hold_at_end_(options.hold_at_end),
      script_(options.faults),
      pool_(std::move(factory)) {}

StreamServer::~StreamServer() {
  stop_.Raise();
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

}  // namespace weir::sim
