#include "init/text_edits.hpp"

#include <gtest/gtest.h>

namespace {

using shim::init::settings;
using shim::init::with_agent_settings;
using shim::init::with_name;

const settings server{{"server", "a.example.com"}};
const std::string block =
    "# bunraku init: through bunraku; `bunraku init --undo` takes it back\nserver = a.example.com\n# bunraku init: "
    "end\n";

TEST(TextEdits, AnAgentSectionIsMadeWhereThereIsNone) {
  EXPECT_EQ(with_agent_settings("", server), "[agent]\n" + block);
  EXPECT_EQ(with_agent_settings("[main]\nserver = x\n", server), "[main]\nserver = x\n\n[agent]\n" + block);
  EXPECT_EQ(with_agent_settings("[main]\nserver = x", server), "[main]\nserver = x\n\n[agent]\n" + block);
}

TEST(TextEdits, SettingsOfTheSameNameInAgentBecomeComments) {
  EXPECT_EQ(with_agent_settings("[agent]\n  server=x\nreport = true\n[main]\nserver = y\n[agent]\nserver = z", server),
            "[agent]\n" + block +
                "# bunraku init, before:   server=x\nreport = true\n[main]\nserver = y\n[agent]\n"
                "# bunraku init, before: server = z");
}

TEST(TextEdits, CommentsAndStrangeLinesStayByteForByte) {
  const std::string strange =
      "\xef\xbb\xbf# server = x\r\n\n[agent ]\nserver = y\r\n  [agent]  \r\n#server = z\r\nserver_list = w\r\n";
  auto out = with_agent_settings(strange, server);
  const auto at = out.find(block);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(out.substr(0, at), "\xef\xbb\xbf# server = x\r\n\n[agent ]\nserver = y\r\n  [agent]  \r\n");
  EXPECT_EQ(out.erase(at, block.size()), strange);
}

TEST(TextEdits, AnEmptyValueIsWrittenWithoutBlanksAtTheEnd) {
  EXPECT_NE(with_agent_settings("", {{"server_list", ""}}).find("\nserver_list =\n"), std::string::npos);
}

const std::string ours = "127.0.1.1 a.example.com # bunraku init: the agent's way to bunraku\n";

TEST(TextEdits, ANameGoesBeforeTheLineThatHasIt) {
  EXPECT_EQ(with_name("127.0.0.1 localhost\n10.0.0.5\tA.example.com a\n", "a.example.com", "127.0.1.1"),
            "127.0.0.1 localhost\n" + ours + "10.0.0.5\tA.example.com a\n");
}

TEST(TextEdits, ANameThatIsNowhereGoesToTheEnd) {
  EXPECT_EQ(with_name("127.0.0.1 localhost", "a.example.com", "127.0.1.1"), "127.0.0.1 localhost\n" + ours);
  EXPECT_EQ(
      with_name("# 10.0.0.5 a.example.com\n10.0.0.6 aa.example.com # a.example.com\n", "a.example.com", "127.0.1.1"),
      "# 10.0.0.5 a.example.com\n10.0.0.6 aa.example.com # a.example.com\n" + ours);
  EXPECT_EQ(with_name("", "a.example.com", "127.0.1.1"), ours);
}

}  // namespace
