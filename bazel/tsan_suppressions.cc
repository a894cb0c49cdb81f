// What the thread sanitizer must not report. Linked into whatever uses gRPC, so
// that it holds for programs and tests alike, however they are started.

#ifdef __has_feature
#if __has_feature(thread_sanitizer)

// The sanitizer's own name for it.
extern "C" const char* __tsan_default_suppressions();  // NOLINT

// gRPC's headers put a part of it into our objects, which are instrumented, and
// leave the rest in Debian's library, which is not. A call is handed from
// thread to thread in there, so to the sanitizer the one part races with
// itself, and with what the call carries. A report with a frame of gRPC on
// either stack is therefore not shown; what the host does behind its services
// runs on threads of its own, and in the tests of the rooms without gRPC.
extern "C" const char* __tsan_default_suppressions() {  // NOLINT
  return "race:grpc::\n";
}

#endif
#endif
