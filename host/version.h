#ifndef WEIR_HOST_VERSION_H_
#define WEIR_HOST_VERSION_H_

namespace weir {

// The version of the host, as GetServerInfo and --version say it. Semantic
// versioning: 0.x may change anything but the wire and plugin contracts.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace weir

#endif  // WEIR_HOST_VERSION_H_
