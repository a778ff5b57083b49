#pragma once
#include <bunraku/plugins.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bunraku {

/// A directory of plugins for one test; what the log said; and a loop.
class PluginTest : public ::testing::Test {
 public:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "plugins must be root's: run this as root";
    std::string pattern = std::filesystem::temp_directory_path() / "bunraku-plugins-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = std::filesystem::canonical(pattern);
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string install(const std::string& variant, const std::string& as = {}) {
    const auto to = directory_ / ((as.empty() ? variant : as) + ".so");
    std::filesystem::copy_file(std::filesystem::path(TEST_PLUGINS) / (variant + ".so"), to);
    std::filesystem::permissions(to, std::filesystem::perms(0755));
    return to;
  }
  plugin_options options(std::vector<plugin_choice> load) const {
    return {.directory = directory_, .load = std::move(load), .log = log_};
  }
  static plugin_choice choice(std::string settings, std::chrono::milliseconds deadline = std::chrono::seconds(60)) {
    return {.name = "trickster", .file = {}, .settings = std::move(settings), .deadline = deadline, .where = "here:1"};
  }
  /// The one plugin, running with these settings.
  std::shared_ptr<plugins> load(std::string settings, std::chrono::milliseconds deadline = std::chrono::seconds(60)) {
    if (!std::filesystem::exists(directory_ / "trickster.so")) install("trickster");
    auto made = load_plugins(options({choice(std::move(settings), deadline)}));
    EXPECT_TRUE(made.found.empty()) << made.found.front().what();
    return made.value;
  }
  /// Why it is refused; empty if it is not.
  std::string refusal(std::string settings) {
    const auto made = load_plugins(options({choice(std::move(settings))}));
    return made.found.empty() ? "" : made.found.front().what() + ' ' + made.found.front().fix();
  }

  void touch(const std::string& name) { std::ofstream(directory_ / name) << "here\n"; }
  bool is_there(const std::string& name) const { return std::filesystem::exists(directory_ / name); }
  /// Calls wait until there is a file `name`. With `gone`: a file of that name says that the plugin was destroyed.
  std::string wait_settings(const std::string& name, const std::string& gone = {}) const {
    const auto setting = [this](const char* key, const std::string& file) {
      return '"' + std::string(key) + "\":\"" + (directory_ / file).string() + '"';
    };
    return '{' + setting("wait", name) + (gone.empty() ? "" : ',' + setting("gone", gone)) + '}';
  }

  /// Runs the loop until `done`.
  template <class Condition>
  void run_until(Condition done) {
    loop_.restart();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < end) loop_.run_one_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(done());
  }

  class lines : public log_sink {
   public:
    log_level level() const noexcept override { return log_level::debug; }
    void write(log_level, std::string_view line) noexcept override { all += std::string(line) + '\n'; }
    std::string all;
  };

 protected:
  std::filesystem::path directory_;
  std::shared_ptr<lines> log_ = std::make_shared<lines>();
  boost::asio::io_context loop_{1};
};

}  // namespace bunraku
