#include "tests/fakes/nakadi/subscription.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace weir::fake_nakadi {
namespace {

using State = Session::State;

std::string Uuid(uint64_t kind, uint64_t number) {
  return absl::StrFormat("%08x-0000-4000-8000-%012x", kind, number);
}

bool IsUuid(absl::string_view text) {
  return text.size() == 36 && text[8] == '-' && text[13] == '-' &&
         text[18] == '-' && text[23] == '-';
}

std::string CursorJson(const Key& key, absl::string_view offset,
                       absl::string_view token) {
  return absl::StrCat("{\"partition\":\"", key.second, "\",\"offset\":\"",
                      offset, "\",\"event_type\":\"", key.first,
                      "\",\"cursor_token\":\"", token, "\"}");
}

}  // namespace

Answer Problem(int status, absl::string_view detail) {
  return {status, absl::StrCat("{\"title\":\"Status ", status, "\",\"status\":",
                               status, ",\"detail\":\"", detail, "\"}")};
}

Subscription::Subscription(Options options, Topics& topics)
    : options_(std::move(options)), topics_(topics) {}

std::vector<Key> Subscription::Keys() const {
  std::vector<Key> keys;
  for (const auto& [key, partition] : topics_) {
    if (std::count(options_.event_types.begin(), options_.event_types.end(),
                   key.first) > 0) {
      keys.push_back(key);
    }
  }
  return keys;
}

uint64_t Subscription::Committed(const Key& key) const {
  const auto it = committed_.find(key);
  return it == committed_.end() ? 0 : it->second;
}

void Subscription::Initialise() {
  if (std::exchange(initialised_, true)) return;
  for (const Key& key : Keys()) {
    const auto initial = options_.initial_cursors.find(key);
    committed_[key] = options_.read_from == "begin" ? 0
                      : initial != options_.initial_cursors.end()
                          ? PositionOf(initial->second).value_or(0)
                          : topics_[key].size();
  }
}

uint64_t Subscription::Uncommitted(const Session& session) const {
  uint64_t sum = 0;
  for (const auto& [key, owned] : session.owned) {
    sum += owned.sent - std::min(owned.sent, Committed(key));
  }
  return sum;
}

std::shared_ptr<Session> Subscription::Find(absl::string_view stream_id) const {
  for (const auto& session : sessions_) {
    if (session->id == stream_id) return session;
  }
  return nullptr;
}

Session* Subscription::OwnerOf(const Key& key) const {
  for (const auto& session : sessions_) {
    if (session->owned.count(key) > 0) return session.get();
  }
  return nullptr;
}

Answer Subscription::Open(const StreamParameters& parameters, int64_t now_ns,
                          std::shared_ptr<Session>* session) {
  if (parameters.batch_limit <= 0) {
    return Problem(422, "batch_limit can't be lower than 1");
  }
  if (parameters.commit_timeout < 0 ||
      parameters.commit_timeout > options_.max_commit_timeout) {
    return Problem(422, absl::StrCat("commit_timeout can not be more than ",
                                     options_.max_commit_timeout));
  }
  if (reset_.has_value()) {
    return Problem(
        409, "Resetting subscription cursors request is still in progress");
  }
  const std::vector<Key> keys = Keys();
  std::set<Key> taken;
  size_t automatic = 0;
  for (const auto& other : sessions_) {
    automatic += other->parameters.partitions.empty() ? 1 : 0;
    taken.insert(other->parameters.partitions.begin(),
                 other->parameters.partitions.end());
  }
  if (parameters.partitions.empty() &&
      automatic + taken.size() >= keys.size()) {
    return Problem(409,
                   absl::StrCat("No free slots for streaming available for "
                                "subscription ",
                                options_.id, ". Total slots: ", keys.size()));
  }
  std::set<Key> wanted;
  for (const Key& key : parameters.partitions) {
    if (std::count(keys.begin(), keys.end(), key) == 0 ||
        !wanted.insert(key).second) {
      return Problem(422,
                     "Wrong partitions specified - some partitions don't "
                     "belong to subscription");
    }
    if (taken.count(key) > 0) {
      return Problem(409,
                     "The following partitions are already requested by other "
                     "stream(s) of this subscription");
    }
  }
  Initialise();
  static uint64_t streams = 0;
  auto made = std::make_shared<Session>();
  made->id = Uuid(0x5e55, ++streams);
  made->subscription = options_.id;
  made->parameters = parameters;
  if (made->parameters.commit_timeout == 0) {
    made->parameters.commit_timeout = options_.max_commit_timeout;
  }
  made->opened_ns = made->commit_clock_ns = made->idle_since_ns = now_ns;
  sessions_.push_back(made);
  Rebalance(now_ns);
  *session = made;
  return {};
}

Answer Subscription::Commit(absl::string_view stream_id,
                            const std::vector<CursorItem>& items,
                            int64_t now_ns) {
  if (!IsUuid(stream_id)) {
    return Problem(422,
                   "Stream id has to be valid UUID, but it was something "
                   "else");
  }
  if (items.empty()) return Problem(422, "Cursors are empty");
  const std::shared_ptr<Session> session = Find(stream_id);
  if (session == nullptr) {
    return Problem(
        422, absl::StrCat("Session with stream id ", stream_id, " not found"));
  }
  for (const CursorItem& item : items) {
    if (item.token.empty()) {
      return Problem(422, "Field \\\"cursorToken\\\" may not be null");
    }
    if (topics_.count(item.key) == 0) {
      return Problem(422,
                     absl::StrCat("non existing partition ", item.key.second));
    }
    if (!PositionOf(item.offset).has_value()) {
      return Problem(422, absl::StrCat("invalid offset ", item.offset,
                                       " for partition ", item.key.second));
    }
    if (OwnerOf(item.key) != session.get()) {
      return Problem(
          422, absl::StrCat("Cursor ", item.offset,
                            " cannot be committed with stream id ", stream_id));
    }
  }
  bool all = true;
  std::vector<std::string> results;
  for (const CursorItem& item : items) {
    uint64_t& committed = committed_[item.key];
    const uint64_t position = *PositionOf(item.offset);
    const bool moved = position > committed;
    all = all && moved;
    if (moved) {
      committed = position;
      session->commit_clock_ns = now_ns;
      Session::Owned& owned = session->owned[item.key];
      owned.sent = std::max(owned.sent, position);
    }
    results.push_back(absl::StrCat(
        "{\"cursor\":", CursorJson(item.key, item.offset, item.token),
        ",\"result\":\"", moved ? "committed" : "outdated", "\"}"));
  }
  if (all) return {204, ""};
  return {200, absl::StrCat("{\"items\":[", absl::StrJoin(results, ","), "]}")};
}

Answer Subscription::Cursors() const {
  std::vector<std::string> cursors;
  for (const auto& [key, position] : committed_) {
    cursors.push_back(CursorJson(key, OffsetOf(position), "fresh"));
  }
  return {200, absl::StrCat("{\"items\":[", absl::StrJoin(cursors, ","), "]}")};
}

Answer Subscription::Stats() const {
  std::vector<std::string> types;
  for (const std::string& type : options_.event_types) {
    std::vector<std::string> partitions;
    for (const Key& key : Keys()) {
      if (key.first != type) continue;
      const Session* owner = OwnerOf(key);
      std::string text = absl::StrCat(
          "{\"partition\":\"", key.second, "\",\"state\":\"",
          owner == nullptr                          ? "unassigned"
          : owner->owned.at(key).next_owner.empty() ? "assigned"
                                                    : "reassigning",
          "\"");
      if (initialised_) {
        absl::StrAppend(&text, ",\"unconsumed_events\":",
                        topics_[key].size() - Committed(key));
      }
      absl::StrAppend(&text, ",\"stream_id\":\"",
                      owner == nullptr ? "" : owner->id, "\"");
      if (owner != nullptr) {
        absl::StrAppend(
            &text, ",\"assignment_type\":\"",
            owner->parameters.partitions.empty() ? "auto" : "direct", "\"");
      }
      partitions.push_back(absl::StrCat(text, "}"));
    }
    types.push_back(absl::StrCat("{\"event_type\":\"", type,
                                 "\",\"partitions\":[",
                                 absl::StrJoin(partitions, ","), "]}"));
  }
  return {200, absl::StrCat("{\"items\":[", absl::StrJoin(types, ","), "]}")};
}

Answer Subscription::Reset(const std::vector<CursorItem>& items,
                           int64_t now_ns) {
  if (reset_.has_value()) {
    return Problem(409,
                   "Cursors reset is already in progress for provided "
                   "subscription");
  }
  for (const CursorItem& item : items) {
    if (topics_.count(item.key) == 0 || !PositionOf(item.offset).has_value()) {
      return Problem(422, "invalid cursor");
    }
  }
  Initialise();
  if (items.empty()) return {204, ""};
  CloseAll("Resetting subscription cursors", now_ns);
  reset_ = items;
  reset_by_ns_ = now_ns + Seconds(options_.max_commit_timeout + 1);
  return {0, ""};
}

void Subscription::ClientGone(Session& session, int64_t now_ns) {
  Close(session, "", now_ns);
}

void Subscription::CloseAll(absl::string_view info, int64_t now_ns) {
  for (const auto& session : sessions_) Close(*session, info, now_ns);
}

void Subscription::EndAll() {
  for (const auto& session : sessions_) End(*session);
  sessions_.clear();
}

void Subscription::Close(Session& session, absl::string_view info,
                         int64_t now_ns) {
  if (session.state != State::kStreaming) return;
  if (!info.empty()) SendInfo(session, info);
  session.state = State::kClosing;
  if (Uncommitted(session) == 0) End(session);
  // The rest of it happens in Tick.
  (void)now_ns;
}

void Subscription::End(Session& session) {
  session.state = State::kEnded;
  session.owned.clear();
}

void Subscription::SendInfo(Session& session, absl::string_view info) {
  if (session.owned.empty()) return;
  const auto& [key, owned] = *session.owned.begin();
  absl::StrAppend(&session.outbox, "{\"cursor\":",
                  CursorJson(key, OffsetOf(owned.sent), Uuid(1, ++tokens_)),
                  ",\"info\":{\"debug\":\"", info, "\"}}\n");
}

void Subscription::Send(Session& session, const Key& key, uint64_t count,
                        int64_t now_ns) {
  Session::Owned& owned = session.owned[key];
  if (count > 0 && Uncommitted(session) == 0) session.commit_clock_ns = now_ns;
  std::string& out = session.outbox;
  absl::StrAppend(
      &out, "{\"cursor\":",
      CursorJson(key, OffsetOf(owned.sent + count), Uuid(1, ++tokens_)));
  if (count > 0) {
    out.append(",\"events\":[");
    topics_[key].Append(owned.sent, count, &out);
    out.push_back(']');
  }
  if (session.sent_total == 0 && owned.last_line_ns == 0 &&
      session.idle_since_ns != -1) {
    out.append(",\"info\":{\"debug\":\"Stream started\"}");
    session.idle_since_ns = -1;
  }
  out.append("}\n");
  owned.sent += count;
  owned.last_line_ns = now_ns;
  owned.empty_lines = count > 0 ? 0 : owned.empty_lines + 1;
  session.sent_total += count;
  session.most_uncommitted =
      std::max(session.most_uncommitted, Uncommitted(session));
  most_uncommitted_ = std::max(most_uncommitted_, session.most_uncommitted);
}

void Subscription::Pump(Session& session, int64_t now_ns) {
  const StreamParameters& p = session.parameters;
  const int64_t flush_ns = Seconds(p.batch_flush_timeout);
  const bool at_end = p.stream_timeout > 0 &&
                      now_ns - session.opened_ns >= Seconds(p.stream_timeout);
  for (auto& [key, owned] : session.owned) {
    if (!owned.next_owner.empty()) continue;
    const int64_t since =
        owned.last_line_ns == 0 ? session.opened_ns : owned.last_line_ns;
    bool flush = now_ns - since >= flush_ns || at_end;
    const uint64_t size = topics_[key].size();
    while (session.outbox.size() < kOutboxBytes) {
      const uint64_t used = Uncommitted(session);
      const auto window = static_cast<uint64_t>(p.max_uncommitted_events);
      uint64_t want = std::min<uint64_t>(static_cast<uint64_t>(p.batch_limit),
                                         window - std::min(window, used));
      if (p.stream_limit > 0) {
        want = std::min(
            want, static_cast<uint64_t>(p.stream_limit) - session.sent_total);
      }
      const uint64_t available = size - std::min(size, owned.sent);
      if (want > 0 && available > 0 && (available >= want || flush)) {
        Send(session, key, std::min(want, available), now_ns);
        flush = at_end;
        continue;
      }
      if (flush && !at_end) Send(session, key, 0, now_ns);
      break;
    }
  }
  if (at_end) {
    Close(session, "Stream timeout reached", now_ns);
    return;
  }
  if (p.stream_limit > 0 &&
      session.sent_total >= static_cast<uint64_t>(p.stream_limit)) {
    Close(session,
          absl::StrCat("Stream limit in events reached: ", p.stream_limit),
          now_ns);
    return;
  }
  if (p.stream_keep_alive_limit > 0 && !session.owned.empty() &&
      std::all_of(
          session.owned.begin(), session.owned.end(), [&](const auto& entry) {
            return entry.second.empty_lines >= p.stream_keep_alive_limit;
          })) {
    Close(session, "", now_ns);
  }
}

bool Subscription::Tick(int64_t now_ns) {
  bool left = false;
  for (const auto& session : sessions_) {
    const int64_t commit_timeout_ns =
        Seconds(session->parameters.commit_timeout);
    const bool late = Uncommitted(*session) > 0 &&
                      now_ns - session->commit_clock_ns >= commit_timeout_ns;
    bool barrier = false;
    for (const auto& [key, owned] : session->owned) {
      left |= !owned.next_owner.empty() && owned.sent <= Committed(key);
      barrier |= !owned.next_owner.empty() && owned.sent > Committed(key) &&
                 now_ns >= owned.leave_by_ns;
    }
    if (session->state == State::kStreaming && late) {
      SendInfo(*session, "Commit timeout reached");
      End(*session);
    } else if (barrier) {
      End(*session);
    } else if (session->state == State::kClosing &&
               (late || Uncommitted(*session) == 0)) {
      End(*session);
    } else if (session->state == State::kStreaming && session->owned.empty() &&
               session->idle_since_ns > 0 &&
               now_ns - session->idle_since_ns >= 2 * commit_timeout_ns) {
      End(*session);
    }
  }
  for (const auto& session : sessions_) {
    if (session->state == State::kStreaming) Pump(*session, now_ns);
  }
  const auto ended =
      std::remove_if(sessions_.begin(), sessions_.end(),
                     [](const auto& s) { return s->state == State::kEnded; });
  if (ended != sessions_.end() || left) {
    sessions_.erase(ended, sessions_.end());
    Rebalance(now_ns);
    for (const auto& session : sessions_) {
      if (session->state == State::kStreaming) Pump(*session, now_ns);
    }
  }
  if (reset_.has_value() && (sessions_.empty() || now_ns >= reset_by_ns_)) {
    EndAll();
    for (const CursorItem& item : *reset_) {
      committed_[item.key] = *PositionOf(item.offset);
    }
    reset_.reset();
    return true;
  }
  return false;
}

int64_t Subscription::NextTick(int64_t now_ns) const {
  int64_t next = std::numeric_limits<int64_t>::max();
  const auto at = [&](int64_t then) { next = std::min(next, then); };
  if (reset_.has_value()) at(reset_by_ns_);
  for (const auto& session : sessions_) {
    const StreamParameters& p = session->parameters;
    if (Uncommitted(*session) > 0) {
      at(session->commit_clock_ns + Seconds(p.commit_timeout));
    }
    if (session->idle_since_ns > 0 && session->owned.empty()) {
      at(session->idle_since_ns + 2 * Seconds(p.commit_timeout));
    }
    if (session->state == State::kClosing) continue;
    if (p.stream_timeout > 0) {
      at(session->opened_ns + Seconds(p.stream_timeout));
    }
    for (const auto& [key, owned] : session->owned) {
      if (!owned.next_owner.empty()) {
        at(owned.leave_by_ns);
      } else if (session->outbox.size() < kOutboxBytes) {
        at((owned.last_line_ns == 0 ? session->opened_ns : owned.last_line_ns) +
           Seconds(p.batch_flush_timeout));
      }
    }
  }
  return std::max(next, now_ns);
}

void Subscription::Move(const Key& key, Session* from, Session& to,
                        int64_t now_ns) {
  if (from != nullptr) {
    Session::Owned& owned = from->owned[key];
    if (owned.sent > Committed(key)) {
      if (owned.next_owner.empty()) {
        owned.leave_by_ns = now_ns + Seconds(from->parameters.commit_timeout);
      }
      owned.next_owner = to.id;
      return;
    }
    from->owned.erase(key);
  }
  to.owned[key] = {.sent = Committed(key)};
}

void Subscription::Rebalance(int64_t now_ns) {
  std::vector<Session*> automatic;
  std::map<Key, Session*> target;
  for (const auto& session : sessions_) {
    if (session->state != State::kStreaming) continue;
    if (session->parameters.partitions.empty()) {
      automatic.push_back(session.get());
    }
    for (const Key& key : session->parameters.partitions) {
      target[key] = session.get();
    }
  }
  std::vector<Key> shared;
  for (const Key& key : Keys()) {
    if (target.count(key) == 0) shared.push_back(key);
  }
  if (!automatic.empty()) {
    // As even as can be, and whoever has a partition keeps it if it may.
    const size_t least = shared.size() / automatic.size();
    size_t with_more = shared.size() % automatic.size();
    std::map<Session*, size_t> count;
    std::vector<Key> homeless;
    for (const Key& key : shared) {
      Session* owner = OwnerOf(key);
      const bool may_keep =
          owner != nullptr &&
          std::count(automatic.begin(), automatic.end(), owner) > 0 &&
          (count[owner] < least || (count[owner] == least && with_more > 0));
      if (!may_keep) {
        homeless.push_back(key);
        continue;
      }
      if (++count[owner] > least) --with_more;
      target[key] = owner;
    }
    for (const Key& key : homeless) {
      Session* to = *std::min_element(
          automatic.begin(), automatic.end(),
          [&](Session* a, Session* b) { return count[a] < count[b]; });
      ++count[to];
      target[key] = to;
    }
  }
  for (const auto& [key, to] : target) {
    Session* from = OwnerOf(key);
    if (from == to) {
      from->owned[key].next_owner.clear();
      continue;
    }
    // What a closing session still has comes free when it ends.
    if (from != nullptr && from->state != State::kStreaming) continue;
    Move(key, from, *to, now_ns);
  }
}

}  // namespace weir::fake_nakadi
