#include "common/admin/sysctl_journal.hpp"

#include "tests/unit/admin/temp_folder.hpp"
#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>

using namespace braid;
using nlohmann::json;

namespace {

const std::string forward = "net.ipv4.ip_forward";
const std::string strict_all = "net/ipv4/conf/all/rp_filter";
const HostIdentity here{"boot-1", 4026531840};

/// A journal, and a network namespace of which every setting may change.
struct Journal {
    Journal() { set(forward, "0"); }

    static void set(const std::string& name, const char* value)
    {
        REQUIRE(write_sysctl(name, value));
    }
    static std::string get(const std::string& name) { return read_sysctl(name).value(); }
    /// What a daemon that starts after a crash would find.
    [[nodiscard]] std::vector<json> on_disk() const
    {
        return load_stale_state(folder / "state", here).value().value();
    }

    test::TempFolder folder;
    test::PrivateNetns netns;
    test::Inside inside{netns};
    StateFile state = StateFile::create(folder / "state", here).value();
};

} // namespace

TEST_CASE("settings that are none of ours are not restored, whatever a journal says")
{
    for (const std::string name : {"kernel.core_pattern", "kernel/core_pattern", "vm.swappiness",
                                   "netx.y", "net/../kernel/core_pattern"}) {
        const auto before = read_sysctl("kernel.core_pattern").value();
        [[maybe_unused]] const auto done = restore_sysctls({sysctl_entry({name, "7"})});
        CHECK(read_sysctl("kernel.core_pattern").value() == before);
        CHECK(read_sysctl("vm.swappiness").value() != "7");
    }
}

TEST_CASE("an entry names the sysctl and what it was")
{
    CHECK(sysctl_entry({forward, "0"}) == json{{"sysctl", forward}, {"old", "0"}});
}

TEST_CASE("a change is noted with the value before and then made")
{
    Journal journal;
    REQUIRE(change_sysctl({forward, "1"}, journal.state));
    CHECK(Journal::get(forward) == "1");
    CHECK(journal.on_disk() == std::vector{sysctl_entry({forward, "0"})});
}

TEST_CASE("a sysctl that has the value already is left alone and not noted")
{
    Journal journal;
    REQUIRE(change_sysctl({forward, "0"}, journal.state));
    CHECK(journal.on_disk().empty());
}

TEST_CASE("a sysctl that does not exist is an error and not noted")
{
    Journal journal;
    const auto changed = change_sysctl({"net.ipv4.no_such_setting", "1"}, journal.state);
    REQUIRE_FALSE(changed);
    CHECK(changed.error().code == std::errc::no_such_file_or_directory);
    CHECK(journal.on_disk().empty());
}

TEST_CASE("a value that the kernel refuses is an error")
{
    Journal journal;
    CHECK_FALSE(change_sysctl({forward, "perhaps"}, journal.state));
    CHECK(Journal::get(forward) == "0");
}

TEST_CASE("what was changed is restored from the disk")
{
    Journal journal;
    Journal::set(strict_all, "1");
    REQUIRE(change_sysctl({forward, "1"}, journal.state));
    REQUIRE(change_sysctl({strict_all, "2"}, journal.state));
    CHECK(restore_sysctls(journal.on_disk()));
    CHECK(Journal::get(forward) == "0");
    CHECK(Journal::get(strict_all) == "1");
}

TEST_CASE("of several changes of one sysctl the first value is restored")
{
    Journal journal;
    Journal::set(strict_all, "0");
    REQUIRE(change_sysctl({strict_all, "1"}, journal.state));
    REQUIRE(change_sysctl({strict_all, "2"}, journal.state));
    CHECK(restore_sysctls(journal.on_disk()));
    CHECK(Journal::get(strict_all) == "0");
}

TEST_CASE("a sysctl that has gone with its interface is skipped")
{
    Journal journal;
    test::run("ip link add gone1 type veth peer name gone2");
    Journal::set("net/ipv4/conf/gone1/rp_filter", "0");
    REQUIRE(change_sysctl({"net/ipv4/conf/gone1/rp_filter", "2"}, journal.state));
    REQUIRE(change_sysctl({forward, "1"}, journal.state));
    test::run("ip link delete gone1");
    CHECK(restore_sysctls(journal.on_disk()));
    CHECK(Journal::get(forward) == "0");
}

TEST_CASE("entries of other kinds are skipped")
{
    Journal journal;
    Journal::set(forward, "1");
    const std::vector<json> entries{json{{"nft_table", "braid"}}, json("text"), json(5),
                                    sysctl_entry({forward, "0"})};
    CHECK(restore_sysctls(entries));
    CHECK(Journal::get(forward) == "0");
}

TEST_CASE("restoring goes on after an error and yields it")
{
    Journal journal;
    Journal::set(forward, "1");
    const std::vector<json> entries{sysctl_entry({forward, "0"}),
                                    sysctl_entry({strict_all, "nonsense"})};
    CHECK_FALSE(restore_sysctls(entries));
    CHECK(Journal::get(forward) == "0");
}

TEST_CASE("an entry whose fields are no text is survived")
{
    const Journal journal;
    for (const auto& entry :
         {json{{"sysctl", 5}, {"old", "0"}}, json{{"sysctl", forward}, {"old", 0}}}) {
        const std::vector<json> entries{entry};
        CHECK_NOTHROW((void)restore_sysctls(entries));
    }
    CHECK(Journal::get(forward) == "0");
}
