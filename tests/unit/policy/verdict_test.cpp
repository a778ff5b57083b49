#include <bunraku/verdict.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace bunraku {

void PrintTo(move m, std::ostream* out) { *out << name_of(m); }

namespace {

const endpoint& row(std::string_view name) {
  for (const auto& e : endpoints())
    if (e.name == name) return e;
  ADD_FAILURE() << "no row " << name;
  return endpoints().back();
}

struct column {
  mishap what;
  circumstances how;
};
constexpr circumstances proven{.proven_unprocessed = true};
constexpr circumstances begun_provable{.answer_begun = true, .provable = true};
constexpr circumstances begun{.answer_begun = true};
constexpr circumstances other_compiled{.catalog_from_another = true};
constexpr circumstances compiler_failed{.catalog_unheard = true};

// The columns of the table below.
constexpr std::array columns = {
    column{mishap::unsent, {}},
    column{mishap::unanswered, {}},
    column{mishap::unanswered, proven},
    column{mishap::broken_answer, {}},
    column{mishap::broken_answer, begun_provable},
    column{mishap::broken_answer, begun},
    column{mishap::error_500, {}},
    column{mishap::server_error, {}},
    column{mishap::saturated, {}},
    column{mishap::not_found, other_compiled},
    column{mishap::not_found, compiler_failed},
    column{mishap::not_found, {}},
};

// N(ext master) S(ame master) C(atalog's master) D(eliver) G(ive up) X(cut). By hand from what the agent and
// puppetserver do with a request that comes twice; not made from the endpoint table.
struct line {
  std::string_view name, cells;
};
constexpr line table[] = {
    // unsent, unanswered (proven), broken (provable) (not), 500, 502-504, saturated, 404 while the catalog's master was
    // not asked (asked in vain), 404
    // clang-format off
    //                       -  ?  !   b  p  x   5  5  R   4  4  4
    {"ca_certificate",      "N  N  N   N  N  X   N  N  N   D  D  D"},  // read only, any replica has it
    {"ca_crl",              "N  N  N   N  N  X   N  N  N   D  D  D"},
    {"certificate",         "N  N  N   N  N  X   N  N  N   D  D  D"},  // 404: not signed yet, the agent waits
    {"certificate_request", "S  S  S   S  S  X   S  S  D   D  D  D"},  // one CA's store; the second PUT there says 400
    {"certificate_renewal", "S  S  S   S  S  X   S  S  D   D  D  D"},  // 404: renewal is switched off
    {"ca_admin_read",       "N  N  N   N  N  X   N  N  N   D  D  D"},
    {"ca_admin",            "G  G  G   G  X  X   D  D  D   D  D  D"},  // never repeated
    {"status",              "N  N  N   N  N  X   N  N  N   D  D  D"},
    {"node",                "N  N  N   N  N  X   N  N  N   D  D  D"},
    {"file_metadata",       "N  N  N   N  N  X   N  N  N   C  N  D"},  // 404 is normal flow, or lag of code
    {"file_metadatas",      "N  N  N   N  N  X   N  N  N   C  N  D"},
    {"file_content",        "N  N  N   N  N  X   N  N  N   C  N  D"},
    {"static_file_content", "N  N  N   N  N  X   N  N  N   C  N  D"},
    {"catalog",             "N  N  N   N  N  X   D  N  N   D  D  D"},  // 500: the manifest's error, the same everywhere
    {"catalog_v4",          "N  N  N   N  N  X   D  N  N   D  D  D"},
    {"facts",               "N  N  N   N  N  X   N  N  N   D  D  D"},  // the last one wins
    {"filebucket_read",     "N  N  N   N  N  X   N  N  N   D  D  D"},
    {"filebucket_write",    "N  N  N   N  N  X   N  N  N   D  D  D"},  // content addressed
    {"report",              "N  G  N   G  X  X   D  D  N   D  D  D"},  // each one that is processed is a new one
    {"environments",        "N  N  N   N  N  X   N  N  N   D  D  D"},
    {"other",               "N  G  N   G  X  X   D  D  D   D  D  D"},  // unknown: only what surely was not processed
    // clang-format on
};

move meaning(char c) {
  switch (c) {
    case 'N': return move::next_master;
    case 'S': return move::same_master;
    case 'C': return move::ask_catalog_master;
    case 'D': return move::deliver;
    case 'G': return move::give_up;
    default: EXPECT_EQ(c, 'X'); return move::cut;
  }
}

std::string without_spaces(std::string_view text) {
  std::string letters;
  for (const char c : text)
    if (c != ' ') letters += c;
  return letters;
}

class VerdictOf : public testing::TestWithParam<line> {};

TEST_P(VerdictOf, EveryMishap) {
  const auto cells = without_spaces(GetParam().cells);
  ASSERT_EQ(cells.size(), columns.size());
  const auto& subject = row(GetParam().name);
  for (std::size_t i = 0; i < columns.size(); ++i)
    EXPECT_EQ(judge(subject, columns[i].what, columns[i].how), meaning(cells[i]))
        << "column " << i << ": " << name_of(columns[i].what);
}
INSTANTIATE_TEST_SUITE_P(Row, VerdictOf, testing::ValuesIn(table),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Verdict, EveryRowOfTheEndpointTableIsInThisTest) {
  ASSERT_EQ(std::size(table), endpoints().size());
  for (const auto& e : endpoints()) {
    bool there = false;
    for (const auto& l : table) there = there || l.name == e.name;
    EXPECT_TRUE(there) << e.name;
  }
}

constexpr mishap all_mishaps[] = {mishap::unsent,       mishap::unanswered, mishap::broken_answer, mishap::error_500,
                                  mishap::server_error, mishap::saturated,  mishap::not_found};

/// Calls `each(row, mishap, circumstances)` for everything there is.
template <typename Each>
void for_everything(Each each) {
  for (const auto& e : endpoints())
    for (const auto what : all_mishaps)
      for (unsigned bits = 0; bits < 64; ++bits)
        each(e, what,
             circumstances{.replayable = (bits & 1) != 0,
                           .proven_unprocessed = (bits & 2) != 0,
                           .answer_begun = (bits & 4) != 0,
                           .provable = (bits & 8) != 0,
                           .catalog_from_another = (bits & 16) != 0,
                           .catalog_unheard = (bits & 32) != 0});
}

bool asks_again(move m) { return m == move::next_master || m == move::same_master || m == move::ask_catalog_master; }

TEST(Verdict, WhatIsNotHeldCannotBeSentAgain) {
  for_everything([](const endpoint& e, mishap what, const circumstances& how) {
    if (!how.replayable) EXPECT_FALSE(asks_again(judge(e, what, how))) << e.name << ' ' << name_of(what);
  });
}

TEST(Verdict, ABegunAnswerIsContinuedWithProofOrCut) {
  for_everything([](const endpoint& e, mishap what, const circumstances& how) {
    if (!how.answer_begun) return;
    const auto m = judge(e, what, how);
    EXPECT_TRUE(m == move::cut || (how.provable && asks_again(m))) << e.name << ' ' << name_of(what);
  });
}

TEST(Verdict, CutsOnlyABegunAnswer) {
  for_everything([](const endpoint& e, mishap what, const circumstances& how) {
    if (!how.answer_begun) EXPECT_NE(judge(e, what, how), move::cut) << e.name << ' ' << name_of(what);
  });
}

TEST(Verdict, DeliversOnlyAnAnswerThatIsThere) {
  for_everything([](const endpoint& e, mishap what, const circumstances& how) {
    const bool answer = what == mishap::error_500 || what == mishap::server_error || what == mishap::saturated ||
                        what == mishap::not_found;
    if (judge(e, what, how) == move::deliver) EXPECT_TRUE(answer) << e.name << ' ' << name_of(what);
    if (answer) EXPECT_NE(judge(e, what, how), move::give_up) << e.name << ' ' << name_of(what);
  });
}

TEST(Verdict, AReportThatMayHaveArrivedIsNeverSentAgain) {
  for_everything([](const endpoint& e, mishap what, const circumstances& how) {
    if (e.name != "report" || how.proven_unprocessed) return;
    if (what == mishap::unsent || what == mishap::saturated) return;
    EXPECT_FALSE(asks_again(judge(e, what, how))) << name_of(what);
  });
}

TEST(Verdict, SigningRequestsStayWithTheirCa) {
  for_everything([](const endpoint& e, mishap what, const circumstances& how) {
    if (e.name == "certificate_request" || e.name == "certificate_renewal")
      EXPECT_NE(judge(e, what, how), move::next_master) << e.name << ' ' << name_of(what);
  });
}

TEST(Verdict, SettlingAsksNobody) {
  for_everything([](const endpoint&, mishap what, const circumstances& how) {
    EXPECT_FALSE(asks_again(settle(what, how))) << name_of(what);
  });
  EXPECT_EQ(settle(mishap::server_error, {}), move::deliver);
  EXPECT_EQ(settle(mishap::unsent, {}), move::give_up);
  EXPECT_EQ(settle(mishap::unsent, begun_provable), move::cut) << "the continuation found nobody";
  EXPECT_EQ(settle(mishap::error_500, begun_provable), move::cut) << "the agent has another answer's head already";
}

TEST(MishapOfStatus, ReadsTheStatusLine) {
  const auto& metadata = row("file_metadata");
  for (const int fine : {100, 101, 200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 405, 409, 412, 416, 501, 505, 507})
    EXPECT_EQ(mishap_of_status(metadata, fine, false), std::nullopt) << fine;
  EXPECT_EQ(mishap_of_status(metadata, 500, false), mishap::error_500);
  EXPECT_EQ(mishap_of_status(metadata, 502, false), mishap::server_error);
  EXPECT_EQ(mishap_of_status(metadata, 503, false), mishap::server_error);
  EXPECT_EQ(mishap_of_status(metadata, 504, true), mishap::server_error);
  EXPECT_EQ(mishap_of_status(metadata, 503, true), mishap::saturated);
  EXPECT_EQ(mishap_of_status(metadata, 429, true), mishap::saturated);
  EXPECT_EQ(mishap_of_status(metadata, 429, false), std::nullopt);
}

TEST(MishapOfStatus, IsTheSameForEveryRowButFor404) {
  struct reading {
    int status;
    bool retry_after;
    std::optional<mishap> what;
  };
  // 304: nothing changed. 400 to a signing request: it is there already. 403: the rules say no, elsewhere too.
  constexpr reading all[] = {
      {200, false, std::nullopt},         {200, true, std::nullopt},          {304, false, std::nullopt},
      {400, false, std::nullopt},         {403, false, std::nullopt},         {429, false, std::nullopt},
      {429, true, mishap::saturated},     {500, false, mishap::error_500},    {500, true, mishap::error_500},
      {502, false, mishap::server_error}, {503, false, mishap::server_error}, {503, true, mishap::saturated},
      {504, false, mishap::server_error},
  };
  constexpr std::string_view of_files[] = {"file_metadata", "file_metadatas", "file_content", "static_file_content"};
  for (const auto& e : endpoints()) {
    for (const auto& r : all) EXPECT_EQ(mishap_of_status(e, r.status, r.retry_after), r.what) << e.name << r.status;
    const bool file = std::ranges::find(of_files, e.name) != std::end(of_files);
    EXPECT_EQ(mishap_of_status(e, 404, false), file ? std::optional(mishap::not_found) : std::nullopt) << e.name;
  }
}

TEST(MishapOfStatus, NotFoundIsAnAnswerWhereItCannotBeLag) {
  EXPECT_EQ(mishap_of_status(row("file_metadata"), 404, false), mishap::not_found);
  EXPECT_EQ(mishap_of_status(row("certificate"), 404, false), std::nullopt);
  EXPECT_EQ(mishap_of_status(row("node"), 404, false), std::nullopt);
}

}  // namespace
}  // namespace bunraku
