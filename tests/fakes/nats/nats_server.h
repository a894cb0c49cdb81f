#ifndef WEIR_TESTS_FAKES_NATS_NATS_SERVER_H_
#define WEIR_TESTS_FAKES_NATS_NATS_SERVER_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace weir {

// Debian's own nats-server, started on a loopback port that was free, with its
// files below the test's directory. Ends with the object.
class NatsServer {
 public:
  // `config` is a file of nats-server's, as text; empty is its defaults. Blocks
  // until it listens; ends the test if it does not start.
  explicit NatsServer(const std::string& config = "");
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  int port() const { return port_; }
  // "nats://127.0.0.1:PORT"
  std::string url() const;

  // Has it read another configuration, while its connections stay. It must have
  // been started with one. Blocks until it has.
  void Reload(const std::string& config);
  // Makes it do nothing more, its connections included, until Kill.
  void Freeze();
  // Ends it by SIGKILL and waits until it is gone.
  void Kill();
  // Starts it again, on the same port.
  void Start();

 private:
  const std::string dir_;
  std::string config_file_;
  pid_t pid_ = -1;
  int port_ = -1;  // nats-server's word for: any that is free.
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_NATS_NATS_SERVER_H_
