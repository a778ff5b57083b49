#pragma once
#include "http/chunked.hpp"

#include <string>
#include <string_view>

namespace shim::http {

/// Writes the rest of a chunked body whose receiver has a part that ends anywhere, inside a line or a chunk as well,
/// with content from elsewhere that is cut into chunks differently. A default one begins a body.
/// Pure; call write any number of times, then finish once.
class chunked_joint {
 public:
  chunked_joint() = default;
  /// `received` has read exactly the part that the receiver has.
  explicit chunked_joint(const chunked_decoder& received) noexcept { received.describe(*this); }

  /// The receiver was told that no more content comes: `write` must not be called any more.
  bool content_ended() const noexcept { return last_; }
  /// Appends to `out` what makes `content` the next part of the body's content. Adds at most 20 bytes per call to it.
  void write(std::string& out, std::string_view content);
  /// Appends the body's end. False, and the body can have no end, if the receiver waits for content that did not come:
  /// the part it has announced more than there is.
  bool finish(std::string& out);

 private:
  friend class chunked_decoder;
  std::string_view line_end_;  // owed before anything else
  std::uint32_t data_ = 0;     // bytes that the chunk still wants, after line_end_
  bool chunk_open_ = false;    // data_ counts, and then the chunk's end is owed
  bool zeros_ = false;         // the receiver has one or more "0" of a line that says a size
  bool last_ = false;          // the chunk of size 0 was announced
  bool ended_ = false;         // only line_end_ is missing
};

}  // namespace shim::http
