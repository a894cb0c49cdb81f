#ifndef WEIR_RUNNER_CHECK_ALLOCATION_FAULTS_H_
#define WEIR_RUNNER_CHECK_ALLOCATION_FAULTS_H_

#include <cstdint>

namespace weir {

// Lets one allocation of a plugin fail, as one does when the memory limit of
// its child is reached: malloc and its like return null, and so operator new
// throws std::bad_alloc.
//
// What counts are the allocations of a thread in which a Counting lives; each
// counts for itself.
class AllocationFaults {
 public:
  // Puts itself between malloc and all that is loaded by now, but for this
  // program and the C library: what they call it through is made to point here,
  // for good. Anew after each dlopen. Returns how many places it has changed; 0
  // also on a machine that it does not know.
  static int Intercept();

  // From now on the `n`-th allocation that counts fails, and no other; 0: none.
  static void FailAt(uint64_t n);

  // How many have counted since FailAt.
  static uint64_t counted();

  // Counts while it lives.
  class Counting {
   public:
    Counting();
    ~Counting();
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;

   private:
    const bool before_;
  };

  // Does not, while it lives: for what a plugin calls us for.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    const bool before_;
  };
};

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_ALLOCATION_FAULTS_H_
