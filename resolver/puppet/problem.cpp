#include <bunraku/problem.hpp>
#include <bunraku/shown_text.hpp>

namespace bunraku {

problem::problem(severity level, std::string_view where, std::string_view what, std::string_view fix)
    : level_(level), where_(shown_text(where)), what_(shown_text(what)), fix_(shown_text(fix)) {}

}  // namespace bunraku
