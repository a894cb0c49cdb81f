#include "host/broker/filter_classes.h"

#include <algorithm>

namespace weir {
namespace {

bool HasAll(const RegexSet& set, const std::vector<std::string>& patterns) {
  return std::all_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) {
                       return set.NumberOf(pattern).has_value();
                     });
}

}  // namespace

void FilterClasses::Start() {
  MutexLock lock(&mu_);
  if (!stopped_) thread_ = std::thread([this] { Run(); });
}

void FilterClasses::Stop() {
  std::thread thread;
  {
    MutexLock lock(&mu_);
    stopped_ = true;
    changed_.NotifyAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void FilterClasses::Run() {
  while (true) {
    {
      MutexLock lock(&mu_);
      while (!asked_ && !stopped_) changed_.Wait(&mu_);
      if (stopped_) return;
      asked_ = false;
    }
    MakeSets();
  }
}

std::shared_ptr<const FilterClass> FilterClasses::Get(
    const std::vector<EventFilter>& filters, Faults* faults) {
  // Compiled before it is known whether it is needed: the canonical form is
  // only known then, and streams open rarely.
  std::shared_ptr<const FilterClass> mine =
      FilterClass::Compile(filters, regex_budget_bytes_, faults);
  if (mine == nullptr) return nullptr;
  MutexLock lock(&mu_);
  absl::erase_if(classes_,
                 [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const FilterClass>& known = classes_[mine->canonical()];
  if (auto theirs = known.lock()) return theirs;
  known = mine;
  if (mine->has_regexes()) {
    asked_ = true;
    changed_.NotifyAll();
  }
  return mine;
}

FilterClasses::Patterns FilterClasses::LivePatterns() const {
  std::vector<std::shared_ptr<const FilterClass>> live;  // Die after the lock.
  MutexLock lock(&mu_);
  Patterns patterns;
  for (const auto& entry : classes_) {
    auto filter = entry.second.lock();
    if (filter == nullptr || !filter->has_regexes()) continue;
    ++patterns.classes;
    for (std::string& pattern : filter->subject_patterns()) {
      patterns.subject.push_back(std::move(pattern));
    }
    for (std::string& pattern : filter->json_patterns()) {
      patterns.json.push_back(std::move(pattern));
    }
    live.push_back(std::move(filter));
  }
  return patterns;
}

FilterClasses::Set FilterClasses::Remake(const Set& now,
                                         std::vector<std::string> patterns,
                                         bool* failed) const {
  if (patterns.empty()) return nullptr;
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  // One that is half of the past is made anew, too.
  if (now != nullptr && now->size() <= 2 * patterns.size() &&
      HasAll(*now, patterns)) {
    return now;
  }
  Set made =
      RegexSet::Make(std::move(patterns), kSetBudgets * regex_budget_bytes_);
  if (made == nullptr) *failed = true;
  return made;
}

void FilterClasses::MakeSets() {
  Patterns patterns = LivePatterns();
  Set subject, json;
  {
    MutexLock lock(&mu_);
    subject = subject_;
    json = json_;
  }
  bool failed = false;
  // A single class has one automaton already.
  const bool worth_it = patterns.classes >= 2;
  Set new_subject = worth_it
                        ? Remake(subject, std::move(patterns.subject), &failed)
                        : nullptr;
  Set new_json =
      worth_it ? Remake(json, std::move(patterns.json), &failed) : nullptr;
  no_set_.store(failed, std::memory_order_relaxed);
  std::deque<std::pair<uint64_t, ChunkScans>> old;  // Dies after the lock.
  MutexLock lock(&mu_);
  if (new_subject == subject_ && new_json == json_) return;
  subject_.swap(new_subject);
  json_.swap(new_json);
  scans_.swap(old);
  overflows_.store(0, std::memory_order_relaxed);
}

ChunkScans FilterClasses::ScansOf(uint64_t first) {
  MutexLock lock(&mu_);
  if (subject_ == nullptr && json_ == nullptr) return {};
  const auto at =
      std::find_if(scans_.begin(), scans_.end(),
                   [first](const auto& kept) { return kept.first == first; });
  if (at != scans_.end()) {
    // The one that was asked for last is first.
    std::rotate(scans_.begin(), at, at + 1);
    return scans_.front().second;
  }
  if (scans_.size() == kKeptScans) scans_.pop_back();
  ChunkScans scans;
  if (subject_ != nullptr) {
    scans.subject = std::make_shared<RegexScan>(subject_, overflows_);
  }
  if (json_ != nullptr) {
    scans.json = std::make_shared<RegexScan>(json_, overflows_);
  }
  scans_.emplace_front(first, scans);
  return scans;
}

size_t FilterClasses::size() const {
  MutexLock lock(&mu_);
  size_t n = 0;
  for (const auto& entry : classes_) n += entry.second.expired() ? 0 : 1;
  return n;
}

}  // namespace weir
