#ifndef WEIR_RUNNER_CHECK_BOARD_H_
#define WEIR_RUNNER_CHECK_BOARD_H_

#include <atomic>
#include <cstdint>

#include "host/plugin/child_channel.h"

namespace weir {

// What the child that runs one check leaves for the process that started it, in
// memory that both share: so it is still there when the child is not. Read only
// once the child is gone, and believed no further than a verdict on the plugin
// goes, since the plugin can write here.
struct CheckBoard {
  static constexpr uint32_t kMaxFigures = 8;
  struct Figure {
    char name[24];
    double value;
  };

  ChildCrash crash;
  // What the plugin was asked for last: "handle_message of an UPDATE ...".
  char doing[256];

  // Of many inputs, the number of the one in hand; and, in ms, how long that
  // has taken when the child gave up on it, 0 if it did not.
  uint64_t input;
  uint32_t hung;
  uint32_t threw;  // The verdict is of an exception that got out.

  // Where the messages lie, for what a crash at an address there means: all of
  // them, and what may be read of the one in hand.
  uint64_t messages_begin, messages_end;
  uint64_t message_begin, message_end;

  // The verdict; `done` is stored last.
  std::atomic<uint32_t> done;
  uint32_t level;  // CheckLevel.
  uint32_t n_figures;
  Figure figures[kMaxFigures];
  char text[2048];
};

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_BOARD_H_
