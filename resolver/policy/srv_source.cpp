#include "policy/srv_source.hpp"

namespace bunraku::policy {
namespace {

using status = source_answer::status;

void append(std::string& note, const std::string& more) {
  if (more.empty()) return;
  if (!note.empty()) note += "; ";
  note += more;
}

source_answer answer_from(const srv_name_answer& said, bool stale, std::string note) {
  source_answer result;
  result.state = said.state;
  result.asked = said.name;
  result.masters = said.masters;
  result.error = said.error;
  result.age = said.age;
  result.stale = stale;
  result.from_disk = said.from_disk;
  result.note = std::move(note);
  return result;
}

}  // namespace

std::optional<source_answer> srv_source_answer(std::span<const std::string> names,
                                               std::span<const srv_name_answer> learned, bool failure_is_final) {
  if (names.empty()) {
    source_answer none;
    none.note = "no SRV name is configured";
    return none;
  }
  const srv_name_answer* failure = nullptr;
  std::string note;
  bool stale = false;
  for (const auto& said : learned) {
    append(note, said.note);
    stale = stale || said.stale;
    const bool decided = said.state == status::answered || (said.state == status::absent && !failure) ||
                         (said.state == status::failed && failure_is_final);
    if (decided) return answer_from(said, stale, std::move(note));
    if (said.state == status::failed && !failure) failure = &said;
  }
  if (learned.size() < names.size()) return std::nullopt;
  return answer_from(failure ? *failure : learned.back(), stale, std::move(note));
}

}  // namespace bunraku::policy
