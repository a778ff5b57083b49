#include "admin/unix_place.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace shim::admin {
namespace {

namespace fs = std::filesystem;
namespace net = boost::asio;
using testing::HasSubstr;

struct UnixPlace : testing::Test {
  UnixPlace() {
    std::string name = fs::temp_directory_path() / "place-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory / "control";
  }
  ~UnixPlace() override { fs::remove_all(directory); }
  UnixPlace(const UnixPlace&) = delete;
  UnixPlace& operator=(const UnixPlace&) = delete;

  std::optional<unix_place> claim(const fs::path& at) { return unix_place::claim(context.get_executor(), at, why); }

  net::io_context context;
  fs::path directory, path;
  std::string why;
};

TEST_F(UnixPlace, IsForItsUserAloneWhateverTheUmask) {
  const auto before = ::umask(0);
  const auto place = claim(directory / "made" / "control");
  ::umask(before);
  ASSERT_TRUE(place) << why;
  struct stat about{};
  ASSERT_EQ(::stat(place->path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777U, 0600U);
  ASSERT_EQ(::stat((directory / "made").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777U, 0755U);
  EXPECT_EQ(::umask(before), before) << "as it was";
}

TEST_F(UnixPlace, GoesWithItsOwner) {
  {
    auto first = claim(path);
    ASSERT_TRUE(first) << why;
    const unix_place moved(std::move(*first));
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(UnixPlace, IsTakenWhileSomebodyListens) {
  const auto first = claim(path);
  ASSERT_TRUE(first) << why;
  EXPECT_FALSE(claim(path));
  EXPECT_THAT(why, HasSubstr("another process (pid " + std::to_string(::getpid()) + ") listens there"));
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(UnixPlace, WhatAKilledOneLeftIsReplaced) {
  {
    net::local::stream_protocol::acceptor killed(context, net::local::stream_protocol::endpoint(path.string()));
  }
  ASSERT_TRUE(fs::exists(path));
  EXPECT_TRUE(claim(path)) << why;
}

TEST_F(UnixPlace, AFileThatIsNoSocketIsNotTouched) {
  const auto elsewhere = directory / "elsewhere";
  std::ofstream(elsewhere) << "somebody's";
  std::ofstream(path) << "somebody's";
  EXPECT_FALSE(claim(path));
  EXPECT_THAT(why, HasSubstr("a file that is no socket is there"));
  fs::remove(path);
  fs::create_symlink(elsewhere, path);
  EXPECT_FALSE(claim(path));
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_TRUE(fs::exists(elsewhere));
}

TEST_F(UnixPlace, WhatIsThereInsteadWhenItLeavesStays) {
  auto place = claim(path);
  ASSERT_TRUE(place) << why;
  fs::remove(path);
  const net::local::stream_protocol::acceptor other(context, net::local::stream_protocol::endpoint(path.string()));
  place->leave();
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(UnixPlace, SaysWhyItCannotBeHad) {
  EXPECT_FALSE(claim(directory / std::string(108, 'x')));
  EXPECT_THAT(why, HasSubstr("too long"));
  EXPECT_FALSE(claim(directory / "not" / "there" / "control"));
  EXPECT_THAT(why, HasSubstr("its directory must exist"));
}

}  // namespace
}  // namespace shim::admin
