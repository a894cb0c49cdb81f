#include "host/plugin/metric_declarations.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace weir {
namespace {

using Series = MetricPage::Series;

absl::string_view View(weir_str text) {
  return text.data == nullptr ? absl::string_view()
                              : absl::string_view(text.data, text.len);
}

// What a name or the key of a label is made of.
bool IsIdentifier(absl::string_view text, size_t room) {
  return !text.empty() && text.size() <= room &&
         absl::ascii_islower(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

// A page is read by people and by Prometheus.
bool IsText(absl::string_view text, size_t room) {
  return text.size() <= room &&
         std::none_of(text.begin(), text.end(), absl::ascii_iscntrl);
}

void Set(absl::string_view text, char* to) {
  std::memcpy(to, text.data(), text.size());
}

bool HasBounds(const weir_metric& metric) {
  if (metric.kind != WEIR_METRIC_HISTOGRAM) return metric.n_bounds == 0;
  const uint64_t* const end = metric.bounds + metric.n_bounds;
  return metric.bounds != nullptr && metric.n_bounds > 0 &&
         metric.n_bounds <= MetricPage::kMaxBounds &&
         std::adjacent_find(metric.bounds, end, std::greater_equal<>()) == end;
}

// Everything but its cells; nullopt if it breaks a bound.
std::optional<Series> Copy(const weir_metric& metric) {
  Series series = {};
  const absl::string_view name = View(metric.name);
  const absl::string_view help = View(metric.help);
  if (metric.kind < WEIR_METRIC_COUNTER ||
      metric.kind > WEIR_METRIC_HISTOGRAM ||
      !IsIdentifier(name, sizeof(series.name)) ||
      !IsText(help, sizeof(series.help)) || !HasBounds(metric) ||
      metric.n_labels > MetricPage::kMaxLabels) {
    return std::nullopt;
  }
  series.kind = metric.kind;
  series.n_labels = metric.n_labels;
  series.n_bounds = metric.n_bounds;
  Set(name, series.name);
  Set(help, series.help);
  for (uint32_t i = 0; i < metric.n_labels; ++i) {
    const absl::string_view key = View(metric.labels[i].key);
    const absl::string_view value = View(metric.labels[i].value);
    if (!IsIdentifier(key, sizeof(series.labels[i].key)) ||
        !IsText(value, sizeof(series.labels[i].value))) {
      return std::nullopt;
    }
    Set(key, series.labels[i].key);
    Set(value, series.labels[i].value);
  }
  std::copy_n(metric.bounds, metric.n_bounds, series.bounds);
  return series;
}

bool SameName(const Series& a, const Series& b) {
  return std::memcmp(a.name, b.name, sizeof(a.name)) == 0;
}

bool SameSeries(const Series& a, const Series& b) {
  return SameName(a, b) && a.n_labels == b.n_labels &&
         std::memcmp(a.labels, b.labels, sizeof(a.labels)) == 0;
}

bool SameShape(const Series& a, const Series& b) {
  return a.kind == b.kind && a.n_bounds == b.n_bounds &&
         std::equal(a.bounds, a.bounds + a.n_bounds, b.bounds);
}

}  // namespace

weir_status MetricDeclarations::Declare(const weir_metric& metric,
                                        uint64_t** cells) {
  MutexLock lock(&mu_);
  const weir_status status = DeclareLocked(metric, cells);
  if (status != WEIR_OK) {
    *cells = nullptr;
    page_.refused.fetch_add(1, std::memory_order_relaxed);
  }
  return status;
}

weir_status MetricDeclarations::DeclareLocked(const weir_metric& metric,
                                              uint64_t** cells) {
  static_assert(sizeof(std::atomic<uint64_t>) == sizeof(uint64_t) &&
                std::atomic<uint64_t>::is_always_lock_free);
  if (frozen_) return WEIR_UNSUPPORTED;
  if (metric.struct_size < sizeof(weir_metric)) return WEIR_INVALID;
  std::optional<Series> series = Copy(metric);
  if (!series.has_value()) return WEIR_INVALID;
  for (uint32_t i = 0; i < n_series_; ++i) {
    const Series& known = page_.series[i];
    if (!SameName(known, *series)) continue;
    if (!SameShape(known, *series)) return WEIR_INVALID;
    if (!SameSeries(known, *series)) continue;
    *cells = reinterpret_cast<uint64_t*>(page_.cells + known.first_cell);
    return WEIR_OK;
  }
  const size_t n = MetricCells(series->kind, series->n_bounds);
  if (n_series_ == MetricPage::kMaxSeries ||
      n > MetricPage::kMaxCells - n_cells_) {
    return WEIR_AGAIN;
  }
  series->first_cell = static_cast<uint32_t>(n_cells_);
  *cells = reinterpret_cast<uint64_t*>(page_.cells + n_cells_);
  n_cells_ += n;
  page_.series[n_series_] = *series;
  page_.n_series.store(++n_series_, std::memory_order_release);
  return WEIR_OK;
}

void MetricDeclarations::Freeze() {
  MutexLock lock(&mu_);
  frozen_ = true;
}

}  // namespace weir
