#include "fault/state_file.hpp"
#include "json/reading.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <sys/stat.h>

using namespace fault;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

const wall now = std::chrono::system_clock::now();

rule named(const std::string& name) {
  const auto text = R"({"kind": "refuse", "for_seconds": 600, "name": ")" + name + "\"}";
  auto made = parse_rule(*plugin::object_in(text), now);
  if (!made) throw std::runtime_error(made.error());
  return *made;
}

class State : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/faults.json"; }
  /// As a disk that is full, also for root: nothing can be written where the next state would be.
  void fill() const { std::filesystem::create_directories(path() + ".new/full"); }
  std::vector<rule> after_a_restart() const {
    state_file again(path());
    again.look(now);
    return again.rules();
  }

 private:
  std::string directory_ = "/tmp/fault-state-XXXXXX";
};

TEST_F(State, TheLastFaultEndsOnADiskThatIsFull) {
  state_file file(path());
  ASSERT_EQ(file.replace({named("a")}), "");
  fill();
  EXPECT_EQ(file.replace({}), "");
  EXPECT_FALSE(file.look(now));
  EXPECT_THAT(file.rules(), IsEmpty());
  EXPECT_THAT(after_a_restart(), IsEmpty());
}

TEST_F(State, OneOfManyEndsOnADiskThatIsFullAndThatARestartBringsItBackIsTold) {
  state_file file(path());
  const auto a = named("a"), b = named("b");
  ASSERT_EQ(file.replace({a, b}), "");
  fill();
  EXPECT_THAT(file.replace({b}), AllOf(HasSubstr("has ended, but comes back"), HasSubstr("faults.json: File exists")));
  EXPECT_FALSE(file.look(now));
  EXPECT_EQ(file.rules(), std::vector{b});
  EXPECT_EQ(after_a_restart().size(), 2U);
}

TEST_F(State, NoFaultBeginsThatARestartWouldForget) {
  state_file file(path());
  const auto a = named("a");
  ASSERT_EQ(file.replace({a}), "");
  fill();
  EXPECT_THAT(file.replace({a, named("b")}), HasSubstr("cannot write"));
  EXPECT_EQ(file.rules(), std::vector{a});
}

}  // namespace
