#include "host/broker/filter.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/broker/event_check.h"
#include "host/pipeline/event.h"
#include "host/pipeline/prefix_text.h"

namespace weir {
namespace {

template <typename T>
void SortUnique(std::vector<T>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text.substr(0, 64)), "\"");
}

// "5:hello": no two lists of texts are written the same.
void Put(absl::string_view text, std::string* out) {
  absl::StrAppend(out, text.size(), ":", text);
}

template <typename T>
void PutAll(const std::vector<T>& values, std::string* out) {
  absl::StrAppend(out, values.size(), "[");
  for (const T& value : values) Put(absl::StrCat(value), out);
}

uint64_t NextId() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

bool FilterClass::Names::Matches(absl::string_view text) const {
  if (empty()) return true;
  if (std::binary_search(exact.begin(), exact.end(), text)) return true;
  return std::any_of(
      begins.begin(), begins.end(),
      [&](const std::string& begin) { return absl::StartsWith(text, begin); });
}

bool FilterClass::Regexes::Matches(absl::string_view text) const {
  const re2::StringPiece piece(text.data(), text.size());
  return compiled.empty() ||
         std::any_of(compiled.begin(), compiled.end(), [&](const auto& regex) {
           return RE2::PartialMatch(piece, *regex);
         });
}

EventMask FilterClass::Regexes::Match(const EventMask& wanted, RegexScan* scan,
                                      RegexScan::TextOf text_of) const {
  if (compiled.empty() || wanted.empty()) return wanted;
  EventMask passed;
  EventMask rest = wanted;
  if (scan != nullptr) {
    if (const auto result = scan->Find(wanted, patterns, text_of)) {
      passed = result->found;
      rest = result->unknown;
    }
  }
  while (!rest.empty()) {
    const uint32_t i = rest.TakeFirst();
    if (Matches(text_of(i))) passed.Set(i);
  }
  return passed;
}

bool FilterClass::Spec::Matches(const EventKeys& keys) const {
  return MatchesPlain(keys) && subject.Matches(keys.subject) &&
         json.Matches(keys.json);
}

bool FilterClass::Spec::IsPlainlyAll() const {
  return types.empty() && sources.empty() && min_severity <= 0 &&
         labels.empty() && prefixes.empty() && as_numbers.empty();
}

EventMask FilterClass::Spec::Match(const EventKeys* keys, EventMask wanted,
                                   const ChunkScans& scans) const {
  if (!IsPlainlyAll()) {
    for (EventMask rest = wanted; !rest.empty();) {
      const uint32_t i = rest.TakeFirst();
      if (!MatchesPlain(keys[i])) wanted.Clear(i);
    }
  }
  wanted = subject.Match(wanted, scans.subject.get(), [keys](uint32_t i) {
    return absl::string_view(keys[i].subject);
  });
  return json.Match(wanted, scans.json.get(),
                    [keys](uint32_t i) { return keys[i].json; });
}

bool FilterClass::Spec::MatchesPlain(const EventKeys& keys) const {
  if (keys.severity < min_severity || !types.Matches(keys.type) ||
      !sources.Matches(keys.source)) {
    return false;
  }
  if (!std::includes(keys.labels.begin(), keys.labels.end(), labels.begin(),
                     labels.end())) {
    return false;
  }
  if (!as_numbers.empty() &&
      std::none_of(keys.as_numbers.begin(), keys.as_numbers.end(),
                   [&](uint32_t as_number) {
                     return std::binary_search(as_numbers.begin(),
                                               as_numbers.end(), as_number);
                   })) {
    return false;
  }
  if (!prefixes.empty() &&
      std::none_of(keys.prefixes.begin(), keys.prefixes.end(),
                   [&](const weir_prefix& prefix) {
                     return prefixes.Matches(prefix, prefix_match);
                   })) {
    return false;
  }
  return true;
}

// Turns what a client wrote into a FilterClass and takes down what is wrong.
class FilterClass::Compiler {
 public:
  Compiler(int64_t regex_budget_bytes, Faults* faults)
      : budget_bytes_(regex_budget_bytes), faults_(*faults) {}

  std::unique_ptr<const FilterClass> Compile(
      const std::vector<EventFilter>& filters) {
    if (TooMany("filters", filters.size(), kMaxFilters)) return nullptr;
    int64_t automata = 0;
    for (const EventFilter& f : filters) {
      automata += f.subject_regexes.empty() ? 0 : 1;
      automata += f.json_regexes.empty() ? 0 : 1;
    }
    budget_bytes_ /= std::max<int64_t>(automata, 1);

    std::vector<std::pair<std::string, Spec>> specs;
    bool everything = filters.empty();
    for (size_t i = 0; i < filters.size(); ++i) {
      path_ = absl::StrCat("filters[", i, "].");
      EventFilter sorted = Sorted(filters[i]);
      specs.emplace_back(CanonicalOf(sorted), CompileOne(filters[i]));
      EventFilter empty;
      empty.prefix_match = sorted.prefix_match;  // Means nothing by itself.
      everything = everything || sorted == empty;
    }
    if (!faults_.empty()) return nullptr;

    // Not make_unique: the constructor is private.
    std::unique_ptr<FilterClass> all(new FilterClass());
    if (everything) return all;
    std::sort(specs.begin(), specs.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    const std::string* last = nullptr;
    for (auto& [canonical, spec] : specs) {
      if (last != nullptr && *last == canonical) continue;
      last = &canonical;
      Put(canonical, &all->canonical_);
      all->has_regexes_ = all->has_regexes_ || !spec.subject.patterns.empty() ||
                          !spec.json.patterns.empty();
      all->specs_.push_back(std::move(spec));
    }
    return all;
  }

 private:
  static EventFilter Sorted(EventFilter filter) {
    SortUnique(&filter.types);
    SortUnique(&filter.sources);
    SortUnique(&filter.subject_regexes);
    SortUnique(&filter.labels);
    SortUnique(&filter.json_regexes);
    SortUnique(&filter.prefixes);
    SortUnique(&filter.as_numbers);
    if (filter.prefixes.empty()) {
      filter.prefix_match = PrefixMatch::kOverlapping;
    }
    return filter;
  }

  static std::string CanonicalOf(const EventFilter& f) {
    std::string out;
    PutAll(f.types, &out);
    PutAll(f.sources, &out);
    PutAll(f.subject_regexes, &out);
    absl::StrAppend(&out, f.min_severity, ",");
    absl::StrAppend(&out, f.labels.size(), "[");
    for (const auto& [key, value] : f.labels) {
      Put(key, &out);
      Put(value, &out);
    }
    PutAll(f.json_regexes, &out);
    std::vector<weir_prefix> prefixes;
    for (const std::string& text : f.prefixes) {
      if (const auto prefix = ParsePrefix(text)) prefixes.push_back(*prefix);
    }
    Put(PrefixSet(std::move(prefixes)).Canonical(), &out);
    absl::StrAppend(&out, static_cast<int>(f.prefix_match), ",");
    PutAll(f.as_numbers, &out);
    return out;
  }

  Spec CompileOne(const EventFilter& f) {
    Spec spec;
    spec.types = Types(f.types);
    spec.sources = Sources(f.sources);
    spec.subject = CompileRegexes("subject_regexes", f.subject_regexes,
                                  kMaxSubjectRegexes);
    spec.json = CompileRegexes("json_regexes", f.json_regexes, kMaxJsonRegexes);
    constexpr int kWorst = static_cast<int>(Severity::kCritical);
    if (f.min_severity < 0 || f.min_severity > kWorst) {
      Invalid("min_severity", absl::StrCat(f.min_severity),
              absl::StrCat("is not 0 to ", kWorst));
    }
    spec.min_severity = f.min_severity;
    spec.labels = Labels(f.labels);
    spec.prefixes = Prefixes(f.prefixes);
    spec.prefix_match = f.prefix_match;
    if (!TooMany("as_numbers", f.as_numbers.size(), kMaxAsNumbers)) {
      spec.as_numbers = f.as_numbers;
      SortUnique(&spec.as_numbers);
    }
    return spec;
  }

  Names Types(const std::vector<std::string>& types) {
    Names names;
    if (TooMany("types", types.size(), kMaxTypes)) return names;
    for (size_t i = 0; i < types.size(); ++i) {
      absl::string_view type = types[i];
      const bool begins = absl::EndsWith(type, ".*");
      if (begins) type.remove_suffix(1);  // The point stays.
      if (!IsEventType(type)) {
        Invalid(absl::StrCat("types[", i, "]"), types[i],
                "is neither a type (1 to 128 of [a-z0-9_.-]) nor a prefix that "
                "ends in \".*\"");
      }
      (begins ? names.begins : names.exact).emplace_back(type);
    }
    SortUnique(&names.exact);
    return names;
  }

  Names Sources(const std::vector<std::string>& sources) {
    Names names;
    if (TooMany("sources", sources.size(), kMaxSources)) return names;
    for (size_t i = 0; i < sources.size(); ++i) {
      absl::string_view source = sources[i];
      const bool begins = absl::EndsWith(source, "*");
      if (begins) source.remove_suffix(1);
      if (source.size() > kMaxSourceBytes || (source.empty() && !begins) ||
          source.find('*') != source.npos) {
        Invalid(absl::StrCat("sources[", i, "]"), sources[i],
                "is neither a source (1 to 256 bytes without \"*\") nor a "
                "prefix that ends in \"*\"");
      }
      (begins ? names.begins : names.exact).emplace_back(source);
    }
    SortUnique(&names.exact);
    return names;
  }

  Regexes CompileRegexes(absl::string_view field,
                         const std::vector<std::string>& patterns,
                         size_t limit) {
    Regexes regexes;
    if (patterns.empty() || TooMany(field, patterns.size(), limit)) {
      return regexes;
    }
    regexes.patterns = patterns;
    auto& each = regexes.compiled;
    std::string any;
    for (size_t i = 0; i < patterns.size(); ++i) {
      const std::string path = absl::StrCat(path_, field, "[", i, "]");
      if (patterns[i].size() > kMaxRegexBytes) {
        TooLarge(path, absl::StrCat(patterns[i].size(), " bytes"),
                 kMaxRegexBytes);
        continue;
      }
      each.push_back(CompileRegex(
          patterns[i], budget_bytes_ / static_cast<int64_t>(patterns.size())));
      if (!each.back()->ok()) {
        BadRegex(path, patterns[i], each.back()->error());
      }
      absl::StrAppend(&any, i == 0 ? "" : "|", "(?:", patterns[i], ")");
    }
    // Patterns that are good alone may not be so together: a group's name that
    // two of them have, a "\\Q" that would quote the rest.
    if (each.size() < 2 || absl::StrContains(any, "\\Q")) return regexes;
    auto together = CompileRegex(any, budget_bytes_);
    if (together->ok()) {
      each.clear();
      each.push_back(std::move(together));
    }
    return regexes;
  }

  static std::unique_ptr<const RE2> CompileRegex(const std::string& pattern,
                                                 int64_t budget_bytes) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(budget_bytes);
    return std::make_unique<const RE2>(pattern, options);
  }

  std::vector<std::pair<std::string, std::string>> Labels(
      const std::vector<std::pair<std::string, std::string>>& labels) {
    if (TooMany("labels", labels.size(), kMaxLabels)) return {};
    for (const auto& [key, value] : labels) {
      if (key.empty() || key.size() > kMaxLabelKeyBytes ||
          value.size() > kMaxLabelValueBytes) {
        Invalid("labels", key,
                "a key has 1 to 63 bytes and a value at most 1024");
      }
    }
    auto sorted = labels;
    SortUnique(&sorted);
    return sorted;
  }

  PrefixSet Prefixes(const std::vector<std::string>& texts) {
    if (TooMany("prefixes", texts.size(), kMaxPrefixes)) return {};
    std::vector<weir_prefix> prefixes;
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::optional<weir_prefix> prefix = ParsePrefix(texts[i]);
      if (prefix.has_value() && IsCanonical(*prefix)) {
        prefixes.push_back(*prefix);
      } else {
        Invalid(absl::StrCat("prefixes[", i, "]"), texts[i],
                prefix.has_value()
                    ? "has host bits set; write the block's first address"
                    : "is not a CIDR block such as \"192.0.2.0/24\"");
      }
    }
    return PrefixSet(std::move(prefixes));
  }

  bool TooMany(absl::string_view field, size_t n, size_t limit) {
    if (n <= limit) return false;
    TooLarge(absl::StrCat(path_, field), absl::StrCat(n, " of them"), limit);
    return true;
  }

  void TooLarge(absl::string_view path, absl::string_view what, size_t limit) {
    faults_.Add("FILTER_TOO_LARGE", path,
                absl::StrCat(what, "; the limit is ", limit),
                {{"limit", absl::StrCat(limit)}});
  }

  void Invalid(absl::string_view field, absl::string_view value,
               absl::string_view what) {
    faults_.Add("INVALID_FIELD", absl::StrCat(path_, field),
                absl::StrCat(Quoted(value), " ", what),
                {{"value", absl::Utf8SafeCHexEscape(value.substr(0, 64))}});
  }

  void BadRegex(absl::string_view path, absl::string_view pattern,
                absl::string_view error) {
    faults_.Add(
        "INVALID_FILTER_REGEX", path,
        absl::StrCat(Quoted(pattern), ": ", absl::Utf8SafeCHexEscape(error)),
        {{"pattern", absl::Utf8SafeCHexEscape(pattern)},
         {"error", absl::Utf8SafeCHexEscape(error)}});
  }

  int64_t budget_bytes_;
  Faults& faults_;
  std::string path_;
};

FilterClass::FilterClass() : id_(NextId()) {}

std::unique_ptr<const FilterClass> FilterClass::Compile(
    const std::vector<EventFilter>& filters, int64_t regex_budget_bytes,
    Faults* faults) {
  return Compiler(regex_budget_bytes, faults).Compile(filters);
}

bool FilterClass::Matches(const EventKeys& keys) const {
  if (specs_.empty()) return true;
  return std::any_of(specs_.begin(), specs_.end(),
                     [&](const Spec& spec) { return spec.Matches(keys); });
}

EventMask FilterClass::Match(const EventKeys* keys, const EventMask& wanted,
                             const ChunkScans& scans) const {
  if (specs_.empty()) return wanted;
  EventMask passed;
  for (const Spec& spec : specs_) {
    passed = passed | spec.Match(keys, wanted & ~passed, scans);
  }
  return passed;
}

std::vector<std::string> FilterClass::subject_patterns() const {
  std::vector<std::string> all;
  for (const Spec& spec : specs_) {
    const auto& patterns = spec.subject.patterns;
    all.insert(all.end(), patterns.begin(), patterns.end());
  }
  return all;
}

std::vector<std::string> FilterClass::json_patterns() const {
  std::vector<std::string> all;
  for (const Spec& spec : specs_) {
    const auto& patterns = spec.json.patterns;
    all.insert(all.end(), patterns.begin(), patterns.end());
  }
  return all;
}

}  // namespace weir
