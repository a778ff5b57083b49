#pragma once
#include "init/plan.hpp"

#include <bunraku/problem.hpp>

#include <string>
#include <vector>

namespace shim::cli {

/// What `bunraku init` did, so that it can be taken back byte for byte: the files as they were, their sums as they
/// became, and the units it switched on. It lies in a directory of its own until then. Blocking file I/O throughout.
class init_record {
 public:
  explicit init_record(std::string directory) : directory_(std::move(directory)) {}

  bool exists() const;
  /// Keeps what the files are and then changes them, each as a whole or not at all. A file that is not any more what
  /// the plan was made from stops it, and so does a failure; what was changed by then is put back. Problems with an
  /// error: nothing has changed.
  bunraku::problems apply(const init::plan& what) const;
  /// Everything as it was. A file that was changed since by somebody else is an error, and then nothing is put back.
  bunraku::problems undo() const;
  /// The units that apply() was told to enable.
  std::vector<std::string> enabled() const;

 private:
  std::string directory_;
};

}  // namespace shim::cli
