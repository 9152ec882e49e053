#include "common/sys/mptcp_pm.hpp"

#include "common/sys/mptcp_info.hpp"
#include "tests/unit/sys/mptcp_pair.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using Kind = MptcpEvent::Kind;

/// A path manager and the events it has reported.
class Observed {
public:
    Observed() : pm(open()) {}

    /// Takes the first event of one kind about one connection; waits for it if need be.
    MptcpEvent expect(Kind kind, std::uint32_t token)
    {
        const auto is_wanted = [&](const MptcpEvent& event) {
            return event.kind == kind && event.token == token;
        };
        for (;;) {
            const auto found = std::ranges::find_if(events_, is_wanted);
            if (found != events_.end()) {
                const MptcpEvent event = *found;
                events_.erase(found);
                return event;
            }
            REQUIRE_MESSAGE(wait_for(pm.events_fd(), POLLIN), "the event did not come");
            REQUIRE(pm.receive([&](const MptcpEvent& event) { events_.push_back(event); }));
        }
    }

    MptcpPm pm;

private:
    static MptcpPm open()
    {
        enter_private_netns();
        auto pm = MptcpPm::open();
        REQUIRE(pm);
        REQUIRE(pm->set_limits({.subflows = 8}));
        return std::move(*pm);
    }

    std::vector<MptcpEvent> events_;
};

/// A connection from 10.9.0.1 (or fd09::1) to itself, with a path manager that drives it.
struct Driven : Observed {
    MptcpPair pair;
    std::uint32_t token = 0;

    explicit Driven(std::string_view server) : pair(MptcpPair::connect(server))
    {
        token = mptcp::token(pair.client.get()).value();
    }

    /// Adds a subflow and yields its event.
    MptcpEvent add(std::string_view local, std::uint8_t id, bool backup = false)
    {
        const auto created = pm.create_subflow({.token = token,
                                                .local_id = id,
                                                .local = address(local),
                                                .interface_index = 1,
                                                .remote = pair.remote,
                                                .backup = backup});
        REQUIRE_MESSAGE(created, (created ? "" : created.error().text()));
        return expect(Kind::subflow_established, token);
    }

    [[nodiscard]] std::vector<mptcp::Subflow> subflows() const
    {
        return mptcp::subflows(pair.client.get()).value();
    }

    [[nodiscard]] mptcp::Subflow from(std::string_view local) const
    {
        const auto all = subflows();
        const auto found = std::ranges::find(
            all, address(local), [](const mptcp::Subflow& flow) { return flow.local.address; });
        REQUIRE(found != all.end());
        return *found;
    }

    /// True when a byte of the client's leaves by the subflow from `local`.
    bool sends_from(std::string_view local)
    {
        const auto before = from(local).bytes_sent;
        send_byte(pair.client.get(), pair.server.get());
        return from(local).bytes_sent > before;
    }
};

} // namespace

TEST_CASE("a subflow comes from the address it is told to, and says so in an event")
{
    Driven driven{"10.9.0.1"};
    const auto event = driven.add("10.9.0.2", 2);
    CHECK(event.local_id == 2);
    REQUIRE(event.local);
    CHECK(event.local->address == address("10.9.0.2"));
    CHECK(event.remote == driven.pair.remote);
    CHECK(event.interface_index == 1);
    CHECK(event.error == 0);
    CHECK(!event.backup);
    CHECK(driven.subflows().size() == 2);
    CHECK(driven.from("10.9.0.2").local == *event.local);
    CHECK(mptcp::subflows(driven.pair.server.get())->size() == 2);
}

TEST_CASE("an IPv6 subflow joins a connection that began over IPv4, and the other way round")
{
    enter_private_netns();
    for (const auto& [first, second] :
         {std::pair{"10.9.0.1", "fd09::2"}, std::pair{"fd09::1", "10.9.0.2"}}) {
        // Both families reach the server only when it listens on the wildcard.
        Observed observed;
        auto [listener, any] = listen_on("::");
        const Endpoint remote{address(first), any.port};
        const bool second_is_v4 = address(second).family() == Family::v4;
        const Endpoint other{address(second_is_v4 ? "10.9.0.1" : "fd09::1"), any.port};
        auto client = mptcp::connect({.interface = "lo", .remote = remote});
        REQUIRE(client);
        REQUIRE(wait_for(listener.get(), POLLIN));
        const auto accepted = mptcp::accept(listener.get());
        REQUIRE(accepted->has_value());
        send_byte(client->get(), (*accepted)->fd.get());
        send_byte((*accepted)->fd.get(), client->get());
        const auto token = mptcp::token(client->get()).value();
        REQUIRE(observed.pm.create_subflow({.token = token,
                                            .local_id = 3,
                                            .local = address(second),
                                            .interface_index = 1,
                                            .remote = other}));
        const auto event = observed.expect(Kind::subflow_established, token);
        REQUIRE(event.local);
        CHECK(event.local->address == address(second));
        CHECK(mptcp::subflows(client->get())->size() == 2);
    }
}

TEST_CASE("the backup flag moves the traffic, of the first subflow and of added ones")
{
    Driven driven{"10.9.0.1"};
    driven.add("10.9.0.2", 2);
    const auto server_token = mptcp::token(driven.pair.server.get()).value();
    const auto first = driven.from("10.9.0.1");
    const auto added = driven.from("10.9.0.2");

    const auto avoid = driven.pm.set_backup(driven.token, first.local, first.remote, true);
    REQUIRE_MESSAGE(avoid, (avoid ? "" : avoid.error().text()));
    CHECK(driven.expect(Kind::subflow_priority, server_token).backup);
    CHECK(driven.sends_from("10.9.0.2"));

    REQUIRE(driven.pm.set_backup(driven.token, first.local, first.remote, false));
    CHECK(!driven.expect(Kind::subflow_priority, server_token).backup);
    const auto avoid_added = driven.pm.set_backup(driven.token, added.local, added.remote, true);
    REQUIRE_MESSAGE(avoid_added, (avoid_added ? "" : avoid_added.error().text()));
    const auto event = driven.expect(Kind::subflow_priority, server_token);
    CHECK(event.backup);
    CHECK(event.remote == added.local);
    CHECK(driven.sends_from("10.9.0.1"));
}

TEST_CASE("a subflow can be made as backup from its start")
{
    Driven driven{"10.9.0.1"};
    const auto server_token = mptcp::token(driven.pair.server.get()).value();
    CHECK(!driven.add("10.9.0.2", 2, true).backup);
    CHECK(driven.expect(Kind::subflow_established, server_token).backup);
    CHECK(driven.sends_from("10.9.0.1"));
}

TEST_CASE("an added subflow goes by remove and destroy, and can be made again")
{
    for (const std::string_view server : {"10.9.0.1", "fd09::1"}) {
        CAPTURE(server);
        Driven driven{server};
        const std::string_view second = server == "10.9.0.1" ? "10.9.0.2" : "fd09::2";
        driven.add(second, 2);
        const auto added = driven.from(second);
        REQUIRE(driven.pm.remove_address(driven.token, 2));
        const auto destroyed = driven.pm.destroy_subflow(driven.token, added.local, added.remote);
        // The peer, told by RM_ADDR, may have been faster.
        if (!destroyed) CHECK(destroyed.error().code == std::errc::no_such_process);
        CHECK(driven.expect(Kind::subflow_closed, driven.token).local == added.local);
        CHECK(driven.subflows().size() == 1);
        send_byte(driven.pair.client.get(), driven.pair.server.get());

        driven.add(second, 3);
        CHECK(driven.subflows().size() == 2);
    }
}

TEST_CASE("the first subflow can be destroyed too, and the connection lives on")
{
    for (const std::string_view server : {"10.9.0.1", "fd09::1"}) {
        CAPTURE(server);
        Driven driven{server};
        const std::string_view second = server == "10.9.0.1" ? "10.9.0.2" : "fd09::2";
        driven.add(second, 2);
        const auto first = driven.from(server);
        REQUIRE(driven.pm.remove_address(driven.token, 0));
        const auto destroyed = driven.pm.destroy_subflow(driven.token, first.local, first.remote);
        if (!destroyed) CHECK(destroyed.error().code == std::errc::no_such_process);
        driven.expect(Kind::subflow_closed, driven.token);
        REQUIRE(driven.subflows().size() == 1);
        CHECK(driven.subflows().front().local.address == address(second));
        send_byte(driven.pair.client.get(), driven.pair.server.get());
        send_byte(driven.pair.server.get(), driven.pair.client.get());

        // Its address has lost id 0 and may have any other.
        driven.add(server, 3);
        CHECK(driven.subflows().size() == 2);
    }
}

TEST_CASE("destroy without remove works for the first and for added subflows")
{
    for (const std::string_view victim : {"10.9.0.1", "10.9.0.2"}) {
        CAPTURE(victim);
        Driven driven{"10.9.0.1"};
        driven.add("10.9.0.2", 2);
        const auto flow = driven.from(victim);
        const auto destroyed = driven.pm.destroy_subflow(driven.token, flow.local, flow.remote);
        REQUIRE_MESSAGE(destroyed, (destroyed ? "" : destroyed.error().text()));
        CHECK(driven.subflows().size() == 1);
    }
}

TEST_CASE("a destroyed first subflow whose path is dead does not count as living")
{
    Observed observed;
    auto netlink = Netlink::open(NETLINK_ROUTE).value();
    REQUIRE(add_address(netlink, "lo", "10.9.6.1/32"));
    const auto [listener, any] = listen_on("::");
    const auto client =
        mptcp::connect({.interface = "lo", .remote = {address("10.9.6.1"), any.port}});
    REQUIRE(wait_for(listener.get(), POLLIN));
    const auto accepted = mptcp::accept(listener.get());
    REQUIRE(accepted->has_value());
    send_byte(client->get(), (*accepted)->fd.get());
    send_byte((*accepted)->fd.get(), client->get());
    const auto first = mptcp::subflows(client->get())->front();
    const auto token = mptcp::token(client->get()).value();
    REQUIRE(observed.pm.create_subflow({.token = token,
                                        .local_id = 2,
                                        .local = address("10.9.0.2"),
                                        .interface_index = 1,
                                        .remote = {address("10.9.0.1"), any.port}}));
    observed.expect(Kind::subflow_established, token);

    REQUIRE(change_address(netlink, RTM_DELADDR, "lo", "10.9.6.1/32"));
    REQUIRE(observed.pm.destroy_subflow(token, first.local, first.remote));
    const auto living = mptcp::subflows(client->get()).value();
    REQUIRE(living.size() == 1);
    CHECK(living.front().local.address == address("10.9.0.2"));
    CHECK(mptcp::subflows_by_two_calls(client->get())->size() == 1);
    CHECK(mptcp::unsent(client->get())->subflows == 1);
    send_byte(client->get(), (*accepted)->fd.get());
}

TEST_CASE("the kernel's own words are in the error of a refused command")
{
    Driven driven{"10.9.0.1"};
    const auto unknown = driven.pm.remove_address(driven.token + 1, 2);
    REQUIRE(!unknown);
    CHECK(unknown.error().text().starts_with("remove MPTCP address 2: "));
    CHECK(unknown.error().text().find("token") != std::string::npos);
    const Endpoint nowhere{address("10.9.0.2"), 4};
    const auto missing = driven.pm.destroy_subflow(driven.token, nowhere, driven.pair.remote);
    REQUIRE(!missing);
    CHECK(missing.error().code == std::errc::no_such_process);
    CHECK(missing.error().text().starts_with("destroy subflow 10.9.0.2:4 to 10.9.0.1:"));
}

TEST_CASE("a connection reports its begin and its end")
{
    Observed observed;
    std::uint32_t token = 0;
    {
        const auto pair = MptcpPair::connect("10.9.0.1");
        token = mptcp::token(pair.client.get()).value();
        const auto event = observed.expect(Kind::created, token);
        CHECK(event.remote == pair.remote);
        observed.expect(Kind::established, token);
    }
    observed.expect(Kind::closed, token);
}

TEST_CASE("limits are read back as set, and beyond the kernel's maximum refused")
{
    Observed observed;
    REQUIRE(observed.pm.set_limits({.subflows = 5, .add_addr_accepted = 3}));
    const auto limits = observed.pm.limits();
    REQUIRE(limits);
    CHECK(limits->subflows == 5);
    CHECK(limits->add_addr_accepted == 3);
    const auto refused = observed.pm.set_limits({.subflows = 99});
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::invalid_argument);
    CHECK(refused.error().text().starts_with("set MPTCP limit of 99 subflows"));
}
