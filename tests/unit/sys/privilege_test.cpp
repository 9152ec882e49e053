#include "common/sys/privilege.hpp"

#include "common/sys/fd.hpp"
#include "tests/unit/sys/in_child.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace braid;
using test::in_child;
using Names = std::vector<std::string>;

namespace {

const User nobody = find_user("nobody").value().value();

/// A line of /proc/self/status, without its name and the white space behind it.
std::string status_line(const std::string& name)
{
    std::ifstream file{"/proc/self/status"};
    std::string line;
    while (std::getline(file, line)) {
        if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
    }
    return {};
}

const std::string net_admin = "0000000000001000";
const std::string none = "0000000000000000";

} // namespace

TEST_CASE("users are found by name")
{
    CHECK(find_user("root").value() == User{"root", 0, 0});
    CHECK(find_user("no such user").value() == std::nullopt);
}

TEST_CASE("root keeps the capabilities that it names, and cannot get others back")
{
    CHECK(in_child([] {
              if (!keep_capabilities({.effective = {CAP_NET_ADMIN}})) return false;
              const auto present = present_privileges();
              return present.user == "root" && present.capabilities == Names{"cap_net_admin"} &&
                     present.no_new_privs && status_line("CapEff") == net_admin &&
                     status_line("CapPrm") == net_admin && status_line("CapBnd") == none &&
                     status_line("CapInh") == none && status_line("CapAmb") == none;
          }) == "");
}

TEST_CASE("another user keeps capabilities too, and has its own group only")
{
    CHECK(in_child([] {
              if (!become_user(nobody)) return false;
              if (!keep_capabilities({.effective = {CAP_NET_ADMIN}})) return false;
              const auto present = present_privileges();
              return present.user == "nobody" && status_line("CapEff") == net_admin &&
                     status_line("CapPrm") == net_admin && status_line("CapBnd") == none &&
                     status_line("Groups").find_first_not_of(' ') == std::string::npos &&
                     ::getuid() == nobody.id && ::getgid() == nobody.group &&
                     ::setresuid(0, 0, 0) < 0;
          }) == "");
}

TEST_CASE("a capability in reserve works while it is raised, and is given up later")
{
    CHECK(in_child([] {
              const auto can_read = [] {
                  return static_cast<bool>(Fd{::open("/root", O_RDONLY | O_CLOEXEC)});
              };
              if (!become_user(nobody)) return false;
              if (!keep_capabilities({.effective = {CAP_NET_ADMIN}, .reserve = {CAP_DAC_OVERRIDE}}))
                  return false;
              if (can_read()) return false;
              {
                  const RaisedCapability raised{CAP_DAC_OVERRIDE};
                  if (!can_read()) return false;
              }
              if (can_read()) return false;
              if (!keep_capabilities({.effective = {CAP_NET_ADMIN}})) return false;
              const RaisedCapability gone{CAP_DAC_OVERRIDE};
              return !can_read() && status_line("CapPrm") == net_admin;
          }) == "");
}

TEST_CASE("what is not there is not kept, which is no error")
{
    CHECK(in_child([] {
              return keep_capabilities({.effective = {}}) &&
                     keep_capabilities({.effective = {CAP_NET_ADMIN}}) &&
                     present_privileges().capabilities.empty();
          }) == "");
}

#ifndef BRAID_SANITIZED
TEST_CASE("no memory gets into core dumps, also after a change of user")
{
    CHECK(in_child([] {
              if (!forbid_core_dumps() || present_privileges().core_dumps) return false;
              rlimit limit{};
              ::getrlimit(RLIMIT_CORE, &limit);
              if (limit.rlim_max != 0) return false;
              return become_user(nobody) && !present_privileges().core_dumps;
          }) == "");
}
#endif

TEST_CASE("memory that has been allowed is locked without a capability")
{
    constexpr std::size_t megabyte = 1 << 20;
    CHECK(in_child([] {
              rlimit limit{};
              ::getrlimit(RLIMIT_MEMLOCK, &limit);
              limit.rlim_cur = 65536;
              if (::setrlimit(RLIMIT_MEMLOCK, &limit) < 0) return false;
              allow_locked_memory(4 * megabyte);
              if (!keep_capabilities({.effective = {}})) return false;
              const std::vector<char> memory(2 * megabyte);
              return ::mlock(memory.data(), memory.size()) == 0;
          }) == "");
}

TEST_CASE("the access of a user is that of its own group, without capabilities")
{
    CHECK(check_access(nobody, "/tmp", W_OK | X_OK));
    CHECK(check_access(nobody, "/root", W_OK).error().code == std::errc::permission_denied);
    CHECK(check_access(nobody, "/nowhere", R_OK).error().code ==
          std::errc::no_such_file_or_directory);
    CHECK(check_access(User{"root", 0, 0}, "/root", W_OK | X_OK));
    CHECK(::geteuid() == 0);
}

TEST_CASE("who is not root cannot become another user")
{
    CHECK(in_child([] {
              return become_user(nobody) && keep_capabilities({.effective = {}}) &&
                     become_user(User{"root", 0, 0}).error().code ==
                         std::errc::operation_not_permitted;
          }) == "");
}
