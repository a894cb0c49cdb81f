#include "host/plugin/crash_page.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/pipeline/message_copy.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/crash_report.h"
#include "host/plugin/file_descriptor.h"

namespace weir {
namespace {

// Another number for another layout.
constexpr uint64_t kLayout = 0x7765697243523031;

constexpr size_t kMaxFields = MessageCopy::kMaxBytes / sizeof(weir_field);

thread_local const InPluginCode* current = nullptr;

// Copies as much of `text` as there is room for, and a terminator.
void CopyText(absl::string_view text, char* to, size_t room) {
  const size_t length = std::min(text.size(), room - 1);
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

template <size_t kRoom>
std::string TextOf(const char (&chars)[kRoom]) {
  return std::string(chars, strnlen(chars, kRoom));
}

// The kinds of name that the host gives; the file may hold any bytes.
bool IsPluginName(absl::string_view name) {
  return absl::ConsumePrefix(&name, "plugins/") && !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

// What is not set is 0.
struct CrashPage::Page {
  uint64_t layout;
  std::atomic<uint32_t>
      state;     // 1: who; 2: and the message, as far as it goes.
  char how[16];  // The call that ended it; empty: a signal did.
  PluginTag tag;
  int64_t time_ns;
  char type[128], source[128];
  weir_msg view;        // If its struct_size is not 0; pointers mean nothing.
  uint64_t bytes_kept;  // Of `bytes`.
  uint64_t fields_kept;
  ChildCrash crash;
  weir_field fields[kMaxFields];
  uint8_t bytes[MessageCopy::kMaxBytes];
};

namespace {

// Where the handler writes; null: nowhere. Pages are never unmapped while it
// may be in one.
std::atomic<void*> watched{nullptr};
CrashPage::Name type_name_of = nullptr;
CrashPage::Name source_name_of = nullptr;
const void* name_context = nullptr;
pid_t watched_process = 0;  // What a plugin forks is not the host.

}  // namespace

PluginTag::PluginTag(absl::string_view plugin_name, absl::string_view digest,
                     uint64_t number)
    : generation(number) {
  CopyText(plugin_name, plugin, sizeof(plugin));
  CopyText(digest, sha256, sizeof(sha256));
}

InPluginCode::InPluginCode(const PluginTag& tag,
                           absl::Span<const Message* const> messages,
                           const std::atomic<uint32_t>* done)
    : tag_(tag), messages_(messages), done_(done), around_(current) {
  current = this;
  // The handler runs on this thread, so no other order matters.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

InPluginCode::~InPluginCode() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  current = around_;
}

const Message* InPluginCode::message() const {
  if (done_ == nullptr) return nullptr;
  const uint32_t done = done_->load(std::memory_order_relaxed);
  return done < messages_.size() ? messages_[done] : nullptr;
}

// [signal handler]
void CrashPage::Write(const char* how) {
  auto* const page = static_cast<Page*>(watched.load());
  if (page == nullptr || current == nullptr) return;
  if (getpid() != watched_process) return;
  CopyText(how, page->how, sizeof(page->how));
  std::memcpy(&page->tag, &current->tag(), sizeof(page->tag));
  page->time_ns = NowNs();
  page->state.store(1, std::memory_order_release);
  const Message* const message = current->message();
  if (message == nullptr) return;
  const weir_msg& view = message->view;
  CopyText(type_name_of(name_context, view.type_id), page->type,
           sizeof(page->type));
  CopyText(source_name_of(name_context, view.source_id), page->source,
           sizeof(page->source));
  page->view = view;
  const size_t bytes = std::max(view.base_len, view.data_len);
  const bool whole =
      bytes + view.n_fields * sizeof(weir_field) <= MessageCopy::kMaxBytes;
  const size_t kept =
      whole ? bytes : std::min<size_t>(view.base_len, MessageCopy::kCutPayload);
  std::memcpy(page->bytes, view.base, kept);
  page->bytes_kept = kept;
  if (whole) {
    std::memcpy(page->fields, view.fields, view.n_fields * sizeof(weir_field));
    page->fields_kept = view.n_fields;
  }
  page->state.store(2, std::memory_order_release);
}

// A plugin has called exit. What would be destroyed now is in use by all other
// threads, so the process ends as it is.
void CrashPage::OnExit(int status, void*) {
  if (current == nullptr || watched.load() == nullptr ||
      getpid() != watched_process) {
    return;
  }
  Write("exit");
  syscall(SYS_exit_group, status);
}

void CrashPage::OnQuickExit() { Write("exit"); }

void CrashPage::NoteEnd(const char* how) { Write(how); }

void CrashPage::NoteSignal(int signal) {
  const char* const name = sigabbrev_np(signal);  // "KILL"
  char how[16] = "SIG";
  CopyText(name == nullptr ? "?" : name, how + 3, sizeof(how) - 3);
  Write(how);
}

absl::StatusOr<std::unique_ptr<CrashPage>> CrashPage::Open(
    const std::string& path) {
  const auto refused = [&path](absl::string_view call) {
    return absl::UnavailableError(
        absl::StrCat(path, ": ", call, ": ", std::strerror(errno),
                     "; see whether the disk has room"));
  };
  const FileDescriptor file(
      open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.ok()) return refused("open");
  // All of it has its place on the disk: a handler cannot be told that there is
  // none.
  if (const int error = posix_fallocate(file.get(), 0, sizeof(Page));
      error != 0) {
    errno = error;
    return refused("allocate");
  }
  void* const at = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE,
                        MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) return refused("mmap");
  auto* const page = static_cast<Page*>(at);
  if (page->layout != kLayout) {  // A new file, or one of another weir.
    std::memset(static_cast<void*>(page), 0, offsetof(Page, fields));
    page->layout = kLayout;
  }
  return std::unique_ptr<CrashPage>(new CrashPage(page));
}

CrashPage::~CrashPage() {
  void* mine = page_;
  if (watched.compare_exchange_strong(mine, nullptr)) StopReportingCrashes();
  munmap(page_, sizeof(Page));
}

std::optional<HostCrash> CrashPage::Take() {
  std::optional<HostCrash> crash;
  const uint32_t state = page_->state.load(std::memory_order_acquire);
  if (state != 0) {
    crash.emplace();
    crash->plugin = TextOf(page_->tag.plugin);
    crash->sha256 = TextOf(page_->tag.sha256);
    crash->generation = page_->tag.generation;
    crash->time = absl::FromUnixNanos(page_->time_ns);
    const std::string how = TextOf(page_->how);
    // As waitpid says it: the signal alone, or an exit.
    crash->death = DescribeDeath(how.empty() ? page_->crash.signal & 0x7f : 0,
                                 "", page_->crash);
    if (!how.empty()) crash->death.cause = how;
    if (state == 2 && page_->view.struct_size != 0 &&
        page_->bytes_kept <= sizeof(page_->bytes) &&
        page_->fields_kept <= kMaxFields) {
      crash->type = TextOf(page_->type);
      crash->source = TextOf(page_->source);
      Message message = {.view = page_->view};
      message.view.base = page_->bytes;
      message.view.fields = page_->fields;
      const bool whole = std::max(message.view.base_len,
                                  message.view.data_len) == page_->bytes_kept;
      message.view.n_fields = static_cast<uint32_t>(page_->fields_kept);
      message.view.data_len = static_cast<uint32_t>(page_->bytes_kept);
      const uint32_t payload = message.view.base_len;
      message.view.base_len =
          std::min<uint32_t>(payload, static_cast<uint32_t>(page_->bytes_kept));
      crash->death.message = CopyMessage(message);
      crash->death.message->payload_bytes = payload;
      crash->death.message->whole = whole;
    }
  }
  if (crash.has_value() && !IsPluginName(crash->plugin)) crash.reset();
  std::memset(static_cast<void*>(page_), 0, offsetof(Page, fields));
  page_->layout = kLayout;
  return crash;
}

void CrashPage::Watch(Name type_name, Name source_name, const void* context) {
  type_name_of = type_name;
  source_name_of = source_name;
  name_context = context;
  watched_process = getpid();
  watched.store(page_);
  ReportCrashesTo(page_->crash, [] { Write(""); });
  static const bool registered =
      on_exit(&OnExit, nullptr) == 0 && at_quick_exit(&OnQuickExit) == 0;
  (void)registered;
}

}  // namespace weir
