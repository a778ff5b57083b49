#pragma once
#include "io/status_question.hpp"

#include <string>

namespace bunraku::io {

/// GETs a small answer on a fresh connection, whole: `status` and `body`, of at most 256 KiB. Limits as ask_status.
boost::asio::awaitable<status_answer> small_get(connection& stream, master who, std::string path);

}  // namespace bunraku::io
