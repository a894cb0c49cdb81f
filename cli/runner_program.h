#ifndef WEIR_CLI_RUNNER_PROGRAM_H_
#define WEIR_CLI_RUNNER_PROGRAM_H_

#include <errno.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "google/protobuf/struct.pb.h"

namespace weir::cli {

// weir-plugin-runner at work, and what it writes.
class RunnerProgram {
 public:
  // `words` are its path and its arguments.
  explicit RunnerProgram(std::vector<std::string> words);
  ~RunnerProgram();

  RunnerProgram(const RunnerProgram&) = delete;
  RunnerProgram& operator=(const RunnerProgram&) = delete;

  int error() const { return error_; }  // Of errno; 0: it runs.
  void Stop() const;

  // The next line; false at the end.
  bool ReadLine(std::string& line);

  // What it complained of, after the last line.
  std::string Complaint() const;

  // Waits for its end; -1 if a signal ended it.
  int Wait() const;

 private:
  static bool ReadSome(int fd, std::string& into);

  int error_ = EMFILE;
  pid_t pid_ = 0;
  int out_ = -1;
  int err_ = -1;
  std::string buffer_;
};

// Runs it to its end, which an interrupt hastens. Each line that it writes, one
// JSON object, is given to `print`, or printed as it is with session.json.
// Returns kDone, kRefused, 130 after an interrupt, and kUsageError, with what
// it complained of, if it could not begin.
int FollowRunner(
    const std::vector<std::string>& words,
    const std::function<void(const google::protobuf::Struct& line)>& print,
    Session& session);

// Becomes the runner. Returns, with kUsageError, only if it cannot.
int BecomeRunner(std::vector<std::string> words, Session& session);

// A member of a line that the runner wrote; empty, and 0, if it has none.
std::string TextIn(const google::protobuf::Struct& line,
                   const std::string& key);
double NumberIn(const google::protobuf::Struct& line, const std::string& key);

// A path that is not taken for an option.
std::string AsOperand(const std::string& path);

}  // namespace weir::cli

#endif  // WEIR_CLI_RUNNER_PROGRAM_H_
