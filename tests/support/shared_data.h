#ifndef WEIR_TESTS_SUPPORT_SHARED_DATA_H_
#define WEIR_TESTS_SUPPORT_SHARED_DATA_H_

#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace weir {

// Finds `name`, such as "rislive/genuine.jsonl", among the third-party
// recordings that lie beside the project and never in it:
//
//   $WEIR_SHARED_DATA/<name>           from --test_env
//   <workspace>/../shared/data/<name>
//   the same for the repository that the workspace is a worktree of
//
// Bazel runs a test among links to the real tree; `anchor` is a file of the
// workspace that the test names in its data, and its link shows where that is.
// Empty if there is none: then the test skips, with SharedDataMissing(name).
inline std::string SharedData(const std::string& name,
                              const std::string& anchor) {
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  if (const char* folder = std::getenv("WEIR_SHARED_DATA")) {
    folders.emplace_back(folder);
  }
  std::error_code error;
  fs::path workspace = fs::canonical(anchor, error);
  while (workspace.has_relative_path() &&
         !fs::exists(workspace / "WORKSPACE", error)) {
    workspace = workspace.parent_path();
  }
  folders.push_back(workspace / "../shared/data");
  // In a worktree, .git is a file: "gitdir: /there/main/.git/worktrees/name".
  std::ifstream git(workspace / ".git");
  std::string word;
  std::string directory;
  if (git >> word >> directory && word == "gitdir:") {
    folders.push_back(fs::path(directory) / "../../../../shared/data");
  }
  for (const fs::path& folder : folders) {
    const fs::path file = folder / name;
    if (fs::is_regular_file(file, error)) return file.string();
  }
  return {};
}

// Why a test is skipped.
inline std::string SharedDataMissing(const std::string& name) {
  return "skipped: " + name +
         " is not there. It is a third-party recording that lies beside the "
         "project; --test_env=WEIR_SHARED_DATA=<folder> says where";
}

// The lines of the file at `path`, unpacked if its name ends in ".zst". Nothing
// if it cannot be unpacked.
inline std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  if (path.size() > 4 && path.substr(path.size() - 4) == ".zst") {
    std::string text;
    std::string piece(ZSTD_DStreamOutSize(), '\0');
    ZSTD_DStream* const stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    while (in.pos < in.size) {
      ZSTD_outBuffer out = {piece.data(), piece.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(stream, &out, &in)) != 0) break;
      text.append(piece, 0, out.pos);
    }
    ZSTD_freeDStream(stream);
    bytes = std::move(text);
  }
  std::vector<std::string> lines;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', at), bytes.size());
    lines.push_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_SHARED_DATA_H_
