// What does it cost to read RIS Live the way the program that weir grew from
// does it? One full parse of each line into maps and strings, a shared pointer
// for each message, and a queue with a lock and a condition variable before the
// handler.
//
//   ingest_reference URL MESSAGES
//
// reads so many messages from URL, and prints a line of JSON with the CPU and
// the wall time that they took, all of the process.
#include <curl/curl.h>
#include <simdjson.h>
#include <time.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "benchmarks/figures.h"
#include "benchmarks/json_tree.h"

namespace weir {
namespace {

using TreeRef = std::shared_ptr<const JsonTree>;

// Blocks when it is full, so that each message is paid for.
class Queue {
 public:
  void Push(TreeRef tree) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return trees_.size() < kCapacity; });
    trees_.push_back(std::move(tree));
    changed_.notify_all();
  }

  TreeRef Pop() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return !trees_.empty(); });
    TreeRef tree = std::move(trees_.front());
    trees_.pop_front();
    changed_.notify_all();
    return tree;
  }

 private:
  static constexpr size_t kCapacity = 32768;  // That of the plugin `counts`.

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<TreeRef> trees_;
};

// The member `key` of an object, null if there is none.
const JsonTree* Member(const JsonTree& tree, const char* key) {
  const auto* const object = std::get_if<JsonTree::Object>(&tree.value);
  if (object == nullptr) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? nullptr : &found->second;
}

// Counts messages by type until an empty reference comes.
void Handle(Queue& queue) {
  std::map<std::string, uint64_t> by_type;
  while (const TreeRef tree = queue.Pop()) {
    const JsonTree* const data = Member(*tree, "data");
    const JsonTree* const type = data ? Member(*data, "type") : nullptr;
    if (type == nullptr) continue;
    if (const auto* name = std::get_if<std::string>(&type->value)) {
      ++by_type[*name];
    }
  }
}

// What libcurl writes to: cuts it into lines and parses each.
struct Reader {
  Queue& queue;
  const uint64_t wanted;
  uint64_t messages = 0;
  std::string line;
  simdjson::dom::parser parser{};

  static size_t OnBody(char* data, size_t size, size_t count, void* self) {
    auto& reader = *static_cast<Reader*>(self);
    const char* const end = data + size * count;
    for (const char* at = data; at != end;) {
      const auto* const newline =
          static_cast<const char*>(std::memchr(at, '\n', end - at));
      reader.line.append(at, (newline == nullptr ? end : newline) - at);
      if (newline == nullptr) break;
      at = newline + 1;
      reader.TakeLine();
      if (reader.messages == reader.wanted) return 0;  // Ends the transfer.
    }
    return size * count;
  }

  void TakeLine() {
    simdjson::dom::element root;
    if (!parser.parse(line).get(root)) {
      ++messages;
      queue.Push(std::make_shared<const JsonTree>(JsonTree::Of(root)));
    }
    line.clear();
  }
};

double WallSeconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

int Run(const char* url, uint64_t wanted) {
  Queue queue;
  Reader reader{.queue = queue, .wanted = wanted};
  std::thread handler([&] { Handle(queue); });
  CURL* const curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Reader::OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reader);
  const double cpu = CpuSeconds();
  const double wall = WallSeconds();
  const CURLcode ended = curl_easy_perform(curl);
  queue.Push(nullptr);
  handler.join();
  std::printf(
      "{\"messages\":%llu,\"cpu_seconds\":%.6f,\"wall_seconds\":%.6f}\n",
      static_cast<unsigned long long>(reader.messages), CpuSeconds() - cpu,
      WallSeconds() - wall);
  curl_easy_cleanup(curl);
  if (reader.messages == wanted) return 0;
  std::fprintf(stderr, "ingest_reference: %s: ended early: %s\n", url,
               curl_easy_strerror(ended));
  return 1;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: ingest_reference URL MESSAGES\n");
    return 2;
  }
  return weir::Run(argv[1], std::strtoull(argv[2], nullptr, 10));
}
