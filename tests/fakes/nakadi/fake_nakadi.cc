#include "tests/fakes/nakadi/fake_nakadi.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <simdjson.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/fakes/nakadi/publishing.h"

namespace weir::fake_nakadi {
namespace {

using What = Fault::What;
using Where = Fault::Where;
namespace dom = simdjson::dom;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string Text(const dom::element& object, const char* key) {
  absl::string_view empty;
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return std::string(empty);
  return std::string(text);
}

std::vector<CursorItem> Items(const dom::element& body) {
  std::vector<CursorItem> items;
  dom::array array;
  if (body["items"].get(array) != simdjson::SUCCESS) return items;
  for (const dom::element item : array) {
    items.push_back({{Text(item, "event_type"), Text(item, "partition")},
                     Text(item, "offset"),
                     Text(item, "cursor_token")});
  }
  return items;
}

// Reads one of a stream's parameters from its query or body.
bool ReadNumber(const HttpRequest& request, const dom::element* body,
                const char* name, int64_t* number) {
  if (body != nullptr) {
    const auto value = (*body)[name];
    return value.error() == simdjson::NO_SUCH_FIELD ||
           value.get(*number) == simdjson::SUCCESS;
  }
  const auto it = request.query.find(name);
  return it == request.query.end() || absl::SimpleAtoi(it->second, number);
}

}  // namespace

FakeNakadi::FakeNakadi(const Options& options) : options_(options) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(options.port);
  socklen_t length = sizeof(address);
  // What fails here the test sees as a refusal.
  (void)bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
  (void)listen(listener_, 64);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (const int fd : {listener_, wake_}) {
    epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  thread_ = std::thread([this] { Serve(); });
}

FakeNakadi::~FakeNakadi() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  connections_.clear();
  for (const int fd : {listener_, wake_, epoll_}) close(fd);
}

std::string FakeNakadi::url() const {
  return absl::StrCat("http://127.0.0.1:", port_);
}

void FakeNakadi::Wake() const {
  const uint64_t one = 1;
  // A full counter wakes as well.
  (void)!write(wake_, &one, sizeof(one));
}

void FakeNakadi::AddEventType(const std::string& name, int partitions) {
  MutexLock lock(&mu_);
  for (int i = 0; i < partitions; ++i) topics_[{name, absl::StrCat(i)}];
}

void FakeNakadi::RequireMetadata(const std::string& name) {
  MutexLock lock(&mu_);
  strict_types_.insert(name);
}

std::string FakeNakadi::AddSubscription(Subscription::Options options) {
  MutexLock lock(&mu_);
  if (options.id.empty()) {
    options.id = absl::StrFormat("%08x-0000-4000-8000-000000000000",
                                 subscriptions_.size() + 1);
  }
  options.max_commit_timeout = options_.max_commit_timeout;
  options.second_ns = absl::ToInt64Nanoseconds(options_.second);
  const std::string id = options.id;
  subscriptions_[id] =
      std::make_unique<Subscription>(std::move(options), topics_);
  return id;
}

void FakeNakadi::Publish(const Key& key, std::string event) {
  {
    MutexLock lock(&mu_);
    topics_[key].Publish(std::move(event));
  }
  Wake();
}

void FakeNakadi::Fill(const Key& key, std::string event, uint64_t count) {
  {
    MutexLock lock(&mu_);
    topics_[key].Fill(std::move(event), count);
  }
  Wake();
}

std::vector<std::string> FakeNakadi::Published(const Key& key) const {
  MutexLock lock(&mu_);
  const auto topic = topics_.find(key);
  if (topic == topics_.end()) return {};
  return topic->second.events();
}

void FakeNakadi::Inject(Fault fault) {
  MutexLock lock(&mu_);
  faults_.push_back(std::move(fault));
}

void FakeNakadi::RequireToken(std::string token) {
  MutexLock lock(&mu_);
  token_ = std::move(token);
}

void FakeNakadi::EndStreams() {
  {
    MutexLock lock(&mu_);
    for (auto& [id, subscription] : subscriptions_) subscription->EndAll();
  }
  Wake();
}

void FakeNakadi::CloseStreams(absl::string_view info) {
  {
    MutexLock lock(&mu_);
    for (auto& [id, subscription] : subscriptions_) {
      subscription->CloseAll(info, NowNs());
    }
  }
  Wake();
}

FakeNakadi::Seen FakeNakadi::seen() const {
  MutexLock lock(&mu_);
  return seen_;
}

uint64_t FakeNakadi::Committed(const std::string& subscription,
                               const Key& key) const {
  MutexLock lock(&mu_);
  return subscriptions_.at(subscription)->Committed(key);
}

uint64_t FakeNakadi::MostUncommitted(const std::string& subscription) const {
  MutexLock lock(&mu_);
  return subscriptions_.at(subscription)->most_uncommitted();
}

size_t FakeNakadi::OpenSessions(const std::string& subscription) const {
  MutexLock lock(&mu_);
  return subscriptions_.at(subscription)->open_sessions();
}

void FakeNakadi::Serve() {
  int64_t wait_ms = 0;
  while (true) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, static_cast<int>(wait_ms));
    MutexLock lock(&mu_);
    if (stopping_) return;
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_) {
        uint64_t woken;
        (void)!read(wake_, &woken, sizeof(woken));
      } else if (fd == listener_) {
        int client;
        while ((client = accept4(listener_, nullptr, nullptr,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
          const int yes = 1;
          setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
          connections_[client] = std::make_unique<HttpConnection>(client);
          epoll_event event = {.events = EPOLLIN, .data = {.fd = client}};
          epoll_ctl(epoll_, EPOLL_CTL_ADD, client, &event);
        }
      } else if (const auto it = connections_.find(fd);
                 it != connections_.end()) {
        HttpConnection& connection = *it->second;
        if (connection.Receive()) {
          Handle(connection);
        } else if (connection.session() == nullptr) {
          connections_.erase(it);
        } else {
          // As the real one: that the client of a stream is gone shows only
          // when a write fails.
          epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
          connection.watched = false;
        }
      }
    }
    Pump();
    const int64_t now_ns = NowNs();
    int64_t next_ns = now_ns + 1'000'000'000;
    for (const auto& [id, subscription] : subscriptions_) {
      next_ns = std::min(next_ns, subscription->NextTick(now_ns));
    }
    for (const auto& [fd, connection] : connections_) {
      if (connection->dripping()) next_ns = now_ns + 1'000'000;
    }
    wait_ms = (next_ns - now_ns + 999'999) / 1'000'000;
  }
}

void FakeNakadi::Pump() {
  // Until nobody has anything more to say that a connection would take.
  for (int round = 0; round < 4; ++round) {
    const int64_t now_ns = NowNs();
    for (auto& [id, subscription] : subscriptions_) {
      if (!subscription->Tick(now_ns)) continue;
      const auto waiting = resetting_.find(id);
      if (waiting == resetting_.end()) continue;
      const auto it = connections_.find(waiting->second);
      if (it != connections_.end()) it->second->Send({204, ""});
      resetting_.erase(waiting);
    }
    bool more = false;
    for (auto it = connections_.begin(); it != connections_.end();) {
      HttpConnection& connection = *it->second;
      connection.Pump();
      const bool there =
          connection.Flush() && (connection.watched || !connection.hanging());
      if (!there || connection.finished()) {
        if (connection.session() != nullptr) {
          const auto whose =
              subscriptions_.find(connection.session()->subscription);
          if (whose != subscriptions_.end()) {
            whose->second->ClientGone(*connection.session(), now_ns);
          }
        }
        it = connections_.erase(it);
        continue;
      }
      if (connection.watched) {
        epoll_event event = {
            .events = EPOLLIN | (connection.wants_to_write() ? EPOLLOUT : 0u),
            .data = {.fd = it->first}};
        epoll_ctl(epoll_, EPOLL_CTL_MOD, it->first, &event);
      }
      more |= connection.session() != nullptr && !connection.wants_to_write();
      ++it;
    }
    if (!more) return;
  }
}

bool FakeNakadi::TakeFault(Where where, Fault* fault) {
  const auto it =
      std::find_if(faults_.begin(), faults_.end(),
                   [&](const Fault& one) { return one.where == where; });
  if (it == faults_.end()) return false;
  *fault = *it;
  faults_.erase(it);
  return true;
}

void FakeNakadi::Handle(HttpConnection& connection) {
  while (const std::optional<HttpRequest> request = connection.TakeRequest()) {
    const Answer answer = Route(*request, connection);
    if (answer.status != 0) connection.Send(answer);
  }
}

Answer FakeNakadi::Route(const HttpRequest& request,
                         HttpConnection& connection) {
  const std::vector<std::string> path =
      absl::StrSplit(request.path, '/', absl::SkipEmpty());
  if (!path.empty() && path[0] == "_control") return Control(request);
  if (!token_.empty() &&
      request.Header("authorization") != absl::StrCat("Bearer ", token_)) {
    if (path.size() == 3 && path[0] == "subscriptions" && path[2] == "events") {
      ++seen_.openings;
    }
    return {401,
            "{\"type\":\"https://httpstatus.es/401\",\"title\":\"Unauthorized\""
            ",\"status\":401,\"detail\":\"Full authentication is required to "
            "access this resource\"}"};
  }
  if (path.size() == 1 && path[0] == "subscriptions" &&
      request.method == "POST") {
    if (Fault fault; TakeFault(Where::kSubscription, &fault)) {
      return {fault.status, fault.body};
    }
    return CreateSubscription(request);
  }
  if (path.size() == 3 && path[0] == "event-types" && path[2] == "events" &&
      request.method == "POST") {
    return Publish(path[1], request, connection);
  }
  if (path.size() < 2 || path[0] != "subscriptions") {
    return Problem(404, "no such resource");
  }
  const auto it = subscriptions_.find(path[1]);
  if (it == subscriptions_.end()) {
    if (path.size() == 3 && path[2] == "events") ++seen_.openings;
    return Problem(404, absl::StrCat("Subscription with id \\\"", path[1],
                                     "\\\" does not exist"));
  }
  Subscription& subscription = *it->second;
  const std::string what = path.size() > 2 ? path[2] : "";
  if (what == "events") return OpenStream(request, subscription, connection);
  if (what == "stats") return subscription.Stats();
  if (what == "cursors" && request.method == "GET") {
    return subscription.Cursors();
  }
  if (what == "cursors" && request.method == "POST") {
    return CommitCursors(request, subscription, connection);
  }
  if (what == "cursors" && request.method == "PATCH") {
    dom::parser parser;
    dom::element body;
    if (parser.parse(request.body).get(body) != simdjson::SUCCESS) {
      return Problem(400, "unreadable");
    }
    const Answer answer = subscription.Reset(Items(body), NowNs());
    if (answer.status == 0) resetting_[path[1]] = connection.fd();
    return answer;
  }
  if (what.empty() && request.method == "DELETE") {
    subscription.EndAll();
    subscriptions_.erase(it);
    return {204, ""};
  }
  return {200, absl::StrCat("{\"id\":\"", path[1], "\"}")};
}

Answer FakeNakadi::CreateSubscription(const HttpRequest& request) {
  dom::parser parser;
  dom::element body;
  if (parser.parse(request.body).get(body) != simdjson::SUCCESS) {
    return Problem(400, "unreadable");
  }
  Subscription::Options wanted;
  wanted.owning_application = Text(body, "owning_application");
  wanted.consumer_group = Text(body, "consumer_group");
  if (wanted.consumer_group.empty()) wanted.consumer_group = "default";
  if (const std::string from = Text(body, "read_from"); !from.empty()) {
    wanted.read_from = from;
  }
  dom::array types;
  if (body["event_types"].get(types) == simdjson::SUCCESS) {
    for (const dom::element type : types) {
      std::string_view name;
      if (type.get(name) == simdjson::SUCCESS) {
        wanted.event_types.emplace_back(name);
      }
    }
  }
  if (wanted.owning_application.empty() || wanted.event_types.empty()) {
    return Problem(422, "owning_application and event_types are required");
  }
  std::sort(wanted.event_types.begin(), wanted.event_types.end());
  size_t partitions = 0;
  for (const std::string& type : wanted.event_types) {
    size_t its = 0;
    for (const auto& [key, events] : topics_) its += key.first == type ? 1 : 0;
    if (its == 0) {
      return Problem(422, absl::StrCat("Failed to create subscription, event "
                                       "type(s) not found: '",
                                       type, "'"));
    }
    partitions += its;
  }
  if (partitions > 100) {
    return Problem(422, absl::StrCat("total partition count for subscription "
                                     "is ",
                                     partitions,
                                     ", but the maximum partition count is "
                                     "100"));
  }
  for (const CursorItem& item : [&] {
         dom::array initial;
         std::vector<CursorItem> items;
         if (body["initial_cursors"].get(initial) == simdjson::SUCCESS) {
           for (const dom::element one : initial) {
             items.push_back({{Text(one, "event_type"), Text(one, "partition")},
                              Text(one, "offset"),
                              ""});
           }
         }
         return items;
       }()) {
    wanted.initial_cursors[item.key] = item.offset;
  }
  if (wanted.read_from == "cursors" &&
      wanted.initial_cursors.size() != partitions) {
    return Problem(422,
                   "initial_cursors should contain cursors for all "
                   "partitions");
  }
  int status = 201;
  std::string id;
  for (const auto& [known, subscription] : subscriptions_) {
    const Subscription::Options& o = subscription->options();
    std::vector<std::string> sorted = o.event_types;
    std::sort(sorted.begin(), sorted.end());
    if (o.owning_application == wanted.owning_application &&
        o.consumer_group == wanted.consumer_group &&
        sorted == wanted.event_types) {
      status = 200;
      id = known;
    }
  }
  if (status == 201) {
    wanted.id = id = absl::StrFormat("%08x-0000-4000-8000-000000000000",
                                     subscriptions_.size() + 1);
    wanted.max_commit_timeout = options_.max_commit_timeout;
    wanted.second_ns = absl::ToInt64Nanoseconds(options_.second);
    subscriptions_[id] =
        std::make_unique<Subscription>(std::move(wanted), topics_);
  }
  return {status, absl::StrCat("{\"id\":\"", id, "\"}")};
}

Answer FakeNakadi::Publish(const std::string& type, const HttpRequest& request,
                           HttpConnection& connection) {
  ++seen_.publishes;
  seen_.last_publish_request = request.head;
  Fault fault;
  const bool faulty = TakeFault(Where::kPublish, &fault);
  if (faulty && AnswerWith(fault, connection)) return {0, ""};
  const std::set<size_t> failing = faulty && fault.what == What::kFailSome
                                       ? ReadNumbers(fault.body)
                                       : std::set<size_t>();
  const Answer answer = PublishBatch(
      type, request.body, strict_types_.count(type) > 0, failing, &topics_);
  if (!faulty || fault.what != What::kLoseAnswer) return answer;
  connection.CloseAfterWriting();
  return {0, ""};
}

bool FakeNakadi::AnswerWith(const Fault& fault, HttpConnection& connection) {
  switch (fault.what) {
    case What::kAnswer:
      connection.Send({fault.status, fault.body}, fault.headers);
      return true;
    case What::kHang:
      connection.Hang();
      return true;
    case What::kClose:
      connection.CloseAfterWriting();
      return true;
    default:
      return false;
  }
}

Answer FakeNakadi::Control(const HttpRequest& request) {
  dom::parser parser;
  dom::element body;
  if (parser.parse(request.body.empty() ? "{}" : request.body).get(body) !=
      simdjson::SUCCESS) {
    return Problem(400, "unreadable");
  }
  int64_t number = 0;
  const auto read = [&](const char* name) {
    return body[name].get(number) == simdjson::SUCCESS ? number : 0;
  };
  if (request.path == "/_control/event_type") {
    const int64_t partitions = std::max<int64_t>(read("partitions"), 1);
    for (int64_t i = 0; i < partitions; ++i) {
      topics_[{Text(body, "name"), absl::StrCat(i)}];
    }
    return {204, ""};
  }
  if (request.path == "/_control/fill") {
    topics_[{Text(body, "event_type"), Text(body, "partition")}].Fill(
        Text(body, "event"), static_cast<uint64_t>(read("count")));
    return {204, ""};
  }
  if (request.path == "/_control/fault") {
    static const std::map<std::string, What> whats = {
        {"answer", What::kAnswer},
        {"hang", What::kHang},
        {"close", What::kClose},
        {"no_stream_id", What::kNoStreamId},
        {"end_at_once", What::kEndAtOnce},
        {"slow_header", What::kSlowHeader},
        {"lose_answer", What::kLoseAnswer},
        {"fail_some", What::kFailSome},
        {"fin", What::kFin},
        {"reset", What::kReset},
        {"stall", What::kStall},
        {"end", What::kEnd},
        {"line", What::kLine}};
    const std::string where = Text(body, "where");
    const auto what = whats.find(Text(body, "what"));
    if (what == whats.end()) return Problem(422, "no such fault");
    faults_.push_back(
        {.where = where == "commit"    ? Where::kCommit
                  : where == "stream"  ? Where::kStream
                  : where == "publish" ? Where::kPublish
                                       : Where::kOpening,
         .what = what->second,
         .status = static_cast<int>(read("status")),
         .body = Text(body, "body"),
         .headers = Text(body, "headers"),
         .after_bytes = static_cast<uint64_t>(read("after_bytes"))});
    return {204, ""};
  }
  if (request.path == "/_control/published") {
    const auto topic =
        topics_.find({Text(body, "event_type"), Text(body, "partition")});
    if (topic == topics_.end()) return Problem(404, "no such partition");
    return {200,
            absl::StrCat("[", absl::StrJoin(topic->second.events(), ","), "]")};
  }
  if (request.path == "/_control/require_metadata") {
    strict_types_.insert(Text(body, "name"));
    return {204, ""};
  }
  if (request.path != "/_control/seen") return Problem(404, "no such control");
  std::vector<std::string> subscriptions;
  for (const auto& [id, subscription] : subscriptions_) {
    std::vector<std::string> committed;
    for (const Key& key : subscription->Keys()) {
      committed.push_back(absl::StrCat("\"", key.first, "/", key.second,
                                       "\":", subscription->Committed(key)));
    }
    subscriptions.push_back(absl::StrCat(
        "\"", id, "\":{\"most_uncommitted\":", subscription->most_uncommitted(),
        ",\"sessions\":", subscription->open_sessions(), ",\"committed\":{",
        absl::StrJoin(committed, ","), "}}"));
  }
  return {200, absl::StrCat("{\"openings\":", seen_.openings, ",\"streams\":",
                            seen_.streams, ",\"commits\":", seen_.commits,
                            ",\"publishes\":", seen_.publishes,
                            ",\"subscriptions\":{",
                            absl::StrJoin(subscriptions, ","), "}}")};
}

Answer FakeNakadi::OpenStream(const HttpRequest& request,
                              Subscription& subscription,
                              HttpConnection& connection) {
  ++seen_.openings;
  seen_.opening_requests.push_back(request.head);
  Fault fault;
  std::optional<Fault> of_stream;
  bool with_id = true, end_at_once = false;
  if (TakeFault(Where::kOpening, &fault)) {
    if (AnswerWith(fault, connection)) return {0, ""};
    with_id = fault.what != What::kNoStreamId;
    end_at_once = fault.what == What::kEndAtOnce;
    if (fault.what == What::kSlowHeader) connection.Drip(fault.after_bytes);
  }
  dom::parser parser;
  dom::element body;
  if (request.method == "POST" &&
      parser.parse(request.body).get(body) != simdjson::SUCCESS) {
    return Problem(400, "unreadable");
  }
  const dom::element* from = request.method == "POST" ? &body : nullptr;
  StreamParameters p;
  for (const auto& [name, number] :
       std::initializer_list<std::pair<const char*, int64_t*>>{
           {"batch_limit", &p.batch_limit},
           {"batch_flush_timeout", &p.batch_flush_timeout},
           {"stream_limit", &p.stream_limit},
           {"stream_timeout", &p.stream_timeout},
           {"stream_keep_alive_limit", &p.stream_keep_alive_limit},
           {"max_uncommitted_events", &p.max_uncommitted_events},
           {"commit_timeout", &p.commit_timeout}}) {
    if (!ReadNumber(request, from, name, number)) {
      return Problem(400, absl::StrCat(name, " is no number"));
    }
  }
  dom::array partitions;
  if (from != nullptr &&
      body["partitions"].get(partitions) == simdjson::SUCCESS) {
    for (const dom::element one : partitions) {
      p.partitions.push_back({Text(one, "event_type"), Text(one, "partition")});
    }
  }
  std::shared_ptr<Session> session;
  const Answer answer = subscription.Open(p, NowNs(), &session);
  if (session == nullptr) return answer;
  ++seen_.streams;
  if (TakeFault(Where::kStream, &fault)) of_stream = fault;
  if (end_at_once) {
    of_stream = Fault{.what = What::kEnd};
    subscription.EndAll();
  }
  const bool gzip =
      absl::StrContains(request.Header("accept-encoding"), "gzip");
  connection.BeginStream(session, gzip, options_.chunk_bytes, of_stream,
                         with_id);
  return {0, ""};
}

Answer FakeNakadi::CommitCursors(const HttpRequest& request,
                                 Subscription& subscription,
                                 HttpConnection& connection) {
  ++seen_.commits;
  seen_.last_body = request.body;
  seen_.last_commit_request = request.head;
  Fault fault;
  const bool faulty = TakeFault(Where::kCommit, &fault);
  if (faulty && AnswerWith(fault, connection)) {
    ++seen_.commit_answers[fault.what == What::kAnswer ? fault.status : 0];
    return {0, ""};
  }
  if (request.Header("x-nakadi-streamid").empty()) {
    return Problem(400, "X-Nakadi-StreamId is missing");
  }
  dom::parser parser;
  dom::element body;
  if (parser.parse(request.body).get(body) != simdjson::SUCCESS) {
    return Problem(400, "unreadable");
  }
  const Answer answer = subscription.Commit(request.Header("x-nakadi-streamid"),
                                            Items(body), NowNs());
  ++seen_.commit_answers[faulty ? 0 : answer.status];
  if (faulty) {
    connection.CloseAfterWriting();
    return {0, ""};
  }
  return answer;
}

}  // namespace weir::fake_nakadi
